//! Wraps text for people at a width: one function, through which all text goes that is shown on a terminal.

use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// The width where nothing says another: of terminals since the punched card, and of logs.
pub const USUAL_WIDTH: usize = 80;
/// Less than this leaves no room for words.
const LEAST_WIDTH: usize = 20;
/// Stands for a space that must stay, while lines are broken at the others. Nothing that is shown contains it: it is a
/// private character of the last plane.
const KEPT_SPACE: char = '\u{10fffd}';

/// How lines begin that are commands to paste.
const COMMANDS: [&str; 2] = ["deployer ", "aws "];

/// Wraps every line of a text that is longer than `width` columns at its spaces. What follows is indented as its line
/// is, plus two where the line begins with a sign or a label, or to the last column of a table. What would no longer work when it is pasted stays whole: a command in
/// backticks, and everything without spaces, such as addresses and ARNs. ANSI styles take no room.
pub fn wrap_text(text: &str, width: usize) -> String {
    let width = width.max(LEAST_WIDTH);
    if text.lines().all(|line| line.len() <= width) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if display_width(content) <= width {
            out.push_str(content);
        } else {
            wrap_line(content, width, &mut out);
        }
        out.push_str(&line[content.len()..]);
    }
    out
}

/// Wraps one text for a place whose first line begins after `first` columns, and whose further lines begin with `indent`.
pub fn wrap_hanging(text: &str, width: usize, first: usize, indent: &str) -> String {
    let kept = keep_commands(text);
    let start = " ".repeat(first);
    let lines = textwrap::wrap(&kept, wrap_options(width.max(LEAST_WIDTH), &start, indent));
    lines.join("\n").get(first..).unwrap_or_default().replace(KEPT_SPACE, " ")
}

fn wrap_line(line: &str, width: usize, out: &mut String) {
    let (indent, rest) = line.split_at(line.len() - line.trim_start_matches(' ').len());
    let hanging = " ".repeat(hanging_indent(indent.len(), rest, width));
    // The columns of a table stay where they are: only what is after the last one wraps.
    let kept = keep_columns(&keep_commands(rest), hanging.len().saturating_sub(indent.len()));
    let lines = textwrap::wrap(&kept, wrap_options(width, indent, &hanging));
    out.push_str(&lines.join("\n").replace(KEPT_SPACE, " "));
}

