//! Validates property values, and converts them to how HubSpot stores them.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::definition::PropertyDefinition;
use super::error::HubSpotRefusal;
use crate::clock::format_iso;
use crate::email::looks_like_email;
use crate::vendors::HUBSPOT_PROPERTY_VALUE;

/// An invalid value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InvalidValue {
    pub(super) property: String,
    pub(super) error: &'static str,
    pub(super) message: String,
}

impl InvalidValue {
    pub(super) fn unknown_property(property: &str) -> Self {
        let message = format!("Property \"{property}\" does not exist");
        Self { property: property.to_owned(), error: "PROPERTY_DOESNT_EXIST", message }
    }
}

/// The refusal of a write. Its message contains the invalid values as JSON, as HubSpot's does.
pub(super) fn refuse_values(portal_id: u64, invalid: &[InvalidValue]) -> HubSpotRefusal {
    let list = invalid.iter().map(|invalid| {
        json!({
            "isValid": false,
            "message": invalid.message,
            "error": invalid.error,
            "name": invalid.property,
            "localizedErrorMessage": invalid.message,
            "portalId": portal_id,
        })
    });
    let mut refusal =
        HubSpotRefusal::invalid_request(format!("Property values were not valid: {}", Value::from_iter(list)));
    refusal.errors = invalid
        .iter()
        .map(|invalid| {
            let context = json!({ "propertyName": [invalid.property] });
            json!({ "message": invalid.message, "code": invalid.error, "context": context })
        })
        .collect();
    refusal
}

/// The value as it is stored. An empty value clears the property, whatever its type.
pub(super) fn validate_value(definition: &PropertyDefinition, value: &str) -> Result<String, InvalidValue> {
    let invalid =
        |error: &'static str, message: String| Err(InvalidValue { property: definition.name.clone(), error, message });
    if definition.read_only {
        let message = format!("\"{}\" is a read only property; its value cannot be set.", definition.name);
        return invalid("READ_ONLY_VALUE", message);
    }
    if value.is_empty() {
        return Ok(String::new());
    }
    if value.chars().count() > HUBSPOT_PROPERTY_VALUE {
        return invalid("VALUE_TOO_LONG", format!("Property values are at most {HUBSPOT_PROPERTY_VALUE} characters"));
    }
    if definition.name == "email" {
        return if looks_like_email(value) {
            Ok(value.to_lowercase())
        } else {
            invalid("INVALID_EMAIL", format!("Email address {value} is invalid"))
        };
    }
    match definition.kind.as_str() {
        "bool" | "enumeration" => {
            let known = |part: &str| definition.options.iter().any(|option| option.value == part);
            // Only multiple checkboxes can have several values.
            let all = match definition.field_kind.as_str() {
                "checkbox" => value.split(';').all(known),
                _ => known(value),
            };
            if all {
                return Ok(value.to_owned());
            }
            let options: Vec<_> = definition.options.iter().map(|option| option.value.as_str()).collect();
            invalid("INVALID_OPTION", format!("{value} was not one of the allowed options: [{}]", options.join(", ")))
        }
        "number" => match value.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(value.to_owned()),
            _ => invalid("INVALID_LONG", format!("{value} was not a valid number.")),
        },
        "date" => match parse_date(value) {
            Some(date) => Ok(date.to_string()),
            None => invalid("INVALID_DATE", format!("{value} was not a valid date.")),
        },
        "datetime" => match parse_time(value) {
            Some(time) => Ok(format_iso(time)),
            None => invalid("INVALID_DATE", format!("{value} was not a valid date and time.")),
        },
        _ => Ok(value.to_owned()),
    }
}

/// Parses epoch milliseconds or ISO 8601, with or without a time; a date alone means its midnight in UTC.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(milliseconds) = text.parse::<i64>() {
        return Timestamp::from_millisecond(milliseconds).ok();
    }
    text.parse::<Timestamp>().ok().or_else(|| {
        let date = parse_plain_date(text)?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })
}

