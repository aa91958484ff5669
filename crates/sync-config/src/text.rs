//! What counts as empty, and as yes or no, in texts that people and forms put into HubSpot.

/// Direction marks, zero-width and control characters: nobody sees them, and they come along when text is copied from
/// a page.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}')
        || (c.is_control() && !c.is_whitespace())
}

/// Whether a person would see anything of `text`.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// A yes or no in the spellings of HubSpot, forms and imported lists; `None` for any other text.
pub fn parse_boolean(text: &str) -> Option<bool> {
    let word: String = text.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).collect();
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "t" | "1" | "on" | "checked" => Some(true),
        "false" | "no" | "n" | "f" | "0" | "off" | "unchecked" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_texts_have_nothing_to_see() {
        for text in ["", " \t\n", "\u{a0}", "\u{200b}", " \u{feff}\u{2060} ", "\u{0}", "\u{202a}\u{202c}"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["0", "\u{200b}x", "–", "ا", "🎉"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn reads_the_usual_spellings_of_yes_and_no() {
        for text in ["true", "TRUE", " Yes\u{200b}", "1", "on", "y"] {
            assert_eq!(parse_boolean(text), Some(true), "{text:?}");
        }
        for text in ["false", "No", "0", "off", "F"] {
            assert_eq!(parse_boolean(text), Some(false), "{text:?}");
        }
        for text in ["", "maybe", "not today", "2", "yes, but", "true;false"] {
            assert_eq!(parse_boolean(text), None, "{text:?}");
        }
    }
}
