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

/// What stands for the venue in a command that the function proposes: its texts are the same for all venues.
pub const VENUE_PLACEHOLDER: &str = "VENUE";

/// A text of a run with the venue in the commands that it proposes: `deployer secret set VENUE hubspot_token`.
pub fn name_venue(text: &str, venue: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len() + venue.len());
    while let Some(at) = rest.find("`deployer ").filter(|_| !venue.is_empty()) {
        let (before, command) = rest.split_at(at + 1);
        let end = command.find('`').unwrap_or(command.len());
        let (command, after) = command.split_at(end);
        out.push_str(before);
        let words = command.split(' ').map(|word| if word == VENUE_PLACEHOLDER { venue } else { word });
        out.push_str(&words.collect::<Vec<_>>().join(" "));
        // With the backtick that ends it.
        let ends = after.len().min(1);
        out.push_str(&after[..ends]);
        rest = &after[ends..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposed_commands_name_the_venue() {
        let text = "Set it with `deployer secret set VENUE hubspot_token`, or `deployer connect VENUE` in any VENUE";
        let named = "Set it with `deployer secret set loft hubspot_token`, or `deployer connect loft` in any VENUE";
        assert_eq!(name_venue(text, "loft"), named);
        assert_eq!(name_venue(text, ""), text, "of an unknown venue");
        for text in ["", "no command", "`deployer status`", "`VENUE`", "`"] {
            assert_eq!(name_venue(text, "loft"), text);
        }
        assert_eq!(name_venue("`deployer logs VENUE", "loft"), "`deployer logs loft", "a text that was cut");
    }

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
