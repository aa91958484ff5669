//! Escapes untrusted text for where it is written. Names, descriptions and values come from AWS and the manifest. HTML
//! isn't here: its templates escape by themselves, and [`super::page`] shows control characters.

use std::fmt::Write;

/// Text on one line. Line breaks, other control characters and bidirectional controls are shown as escapes, so that
/// they can neither end a line nor make one text look like another.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns || matches!(character, '\u{2028}' | '\u{2029}') {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Text for Markdown outside of code: a paragraph, a list item, a table cell. Nothing in it is markup, and on GitHub
/// nothing in it mentions a person, refers to an issue or becomes a link.
pub(super) fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = one_line(text);
    for (index, character) in text.char_indices() {
        let before = &text[..index];
        let begins_item = matches!(character, '-' | '+' | '=') && before.trim_start().is_empty();
        let ends_number =
            matches!(character, '.' | ')') && !before.is_empty() && before.bytes().all(|byte| byte.is_ascii_digit());
        let after = text[index..].chars().nth(1);
        let begins_link = match character {
            ':' => after.is_some_and(|after| !after.is_whitespace()),
            '.' => before.to_ascii_lowercase().ends_with("www"),
            _ => false,
        };
        match character {
            // The empty comment keeps the sign apart from what follows, once the Markdown has become HTML.
            '@' | '#' => {
                let _ = write!(out, "\\{character}<!-- -->");
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' => {
                out.push('\\');
                out.push(character);
            }
            _ if begins_item || ends_number || begins_link => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}

/// A fence for a Markdown code block that `text` can't close.
pub(super) fn code_fence(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}
