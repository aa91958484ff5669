//! TOML syntax errors, in the same reports as all other mistakes. Duplicate keys are among them, since TOML forbids
//! them.

use std::collections::HashMap;

use super::report::{Problem, Span};

/// Whether the file's content can still be checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sound {
    /// There may be duplicate keys, but everything was parsed.
    Yes,
    /// Something couldn't be parsed, so reports of missing keys would be guesses.
    No,
}

/// Turns the parser's errors into problems.
pub(super) fn problems(text: &str, errors: &[toml::de::Error]) -> (Vec<Problem>, Sound) {
    let mut sound = Sound::Yes;
    let mut problems: Vec<Problem> = Vec::new();
    let mut doubled_tables: Vec<String> = Vec::new();
    let index = Index::new(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let span = span.start.min(text.len())..span.end.min(text.len());
        if error.message() == "duplicate key" {
            let (table, key) = index.owner(text, &span);
            let inside = |path: &String| table == *path || table.starts_with(&format!("{path}."));
            if doubled_tables.iter().any(inside) {
                continue;
            }
            if index.is_header(&span) {
                doubled_tables.push(table.clone());
            }
            problems.push(duplicate(text, &index, span, &table, &key));
            continue;
        }
        sound = Sound::No;
        problems.push(broken(text, error.message(), span));
    }
    (problems, sound)
}

fn broken(text: &str, message: &str, span: Span) -> Problem {
    let (what, expected) = match message.split_once(", expected ") {
        Some((what, expected)) => (what, Some(expected)),
        None => (message, None),
    };
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let help = match expected {
        _ if what.contains("string values must be quoted") => "write the value in quotes".to_owned(),
        Some("nothing") => "remove this, or start a new line before it".to_owned(),
        Some(expected) => format!("expected {expected}"),
        None if line.contains(['\u{201c}', '\u{201d}']) => "use straight quotes: \"".to_owned(),
        None => "this is not valid TOML; see https://toml.io for the syntax".to_owned(),
    };
    Problem::new("syntax", span, what.to_owned(), "here").help(help)
}

fn duplicate(text: &str, index: &Index, span: Span, table: &str, key: &str) -> Problem {
    let first = index.first(text, &span, table, key);
    let venue = table.strip_prefix("venues.").filter(|name| !name.contains('.'));
    let (message, label, help) = match (index.is_header(&span), venue) {
        (true, Some(name)) => (
            format!("the venue `{name}` is declared twice"),
            "declared again here",
            "rename one of the two, or merge them".to_owned(),
        ),
        (true, None) => (
            format!("the table `{table}` is declared twice"),
            "declared again here",
            "merge the two into one table".to_owned(),
        ),
        (false, _) => (format!("`{key}` is set twice"), "set again here", "keep one of the two".to_owned()),
    };
    let problem = Problem::new(
        if venue.is_some() && index.is_header(&span) { "duplicate_venue" } else { "duplicate_key" },
        span,
        message,
        label,
    )
    .help(help);
    match first {
        Some(first) => problem.other(first, "first here"),
        None => problem,
    }
}

/// Where tables and keys start. Of two duplicates, the parser reports only the second.
struct Index {
    headers: Vec<(Span, String)>,
}

impl Index {
    fn new(text: &str) -> Self {
        let mut headers = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let trimmed = line.trim_start();
            if trimmed.starts_with('[')
                && let Some(end) = trimmed.find(']')
            {
                let indent = line.len() - trimmed.len();
                headers.push((start + indent..start + indent + end + 1, path(&trimmed[1..end])));
            }
            start += line.len();
        }
        Self { headers }
    }

    fn is_header(&self, span: &Span) -> bool {
        self.headers.iter().any(|(header, _)| header.start <= span.start && span.end <= header.end)
    }

    /// The table that contains (or is declared by) the place, and the key there.
    fn owner(&self, text: &str, span: &Span) -> (String, String) {
        let table = self.headers.iter().rev().find(|(header, _)| header.start <= span.start);
        let key = path(text.get(span.clone()).unwrap_or_default());
        (table.map_or_else(String::new, |(_, path)| path.clone()), key)
    }

    fn first(&self, text: &str, span: &Span, table: &str, key: &str) -> Option<Span> {
        if self.is_header(span) {
            let earlier = self.headers.iter().filter(|(header, _)| header.end < span.start);
            let first = earlier.clone().find(|(_, path)| path == table).map(|(header, _)| header.clone());
            return first;
        }
        let mut places: HashMap<String, Span> = HashMap::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if let Some((name, _)) = line.split_once('=') {
                let trimmed = name.trim();
                let at = start + (name.len() - name.trim_start().len());
                let place = at..at + trimmed.len();
                if self.owner(text, &place).0 == table {
                    places.entry(path(trimmed)).or_insert(place);
                }
            }
            start += line.len();
        }
        places.remove(key).filter(|place| place.start < span.start)
    }
}

/// A dotted key without white space or quotes.
fn path(text: &str) -> String {
    text.split('.').map(|part| part.trim().trim_matches(['"', '\'', '[']).trim()).collect::<Vec<_>>().join(".")
}
