//! The keys by which leads are compared.

/// Normalizes an e-mail address for comparison: without surrounding space, `<>` and `mailto:`, in lowercase. The part
/// before the @ is otherwise kept, since dots and `+` distinguish addresses at most providers. `None` if it is not an
/// address.
pub fn normalize_email(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('<').trim_end_matches('>').to_lowercase();
    let text = text.strip_prefix("mailto:").unwrap_or(&text).trim();
    let (name, domain) = text.split_once('@')?;
    let fits = !name.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace);
    fits.then(|| text.to_owned())
}

/// Normalizes a phone number for comparison: its digits, without an extension (`x12`, `ext. 12`, `;12`, `#12`). Ten
/// digits are taken as a North American number and get the prefix 1; an international `00` or `+` is dropped. `None`
/// for fewer than seven digits, and for one repeated digit, which people type when a number is required.
pub fn normalize_phone(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let end = lower.find(['x', ';', '#', 'e']).unwrap_or(lower.len());
    let digits: String = lower[..end].chars().filter(char::is_ascii_digit).collect();
    let abroad = lower.trim_start().starts_with('+');
    let digits = digits.strip_prefix("00").filter(|_| !abroad).map(str::to_owned).unwrap_or(digits);
    let one_digit = digits.chars().all(|digit| digits.starts_with(digit));
    match digits.len() {
        _ if one_digit => None,
        0..7 => None,
        10 if !abroad => Some(format!("1{digits}")),
        _ => Some(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_comparison_ignores_case_and_wrapping() {
        for text in ["ana@example.com", " Ana@Example.COM ", "<ana@example.com>", "mailto:ana@example.com"] {
            assert_eq!(normalize_email(text).as_deref(), Some("ana@example.com"), "{text}");
        }
        assert_ne!(normalize_email("a.na@example.com"), normalize_email("ana@example.com"));
        assert_ne!(normalize_email("ana+1@example.com"), normalize_email("ana@example.com"));
        for text in ["", "ana", "@example.com", "ana@", "ana@host", "ana silva@example.com"] {
            assert_eq!(normalize_email(text), None, "{text}");
        }
    }

    #[test]
    fn phone_comparison_uses_digits_only() {
        for text in ["555-010-0199", "(555) 010 0199", "+1 555 010 0199", "1.555.010.0199", "555-010-0199 ext. 7"] {
            assert_eq!(normalize_phone(text).as_deref(), Some("15550100199"), "{text}");
        }
        assert_eq!(normalize_phone("0044 20 7946 0018"), normalize_phone("+44 20 7946 0018"));
        for text in ["", "12345", "0000000000", "555-5555", "x5550100199", "n/a"] {
            assert_eq!(normalize_phone(text), None, "{text}");
        }
    }
}
