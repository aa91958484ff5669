//! Groups of schedules. Only they have tags; a schedule has none of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::json::tag_list;
use super::{DEFAULT, PAGE, check_name, conflict, not_found, page_answer};
use crate::{ApiError, CloudContext, CloudRequest, JsonBody, ListPage};

/// The maximum number of a group's tags.
const MAX_TAGS: usize = 50;

/// A group that somebody created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredScheduleGroup {
    pub name: String,
    pub created_s: f64,
    pub modified_s: f64,
    pub tags: BTreeMap<String, String>,
}

pub(in super::super) fn group_arn(cx: &CloudContext<'_>, group: &str) -> String {
    cx.build_arn("scheduler", &format!("schedule-group/{group}"))
}

/// Every account has the default group.
pub(super) fn check_group(cx: &CloudContext<'_>, name: &str) -> Result<(), ApiError> {
    match name == DEFAULT || cx.region_state().scheduler.groups.contains_key(name) {
        true => Ok(()),
        false => Err(no_group(name)),
    }
}

fn no_group(name: &str) -> ApiError {
    not_found(format!("Schedule group {name} does not exist."))
}

fn find_group<'c>(cx: &'c CloudContext<'_>, name: &str) -> Result<&'c StoredScheduleGroup, ApiError> {
    cx.region_state().scheduler.groups.get(name).ok_or_else(|| no_group(name))
}

/// A repetition with the same `ClientToken` is answered as the first request was; without the token, it is another request.
pub(super) fn create_group(cx: &mut CloudContext<'_>, name: &str, body: &JsonBody) -> Result<Value, ApiError> {
    check_name(name)?;
    if check_group(cx, name).is_ok() {
        return Err(conflict(format!("Schedule group {name} already exists.")));
    }
    let tags = body.member_tags("Tags");
    check_tags(&tags)?;
    let now = cx.epoch_s();
    let group = StoredScheduleGroup { name: name.to_owned(), created_s: now, modified_s: now, tags };
    cx.region_state_mut().scheduler.groups.insert(name.to_owned(), group);
    Ok(json!({ "ScheduleGroupArn": group_arn(cx, name) }))
}

pub(super) fn get_group(cx: &CloudContext<'_>, name: &str) -> Result<Value, ApiError> {
    match name {
        DEFAULT => Ok(default_json(cx)),
        name => find_group(cx, name).map(|group| group_json(cx, group)),
    }
}

/// Deletes its schedules too. AWS needs a while for that, in which the group is `DELETING`; here it is gone at once.
pub(super) fn delete_group(cx: &mut CloudContext<'_>, name: &str) -> Result<Value, ApiError> {
    if name == DEFAULT {
        return Err(ApiError::validation_error("The default schedule group cannot be deleted."));
    }
    find_group(cx, name)?;
    let scheduler = &mut cx.region_state_mut().scheduler;
    let inside = scheduler.schedules.iter().filter(|(_, schedule)| schedule.group == name);
    let inside: Vec<String> = inside.map(|(key, _)| key.clone()).collect();
    for key in inside {
        scheduler.schedules.remove(&key);
    }
    scheduler.groups.remove(name);
    Ok(json!({}))
}

pub(super) fn list_groups(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<Value, ApiError> {
    let prefix = request.query_value("NamePrefix").unwrap_or_default();
    let default =
        StoredScheduleGroup { name: DEFAULT.to_owned(), created_s: 0.0, modified_s: 0.0, tags: BTreeMap::new() };
    let mut all: Vec<&StoredScheduleGroup> = cx.region_state().scheduler.groups.values().collect();
    all.push(&default);
    all.sort_by(|one, other| one.name.cmp(&other.name));
    let size = cx.page_size(request.query_value("MaxResults").and_then(|size| size.parse().ok()), PAGE);
    let page = ListPage::from_items(
        all.into_iter().filter(|group| group.name.starts_with(prefix)),
        |group| group.name.clone(),
        request.query_value("NextToken"),
        size,
        || ApiError::validation_error("Invalid NextToken"),
    )?;
    Ok(page_answer("ScheduleGroups", &page, |group| match group.name.as_str() {
        DEFAULT => default_json(cx),
        _ => group_json(cx, group),
    }))
}

pub(super) fn tag_group(cx: &mut CloudContext<'_>, arn: &str, body: &JsonBody) -> Result<Value, ApiError> {
    let name = tagged_name(cx, arn)?;
    let mut group = find_group(cx, &name)?.clone();
    group.tags.extend(body.member_tags("Tags"));
    check_tags(&group.tags)?;
    cx.region_state_mut().scheduler.groups.insert(name, group);
    Ok(json!({}))
}

pub(super) fn untag_group(cx: &mut CloudContext<'_>, arn: &str, request: &CloudRequest) -> Result<Value, ApiError> {
    let name = tagged_name(cx, arn)?;
    let mut group = find_group(cx, &name)?.clone();
    let keys = request.query_values("TagKeys");
    group.tags.retain(|key, _| !keys.contains(&key.as_str()));
    cx.region_state_mut().scheduler.groups.insert(name, group);
    Ok(json!({}))
}

pub(super) fn list_tags(cx: &CloudContext<'_>, arn: &str) -> Result<Value, ApiError> {
    let name = tagged_name(cx, arn)?;
    let tags = match name.as_str() {
        DEFAULT => BTreeMap::new(),
        name => find_group(cx, name)?.tags.clone(),
    };
    Ok(json!({ "Tags": tag_list(&tags) }))
}

/// The group's tags, by the name or the ARN in a request.
pub(in super::super) fn tags_of_group(cx: &CloudContext<'_>, given: &str) -> BTreeMap<String, String> {
    let name = tagged_name(cx, given).unwrap_or_else(|_| given.to_owned());
    cx.region_state().scheduler.groups.get(&name).map(|group| group.tags.clone()).unwrap_or_default()
}

fn tagged_name(cx: &CloudContext<'_>, arn: &str) -> Result<String, ApiError> {
    let name = arn.strip_prefix(&group_arn(cx, ""));
    name.map(ToOwned::to_owned).ok_or_else(|| ApiError::validation_error(format!("Invalid resource ARN {arn}.")))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    match tags.len() > MAX_TAGS {
        true => Err(ApiError::validation_error(format!("A schedule group has at most {MAX_TAGS} tags."))),
        false => Ok(()),
    }
}

fn default_json(cx: &CloudContext<'_>) -> Value {
    json!({ "Name": DEFAULT, "Arn": group_arn(cx, DEFAULT), "State": "ACTIVE" })
}

fn group_json(cx: &CloudContext<'_>, group: &StoredScheduleGroup) -> Value {
    json!({
        "Name": group.name,
        "Arn": group_arn(cx, &group.name),
        "State": "ACTIVE",
        "CreationDate": group.created_s,
        "LastModificationDate": group.modified_s,
    })
}
