//! Normalizes phone numbers for Tripleseat, so that its staff can dial them.

use sync_config::text::is_invisible;

/// A phone number as a person would type it. Tripleseat accepts any text, so this only removes meaningless differences:
/// digits of other scripts become ASCII, full-width characters become plain ones, invisible marks that come along when
/// a number is copied from a page are dropped, and whitespace becomes single spaces. A `+`, leading zeros and an
/// extension stay.
pub fn normalize_phone(text: &str) -> String {
    let text = text.trim();
    let text = text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:")).map_or(text, |_| &text[4..]);
    let plain: String = text.chars().filter(|c| !is_invisible(*c)).map(plain_char).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn plain_char(c: char) -> char {
    // The zero digits of Arabic, Persian, Devanagari and full-width numbers.
    let zero = ['\u{660}', '\u{6f0}', '\u{966}', '\u{ff10}']
        .into_iter()
        .find(|zero| (*zero as u32..*zero as u32 + 10).contains(&(c as u32)));
    match (zero, c) {
        (Some(zero), _) => char::from_digit(c as u32 - zero as u32, 10).unwrap_or(c),
        (None, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}') => '-',
        (None, '\u{ff0b}') => '+',
        (None, '\u{ff08}') => '(',
        (None, '\u{ff09}') => ')',
        (None, other) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_numbers_without_losing_content() {
        for (text, expected) in [
            ("555-0100", "555-0100"),
            ("  +1 (555)\u{a0}555\u{2011}0100 ", "+1 (555) 555-0100"),
            ("00155501", "00155501"),
            ("0044 20 7946 0000", "0044 20 7946 0000"),
            ("555-0128 ext. 4", "555-0128 ext. 4"),
            ("\u{202a}+44 20 7946 0000\u{202c}", "+44 20 7946 0000"),
            ("tel:+1-555-0100", "+1-555-0100"),
            ("+٩٧١ ٥٥ ٥٥٥ ٠١٠٠", "+971 55 555 0100"),
            ("۰۲۱۵۵", "02155"),
            ("＋８１（３）５５５５－０１００", "+81(3)5555-0100"),
            ("call me", "call me"),
            ("\u{200b}", ""),
            ("téléphone", "téléphone"),
        ] {
            assert_eq!(normalize_phone(text), expected, "{text}");
        }
    }
}
