//! What can't be a credential: a value with characters that no vendor issues, and that nobody sees. They come from editors,
//! web pages and shells, and a vendor only says that the credential is wrong.

/// Why this value can't be a credential: which character, and where. Never the value.
pub(super) fn explain_unusable_value(value: &str) -> Option<String> {
    let (Some(first), Some(last)) = (value.chars().next(), value.chars().next_back()) else {
        return Some("the value is empty".to_owned());
    };
    if value.trim().is_empty() {
        return Some("the value is blank".to_owned());
    }
    if first == '\u{feff}' {
        return Some("the value begins with a byte order mark (U+FEFF): save it as UTF-8 without one".to_owned());
    }
    let count = value.chars().count();
    let numbered = value.chars().enumerate();
    for (character, number) in numbered.map(|(at, character)| (character, at + 1)) {
        let place = match number {
            1 => "begins with".to_owned(),
            _ if number == count => "ends with".to_owned(),
            _ => format!("has as character {number}"),
        };
        if let Some(name) = foreign_character(character) {
            let code = u32::from(character);
            return Some(format!("the value {place} {name} (U+{code:04X}), which no credential does: remove it"));
        }
        if matches!(character, ' ') && (number == 1 || number == count) {
            return Some(format!("the value {place} a space, which no credential does: remove it"));
        }
    }
    let is_quoted = count > 1 && QUOTES.contains(&(first, last));
    is_quoted.then(|| format!("the value is in quotes ({first} and {last}): remove them"))
}

/// Why bytes that aren't UTF-8 can't be read.
pub(super) fn explain_wrong_encoding(bytes: &[u8]) -> String {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        "the value is UTF-16: save it as UTF-8".to_owned()
    } else {
        "the value is not UTF-8".to_owned()
    }
}

/// Quotes that enclose a value, straight and typographic.
const QUOTES: [(char, char); 8] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('\u{201c}', '\u{201d}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{201e}', '\u{201c}'),
    ('\u{ab}', '\u{bb}'),
    ('\u{bb}', '\u{ab}'),
];

/// What a character is that no credential has.
fn foreign_character(character: char) -> Option<&'static str> {
    match character {
        '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some("a line break"),
        '\t' => Some("a tab"),
        '\u{a0}' | '\u{202f}' | '\u{2007}' => Some("a no-break space"),
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{180e}' => Some("a zero-width character"),
        '\u{ad}' => Some("a soft hyphen"),
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' => {
            Some("an invisible mark for the direction of writing")
        }
        ' ' => None,
        _ if character.is_control() => Some("a control character"),
        _ if character.is_whitespace() => Some("a space of another script"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_character_and_where_and_never_the_value() {
        for (value, words) in [
            ("", "the value is empty"),
            (" \u{a0}", "the value is blank"),
            ("\u{feff}5ecret", "begins with a byte order mark (U+FEFF)"),
            ("5ecret\u{feff}", "ends with a zero-width character (U+FEFF)"),
            ("5e\u{200b}cret", "has as character 3 a zero-width character (U+200B)"),
            ("5ecret\u{a0}", "ends with a no-break space (U+00A0)"),
            (" 5ecret", "begins with a space"),
            ("5ecret ", "ends with a space"),
            ("\t5ecret", "begins with a tab (U+0009)"),
            ("5ecret\n", "ends with a line break (U+000A)"),
            ("5e\ncret", "has as character 3 a line break"),
            ("5e\u{7}cret", "has as character 3 a control character (U+0007)"),
            ("5e\u{202e}cret", "an invisible mark for the direction of writing (U+202E)"),
            ("5e\u{3000}cret", "a space of another script (U+3000)"),
            ("\"5ecret\"", "is in quotes (\" and \")"),
            ("'5ecret'", "is in quotes (' and ')"),
            ("\u{201c}5ecret\u{201d}", "is in quotes (\u{201c} and \u{201d})"),
        ] {
            let why = explain_unusable_value(value).unwrap_or_default();
            assert!(why.contains(words), "{value:?}: {why}");
            assert!(!why.contains("5e") && !why.contains("cret"), "{why}");
        }
        for value in ["5ecret", "pass phrase", "it's", "a\"b", "{\"A\":\"b\"}", "\"", "p\u{e4}ss"] {
            assert_eq!(explain_unusable_value(value), None, "{value}");
        }
    }

    #[test]
    fn utf_16_is_named() {
        assert!(explain_wrong_encoding(&[0xff, 0xfe, b'a', 0]).contains("UTF-16"));
        assert_eq!(explain_wrong_encoding(&[b'a', 0xff]), "the value is not UTF-8");
    }
}
