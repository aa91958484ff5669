//! TOML syntax errors, in the same reports as all other mistakes. Duplicate keys are among them, since TOML forbids
//! them.

use std::collections::HashMap;

use super::report::{ManifestProblem, Span};
use crate::error::ErrorCode;

/// Whether the file's content can still be checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SyntaxState {
    /// There may be duplicate keys, but everything was parsed.
    Yes,
    /// Something couldn't be parsed, so reports of missing keys would be guesses.
    No,
}

/// Turns the parser's errors into problems.
pub(super) fn syntax_problems(text: &str, errors: &[toml::de::Error]) -> (Vec<ManifestProblem>, SyntaxState) {
    let mut sound = SyntaxState::Yes;
    let mut problems: Vec<ManifestProblem> = Vec::new();
    let mut doubled_tables: Vec<String> = Vec::new();
    let index = TableIndex::new(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let span = span.start.min(text.len())..span.end.min(text.len());
        if error.message() == "duplicate key" {
            let (table, key) = index.owning_table(text, &span);
            let inside = |path: &String| table == *path || table.starts_with(&format!("{path}."));
            if doubled_tables.iter().any(inside) {
                continue;
            }
            if index.is_header(&span) {
                doubled_tables.push(table.clone());
            }
            problems.push(duplicate_problem(text, &index, span, &table, &key));
            continue;
        }
        sound = SyntaxState::No;
        problems.push(syntax_problem(text, error.message(), span));
    }
    (problems, sound)
}

fn syntax_problem(text: &str, message: &str, span: Span) -> ManifestProblem {
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
    ManifestProblem::new(ErrorCode::Syntax, span, what.to_owned(), "here").with_help(help)
}

fn duplicate_problem(text: &str, index: &TableIndex, span: Span, table: &str, key: &str) -> ManifestProblem {
    let first = index.first_place(text, &span, table, key);
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
    let problem = ManifestProblem::new(
        if venue.is_some() && index.is_header(&span) { ErrorCode::DuplicateVenue } else { ErrorCode::DuplicateKey },
        span,
        message,
        label,
    )
    .with_help(help);
    match first {
        Some(first) => problem.with_other_place(first, "first here"),
        None => problem,
    }
}

/// Where tables and keys start. Of two duplicates, the parser reports only the second.
struct TableIndex {
    headers: Vec<(Span, String)>,
}

impl TableIndex {
    fn new(text: &str) -> Self {
        let mut headers = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let trimmed = line.trim_start();
            if trimmed.starts_with('[')
                && let Some(end) = trimmed.find(']')
            {
                let indent = line.len() - trimmed.len();
                headers.push((start + indent..start + indent + end + 1, normalize_key_path(&trimmed[1..end])));
            }
            start += line.len();
        }
        Self { headers }
    }

    fn is_header(&self, span: &Span) -> bool {
        self.headers.iter().any(|(header, _)| header.start <= span.start && span.end <= header.end)
    }

    /// The table that contains (or is declared by) the place, and the key there.
    fn owning_table(&self, text: &str, span: &Span) -> (String, String) {
        let table = self.headers.iter().rev().find(|(header, _)| header.start <= span.start);
        let key = normalize_key_path(text.get(span.clone()).unwrap_or_default());
        (table.map_or_else(String::new, |(_, path)| path.clone()), key)
    }

    fn first_place(&self, text: &str, span: &Span, table: &str, key: &str) -> Option<Span> {
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
                if self.owning_table(text, &place).0 == table {
                    places.entry(normalize_key_path(trimmed)).or_insert(place);
                }
            }
            start += line.len();
        }
        places.remove(key).filter(|place| place.start < span.start)
    }
}

/// A dotted key without white space or quotes.
fn normalize_key_path(text: &str) -> String {
    text.split('.').map(|part| part.trim().trim_matches(['"', '\'', '[']).trim()).collect::<Vec<_>>().join(".")
}
