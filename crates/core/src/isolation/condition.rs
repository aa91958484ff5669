//! Evaluates a statement's `Condition` for a request.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::pattern::{Holds, glob, is_resource, with_stars_for_variables};

/// What is known about a request: lowercase key to value, or to `None` if the request definitely lacks the key. Any
/// other key is unknown.
pub type Context = BTreeMap<&'static str, Option<String>>;

/// Compares a policy's value with the request's.
type Compare = fn(&str, &str) -> Holds;

/// All operators and all of their keys must hold.
pub(super) fn holds(condition: &Map<String, Value>, context: &Context) -> Holds {
    let operators = condition.iter().map(|(operator, keys)| match keys.as_object() {
        Some(keys) => keys.iter().map(|(key, values)| one(operator, key, values, context)).min().unwrap_or(Holds::Yes),
        None => Holds::Maybe,
    });
    operators.min().unwrap_or(Holds::Yes)
}

fn one(operator: &str, key: &str, values: &Value, context: &Context) -> Holds {
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let Some(values) = scalars(values) else { return Holds::Maybe };
    let Some(found) = context.get(key.to_lowercase().as_str()) else { return Holds::Maybe };
    if operator == "Null" {
        // "true" requires the key to be absent.
        return values.iter().map(|value| Holds::from((value == "true") == found.is_none())).max().unwrap_or(Holds::No);
    }
    let Some((compare, negated)) = operation(operator) else { return Holds::Maybe };
    let Some(found) = found else { return Holds::from(if_exists || negated) };
    let any = values.iter().map(|value| compare(value, found)).max().unwrap_or(Holds::No);
    if negated { any.opposite() } else { any }
}

/// How an operator compares, and whether it negates the result. Operators for sets, numbers, dates and IP addresses are
/// not supported, since none of our policies uses them.
fn operation(operator: &str) -> Option<(Compare, bool)> {
    Some(match operator {
        "StringEquals" => (equal, false),
        "StringNotEquals" => (equal, true),
        "StringEqualsIgnoreCase" | "Bool" => (equal_without_case, false),
        "StringNotEqualsIgnoreCase" => (equal_without_case, true),
        "StringLike" => (like, false),
        "StringNotLike" => (like, true),
        "ArnEquals" | "ArnLike" => (is_resource, false),
        "ArnNotEquals" | "ArnNotLike" => (is_resource, true),
        _ => return None,
    })
}

fn equal(value: &str, found: &str) -> Holds {
    with_variable(value, found).unwrap_or_else(|| Holds::from(value == found))
}

fn equal_without_case(value: &str, found: &str) -> Holds {
    equal(&value.to_lowercase(), &found.to_lowercase())
}

fn like(value: &str, found: &str) -> Holds {
    with_variable(value, found).unwrap_or_else(|| Holds::from(glob(value, found)))
}

/// The result for a value that contains a variable: it may match anything that fits its literal characters.
fn with_variable(value: &str, found: &str) -> Option<Holds> {
    let open = with_stars_for_variables(value)?;
    Some(if glob(&open, found) { Holds::Maybe } else { Holds::No })
}

/// One value or a list of values, as strings.
fn scalars(value: &Value) -> Option<Vec<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Array(values) => values.iter().map(scalar).collect(),
        value => scalar(value).map(|text| vec![text]),
    }
}
