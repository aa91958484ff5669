//! The mapping expressions of `[venues.NAME.fields]`: which HubSpot properties make up each field of the lead.

use super::Flaw;

/// The fields that Tripleseat's `POST /v1/leads/create` accepts and that a mapping may fill.
pub(super) const TRIPLESEAT_LEAD_FIELDS: [&str; 16] = [
    "first_name",
    "last_name",
    "email_address",
    "phone_number",
    "company",
    "event_description",
    "event_date",
    "start_time",
    "end_time",
    "guest_count",
    "additional_information",
    "contact_preference",
    "email_opt_in",
    "lead_source_id",
    "referral_source_id",
    "referral_source_other",
];

/// Lead fields that are the same for all leads of a venue, so they belong in its destination.
pub(super) const TRIPLESEAT_DESTINATION_FIELDS: [&str; 2] = ["location_id", "lead_form_id"];

/// Checks an expression: a HubSpot property (`message`), a template (`{firstname} {lastname}`, `{company|unknown}`) or
/// a constant (`=Website`).
pub(super) fn check_mapping(text: &str) -> Result<(), Flaw> {
    if text.starts_with('=') {
        return Ok(());
    }
    if text.is_empty() {
        return Err(Flaw::new(
            "this mapping is empty",
            "write a HubSpot property, or \"=\" for a field that is always empty",
        ));
    }
    if text.contains(['{', '}']) { check_template(text) } else { check_property(text, 0, text) }
}

fn check_template(text: &str) -> Result<(), Flaw> {
    let mut rest = 0;
    while let Some(found) = text[rest..].find(['{', '}']) {
        let open = rest + found;
        let close = text[open + 1..].find(['{', '}']).map(|at| open + 1 + at);
        match close {
            Some(close) if text[open..].starts_with('{') && text[close..].starts_with('}') => {
                let inner = &text[open + 1..close];
                let name = inner.split_once('|').map_or(inner, |(name, _)| name);
                check_property(name, open + 1, text)?;
                rest = close + 1;
            }
            _ => {
                return Err(Flaw::new(
                    "this brace is not matched",
                    "put a property in braces: \"{firstname} {lastname}\", or with a default \"{company|unknown}\"",
                )
                .at_span(open..open + 1));
            }
        }
    }
    Ok(())
}

/// HubSpot's internal names have lowercase letters, digits and `_`.
fn check_property(name: &str, start: usize, whole: &str) -> Result<(), Flaw> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !name.is_empty() && name.len() <= crate::naming::MAX_PROPERTY_NAME && name.bytes().all(fits) {
        return Ok(());
    }
    let lower = name.trim().to_lowercase().replace([' ', '-'], "_");
    let help = if whole.contains('{') {
        "write the internal name of a property in the braces, such as {firstname}".to_owned()
    } else {
        format!("for a fixed value write \"={whole}\"; for a property write its internal name, perhaps \"{lower}\"")
    };
    let message = if name.is_empty() {
        "the property name is missing"
    } else {
        "this is not the internal name of a HubSpot property"
    };
    Err(Flaw::new(message, help).at_span(start..start + name.len().max(1)))
}
