//! The filters and the sort order of a search.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::definition::PropertyDefinition;
use super::error::HubSpotRefusal;
use super::index::SearchIndex;
use super::json::{HubSpotBody, wrong_type};
use super::state::{PortalState, SandboxContact};
use super::validate::parse_time;
use crate::vendors::HUBSPOT_SEARCH_FILTERS;

/// Groups of filters, one of which must match. A search without groups matches every contact.
pub(super) struct SearchFilters(Vec<Vec<SearchFilter>>);

struct SearchFilter {
    property: PropertyDefinition,
    test: FilterTest,
}

enum FilterTest {
    Has(bool),
    /// Equal to one of these (`true`) or to none of them (`false`). Either way, the contact must have a value.
    OneOf(Vec<FilterOperand>, bool),
    /// Compares the value with the operand; the function tests the result.
    Compared(FilterOperand, fn(Ordering) -> bool),
    Between(FilterOperand, FilterOperand),
}

impl SearchFilters {
    pub(super) fn parse_groups(state: &PortalState, groups: &[Value]) -> Result<Self, HubSpotRefusal> {
        let mut read = Vec::new();
        for group in groups {
            let group = HubSpotBody::from_value(group.clone())?;
            read.push(
                group
                    .required_list("filters")?
                    .iter()
                    .map(|filter| SearchFilter::parse_filter(state, filter))
                    .collect::<Result<Vec<_>, _>>()?,
            );
        }
        let (most_groups, most_in_group, most) = HUBSPOT_SEARCH_FILTERS;
        if read.len() > most_groups
            || read.iter().any(|group| group.len() > most_in_group)
            || read.iter().map(Vec::len).sum::<usize>() > most
        {
            return Err(HubSpotRefusal::invalid_request(format!(
                "A search has at most {most_groups} filterGroups, {most_in_group} filters in a group and {most} in all"
            )));
        }
        Ok(Self(read))
    }

    /// The contacts that can match, if the index knows: those with the value that some filter of each group asks for.
    pub(super) fn candidates(&self, index: &SearchIndex) -> Option<BTreeSet<u64>> {
        let of_group = |group: &Vec<SearchFilter>| group.iter().find_map(|filter| filter.candidates(index));
        let mut all = BTreeSet::new();
        for group in &self.0 {
            all.extend(of_group(group)?);
        }
        (!self.0.is_empty()).then_some(all)
    }

    pub(super) fn matches_contact(&self, contact: &SandboxContact) -> bool {
        self.0.is_empty() || self.0.iter().any(|group| group.iter().all(|filter| filter.matches_contact(contact)))
    }
}

impl SearchFilter {
    fn parse_filter(state: &PortalState, filter: &Value) -> Result<Self, HubSpotRefusal> {
        let filter = HubSpotBody::from_value(filter.clone())?;
        // Their types are checked even if the operator doesn't use them.
        filter.optional_text("value")?;
        filter.optional_text("highValue")?;
        filter.optional_texts("values")?;
        let property = searched_property(state, filter.required_text("propertyName")?)?;
        let operand = |name: &str| Ok::<_, HubSpotRefusal>(FilterOperand::new(&property, filter.required_text(name)?));
        let operands = || {
            filter.require_members(&["values"])?;
            let values = filter.optional_texts("values")?;
            if values.is_empty() {
                return Err(HubSpotRefusal::invalid_request("values must have at least one value"));
            }
            Ok(values.iter().map(|text| FilterOperand::new(&property, text)).collect::<Vec<_>>())
        };
        let test = match filter.required_text("operator")? {
            "HAS_PROPERTY" => FilterTest::Has(true),
            "NOT_HAS_PROPERTY" => FilterTest::Has(false),
            "EQ" => FilterTest::OneOf(vec![operand("value")?], true),
            "NEQ" => FilterTest::OneOf(vec![operand("value")?], false),
            "IN" => FilterTest::OneOf(operands()?, true),
            "NOT_IN" => FilterTest::OneOf(operands()?, false),
            "LT" => FilterTest::Compared(operand("value")?, Ordering::is_lt),
            "LTE" => FilterTest::Compared(operand("value")?, Ordering::is_le),
            "GT" => FilterTest::Compared(operand("value")?, Ordering::is_gt),
            "GTE" => FilterTest::Compared(operand("value")?, Ordering::is_ge),
            "BETWEEN" => FilterTest::Between(operand("value")?, operand("highValue")?),
            other @ ("CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN") => {
                return Err(HubSpotRefusal::invalid_request(format!(
                    "The sandbox doesn't support the operator {other}"
                )));
            }
            other => return Err(HubSpotRefusal::invalid_request(format!("Invalid operator {other}"))),
        };
        Ok(Self { property, test })
    }

