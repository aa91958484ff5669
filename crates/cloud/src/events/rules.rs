//! Rules.

use serde_json::{Map, Value, json};

use super::{ApiError, BUS, Call, Rule, check_tags, limit, listed};
use deployer_core::manifest::Schedule;

/// EventBridge's quota "Rules per event bus".
const MAX_RULES: usize = 300;
/// The maximum length of `Name` in `PutRule`.
const MAX_NAME: usize = 64;
/// The maximum length of `Description` in `PutRule`.
const MAX_DESCRIPTION: usize = 512;

/// Replaces an existing rule except for its targets and tags. Members that the request omits are removed.
pub(super) fn put(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let body = call.body;
    let name = body.required("Name")?.to_owned();
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !named || name.len() > MAX_NAME {
        return Err(ApiError::validation(format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [\\.\\-_A-Za-z0-9]+ and have length less than or equal to {MAX_NAME}"
        )));
    }
    if body.text("Description").is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
        return Err(ApiError::validation(format!(
            "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have \
             length less than or equal to {MAX_DESCRIPTION}"
        )));
    }
    let schedule = body.text("ScheduleExpression").filter(|text| !text.is_empty());
    let pattern = body.text("EventPattern").filter(|text| !text.is_empty());
    if schedule.is_none() && pattern.is_none() {
        return Err(ApiError::validation("Parameter(s) EventPattern or ScheduleExpression must be specified."));
    }
    if schedule.is_some_and(|text| Schedule::parse(text).is_err()) {
        return Err(ApiError::validation("Parameter ScheduleExpression is not valid."));
    }
    if pattern.is_some_and(|text| !serde_json::from_str::<Value>(text).is_ok_and(|pattern| pattern.is_object())) {
        return Err(ApiError::bad("InvalidEventPatternException", "Event pattern is not valid."));
    }
    let enabled = match body.text("State") {
        None | Some("ENABLED") => true,
        Some("DISABLED") => false,
        Some(other) => {
            return Err(ApiError::validation(format!("The local cloud does not support the rule state {other}.")));
        }
    };
    let tags = body.tags("Tags");
    check_tags(&tags)?;
    let existing = call.state().rules.get(&name);
    if existing.is_none() && call.state().rules.len() >= MAX_RULES {
        return Err(limit("The requested resource exceeds the maximum number allowed."));
    }
    let rule = Rule {
        arn: call.cx.arn("events", &format!("rule/{name}")),
        description: body.text("Description").map(ToOwned::to_owned),
        schedule: schedule.map(ToOwned::to_owned),
        pattern: pattern.map(ToOwned::to_owned),
        role_arn: body.text("RoleArn").map(ToOwned::to_owned),
        enabled,
        // "If you are updating an existing rule, any tags you specify in the PutRule operation are ignored."
        tags: existing.map_or(tags, |rule| rule.tags.clone()),
        targets: existing.map(|rule| rule.targets.clone()).unwrap_or_default(),
        name: name.clone(),
    };
    let answer = json!({ "RuleArn": rule.arn });
    call.state_mut().rules.insert(name, rule);
    Ok(answer)
}

pub(super) fn describe(call: &Call<'_, '_>) -> Result<Value, ApiError> {
    let mut answer = members(call.rule("Name")?);
    answer.insert("CreatedBy".to_owned(), json!(call.cx.account()));
    Ok(Value::Object(answer))
}

pub(super) fn list(call: &Call<'_, '_>) -> Result<Value, ApiError> {
    let prefix = call.body.text("NamePrefix").unwrap_or_default();
    let rules = call.state().rules.values().filter(|rule| rule.name.starts_with(prefix));
    let page = call.page(rules, |rule| rule.name.clone())?;
    let entries = page.items.iter().map(|rule| Value::Object(members(rule))).collect();
    Ok(listed("Rules", entries, page.next))
}

pub(super) fn enable(call: &mut Call<'_, '_>, enabled: bool) -> Result<Value, ApiError> {
    call.rule_mut("Name")?.enabled = enabled;
    Ok(json!({}))
}

/// Deleting a missing rule is not an error.
pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let name = call.body.required("Name")?.to_owned();
    match call.state().rules.get(&name) {
        None => {}
        Some(rule) if !rule.targets.is_empty() => {
            return Err(ApiError::validation("Rule can't be deleted since it has targets."));
        }
        Some(_) => {
            call.state_mut().rules.remove(&name);
        }
    }
    Ok(json!({}))
}

fn members(rule: &Rule) -> Map<String, Value> {
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
    members
}
