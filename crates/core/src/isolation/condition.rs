//! Evaluates a statement's `Condition` for a request.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::pattern::{Certainty, glob_matches, replace_variables_with_stars, resource_matches};

/// What is known about a request: lowercase key to value, or to `None` if the request definitely lacks the key. Any
/// other key is unknown.
pub type RequestContext = BTreeMap<&'static str, Option<String>>;

/// Compares a policy's value with the request's.
type CompareValues = fn(&str, &str) -> Certainty;

/// All operators and all of their keys must hold.
pub(super) fn condition_holds(condition: &Map<String, Value>, context: &RequestContext) -> Certainty {
    let operators = condition.iter().map(|(operator, keys)| match keys.as_object() {
        Some(keys) => keys
            .iter()
            .map(|(key, values)| operator_holds(operator, key, values, context))
            .min()
            .unwrap_or(Certainty::Yes),
        None => Certainty::Maybe,
    });
    operators.min().unwrap_or(Certainty::Yes)
}

fn operator_holds(operator: &str, key: &str, values: &Value, context: &RequestContext) -> Certainty {
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let Some(values) = scalar_strings(values) else { return Certainty::Maybe };
    let Some(found) = context.get(key.to_lowercase().as_str()) else { return Certainty::Maybe };
    if operator == "Null" {
        // "true" requires the key to be absent.
        return values
            .iter()
            .map(|value| Certainty::from((value == "true") == found.is_none()))
            .max()
            .unwrap_or(Certainty::No);
    }
    let Some((compare, negated)) = find_operator(operator) else { return Certainty::Maybe };
    let Some(found) = found else { return Certainty::from(if_exists || negated) };
    let any = values.iter().map(|value| compare(value, found)).max().unwrap_or(Certainty::No);
    if negated { any.negated() } else { any }
}

/// How an operator compares, and whether it negates the result. Operators for sets, numbers, dates and IP addresses are
/// not supported, since none of our policies uses them.
fn find_operator(operator: &str) -> Option<(CompareValues, bool)> {
    Some(match operator {
        "StringEquals" => (equals_value, false),
        "StringNotEquals" => (equals_value, true),
        "StringEqualsIgnoreCase" | "Bool" => (equals_ignoring_case, false),
        "StringNotEqualsIgnoreCase" => (equals_ignoring_case, true),
        "StringLike" => (matches_glob, false),
        "StringNotLike" => (matches_glob, true),
        "ArnEquals" | "ArnLike" => (resource_matches, false),
        "ArnNotEquals" | "ArnNotLike" => (resource_matches, true),
        _ => return None,
    })
}

fn equals_value(value: &str, found: &str) -> Certainty {
    match_with_variable(value, found).unwrap_or_else(|| Certainty::from(value == found))
}

fn equals_ignoring_case(value: &str, found: &str) -> Certainty {
    equals_value(&value.to_lowercase(), &found.to_lowercase())
}

fn matches_glob(value: &str, found: &str) -> Certainty {
    match_with_variable(value, found).unwrap_or_else(|| Certainty::from(glob_matches(value, found)))
}

/// The result for a value that contains a variable: it may match anything that fits its literal characters.
fn match_with_variable(value: &str, found: &str) -> Option<Certainty> {
    let open = replace_variables_with_stars(value)?;
    Some(if glob_matches(&open, found) { Certainty::Maybe } else { Certainty::No })
}

/// One value or a list of values, as strings.
fn scalar_strings(value: &Value) -> Option<Vec<String>> {
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
