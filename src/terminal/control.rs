//! Control characters in what is printed. A foreign text could move the cursor, clear the screen, set the window's title
//! or turn the direction of writing, and so make the output say something else.

use std::borrow::Cow;
use std::fmt::Write;

/// A text in which nothing but line breaks, tabs and our own colors is a control sequence.
pub(super) fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|character| is_unsafe(character) || character == '\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(length) = style_length(rest) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        if is_unsafe(character) || character == '\u{1b}' {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
        rest = &rest[character.len_utf8()..];
    }
    Cow::Owned(out)
}

/// JSON in which nothing is a control sequence. JSON's own rules leave C1 and bidirectional controls as they are.
pub(super) fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unsafe(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

fn is_unsafe(character: char) -> bool {
    match character {
        '\n' | '\t' | '\u{1b}' => false,
        // Bidirectional controls and the separators of lines and paragraphs.
        '\u{061c}'
        | '\u{200e}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2028}'..='\u{2029}'
        | '\u{2066}'..='\u{2069}' => true,
        other => other.is_control(),
    }
}

/// The length of the style at the start of `text`: `ESC [ numbers m`, and nothing that hides text (8).
fn style_length(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("\u{1b}[")?;
    let end = inside.find(|character: char| !character.is_ascii_digit() && character != ';')?;
    let shown = inside.as_bytes()[end] == b'm' && !inside[..end].split(';').any(|number| number == "8");
    // In an extended color, 8 is a part of the color, but we don't use those.
    shown.then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_only_styles_through() {
        for (text, shown) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m"),
            ("\u{1b}[mreset", "\u{1b}[mreset"),
            ("\u{1b}[8mhidden", "\\u{1b}[8mhidden"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("over\rwritten", "over\\rwritten"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
            ("\u{1b}", "\\u{1b}"),
            ("\u{1b}[1", "\\u{1b}[1"),
            ("Zürich — 東京", "Zürich — 東京"),
        ] {
            assert_eq!(escape_controls(text), shown, "{text:?}");
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({ "text": "\u{9b}2J \u{202e} \u{7} Zürich \"quoted\"" });
        let escaped = escape_json(&value.to_string());
        assert!(escaped.chars().all(|character| !is_unsafe(character)), "{escaped}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).expect("valid JSON"), value);
    }
}
