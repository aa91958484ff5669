//! Rules.

use serde_json::{Map, Value, json};

use super::{ApiError, BUS, EventBridgeCall, StoredRule, check_tags, limit_exceeded, list_answer};
use crate::quotas::Quota;
use deployer_core::manifest::ScheduleExpression;

/// The maximum length of `Name` in `PutRule`.
const MAX_NAME: usize = 64;
/// The maximum length of `Description` in `PutRule`.
const MAX_DESCRIPTION: usize = 512;

/// Replaces an existing rule except for its targets and tags. Members that the request omits are removed.
pub(super) fn put_rule(call: &mut EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let body = call.body;
    let name = body.required_text("Name")?.to_owned();
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !named || name.len() > MAX_NAME {
        return Err(ApiError::validation_error(format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [\\.\\-_A-Za-z0-9]+ and have length less than or equal to {MAX_NAME}"
        )));
    }
    if body.member_text("Description").is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
        return Err(ApiError::validation_error(format!(
            "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have \
             length less than or equal to {MAX_DESCRIPTION}"
        )));
    }
    let schedule = body.member_text("ScheduleExpression").filter(|text| !text.is_empty());
    let pattern = body.member_text("EventPattern").filter(|text| !text.is_empty());
    if schedule.is_none() && pattern.is_none() {
        return Err(ApiError::validation_error("Parameter(s) EventPattern or ScheduleExpression must be specified."));
    }
    if schedule.is_some_and(|text| ScheduleExpression::parse_expression(text).is_err()) {
        return Err(ApiError::validation_error("Parameter ScheduleExpression is not valid."));
    }
    if pattern.is_some_and(|text| !serde_json::from_str::<Value>(text).is_ok_and(|pattern| pattern.is_object())) {
        return Err(ApiError::bad_request("InvalidEventPatternException", "Event pattern is not valid."));
    }
    let mut others = Map::new();
    let enabled = match body.member_text("State") {
        None | Some("ENABLED") => true,
        Some(state @ "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS") => {
            others.insert("State".to_owned(), json!(state));
            true
        }
        Some("DISABLED") => false,
        Some(other) => {
            return Err(ApiError::validation_error(format!(
                "The local cloud does not support the rule state {other}."
            )));
        }
    };
    let tags = body.member_tags("Tags");
    check_tags(&tags)?;
    let existing = call.events_state().rules.get(&name);
    if existing.is_none() && call.events_state().rules.len() >= call.cx.quota_value(Quota::RulesPerBus) {
        return Err(limit_exceeded("The requested resource exceeds the maximum number allowed."));
    }
    let rule = StoredRule {
        arn: call.cx.build_arn("events", &format!("rule/{name}")),
        description: body.member_text("Description").map(ToOwned::to_owned),
        schedule: schedule.map(ToOwned::to_owned),
        pattern: pattern.map(ToOwned::to_owned),
        role_arn: body.member_text("RoleArn").map(ToOwned::to_owned),
        enabled,
        // "If you are updating an existing rule, any tags you specify in the PutRule operation are ignored."
        tags: existing.map_or(tags, |rule| rule.tags.clone()),
        targets: existing.map(|rule| rule.targets.clone()).unwrap_or_default(),
        others,
        name: name.clone(),
    };
    let answer = json!({ "RuleArn": rule.arn });
    call.events_state_mut().rules.insert(name, rule);
    Ok(answer)
}

pub(super) fn describe_rule(call: &EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let mut answer = rule_members(call.find_rule("Name")?);
    answer.insert("CreatedBy".to_owned(), json!(call.cx.account_id()));
    Ok(Value::Object(answer))
}

pub(super) fn list_rules(call: &EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let prefix = call.body.member_text("NamePrefix").unwrap_or_default();
    let rules = &call.events_state().rules;
    let page =
        call.list_page_after(|after| rules.iter_with_prefix_after(prefix, after), |(name, _)| (*name).clone())?;
    let entries = page.items.iter().map(|(_, rule)| Value::Object(rule_members(rule))).collect();
    Ok(list_answer("Rules", entries, page.next))
}

pub(super) fn set_rule_enabled(call: &mut EventBridgeCall<'_, '_>, enabled: bool) -> Result<Value, ApiError> {
    call.find_rule_mut("Name")?.enabled = enabled;
    Ok(json!({}))
}

/// Deleting a missing rule is not an error.
pub(super) fn delete_rule(call: &mut EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.body.required_text("Name")?.to_owned();
    match call.events_state().rules.get(&name) {
        None => {}
        Some(rule) if !rule.targets.is_empty() => {
            return Err(ApiError::validation_error("Rule can't be deleted since it has targets."));
        }
        Some(_) => {
            call.events_state_mut().rules.remove(&name);
        }
    }
    Ok(json!({}))
}

fn rule_members(rule: &StoredRule) -> Map<String, Value> {
    let optional = [
        ("Description", &rule.description),
        ("ScheduleExpression", &rule.schedule),
        ("EventPattern", &rule.pattern),
        ("RoleArn", &rule.role_arn),
    ];
    let mut members = Map::new();
    members.insert("Name".to_owned(), json!(rule.name));
    members.insert("Arn".to_owned(), json!(rule.arn));
    members.insert("State".to_owned(), json!(if rule.enabled { "ENABLED" } else { "DISABLED" }));
    members.insert("EventBusName".to_owned(), json!(BUS));
    for (name, value) in optional {
        if let Some(value) = value {
            members.insert(name.to_owned(), json!(value));
        }
    }
    members.extend(rule.others.clone());
    members
}
