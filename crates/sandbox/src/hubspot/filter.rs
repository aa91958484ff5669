//! The filters and the sort order of a search.

use std::cmp::Ordering;

use serde_json::Value;

use super::definition::PropertyDefinition;
use super::error::Refusal;
use super::json::{Body, wrong_type};
use super::state::{Contact, State};
use super::validate::parse_time;
use crate::vendors::HUBSPOT_SEARCH_FILTERS;

/// Groups of filters, one of which must match. A search without groups matches every contact.
pub(super) struct Filters(Vec<Vec<Filter>>);

struct Filter {
    property: PropertyDefinition,
    test: Test,
}

enum Test {
    Has(bool),
    /// Equal to one of these (`true`) or to none of them (`false`). Either way, the contact must have a value.
    OneOf(Vec<Operand>, bool),
    /// Compares the value with the operand; the function tests the result.
    Compared(Operand, fn(Ordering) -> bool),
    Between(Operand, Operand),
}

impl Filters {
    pub(super) fn read(state: &State, groups: &[Value]) -> Result<Self, Refusal> {
        let mut read = Vec::new();
        for group in groups {
            let group = Body::from(group.clone())?;
            read.push(
                group
                    .list("filters")?
                    .iter()
                    .map(|filter| Filter::read(state, filter))
                    .collect::<Result<Vec<_>, _>>()?,
            );
        }
        let (most_groups, most_in_group, most) = HUBSPOT_SEARCH_FILTERS;
        if read.len() > most_groups
            || read.iter().any(|group| group.len() > most_in_group)
            || read.iter().map(Vec::len).sum::<usize>() > most
        {
            return Err(Refusal::invalid(format!(
                "A search has at most {most_groups} filterGroups, {most_in_group} filters in a group and {most} in all"
            )));
        }
        Ok(Self(read))
    }

    pub(super) fn hold(&self, contact: &Contact) -> bool {
        self.0.is_empty() || self.0.iter().any(|group| group.iter().all(|filter| filter.holds(contact)))
    }
}

impl Filter {
    fn read(state: &State, filter: &Value) -> Result<Self, Refusal> {
        let filter = Body::from(filter.clone())?;
        // Their types are checked even if the operator doesn't use them.
        filter.optional_text("value")?;
        filter.optional_text("highValue")?;
        filter.texts("values")?;
        let property = searched(state, filter.text("propertyName")?)?;
        let operand = |name: &str| Ok::<_, Refusal>(Operand::new(&property, filter.text(name)?));
        let operands = || {
            filter.require(&["values"])?;
            let values = filter.texts("values")?;
            if values.is_empty() {
                return Err(Refusal::invalid("values must have at least one value"));
            }
            Ok(values.iter().map(|text| Operand::new(&property, text)).collect::<Vec<_>>())
        };
        let test = match filter.text("operator")? {
            "HAS_PROPERTY" => Test::Has(true),
            "NOT_HAS_PROPERTY" => Test::Has(false),
            "EQ" => Test::OneOf(vec![operand("value")?], true),
            "NEQ" => Test::OneOf(vec![operand("value")?], false),
            "IN" => Test::OneOf(operands()?, true),
            "NOT_IN" => Test::OneOf(operands()?, false),
            "LT" => Test::Compared(operand("value")?, Ordering::is_lt),
            "LTE" => Test::Compared(operand("value")?, Ordering::is_le),
            "GT" => Test::Compared(operand("value")?, Ordering::is_gt),
            "GTE" => Test::Compared(operand("value")?, Ordering::is_ge),
            "BETWEEN" => Test::Between(operand("value")?, operand("highValue")?),
            other @ ("CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN") => {
                return Err(Refusal::invalid(format!("The sandbox doesn't support the operator {other}")));
            }
            other => return Err(Refusal::invalid(format!("Invalid operator {other}"))),
        };
        Ok(Self { property, test })
    }

    fn holds(&self, contact: &Contact) -> bool {
        let value = contact.properties.get(&self.property.name).map(|text| Operand::new(&self.property, text));
        let Some(value) = value else { return matches!(self.test, Test::Has(false)) };
        match &self.test {
            Test::Has(wanted) => *wanted,
            Test::OneOf(operands, wanted) => operands.iter().any(|operand| value.compare(operand).is_eq()) == *wanted,
            Test::Compared(operand, holds) => holds(value.compare(operand)),
            Test::Between(low, high) => value.compare(low).is_ge() && value.compare(high).is_le(),
        }
    }
}

/// A value in the form in which it is compared.
enum Operand {
    Number(f64),
    /// Milliseconds since 1970.
    Time(i64),
    /// In lowercase.
    Text(String),
}

impl Operand {
    fn new(property: &PropertyDefinition, text: &str) -> Self {
        let typed = match property.kind.as_str() {
            "number" => text.parse().ok().map(Self::Number),
            "date" | "datetime" => parse_time(text).map(|time| Self::Time(time.as_millisecond())),
            _ => None,
        };
        typed.unwrap_or_else(|| Self::Text(text.to_lowercase()))
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Time(one), Self::Time(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            // Values that can't be parsed as the property's type come after those that can.
            (one, other) => one.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        u8::from(matches!(self, Self::Text(_)))
    }
}

/// How contacts are sorted. Those without a value come last; those with equal values are sorted by id.
pub(super) struct Order {
    property: PropertyDefinition,
    descending: bool,
}

impl Order {
    /// Reads the one sort that a search may have. Without it, the oldest contact comes first.
    pub(super) fn read(state: &State, sorts: &[Value]) -> Result<Self, Refusal> {
        let (name, descending) = match sorts {
            [] => ("createdate".to_owned(), false),
            [Value::String(name)] => match name.strip_prefix('-') {
                Some(name) => (name.to_owned(), true),
                None => (name.clone(), false),
            },
            [sort @ Value::Object(_)] => {
                let sort = Body::from(sort.clone())?;
                let descending = match sort.optional_text("direction")?.unwrap_or("ASCENDING") {
                    "ASCENDING" => false,
                    "DESCENDING" => true,
                    other => return Err(Refusal::invalid(format!("Invalid sort direction {other}"))),
                };
                (sort.text("propertyName")?.to_owned(), descending)
            }
            [other] => return Err(wrong_type("string", other)),
            _ => return Err(Refusal::invalid("Only one sort is allowed in a search")),
        };
        Ok(Self { property: searched(state, &name)?, descending })
    }

    pub(super) fn compare(&self, one: &Contact, other: &Contact) -> Ordering {
        let value = |contact: &Contact| contact.properties.get(&self.property.name).cloned();
        let by_value = match (value(one), value(other)) {
            (Some(one), Some(other)) => {
                let order = Operand::new(&self.property, &one).compare(&Operand::new(&self.property, &other));
                if self.descending { order.reverse() } else { order }
            }
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        by_value.then(one.id.cmp(&other.id))
    }
}

fn searched(state: &State, name: &str) -> Result<PropertyDefinition, Refusal> {
    let definition = state.definition(name).cloned();
    definition.ok_or_else(|| Refusal::invalid(format!("There was a problem with the request: no property {name}")))
}
