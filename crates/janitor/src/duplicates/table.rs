//! CSV that a spreadsheet shows as text, whatever is in its cells: guests enter names and addresses in forms. Every CSV
//! file of ours is written here; a lint forbids csv's own writer elsewhere.
//!
//! <https://owasp.org/www-community/attacks/CSV_Injection>

use std::borrow::Cow;
use std::io::{self, Write};

/// A CSV file that is being written.
#[derive(Debug)]
pub(super) struct TableWriter<W: Write>(csv::Writer<W>);

impl<W: Write> TableWriter<W> {
    #[expect(clippy::disallowed_methods, reason = "the one place that writes CSV")]
    pub(super) fn new(file: W) -> Self {
        Self(csv::Writer::from_writer(file))
    }

    /// Writes a row of texts.
    ///
    /// # Errors
    /// It can't be written, or an earlier row has another number of cells.
    pub(super) fn write_row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
        Ok(self.0.write_record(cells.into_iter().map(|cell| escape_cell(cell).into_owned()))?)
    }

    /// Completes the file.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn finish_file(self) -> io::Result<W> {
        self.0.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }
}

/// Puts an apostrophe before what a spreadsheet would take for a formula: at the start of the cell, and behind what some
/// spreadsheets take for the border of a cell, such as a semicolon where the decimal sign is a comma.
fn escape_cell(cell: &str) -> Cow<'_, str> {
    let borders = cell.char_indices().filter(|(_, letter)| is_border(*letter));
    let starts = std::iter::once(0).chain(borders.map(|(at, letter)| at + letter.len_utf8()));
    let mut escaped = String::new();
    let mut done = 0;
    for start in starts.filter(|start| starts_formula(&cell[*start..], *start == 0)) {
        escaped.push_str(&cell[done..start]);
        escaped.push('\'');
        done = start;
    }
    if escaped.is_empty() {
        return Cow::Borrowed(cell);
    }
    escaped.push_str(&cell[done..]);
    Cow::Owned(escaped)
}

fn is_border(letter: char) -> bool {
    matches!(letter, ';' | '\t' | '\r' | '\n')
}

/// Whether the first visible letter starts a formula. At the start of a cell, a tab or a line break counts by itself: some
/// spreadsheets drop it.
fn starts_formula(text: &str, whole_cell: bool) -> bool {
    if whole_cell && text.starts_with(['\t', '\r', '\n']) {
        return true;
    }
    text.chars().find(|letter| !is_unseen(*letter)).is_some_and(is_formula_sign)
}

/// A sign that starts a formula, also in full width and in the small form: spreadsheets in East Asia take them for the same.
fn is_formula_sign(letter: char) -> bool {
    matches!(
        letter,
        '=' | '+'
            | '-'
            | '@'
            | '\u{ff1d}'
            | '\u{ff0b}'
            | '\u{ff0d}'
            | '\u{ff20}'
            | '\u{fe66}'
            | '\u{fe62}'
            | '\u{fe63}'
            | '\u{fe6b}'
            | '\u{2212}'
    )
}

/// What takes no place at the start of a cell or may be dropped there: blanks, quotation marks, control characters, and
/// characters that programs show as nothing (`Default_Ignorable_Code_Point`, and the annotation marks).
/// <https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt>
fn is_unseen(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(
            letter,
            '"' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_what_a_spreadsheet_takes_for_a_formula() {
        for (cell, written) in [
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("+1 555", "'+1 555"),
            ("-2", "'-2"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\u{ff1d}1+1", "'\u{ff1d}1+1"),
            ("\u{ff0b}1", "'\u{ff0b}1"),
            ("\u{ff0d}1", "'\u{ff0d}1"),
            ("\u{ff20}SUM", "'\u{ff20}SUM"),
            ("\u{200b}=1", "'\u{200b}=1"),
            ("\u{feff}\u{2060} =1", "'\u{feff}\u{2060} =1"),
            ("\u{e0020}\u{ff1d}1", "'\u{e0020}\u{ff1d}1"),
            ("  =1", "'  =1"),
            ("\"=1", "'\"=1"),
            ("\ttext", "'\ttext"),
            ("\rtext", "'\rtext"),
            ("\r=1", "'\r'=1"),
            ("a;=1", "a;'=1"),
            ("a\n\u{200b}+1", "a\n'\u{200b}+1"),
        ] {
            assert_eq!(escape_cell(cell), written, "{cell:?}");
        }
        for cell in ["", "ana", "a=b", "ana@example.com", "2026-12-24", "a; b", "\u{200b}", "Zo\u{eb}"] {
            assert_eq!(escape_cell(cell), cell, "{cell:?}");
        }
    }

    /// The cells that a spreadsheet may see: split where it may split, without what it may drop.
    fn seen_cells(cell: &str) -> impl Iterator<Item = Option<char>> {
        cell.split([';', '\t', '\r', '\n']).map(|part| part.chars().find(|letter| !is_unseen(*letter)))
    }

    fn cell_text() -> impl Strategy<Value = String> {
        let letters =
            "=+-@;\t\r\n\",' a1\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}\u{200b}\u{feff}\u{2060}\u{ad}\u{202e}\u{e0041}";
        let letter = proptest::sample::select(letters.chars().collect::<Vec<_>>());
        prop_oneof![proptest::collection::vec(letter, 0..12).prop_map(String::from_iter), any::<String>()]
    }

    proptest! {
        /// What is read back has no formula and is the same text but for apostrophes.
        #[test]
        fn no_cell_is_a_formula(rows in proptest::collection::vec(proptest::collection::vec(cell_text(), 3), 1..5)) {
            let mut table = TableWriter::new(Vec::new());
            // As in every file of ours. Without it, a reader takes a first mark of byte order for the file's.
            table.write_row(["id", "name", "email"]).expect("written");
            for row in &rows {
                table.write_row(row.iter().map(String::as_str)).expect("written");
            }
            let file = table.finish_file().expect("complete");
            let mut reader = csv::Reader::from_reader(file.as_slice());
            let read: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("CSV");
            prop_assert_eq!(read.len(), rows.len());
            for (cell, written) in rows.iter().flatten().zip(read.iter().flatten()) {
                prop_assert!(!written.starts_with(['\t', '\r', '\n']), "{written:?}");
                for first in seen_cells(written) {
                    prop_assert!(!first.is_some_and(is_formula_sign), "{written:?}");
                }
                prop_assert_eq!(written.replace('\'', ""), cell.replace('\'', ""));
            }
        }
    }
}
