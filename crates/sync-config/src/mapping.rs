//! Maps HubSpot properties to the fields of a lead, by the expressions in the manifest's `[venues.NAME.fields]`.
//!
//! `message` is a property, `{firstname} {lastname}` a template, `{company|unknown}` has a default for a missing value,
//! and `=Website` is a constant. There is no escape character.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::DestinationConfig;

/// A contact's properties, without those that are unset.
pub type ContactProperties = BTreeMap<String, String>;

/// The default expressions for Tripleseat's fields.
const TRIPLESEAT_DEFAULTS: [(&str, &str); 5] = [
    ("first_name", "firstname"),
    ("last_name", "lastname"),
    ("email_address", "email"),
    ("phone_number", "phone"),
    ("company", "company"),
];

/// One field's expression.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldExpression(Vec<ExpressionPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum ExpressionPart {
    Text(String),
    Property { name: String, default: String },
}

impl FieldExpression {
    fn parse_expression(text: &str) -> Self {
        if let Some(constant) = text.strip_prefix('=') {
            return Self(vec![ExpressionPart::Text(constant.trim().to_owned())]);
        }
        if !text.contains('{') {
            return Self(vec![parse_property(text)]);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((inner, behind)) = after.split_once('}') else { break };
            if !before.is_empty() {
                parts.push(ExpressionPart::Text(before.to_owned()));
            }
            parts.push(parse_property(inner));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(ExpressionPart::Text(rest.to_owned()));
        }
        Self(parts)
    }

    /// The field's value; `None` if all properties in the expression are missing.
    fn field_value(&self, contact: &ContactProperties) -> Option<String> {
        let mut value = String::new();
        let mut filled = false;
        for part in &self.0 {
            let (text, is_property) = match part {
                ExpressionPart::Text(text) => (text.as_str(), false),
                ExpressionPart::Property { name, default } => {
                    (contact.get(name).map(|value| value.trim()).filter(|v| !v.is_empty()).unwrap_or(default), true)
                }
            };
            filled |= is_property && !text.is_empty();
            value.push_str(text);
        }
        let constant = self.0.iter().all(|part| matches!(part, ExpressionPart::Text(_)));
        let value = value.trim();
        ((filled || constant) && !value.is_empty()).then(|| value.to_owned())
    }
}

fn parse_property(text: &str) -> ExpressionPart {
    let (name, default) = text.split_once('|').unwrap_or((text, ""));
    ExpressionPart::Property { name: name.trim().to_owned(), default: default.to_owned() }
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSource {
    /// It is the same for every contact.
    Constant,
    /// It depends on the contact's properties.
    Properties,
}

/// The expressions for all fields of a venue's leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadMapping(BTreeMap<String, FieldExpression>);

impl LeadMapping {
    /// The destination's default fields, overridden and extended by the manifest's.
    pub fn new(destination: &DestinationConfig, fields: &BTreeMap<String, String>) -> Self {
        let defaults: &[(&str, &str)] = match destination {
            DestinationConfig::Tripleseat { .. } => &TRIPLESEAT_DEFAULTS,
            DestinationConfig::Http(_) => &[],
        };
        let defaults =
            defaults.iter().map(|(field, text)| ((*field).to_owned(), FieldExpression::parse_expression(text)));
        let given = fields.iter().map(|(field, text)| (field.clone(), FieldExpression::parse_expression(text)));
        Self(defaults.chain(given).collect())
    }

    /// The HubSpot properties that the mapping needs.
    pub fn hubspot_properties(&self) -> BTreeSet<&str> {
        let parts = self.0.values().flat_map(|expression| &expression.0);
        parts
            .filter_map(|part| match part {
                ExpressionPart::Property { name, .. } => Some(name.as_str()),
                ExpressionPart::Text(_) => None,
            })
            .collect()
    }

    /// The names of the mapped fields.
    pub fn field_names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Where the value of a field comes from; `None` if it isn't mapped.
    pub fn field_source(&self, field: &str) -> Option<FieldSource> {
        let constant = self.0.get(field)?.0.iter().all(|part| matches!(part, ExpressionPart::Text(_)));
        Some(if constant { FieldSource::Constant } else { FieldSource::Properties })
    }

    /// The lead fields for a contact; fields without a value are left out.
    pub fn lead_fields(&self, contact: &ContactProperties) -> BTreeMap<String, String> {
        self.0
            .iter()
            .filter_map(|(field, expression)| expression.field_value(contact).map(|value| (field.clone(), value)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(text: &str, contact: &[(&str, &str)]) -> Option<String> {
        let contact = contact.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        FieldExpression::parse_expression(text).field_value(&contact)
    }

    #[test]
    fn evaluates_expressions() {
        let jo = [("firstname", " Jo "), ("lastname", ""), ("message", "مرحبا\n{not a template} 🎉")];
        for (text, expected) in [
            ("firstname", Some("Jo")),
            ("lastname", None),
            ("phone", None),
            ("=Website", Some("Website")),
            ("= Website", Some("Website")),
            ("=", None),
            ("{firstname} {lastname}", Some("Jo")),
            ("{lastname}, {phone}", None),
            ("{lastname|unknown}", Some("unknown")),
            ("Dear {firstname}: {company|a guest}!", Some("Dear Jo: a guest!")),
            ("message", Some("مرحبا\n{not a template} 🎉")),
            ("{message}\n\nFrom {city|an unknown place}", Some("مرحبا\n{not a template} 🎉\n\nFrom an unknown place")),
            ("{ firstname }", Some("Jo")),
            ("{firstname", Some("{firstname")),
            ("{}", None),
            ("{lastname|}", None),
        ] {
            assert_eq!(evaluate(text, &jo).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn tells_constants_from_properties() {
        let fields = [("source", "=HubSpot"), ("name", "{firstname|unknown}"), ("text", "Dear {firstname}")];
        let fields = fields.map(|(field, text)| (field.to_owned(), text.to_owned())).into();
        let mapping = LeadMapping::new(&DestinationConfig::default(), &fields);
        for (field, expected) in [
            ("source", Some(FieldSource::Constant)),
            ("name", Some(FieldSource::Properties)),
            ("text", Some(FieldSource::Properties)),
            ("email_address", Some(FieldSource::Properties)),
            ("event_date", None),
        ] {
            assert_eq!(mapping.field_source(field), expected, "{field}");
        }
    }

    #[test]
    fn manifest_fields_override_defaults() {
        let fields = BTreeMap::from([("phone_number".to_owned(), "mobilephone".to_owned())]);
        let mapping = LeadMapping::new(&DestinationConfig::default(), &fields);
        assert_eq!(
            mapping.hubspot_properties().into_iter().collect::<Vec<_>>(),
            ["company", "email", "firstname", "lastname", "mobilephone"]
        );
        let contact = ContactProperties::from([("email".to_owned(), "jo+a@example.com".to_owned())]);
        assert_eq!(
            mapping.lead_fields(&contact),
            BTreeMap::from([("email_address".to_owned(), "jo+a@example.com".to_owned())])
        );
    }
}