/// Parses `YYYY-MM-DD`, or a time that is midnight in UTC.
pub(super) fn parse_date(text: &str) -> Option<Date> {
    if let Some(date) = parse_plain_date(text) {
        return Some(date);
    }
    let zoned = parse_time(text)?.to_zoned(jiff::tz::TimeZone::UTC);
    (zoned.time() == jiff::civil::Time::midnight()).then(|| zoned.date())
}

/// `Date`'s own parser would also accept a text with a time, and drop the time.
fn parse_plain_date(text: &str) -> Option<Date> {
    Date::strptime("%Y-%m-%d", text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored_value(kind: &str, field: &str, given: &str) -> Result<String, &'static str> {
        let definition = PropertyDefinition::new("p", "P", kind, field).with_options(&[("A", "a"), ("B", "b")]);
        validate_value(&definition, given).map_err(|invalid| invalid.error)
    }

    #[test]
    fn validates_values_by_type() {
        assert_eq!(stored_value("enumeration", "radio", "a"), Ok("a".to_owned()));
        assert_eq!(stored_value("enumeration", "radio", "A"), Err("INVALID_OPTION"), "values, not labels");
        assert_eq!(stored_value("enumeration", "radio", "a;b"), Err("INVALID_OPTION"));
        assert_eq!(stored_value("enumeration", "checkbox", "a;b"), Ok("a;b".to_owned()));
        assert_eq!(stored_value("enumeration", "radio", " a"), Err("INVALID_OPTION"));
        assert_eq!(stored_value("number", "number", "12.5"), Ok("12.5".to_owned()));
        assert_eq!(stored_value("number", "number", "a dozen"), Err("INVALID_LONG"));
        assert_eq!(stored_value("number", "number", "NaN"), Err("INVALID_LONG"));
        assert_eq!(stored_value("datetime", "date", "0"), Ok("1970-01-01T00:00:00.000Z".to_owned()));
        assert_eq!(
            stored_value("datetime", "date", "2026-01-02T03:04:05+01:00"),
            Ok("2026-01-02T02:04:05.000Z".to_owned())
        );
        assert_eq!(stored_value("datetime", "date", "soon"), Err("INVALID_DATE"));
        assert_eq!(stored_value("date", "date", "2026-06-01"), Ok("2026-06-01".to_owned()));
        assert_eq!(stored_value("date", "date", "1780272000000"), Ok("2026-06-01".to_owned()));
        assert_eq!(stored_value("date", "date", "1780272000001"), Err("INVALID_DATE"), "a date must be midnight");
        assert_eq!(stored_value("date", "date", "2026-06-01T10:00:00Z"), Err("INVALID_DATE"));
        assert_eq!(stored_value("date", "date", "06/01/2026"), Err("INVALID_DATE"));
        assert_eq!(stored_value("string", "text", " as it is "), Ok(" as it is ".to_owned()));
        assert_eq!(
            stored_value("string", "text", &"é".repeat(HUBSPOT_PROPERTY_VALUE)).map(|kept| kept.len()),
            Ok(131_072)
        );
        assert_eq!(stored_value("string", "text", &"é".repeat(HUBSPOT_PROPERTY_VALUE + 1)), Err("VALUE_TOO_LONG"));
        assert_eq!(stored_value("number", "number", ""), Ok(String::new()));
    }

    #[test]
    fn stores_emails_in_lowercase() {
        let email = PropertyDefinition::new("email", "Email", "string", "text");
        assert_eq!(validate_value(&email, "Ana@Example.com"), Ok("ana@example.com".to_owned()));
        for wrong in ["ana", "ana@", "@example.com", "ana@example", "a na@example.com", "ana@example..com", "a@b@c.de"]
        {
            assert_eq!(validate_value(&email, wrong).map_err(|invalid| invalid.error), Err("INVALID_EMAIL"), "{wrong}");
        }
    }
}
