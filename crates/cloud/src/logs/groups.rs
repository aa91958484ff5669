//! Log groups, their retention and tags.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::ListPage;
use super::events::event_key;
use super::{
    ApiError, JsonBody, LogsCall, LogsState, StoredLogGroup, already_exists, invalid_parameter, invalid_token,
    list_answer,
};

/// The allowed values of `retentionInDays` in `PutRetentionPolicy`.
const RETENTION_DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// The maximum page size: `limit` of `DescribeLogGroups`.
const MAX_LIMIT: usize = 50;
/// The maximum length of `logGroupName`.
const MAX_NAME: usize = 512;
/// The maximum number of tags of a log group (`TagResource`).
const MAX_TAGS: usize = 50;

pub(super) fn create_log_group(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.body.required_text("logGroupName")?.to_owned();
    if name.len() > MAX_NAME || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte)) {
        return Err(invalid_parameter(format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
        )));
    }
    let tags = call.body.member_map("tags");
    check_tags(&tags)?;
    if call.logs_state().groups.contains_key(&name) {
        return Err(already_exists("log group"));
    }
    let group = StoredLogGroup {
        arn: call.cx.build_arn("logs", &format!("log-group:{name}")),
        created_ms: call.cx.epoch_ms(),
        retention_days: None,
        streams: BTreeMap::new(),
        ingested: 0,
        others: given_members(call.body),
        filters: BTreeMap::new(),
        name: name.clone(),
        tags,
    };
    call.logs_state_mut().groups.insert(name, group);
    Ok(json!({}))
}

pub(super) fn describe_log_groups(call: &LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let prefix = call.body.member_text("logGroupNamePrefix");
    let pattern = call.body.member_text("logGroupNamePattern");
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid_parameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let pattern = pattern.map(str::to_lowercase);
    let is_wanted =
        |group: &&StoredLogGroup| pattern.as_ref().is_none_or(|pattern| group.name.to_lowercase().contains(pattern));
    let groups = &call.logs_state().groups;
    let size = call.cx.page_size(call.body.member_integer("limit"), MAX_LIMIT);
    let page = ListPage::from_items_after(
        |after| {
            let groups = groups.iter_with_prefix_after(prefix.unwrap_or_default(), after);
            groups.map(|(_, group)| group).filter(is_wanted)
        },
        |group| group.name.clone(),
        call.body.member_text("nextToken"),
        size,
        invalid_token,
    )?;
    Ok(list_answer(
        "logGroups",
        page.items.iter().map(|group| group_json(call.logs_state(), group)).collect(),
        page.next,
    ))
}

pub(super) fn put_retention_policy(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let days = call.body.member_integer("retentionInDays").unwrap_or_default();
    call.find_group()?;
    if !RETENTION_DAYS.contains(&days) {
        return Err(invalid_parameter(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member \
             must satisfy enum value set: {RETENTION_DAYS:?}"
        )));
    }
    call.find_group_mut()?.retention_days = Some(days);
    Ok(json!({}))
}

pub(super) fn delete_retention_policy(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    call.find_group_mut()?.retention_days = None;
    Ok(json!({}))
}

pub(super) fn delete_log_group(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let group = call.find_group()?;
    if group.others.get("deletionProtectionEnabled") == Some(&json!(true)) {
        return Err(ApiError::bad_request("ValidationException", "Deletion protection is enabled for this log group."));
    }
    let name = group.name.clone();
    let logs = call.logs_state_mut();
    let events: Vec<u64> = logs.group_events(&name).map(|event| event.id).collect();
    for id in events {
        logs.events.remove(&event_key(&name, id));
    }
    logs.groups.remove(&name);
    Ok(json!({}))
}

pub(super) fn tag_resource(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let group = tagged_group(call)?;
    let (name, mut tags) = (group.name.clone(), group.tags.clone());
    tags.extend(call.body.member_map("tags"));
    check_tags(&tags)?;
    if let Some(group) = call.logs_state_mut().groups.get_mut(&name) {
        group.tags = tags;
    }
    Ok(json!({}))
}

