//! The supported filter patterns: terms, and equality of JSON members. Any other pattern is an error, never ignored.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

use serde_json::Value;

use super::{ApiError, invalid_parameter};

pub(super) enum FilterPattern {
    /// The message must contain every term in `all`, at least one in `any` (if there are any), and none in `none`.
    Terms { all: Vec<String>, any: Vec<String>, none: Vec<String> },
    /// `{ $.member = "value" && … }`: the path, whether it must be equal, and the value.
    Members(Vec<(Vec<String>, bool, Value)>),
}

impl FilterPattern {
    pub(super) fn parse_pattern(text: &str) -> Result<Self, ApiError> {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let parts = inner.split("&&").map(parse_member).collect::<Option<Vec<_>>>();
            return parts.map(Self::Members).ok_or_else(|| {
                invalid_parameter(format!(
                    "The local cloud does not support the filter pattern {text}; it supports $.member = value"
                ))
            });
        }
        if text.starts_with(['[', '%']) {
            return Err(invalid_parameter(format!("The local cloud does not support the filter pattern {text}")));
        }
        let (mut all, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
        for term in split_terms(text) {
            match term.strip_prefix('?').map(|rest| (rest, true)).or(term.strip_prefix('-').map(|rest| (rest, false))) {
                Some((rest, true)) => any.push(strip_quotes(rest)),
                Some((rest, false)) => none.push(strip_quotes(rest)),
                None => all.push(strip_quotes(&term)),
            }
        }
        Ok(Self::Terms { all, any, none })
    }

    pub(super) fn matches_message(&self, message: &str) -> bool {
        match self {
            Self::Terms { all, any, none } => {
                all.iter().all(|term| message.contains(term))
                    && (any.is_empty() || any.iter().any(|term| message.contains(term)))
                    && !none.iter().any(|term| message.contains(term))
            }
            Self::Members(members) => {
                let Ok(document) = serde_json::from_str::<Value>(message) else { return false };
                members.iter().all(|(path, equal, wanted)| {
                    let found = path.iter().try_fold(&document, |value, name| value.get(name));
                    found.is_some_and(|found| is_same_value(found, wanted) == *equal)
                })
            }
        }
    }
}

/// Splits into words, but keeps quoted phrases together.
fn split_terms(text: &str) -> Vec<String> {
    let (mut terms, mut term, mut quoted) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        quoted ^= letter == '"';
        if letter.is_whitespace() && !quoted {
            terms.push(std::mem::take(&mut term));
        } else {
            term.push(letter);
        }
    }
    terms.push(term);
    terms.retain(|term| !term.is_empty());
    terms
}

fn strip_quotes(term: &str) -> String {
    term.trim_matches('"').to_owned()
}

fn parse_member(text: &str) -> Option<(Vec<String>, bool, Value)> {
    let (path, value) = text.split_once('=')?;
    let (path, equal) = path.strip_suffix('!').map_or((path, true), |path| (path, false));
    let path = path.trim().strip_prefix("$.")?;
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let path: Vec<String> = path.split('.').map(ToOwned::to_owned).collect();
    let value = value.trim();
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let understood =
        path.iter().all(|name| plain(name)) && !value.as_str().is_some_and(|text| text.contains(['*', '|']));
    understood.then_some((path, equal, value))
}

fn is_same_value(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(found), Some(wanted)) => (found - wanted).abs() < f64::EPSILON,
        _ => found == wanted,
    }
}
