//! The supported filter patterns: terms, and equality of JSON members. Any other pattern is an error, never ignored.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

use serde_json::Value;

use super::{ApiError, invalid_parameter};

pub(super) enum FilterPattern {
    /// The message must contain every term in `all`, at least one in `any` (if there are any), and none in `none`.
    Terms { all: Vec<String>, any: Vec<String>, none: Vec<String> },
    /// `{ $.member = "value" && ($.other = "x" || $.other = "y") }`: one of each group must hold.
    Members(Vec<Vec<MemberTest>>),
}

/// The path of a member, whether it must be equal, and the value.
type MemberTest = (Vec<String>, bool, Value);

impl FilterPattern {
    pub(super) fn parse_pattern(text: &str) -> Result<Self, ApiError> {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let parts = inner.split("&&").map(parse_group).collect::<Option<Vec<_>>>();
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
                let holds = |(path, equal, wanted): &MemberTest| {
                    let found = path.iter().try_fold(&document, |value, name| value.get(name));
                    found.is_some_and(|found| is_same_value(found, wanted) == *equal)
                };
                members.iter().all(|group| group.iter().any(holds))
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

/// A test, or several in parentheses of which one must hold.
fn parse_group(text: &str) -> Option<Vec<MemberTest>> {
    match text.trim().strip_prefix('(') {
        Some(rest) => rest.strip_suffix(')')?.split("||").map(parse_member).collect(),
        None => parse_member(text).map(|member| vec![member]),
    }
}

fn parse_member(text: &str) -> Option<MemberTest> {
    let (path, value) = text.split_once('=')?;
    let (path, equal) = path.strip_suffix('!').map_or((path, true), |path| (path, false));
    let path = path.trim().strip_prefix("$.")?;
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let path: Vec<String> = path.split('.').map(ToOwned::to_owned).collect();
    let value = value.trim();
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let understood =
        path.iter().all(|name| plain(name)) && !value.as_str().is_some_and(|text| text.contains(['*', '|', '(', ')']));
    understood.then_some((path, equal, value))
}

fn is_same_value(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(found), Some(wanted)) => (found - wanted).abs() < f64::EPSILON,
        _ => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_members_are_alternatives_in_parentheses_and_nothing_else_is_understood() {
        let matches = |pattern: &str, message: &str| {
            FilterPattern::parse_pattern(pattern).ok().map(|pattern| pattern.matches_message(message))
        };
        let failed = r#"{"outcome":"failed","contact_id":"7"}"#;
        for (pattern, expected) in [
            (r#"{ $.outcome = "failed" }"#, Some(true)),
            (r#"{ ($.outcome = "failed" || $.outcome = "synced") && $.contact_id = "7" }"#, Some(true)),
            (r#"{ ($.outcome = "synced" || $.outcome = "linked") && $.contact_id = "7" }"#, Some(false)),
            (r#"{ ($.outcome = "failed") && $.contact_id = "8" }"#, Some(false)),
            (r#"{ $.outcome = failed || $.outcome = synced }"#, None),
            (r#"{ ($.outcome = failed && $.contact_id = 7) }"#, None),
            (r#"{ (($.outcome = failed)) }"#, None),
        ] {
            assert_eq!(matches(pattern, failed), expected, "{pattern}");
        }
        assert_eq!(matches(r#"{ ($.outcome = "failed") }"#, "END RequestId"), Some(false));
    }
}