pub(super) fn untag_resource(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let name = tagged_group(call)?.name.clone();
    let keys = call.body.member_texts("tagKeys");
    if let Some(group) = call.logs_state_mut().groups.get_mut(&name) {
        group.tags.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}

pub(super) fn list_tags_for_resource(call: &LogsCall<'_, '_>) -> Result<Value, ApiError> {
    Ok(json!({ "tags": tagged_group(call)?.tags }))
}

/// The group with the ARN `resourceArn`. The tagging operations accept only the ARN without `:*`.
fn tagged_group<'a>(call: &'a LogsCall<'_, '_>) -> Result<&'a StoredLogGroup, ApiError> {
    let arn = call.body.required_text("resourceArn")?;
    if !arn.starts_with("arn:") || arn.ends_with(":*") {
        return Err(invalid_parameter(format!("The resource ARN {arn} is not valid.")));
    }
    let name = arn.rsplit_once(":log-group:").map_or(arn, |(_, name)| name);
    let group = call.logs_state().groups.get(name).filter(|group| group.arn == arn);
    group.ok_or_else(|| ApiError::bad_request("ResourceNotFoundException", "The specified resource does not exist."))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(ApiError::bad_request(
            "TooManyTagsException",
            format!("A log group can have at most {MAX_TAGS} tags."),
        ));
    }
    match tags.keys().find(|key| key.is_empty() || key.starts_with("aws:")) {
        Some(key) => Err(invalid_parameter(format!("The tag key '{key}' is reserved or empty."))),
        None => Ok(()),
    }
}

fn group_json(logs: &LogsState, group: &StoredLogGroup) -> Value {
    // CloudWatch Logs counts each event as its message plus 26 bytes (`PutLogEvents`).
    let stored: usize = logs.group_events(&group.name).map(|event| event.message.len() + 26).sum();
    let mut entry = json!({
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": 0,
        "arn": format!("{}:*", group.arn),
        "logGroupArn": group.arn,
        "logGroupClass": "STANDARD",
        "storedBytes": stored,
    });
    if let Some(days) = group.retention_days {
        entry["retentionInDays"] = json!(days);
    }
    for (member, value) in &group.others {
        entry[member] = value.clone();
    }
    entry
}

fn given_members(body: &JsonBody) -> Map<String, Value> {
    let given = |member: &str| Some((member.to_owned(), json!(body.member_text(member)?)));
    ["logGroupClass", "kmsKeyId"].into_iter().filter_map(given).collect()
}

/// Sets or removes a member of the answer.
pub(super) fn set_other(call: &mut LogsCall<'_, '_>, member: &str, value: Option<Value>) -> Result<Value, ApiError> {
    let others = &mut call.find_group_mut()?.others;
    match value {
        Some(value) => drop(others.insert(member.to_owned(), value)),
        None => drop(others.remove(member)),
    }
    Ok(json!({}))
}

pub(super) fn associate_kms_key(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let key = call.body.required_text("kmsKeyId")?.to_owned();
    set_other(call, "kmsKeyId", Some(json!(key)))
}

pub(super) fn put_deletion_protection(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let enabled = call.body.member_flag("deletionProtectionEnabled");
    set_other(call, "deletionProtectionEnabled", Some(json!(enabled)))
}

/// CloudWatch Logs' quota of subscription filters of a log group.
const MAX_FILTERS: usize = 2;

pub(super) fn put_subscription_filter(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.body.required_text("filterName")?.to_owned();
    let group = call.body.required_text("logGroupName")?;
    let filter = json!({
        "filterName": name,
        "logGroupName": group,
        "filterPattern": call.body.member_text("filterPattern").unwrap_or_default(),
        "destinationArn": call.body.required_text("destinationArn")?,
        "distribution": "ByLogStream",
    });
    let filters = &mut call.find_group_mut()?.filters;
    if filters.len() >= MAX_FILTERS && !filters.contains_key(&name) {
        return Err(ApiError::bad_request("LimitExceededException", "Resource limit exceeded."));
    }
    filters.insert(name, filter);
    Ok(json!({}))
}

pub(super) fn delete_subscription_filter(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.body.required_text("filterName")?.to_owned();
    match call.find_group_mut()?.filters.remove(&name) {
        Some(_) => Ok(json!({})),
        None => {
            Err(ApiError::bad_request("ResourceNotFoundException", "The specified subscription filter does not exist."))
        }
    }
}

pub(super) fn describe_subscription_filters(call: &LogsCall<'_, '_>) -> Result<Value, ApiError> {
    Ok(json!({ "subscriptionFilters": call.find_group()?.filters.values().collect::<Vec<_>>() }))
}

/// Always an empty list, since the embedded cloud doesn't support metric filters.
pub(super) fn describe_no_filters(call: &LogsCall<'_, '_>, member: &str) -> Result<Value, ApiError> {
    if call.body.member_text("logGroupName").is_some() {
        call.find_group()?;
    }
    Ok(json!({ member: [] }))
}
