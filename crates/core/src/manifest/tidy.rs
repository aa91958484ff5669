//! `deployer fmt`: the layout of a manifest. Only spaces and empty lines change; order, comments and values don't.

use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

use super::Uneditable;

/// The spaces before a comment at the end of a line, where there is no column to keep.
const BEFORE_COMMENT: usize = 2;

/// Returns `text` with aligned `=` signs and comments, without spaces at line ends, and with at most one empty line in a
/// row. Tidying twice gives the same as once.
///
/// # Errors
/// The text isn't valid TOML.
pub fn tidy_manifest(text: &str) -> Result<String, Uneditable> {
    let document = Document::parse(text).map_err(|_| Uneditable::new("it is not valid TOML"))?;
    let mut values = Vec::new();
    collect_values(document.as_table(), &mut values);
    let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines = classify_lines(text, &values);
    align_lines(&mut lines);
    let mut tidy = String::with_capacity(text.len());
    let mut empty_before = true;
    for line in &lines {
        let written = line.written_text();
        let is_empty = written.is_empty() && !matches!(line, Line::Kept(_));
        if !(is_empty && empty_before) {
            tidy.push_str(&written);
            tidy.push_str(line_break);
        }
        empty_before = is_empty;
    }
    let content = tidy.trim_end().len();
    tidy.truncate(content);
    if content > 0 {
        tidy.push_str(line_break);
    }
    Ok(tidy)
}

/// A line of the file.
enum Line<'t> {
    /// A key and its value, on one line of their own.
    Entry(Entry<'t>),
    /// Part of a value with several lines.
    Kept(&'t str),
    /// Everything else: headers, comments, empty lines.
    Other(&'t str),
}

struct Entry<'t> {
    indent: &'t str,
    key: &'t str,
    value: &'t str,
    comment: &'t str,
    /// The column of the comment, in characters.
    comment_column: usize,
    key_width: usize,
}

impl Entry<'_> {
    fn code_width(&self) -> usize {
        count_columns(self.indent) + self.key_width + " = ".len() + count_columns(self.value)
    }
}

impl Line<'_> {
    fn written_text(&self) -> String {
        match self {
            Self::Kept(text) => (*text).to_owned(),
            Self::Other(text) => text.trim_end().to_owned(),
            Self::Entry(entry) => {
                let padding = " ".repeat(entry.key_width.saturating_sub(count_columns(entry.key)));
                let mut written = format!("{}{}{padding} = {}", entry.indent, entry.key, entry.value);
                if !entry.comment.is_empty() {
                    written.push_str(&" ".repeat(entry.comment_column.saturating_sub(entry.code_width())));
                    written.push_str(entry.comment);
                }
                written
            }
        }
    }
}

fn count_columns(text: &str) -> usize {
    text.chars().count()
}

/// The places of all values that belong to a key of a table, not those inside arrays and inline tables.
fn collect_values(table: &dyn TableLike, places: &mut Vec<Range<usize>>) {
    for (_, item) in table.iter() {
        match item {
            // A dotted key inside a table's header is a table without braces.
            Item::Value(Value::InlineTable(inner)) if inner.is_dotted() => collect_values(inner, places),
            Item::Value(value) => places.extend(value.span()),
            Item::Table(inner) => collect_values(inner, places),
            Item::ArrayOfTables(tables) => tables.iter().for_each(|inner| collect_values(inner, places)),
            Item::None => {}
        }
    }
}

fn classify_lines<'t>(text: &'t str, values: &[Range<usize>]) -> Vec<Line<'t>> {
    let mut lines = Vec::new();
    let mut at = 0;
    for whole in text.split_inclusive('\n') {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let here = at..at + line.len();
        at += whole.len();
        let touching: Vec<_> =
            values.iter().filter(|place| place.start <= here.end && place.end > here.start).collect();
        lines.push(match touching[..] {
            [] => Line::Other(line),
            [place] if here.start <= place.start && place.end <= here.end => {
                split_entry(line, place.start - here.start..place.end - here.start)
                    .map_or(Line::Kept(line), Line::Entry)
            }
            _ => Line::Kept(line),
        });
    }
    lines
}

