//! Targets of a rule.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::super::JsonBody;
use super::{ApiError, EventBridgeCall, StoredRule, limit_exceeded, list_answer};
use deployer_core::arn::Arn;

/// EventBridge's quota "Targets per rule".
const MAX_TARGETS: usize = 5;
/// `MaximumRetryAttempts` of a retry policy.
const RETRIES: RangeInclusive<i64> = 0..=185;
/// `MaximumEventAgeInSeconds` of a retry policy.
const AGE_S: RangeInclusive<i64> = 60..=86_400;

pub(super) fn put_targets(call: &mut EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let given = call.body.member_list("Targets").to_vec();
    if given.is_empty() {
        return Err(ApiError::validation_error(
            "1 validation error detected: Value '[]' at 'targets' failed to satisfy constraint: Member must have \
             length greater than or equal to 1",
        ));
    }
    let mut targets = call.find_rule("Rule")?.targets.clone();
    for target in given {
        let members = JsonBody::from_value(&target);
        check_target(&members)?;
        targets.insert(members.required_text("Id")?.to_owned(), target);
    }
    if targets.len() > MAX_TARGETS {
        return Err(limit_exceeded("The requested resource exceeds the maximum number allowed."));
    }
    call.find_rule_mut("Rule")?.targets = targets;
    Ok(no_failed_entries())
}

/// An id that the rule doesn't have is not an error.
pub(super) fn remove_targets(call: &mut EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let ids = call.body.member_texts("Ids");
    call.find_rule_mut("Rule")?.targets.retain(|id, _| !ids.contains(id));
    Ok(no_failed_entries())
}

pub(super) fn list_targets_by_rule(call: &EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let page = call.list_page(&call.find_rule("Rule")?.targets, |(id, _)| (*id).clone())?;
    let entries = page.items.iter().map(|(_, target)| (*target).clone()).collect();
    Ok(list_answer("Targets", entries, page.next))
}

/// The names of the rules that have a target with this ARN.
pub(super) fn list_rule_names_by_target(call: &EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let arn = call.body.required_text("TargetArn")?;
    let is_target = |rule: &StoredRule| rule.targets.values().any(|target| target["Arn"] == arn);
    let rules = &call.events_state().rules;
    let page = call.list_page_after(
        |after| rules.iter_after(after).filter(|(_, rule)| is_target(rule)).map(|(name, _)| name),
        |name| (*name).clone(),
    )?;
    Ok(list_answer("RuleNames", page.items.into_iter().map(|name| json!(name)).collect(), page.next))
}

/// EventBridge reports failures of single entries in a response with status 200. The embedded cloud never does.
fn no_failed_entries() -> Value {
    json!({ "FailedEntryCount": 0, "FailedEntries": [] })
}

fn check_target(target: &JsonBody) -> Result<(), ApiError> {
    let id = target.required_text("Id")?;
    if id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
        return Err(ApiError::validation_error(format!(
            "1 validation error detected: Value '{id}' at 'targets.1.member.id' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"
        )));
    }
    let arn = target.required_text("Arn")?;
    if Arn::parse_arn(arn).is_err() {
        return Err(ApiError::validation_error(format!(
            "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
        )));
    }
    if target.member_text("Input").is_some_and(|input| serde_json::from_str::<Value>(input).is_err()) {
        return Err(ApiError::validation_error(format!("JSON syntax error in input for target {id}.")));
    }
    let Some(policy) = target.member_value("RetryPolicy").map(JsonBody::from_value) else { return Ok(()) };
    for (name, range) in [("MaximumRetryAttempts", RETRIES), ("MaximumEventAgeInSeconds", AGE_S)] {
        if policy.member_integer(name).is_some_and(|value| !range.contains(&value)) {
            let (least, most) = range.into_inner();
            return Err(ApiError::validation_error(format!(
                "1 validation error detected: Value at 'retryPolicy.{name}' failed to satisfy constraint: Member must \
                 have value between {least} and {most}"
            )));
        }
    }
    Ok(())
}
