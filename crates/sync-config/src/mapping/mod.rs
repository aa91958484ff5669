//! Maps HubSpot properties to the fields of a lead, by the expressions in the manifest's `[venues.NAME.fields]`.
//!
//! `message` is a property, `{firstname} {lastname}` a template, and `=Website` a constant. A property may go through
//! filters (`event_type:label`, `{full_name:split(' '):first}`), and `{company|unknown}` has a default for a missing
//! value. There is no escape character. `docs/mapping.md` is the user's page.
//!
//! [`FieldExpression`] is one expression, parsed in `parse` and evaluated in `expression`. `filter` has the filters,
//! `moment` dates and times, `html` HTML's references.

mod expression;
mod filter;
mod html;
mod moment;
mod parse;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use crate::config::{DestinationConfig, SyncConfig};
use crate::text::parse_boolean;
use crate::tripleseat::{EMAIL_OPT_IN, FieldKind, HUBSPOT_EMAIL_OPTOUT, find_lead_field};

pub use expression::FieldExpression;
pub use filter::{FILTERS, FilterSpec};
pub use moment::find_timezone;
pub use parse::MappingFlaw;
pub use value::LeadValue;

/// A contact's properties, without those that are unset.
pub type ContactProperties = BTreeMap<String, String>;
/// A lead's fields, without those that are empty.
pub type LeadFields = BTreeMap<String, LeadValue>;

/// The default expressions for Tripleseat's fields.
const TRIPLESEAT_DEFAULTS: [(&str, &str); 6] = [
    ("first_name", "firstname"),
    ("last_name", "lastname"),
    ("email_address", "email"),
    ("phone_number", "phone"),
    ("company", "company"),
    // Tripleseat's own default is yes, so each lead says no unless the manifest says otherwise.
    (EMAIL_OPT_IN, "=false"),
];

/// The labels of properties' values: by property, then by value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PropertyLabels(BTreeMap<String, BTreeMap<String, String>>);

impl PropertyLabels {
    /// No labels, for a mapping that needs none.
    pub const NONE: &Self = &Self(BTreeMap::new());

    /// Adds the labels of a property, as values and labels.
    pub fn add_property(&mut self, property: &str, options: impl IntoIterator<Item = (String, String)>) {
        self.0.insert(property.to_owned(), options.into_iter().collect());
    }

    /// A value's label, or the value if it has none.
    fn find_label(&self, property: &str, value: String) -> String {
        self.0.get(property).and_then(|labels| labels.get(&value)).cloned().unwrap_or(value)
    }
}

/// What expressions are evaluated with, besides the contact.
#[derive(Clone, Copy)]
struct MappingContext<'a> {
    labels: &'a PropertyLabels,
    zone: &'a TimeZone,
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
#[derive(Debug, Clone, PartialEq)]
pub struct LeadMapping {
    fields: BTreeMap<String, FieldExpression>,
    zone: TimeZone,
    /// Whether Tripleseat's rules about types and consent apply.
    is_tripleseat: bool,
}

impl LeadMapping {
    /// The destination's default fields, overridden and extended by those of `config`.
    ///
    /// # Errors
    /// An expression or the time zone is not valid. The manifest's checks accept neither.
    pub fn from_config(config: &SyncConfig) -> Result<Self, String> {
        let is_tripleseat = matches!(config.destination, DestinationConfig::Tripleseat { .. });
        let defaults = if is_tripleseat { &TRIPLESEAT_DEFAULTS[..] } else { &[] };
        let given = config.fields.iter().map(|(field, text)| (field.as_str(), text.as_str()));
        let mut fields = BTreeMap::new();
        for (field, text) in defaults.iter().copied().chain(given) {
            let expression = FieldExpression::parse_expression(text)
                .map_err(|flaw| format!("the mapping of `{field}` is not valid: {flaw}"))?;
            fields.insert(field.to_owned(), expression);
        }
        let zone = match &config.timezone {
            Some(name) => find_timezone(name).map_err(|_| format!("`{name}` is not a time zone"))?,
            None => TimeZone::UTC,
        };
        Ok(Self { fields, zone, is_tripleseat })
    }

    /// The names of the mapped fields.
    pub fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// Where the value of a field comes from; `None` if it isn't mapped.
    pub fn field_source(&self, field: &str) -> Option<FieldSource> {
        let constant = self.fields.get(field)?.is_constant();
        Some(if constant { FieldSource::Constant } else { FieldSource::Properties })
    }

    /// The HubSpot properties that the manifest or the defaults name.
    pub fn mapped_properties(&self) -> BTreeSet<&str> {
        self.fields.values().flat_map(FieldExpression::property_names).collect()
    }

    /// All HubSpot properties that leads are made from: those that are mapped, and what the contact opted out of.
    pub fn hubspot_properties(&self) -> BTreeSet<&str> {
        let optout = self.is_tripleseat.then_some(HUBSPOT_EMAIL_OPTOUT);
        self.mapped_properties().into_iter().chain(optout).collect()
    }

    /// The HubSpot properties whose values' labels the mapping needs.
    pub fn labeled_properties(&self) -> BTreeSet<&str> {
        self.fields.values().flat_map(FieldExpression::labeled_properties).collect()
    }

    /// The lead fields for a contact; fields without a value are left out.
    pub fn lead_fields(&self, contact: &ContactProperties, labels: &PropertyLabels) -> LeadFields {
        let context = MappingContext { labels, zone: &self.zone };
        let value = |field: &str, expression: &FieldExpression| {
            let value = expression.field_value(contact, context);
            if !self.is_tripleseat {
                return value;
            }
            if field == EMAIL_OPT_IN {
                let optout = contact.get(HUBSPOT_EMAIL_OPTOUT).and_then(|text| parse_boolean(text)) == Some(true);
                // A lead without this field would be opted in.
                let wanted = value.filter(|_| !optout).unwrap_or(LeadValue::Flag(false));
                return Some(wanted.for_field(FieldKind::Consent));
            }
            let kind = find_lead_field(field).map(|known| known.kind);
            value.map(|value| kind.map_or(value.clone(), |kind| value.for_field(kind)))
        };
        let filled =
            |(field, expression): (&String, &FieldExpression)| Some((field.clone(), value(field, expression)?));
        self.fields.iter().filter_map(filled).collect()
    }
}

#[cfg(test)]
mod tests;
