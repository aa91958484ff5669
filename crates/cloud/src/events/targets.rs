//! Targets of a rule.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::super::Json;
use super::{ApiError, Call, limit, listed};

/// EventBridge's quota "Targets per rule".
const MAX_TARGETS: usize = 5;
/// `MaximumRetryAttempts` of a retry policy.
const RETRIES: RangeInclusive<i64> = 0..=185;
/// `MaximumEventAgeInSeconds` of a retry policy.
const AGE_S: RangeInclusive<i64> = 60..=86_400;

pub(super) fn put(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let given = call.body.list("Targets").to_vec();
    if given.is_empty() {
        return Err(ApiError::validation(
            "1 validation error detected: Value '[]' at 'targets' failed to satisfy constraint: Member must have \
             length greater than or equal to 1",
        ));
    }
    let mut targets = call.rule("Rule")?.targets.clone();
    for target in given {
        let members = Json::of(&target);
        check(&members)?;
        targets.insert(members.required("Id")?.to_owned(), target);
    }
    if targets.len() > MAX_TARGETS {
        return Err(limit("The requested resource exceeds the maximum number allowed."));
    }
    call.rule_mut("Rule")?.targets = targets;
    Ok(done())
}

/// An id that the rule doesn't have is not an error.
pub(super) fn remove(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let ids = call.body.texts("Ids");
    call.rule_mut("Rule")?.targets.retain(|id, _| !ids.contains(id));
    Ok(done())
}

pub(super) fn list(call: &Call<'_, '_>) -> Result<Value, ApiError> {
    let page = call.page(&call.rule("Rule")?.targets, |(id, _)| (*id).clone())?;
    let entries = page.items.iter().map(|(_, target)| (*target).clone()).collect();
    Ok(listed("Targets", entries, page.next))
}

/// The names of the rules that have a target with this ARN.
pub(super) fn list_rules(call: &Call<'_, '_>) -> Result<Value, ApiError> {
    let arn = call.body.required("TargetArn")?;
    let rules = call.state().rules.values();
    let names = rules.filter(|rule| rule.targets.values().any(|target| target["Arn"] == arn)).map(|rule| &rule.name);
    let page = call.page(names, |name| (*name).clone())?;
    Ok(listed("RuleNames", page.items.into_iter().map(|name| json!(name)).collect(), page.next))
}

/// EventBridge reports failures of single entries in a response with status 200. The embedded cloud never does.
fn done() -> Value {
    json!({ "FailedEntryCount": 0, "FailedEntries": [] })
}

fn check(target: &Json) -> Result<(), ApiError> {
    let id = target.required("Id")?;
    if id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
        return Err(ApiError::validation(format!(
            "1 validation error detected: Value '{id}' at 'targets.1.member.id' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"
        )));
    }
    let arn = target.required("Arn")?;
    if !arn.starts_with("arn:") || arn.splitn(6, ':').count() < 6 {
        return Err(ApiError::validation(format!(
            "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
        )));
    }
    if target.text("Input").is_some_and(|input| serde_json::from_str::<Value>(input).is_err()) {
        return Err(ApiError::validation(format!("JSON syntax error in input for target {id}.")));
    }
    let Some(policy) = target.value("RetryPolicy").map(Json::of) else { return Ok(()) };
    for (name, range) in [("MaximumRetryAttempts", RETRIES), ("MaximumEventAgeInSeconds", AGE_S)] {
        if policy.integer(name).is_some_and(|value| !range.contains(&value)) {
            let (least, most) = range.into_inner();
            return Err(ApiError::validation(format!(
                "1 validation error detected: Value at 'retryPolicy.{name}' failed to satisfy constraint: Member must \
                 have value between {least} and {most}"
            )));
        }
    }
    Ok(())
}
