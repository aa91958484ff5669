//! A parsed mapping expression, and its value for a contact.

use super::filter::{Filter, FilterContext, FilteredValue};
use super::{ContactProperties, LeadValue, MappingContext};
use crate::text::is_blank;

/// One field's expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldExpression {
    pub(super) parts: Vec<ExpressionPart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ExpressionPart {
    Text(String),
    Property(PropertyPart),
}

/// A property with its filters, and what stands for a value that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PropertyPart {
    pub(super) name: String,
    pub(super) filters: Vec<Filter>,
    pub(super) default: String,
}

impl PropertyPart {
    /// The value; `None` if a person would see nothing of it. The default isn't filtered.
    fn property_value(&self, contact: &ContactProperties, context: MappingContext<'_>) -> Option<FilteredValue> {
        let MappingContext { labels, zone } = context;
        let given = contact.get(&self.name).map(|value| value.trim()).filter(|value| !is_blank(value));
        let filtered = given.map(|value| {
            let context = FilterContext { property: &self.name, labels, zone };
            let value = FilteredValue::Text(value.to_owned());
            self.filters.iter().fold(value, |value, filter| filter.apply_filter(value, &context))
        });
        let seen = |value: &FilteredValue| !is_blank(&value.clone().into_text());
        let default = || Some(FilteredValue::Text(self.default.clone())).filter(|_| !self.default.is_empty());
        filtered.filter(seen).or_else(default)
    }
}

impl FieldExpression {
    fn properties(&self) -> impl Iterator<Item = &PropertyPart> {
        self.parts.iter().filter_map(|part| match part {
            ExpressionPart::Property(property) => Some(property),
            ExpressionPart::Text(_) => None,
        })
    }

    /// The HubSpot properties in it.
    pub fn property_names(&self) -> impl Iterator<Item = &str> {
        self.properties().map(|property| property.name.as_str())
    }

    /// The properties whose labels it needs.
    pub fn labeled_properties(&self) -> impl Iterator<Item = &str> {
        let labeled = |property: &&PropertyPart| property.filters.iter().any(Filter::needs_labels);
        self.properties().filter(labeled).map(|property| property.name.as_str())
    }

    /// The properties whose values it takes for dates or times.
    pub fn dated_properties(&self) -> impl Iterator<Item = &str> {
        let dated =
            |property: &&PropertyPart| property.filters.iter().any(|filter| matches!(filter, Filter::Moment { .. }));
        self.properties().filter(dated).map(|property| property.name.as_str())
    }

    /// Whether it would be wrong without the venue's time zone.
    pub fn needs_timezone(&self) -> bool {
        self.properties().flat_map(|property| &property.filters).any(Filter::needs_timezone)
    }

    /// Whether it says the same for every contact.
    pub fn is_constant(&self) -> bool {
        self.properties().next().is_none()
    }

    /// The field's value; `None` if all properties in the expression are missing.
    pub(super) fn field_value(&self, contact: &ContactProperties, context: MappingContext<'_>) -> Option<LeadValue> {
        if let [ExpressionPart::Property(only)] = self.parts.as_slice() {
            let value = only.property_value(contact, context)?.into_lead_value();
            return trim_value(value);
        }
        let mut text = String::new();
        let mut filled = false;
        for part in &self.parts {
            match part {
                ExpressionPart::Text(literal) => text.push_str(literal),
                ExpressionPart::Property(property) => {
                    if let Some(value) = property.property_value(contact, context) {
                        filled = true;
                        text.push_str(&value.into_text());
                    }
                }
            }
        }
        if filled || self.is_constant() { trim_value(LeadValue::Text(text)) } else { None }
    }
}

fn trim_value(value: LeadValue) -> Option<LeadValue> {
    match value {
        LeadValue::Text(text) if is_blank(&text) => None,
        LeadValue::Text(text) => Some(LeadValue::Text(text.trim().to_owned())),
        LeadValue::Whole(_) | LeadValue::Decimal(_) | LeadValue::Flag(_) => Some(value),
    }
}