fn wrap_options<'o>(width: usize, first: &'o str, indent: &'o str) -> Options<'o> {
    Options::new(width)
        .initial_indent(first)
        .subsequent_indent(indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
}

/// Where the further lines of a line begin: below the last column of a table that begins in the left half, else below
/// the line itself, two columns to the right if it is an item of a list or has a label. What a line is for (`# …`) is no
/// column.
fn hanging_indent(indent: usize, rest: &str, width: usize) -> usize {
    let columns = rest.match_indices("  ").filter_map(|(at, _)| {
        let after = rest[at..].trim_start_matches(' ');
        let begins = at + (rest.len() - at - after.len());
        // Of a longer gap, only its end counts.
        (!after.is_empty() && !after.starts_with('#') && !after.starts_with("\u{1b}[2m#") && !rest[..at].ends_with(' '))
            .then(|| indent + display_width(&rest[..begins]))
    });
    let below = if has_label(rest) { indent + 2 } else { indent };
    columns.filter(|column| *column <= width / 2).last().unwrap_or(below.min(width / 2))
}

/// Whether a line begins with a sign (`- `, `+ `) or with a label (`note: `, `error[locked]: `).
fn has_label(line: &str) -> bool {
    let first = line.split(' ').next().unwrap_or_default();
    let mut plain = String::new();
    let mut style = false;
    for sign in first.chars() {
        style = style || sign == '\u{1b}';
        if !style {
            plain.push(sign);
        }
        style = style && sign != 'm';
    }
    plain.ends_with(':') || !plain.contains(char::is_alphanumeric)
}

/// A text whose spaces in commands stay: in backticks, or where a line is a command, up to what it is for (`# …`).
fn keep_commands(text: &str) -> String {
    if COMMANDS.iter().any(|program| text.starts_with(program)) {
        let end = text.find(" # ").unwrap_or(text.len());
        let command: String = text[..end].chars().map(|sign| if sign == ' ' { KEPT_SPACE } else { sign }).collect();
        return command + &text[end..];
    }
    let mut out = String::with_capacity(text.len());
    let mut pieces = text.split('`').enumerate().peekable();
    while let Some((number, piece)) = pieces.next() {
        // A backtick without its partner opens nothing.
        let quoted = number % 2 == 1 && pieces.peek().is_some();
        out.extend(piece.chars().map(|sign| if quoted && sign == ' ' { KEPT_SPACE } else { sign }));
        if pieces.peek().is_some() {
            out.push('`');
        }
    }
    out
}

/// A text whose spaces in the first `columns` columns stay.
fn keep_columns(text: &str, columns: usize) -> String {
    let mut seen = 0;
    let mut out = String::with_capacity(text.len());
    let mut style = false;
    for sign in text.chars() {
        style = style || sign == '\u{1b}';
        let kept = sign == ' ' && seen < columns.saturating_sub(1) && columns > 2;
        out.push(if kept { KEPT_SPACE } else { sign });
        if style {
            style = sign != 'm';
        } else {
            seen += display_width(sign.encode_utf8(&mut [0; 4]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wraps_at_words_with_the_indent_of_the_line() {
        for (text, expected) in [
            ("short", "short"),
            ("  hint: nothing was changed, so run it again", "  hint: nothing was changed,\n    so run it again"),
            // Commands, addresses and paths stay whole, even where they are too long.
            (
                "to continue run `deployer apply --target venue-a --yes` again",
                "to continue run\n`deployer apply --target venue-a --yes`\nagain",
            ),
            (
                "see https://example.com/a/long/address/without/an/end",
                "see\nhttps://example.com/a/long/address/without/an/end",
            ),
            // A table's last column keeps its place.
            (
                "  failed   venue-a role: the call was denied",
                "  failed   venue-a role: the\n           call was denied",
            ),
            ("  - role a  # it is being destroyed", "  - role a  # it is being\n    destroyed"),
            (
                "\u{1b}[1mnote:\u{1b}[0m a sentence with a label in front",
                "\u{1b}[1mnote:\u{1b}[0m a sentence with a label\n  in front",
            ),
            // A lone backtick opens nothing.
            ("it's a ` that nobody closes in this text", "it's a ` that nobody closes\nin this text"),
            ("日本語の長い文 日本語の長い文 日本語", "日本語の長い文 日本語の長い文\n日本語"),
            ("\u{1b}[1mbold words take no more room\u{1b}[0m.", "\u{1b}[1mbold words take no more room\u{1b}[0m."),
        ] {
            let width = if text.starts_with('\u{1b}') { 30 } else { 29 };
            assert_eq!(wrap_text(text, width), expected, "{text}");
        }
    }

    #[test]
    fn wraps_after_a_beginning() {
        assert_eq!(wrap_hanging("one two three four five six", 20, 7, "  | "), "one two three\n  | four five six");
    }

    proptest! {
        /// Nothing but spaces and line breaks changes, and no line is too long that could be shorter.
        #[test]
        fn only_breaks_lines(text in "([a-zäü日.,:/`-]{1,12} {1,3}){0,40}", width in 20_usize..100) {
            let wrapped = wrap_text(&text, width);
            let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&wrapped), words(&text));
            for line in wrapped.lines().filter(|line| !line.contains('`')) {
                let one_word = line.split_whitespace().count() == 1;
                prop_assert!(display_width(line.trim_end()) <= width || one_word, "{} columns: {line}", width);
            }
            prop_assert_eq!(wrap_text(&text, 100_000), text);
        }
    }
}