/// `None` if the line is more than a key, a value and a comment.
fn split_entry(line: &str, value: Range<usize>) -> Option<Entry<'_>> {
    let before = line[..value.start].trim_end().strip_suffix('=')?.trim_end();
    let key = before.trim_start();
    let after = line[value.end..].trim();
    if !(after.is_empty() || after.starts_with('#')) {
        return None;
    }
    Some(Entry {
        indent: &before[..before.len() - key.len()],
        key,
        value: &line[value.clone()],
        comment: after,
        comment_column: count_columns(&line[..line.len() - line[value.end..].trim_start().len()]),
        key_width: count_columns(key),
    })
}

/// Aligns neighbors: entries with the same indent, without anything between them.
fn align_lines(lines: &mut [Line<'_>]) {
    let same_block = |left: &Line<'_>, right: &Line<'_>| match (left, right) {
        (Line::Entry(left), Line::Entry(right)) => left.indent == right.indent,
        _ => false,
    };
    for block in lines.chunk_by_mut(same_block) {
        let width = block.iter().map(|line| match line {
            Line::Entry(entry) => count_columns(entry.key),
            Line::Kept(_) | Line::Other(_) => 0,
        });
        let width = width.max().unwrap_or_default();
        for line in block.iter_mut() {
            if let Line::Entry(entry) = line {
                entry.key_width = width;
            }
        }
        align_comments(block);
    }
}

/// Comments of neighbors start in one column: the one in which all of them are already, if the values leave room.
fn align_comments(block: &mut [Line<'_>]) {
    let has_comment = |line: &Line<'_>| matches!(line, Line::Entry(entry) if !entry.comment.is_empty());
    for group in block.chunk_by_mut(|left, right| has_comment(left) && has_comment(right)) {
        let mut entries: Vec<&mut Entry<'_>> = Vec::new();
        for line in group {
            match line {
                Line::Entry(entry) if !entry.comment.is_empty() => entries.push(entry),
                Line::Entry(_) | Line::Kept(_) | Line::Other(_) => {}
            }
        }
        let Some(first) = entries.first().map(|entry| entry.comment_column) else { continue };
        let code = entries.iter().map(|entry| entry.code_width()).max().unwrap_or_default();
        let keeps = code < first && entries.iter().all(|entry| entry.comment_column == first);
        let column = if keeps { first } else { code + BEFORE_COMMENT };
        entries.into_iter().for_each(|entry| entry.comment_column = column);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidy(text: &str) -> String {
        let once = tidy_manifest(text).expect("it is TOML");
        assert_eq!(tidy_manifest(&once).expect("it stays TOML"), once, "tidying twice changes something");
        let values = |text: &str| text.parse::<toml::Table>().expect("it is TOML");
        assert_eq!(values(text), values(&once));
        once
    }

    #[test]
    fn neighbors_are_aligned() {
        let text = "[a]\nx=1   \nlonger   =  \"two\" # why\n\n\n\n# prose\ny= 3\n[a.b]\n  z =   [1,  2]\n\n";
        assert_eq!(tidy(text), "[a]\nx      = 1\nlonger = \"two\"    # why\n\n# prose\ny = 3\n[a.b]\n  z = [1,  2]\n");
    }

    #[test]
    fn comments_keep_their_column_or_get_one() {
        assert_eq!(tidy("a = 1        # one\nbbb = 2      # two\n"), "a   = 1      # one\nbbb = 2      # two\n");
        assert_eq!(tidy("a = 1 # one\nbbb = 2      # two\n"), "a   = 1  # one\nbbb = 2  # two\n");
    }

    #[test]
    fn values_are_never_changed() {
        let text = "a = \"\"\"\n  x   =  1   \n\n\n  # no comment  \n\"\"\"  # after\nlist = [\n   1,   # one  \n\n\n  2 ]\nb.c.d = 1\nb.e = { f   = 1 }\n'quoted # key' = '''\nx'''\n";
        assert!(tidy(text).contains("  x   =  1   \n\n\n  # no comment  \n"));
        assert!(tidy(text).contains("   1,   # one  \n\n\n  2 ]\nb.c.d = 1\nb.e   = { f   = 1 }\n"));
    }

    #[test]
    fn line_breaks_stay() {
        assert_eq!(tidy("a=1\r\n\r\n\r\nbb = 2\r\n"), "a = 1\r\n\r\nbb = 2\r\n");
        assert_eq!(tidy(""), "");
        assert_eq!(tidy("a = 1"), "a = 1\n");
    }

    #[test]
    fn what_init_writes_is_tidy() {
        assert_eq!(tidy(super::super::TEMPLATE), super::super::TEMPLATE);
    }
}