    fn candidates(&self, index: &SearchIndex) -> Option<BTreeSet<u64>> {
        match &self.test {
            // Numbers and times are equal in many spellings.
            FilterTest::OneOf(operands, true) => match operands.as_slice() {
                [FilterOperand::Text(text)] => index.contacts_with(&self.property.name, text),
                _ => None,
            },
            _ => None,
        }
    }

    fn matches_contact(&self, contact: &SandboxContact) -> bool {
        let value = contact.properties.get(&self.property.name).map(|text| FilterOperand::new(&self.property, text));
        let Some(value) = value else { return matches!(self.test, FilterTest::Has(false)) };
        match &self.test {
            FilterTest::Has(wanted) => *wanted,
            FilterTest::OneOf(operands, wanted) => {
                operands.iter().any(|operand| value.compare_with(operand).is_eq()) == *wanted
            }
            FilterTest::Compared(operand, holds) => holds(value.compare_with(operand)),
            FilterTest::Between(low, high) => value.compare_with(low).is_ge() && value.compare_with(high).is_le(),
        }
    }
}

/// A value in the form in which it is compared.
enum FilterOperand {
    Number(f64),
    /// Milliseconds since 1970.
    Time(i64),
    /// In lowercase.
    Text(String),
}

impl FilterOperand {
    fn new(property: &PropertyDefinition, text: &str) -> Self {
        let typed = match property.kind.as_str() {
            "number" => text.parse().ok().map(Self::Number),
            "date" | "datetime" => parse_time(text).map(|time| Self::Time(time.as_millisecond())),
            _ => None,
        };
        typed.unwrap_or_else(|| Self::Text(text.to_lowercase()))
    }

    fn compare_with(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Time(one), Self::Time(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            // Values that can't be parsed as the property's type come after those that can.
            (one, other) => one.type_rank().cmp(&other.type_rank()),
        }
    }

    fn type_rank(&self) -> u8 {
        u8::from(matches!(self, Self::Text(_)))
    }
}

/// How contacts are sorted. Those without a value come last; those with equal values are sorted by id.
pub(super) struct SearchOrder {
    property: PropertyDefinition,
    descending: bool,
}

impl SearchOrder {
    /// Reads the one sort that a search may have. Without it, the oldest contact comes first.
    pub(super) fn parse_sorts(state: &PortalState, sorts: &[Value]) -> Result<Self, HubSpotRefusal> {
        let (name, descending) = match sorts {
            [] => ("createdate".to_owned(), false),
            [Value::String(name)] => match name.strip_prefix('-') {
                Some(name) => (name.to_owned(), true),
                None => (name.clone(), false),
            },
            [sort @ Value::Object(_)] => {
                let sort = HubSpotBody::from_value(sort.clone())?;
                let descending = match sort.optional_text("direction")?.unwrap_or("ASCENDING") {
                    "ASCENDING" => false,
                    "DESCENDING" => true,
                    other => return Err(HubSpotRefusal::invalid_request(format!("Invalid sort direction {other}"))),
                };
                (sort.required_text("propertyName")?.to_owned(), descending)
            }
            [other] => return Err(wrong_type("string", other)),
            _ => return Err(HubSpotRefusal::invalid_request("Only one sort is allowed in a search")),
        };
        Ok(Self { property: searched_property(state, &name)?, descending })
    }

    /// The contacts' ids, in this order.
    pub(super) fn sort_contacts(&self, contacts: Vec<&Arc<SandboxContact>>) -> Vec<u64> {
        let value = |contact: &SandboxContact| {
            contact.properties.get(&self.property.name).map(|text| FilterOperand::new(&self.property, text))
        };
        let mut sorted: Vec<_> = contacts.into_iter().map(|contact| (value(contact), contact.id)).collect();
        sorted.sort_by(|(one, one_id), (other, other_id)| {
            let by_value = match (one, other) {
                (Some(one), Some(other)) if self.descending => other.compare_with(one),
                (Some(one), Some(other)) => one.compare_with(other),
                (one, other) => other.is_some().cmp(&one.is_some()),
            };
            by_value.then(one_id.cmp(other_id))
        });
        sorted.into_iter().map(|(_, id)| id).collect()
    }
}

fn searched_property(state: &PortalState, name: &str) -> Result<PropertyDefinition, HubSpotRefusal> {
    let definition = state.property_definition(name).cloned();
    definition.ok_or_else(|| {
        HubSpotRefusal::invalid_request(format!("There was a problem with the request: no property {name}"))
    })
}
