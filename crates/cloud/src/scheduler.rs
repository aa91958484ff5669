//! Amazon EventBridge Scheduler: schedules in groups. The embedded cloud never fires them.
//!
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/>

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::json::tag_list;
use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, JsonBody, ListPage, dispatch};
use deployer_core::manifest::ScheduleExpression as Expression;

/// The group that every account has.
const DEFAULT: &str = "default";
/// The maximum page size.
const PAGE: usize = 100;
/// The maximum length of a schedule's name.
const MAX_NAME: usize = 64;
/// Members of a request that are stored and returned unchanged.
const MEMBERS: [&str; 10] = [
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "EndDate",
    "Description",
    "State",
    "KmsKeyArn",
    "Target",
    "FlexibleTimeWindow",
    "ActionAfterCompletion",
];

stored_parts! {
    /// The schedules of a region, by `group/name`.
    pub struct SchedulerState {
        pub schedules: StoredTable<StoredSchedule>,
    }
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredSchedule {
    pub group: String,
    pub name: String,
    pub arn: String,
    pub created_s: f64,
    pub modified_s: f64,
    /// The request's members, by name.
    pub given: Value,
}

pub(super) fn operation_name(request: &CloudRequest) -> Option<&'static str> {
    let segments = request.path_segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&request.method, parts.as_slice()) {
        (&Method::GET, ["schedules"]) => Some("ListSchedules"),
        (&Method::POST, ["schedules", _]) => Some("CreateSchedule"),
        (&Method::GET, ["schedules", _]) => Some("GetSchedule"),
        (&Method::PUT, ["schedules", _]) => Some("UpdateSchedule"),
        (&Method::DELETE, ["schedules", _]) => Some("DeleteSchedule"),
        (&Method::GET, ["schedule-groups"]) => Some("ListScheduleGroups"),
        (&Method::GET, ["tags", _]) => Some("ListTagsForResource"),
        _ => None,
    }
}

/// The schedule named in a request's path.
pub(super) fn resource_name(request: &CloudRequest) -> String {
    request.path_segments().into_iter().nth(1).unwrap_or_default()
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let body = if operation == "CreateSchedule" || operation == "UpdateSchedule" {
        JsonBody::parse_body(&request.body)?
    } else {
        JsonBody::from_value(&Value::Null)
    };
    let group = body.member_text("GroupName").or_else(|| request.query_value("groupName")).unwrap_or(DEFAULT);
    let name = resource_name(request);
    let answer = match operation {
        "CreateSchedule" => create_schedule(cx, group, &name, &body),
        "GetSchedule" => find_schedule(cx, group, &name).map(schedule_json),
        "UpdateSchedule" => update_schedule(cx, group, &name, &body),
        "DeleteSchedule" => {
            find_schedule(cx, group, &name).map(|schedule| schedule_key(&schedule.group, &schedule.name)).map(|key| {
                cx.region_state_mut().scheduler.schedules.remove(&key);
                json!({})
            })
        }
        "ListSchedules" => list_schedules(cx, request),
        "ListScheduleGroups" => Ok(json!({
            "ScheduleGroups": [{ "Name": DEFAULT, "Arn": group_arn(cx, DEFAULT), "State": "ACTIVE" }],
        })),
        // Only groups have tags, and the default group has none.
        "ListTagsForResource" if name == group_arn(cx, DEFAULT) => Ok(json!({ "Tags": tag_list(&BTreeMap::new()) })),
        "ListTagsForResource" => Err(not_found(format!("Schedule group {name} does not exist."))),
        _ => Err(dispatch::not_implemented("scheduler", operation)),
    };
    answer.map(|answer| CloudAnswer::from_rest_json(200, &answer).into())
}

fn schedule_key(group: &str, name: &str) -> String {
    format!("{group}/{name}")
}

fn group_arn(cx: &CloudContext<'_>, group: &str) -> String {
    cx.build_arn("scheduler", &format!("schedule-group/{group}"))
}

fn not_found(message: String) -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", message)
}

fn find_schedule<'c>(cx: &'c CloudContext<'_>, group: &str, name: &str) -> Result<&'c StoredSchedule, ApiError> {
    let schedule = cx.region_state().scheduler.schedules.get(&schedule_key(group, name));
    schedule.ok_or_else(|| not_found(format!("Schedule {name} does not exist.")))
}

fn create_schedule(cx: &mut CloudContext<'_>, group: &str, name: &str, body: &JsonBody) -> Result<Value, ApiError> {
    if group != DEFAULT {
        return Err(not_found(format!("Schedule group {group} does not exist.")));
    }
    if cx.region_state().scheduler.schedules.contains_key(&schedule_key(group, name)) {
        return Err(ApiError::new(409, "ConflictException", format!("Schedule {name} already exists.")));
    }
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !named || name.len() > MAX_NAME {
        return Err(ApiError::validation_error(format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [0-9a-zA-Z-_.]+ and have length less than or equal to {MAX_NAME}"
        )));
    }
    let now = cx.epoch_s();
    let schedule = StoredSchedule {
        arn: cx.build_arn("scheduler", &format!("schedule/{group}/{name}")),
        group: group.to_owned(),
        name: name.to_owned(),
        created_s: now,
        modified_s: now,
        given: request_members(body)?,
    };
    let answer = json!({ "ScheduleArn": schedule.arn });
    cx.region_state_mut().scheduler.schedules.insert(schedule_key(group, name), schedule);
    Ok(answer)
}

/// Members that the request omits are reset to their defaults.
fn update_schedule(cx: &mut CloudContext<'_>, group: &str, name: &str, body: &JsonBody) -> Result<Value, ApiError> {
    let mut schedule = find_schedule(cx, group, name)?.clone();
    schedule.given = request_members(body)?;
    schedule.modified_s = cx.epoch_s();
    let answer = json!({ "ScheduleArn": schedule.arn });
    cx.region_state_mut().scheduler.schedules.insert(schedule_key(group, name), schedule);
    Ok(answer)
}

fn request_members(body: &JsonBody) -> Result<Value, ApiError> {
    let expression = body.required_text("ScheduleExpression")?;
    if !expression.starts_with("at(") && Expression::parse_expression(expression).is_err() {
        return Err(ApiError::validation_error(format!("Invalid Schedule Expression {expression}.")));
    }
    let target = body
        .member_value("Target")
        .map(JsonBody::from_value)
        .ok_or_else(|| ApiError::validation_error("Target must not be null"))?;
    target.required_text("Arn")?;
    target.required_text("RoleArn")?;
    let window = body.member_value("FlexibleTimeWindow").map(JsonBody::from_value);
    window.ok_or_else(|| ApiError::validation_error("FlexibleTimeWindow must not be null"))?.required_text("Mode")?;
    let mut given = json!({ "State": "ENABLED", "ScheduleExpressionTimezone": "UTC" });
    for name in MEMBERS {
        if let Some(value) = body.member_value(name) {
            given[name] = value.clone();
        }
    }
    Ok(given)
}

fn schedule_json(schedule: &StoredSchedule) -> Value {
    let mut whole = schedule.given.clone();
    whole["Arn"] = json!(schedule.arn);
    whole["Name"] = json!(schedule.name);
    whole["GroupName"] = json!(schedule.group);
    whole["CreationDate"] = json!(schedule.created_s);
    whole["LastModificationDate"] = json!(schedule.modified_s);
    whole
}

fn list_schedules(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<Value, ApiError> {
    let (group, state) = (request.query_value("ScheduleGroup"), request.query_value("State"));
    let prefix = request.query_value("NamePrefix").unwrap_or_default();
    let is_wanted = |schedule: &&StoredSchedule| {
        group.is_none_or(|group| schedule.group == group)
            && schedule.name.starts_with(prefix)
            && state.is_none_or(|state| schedule.given["State"] == state)
    };
    let schedules = &cx.region_state().scheduler.schedules;
    let size = cx.page_size(request.query_value("MaxResults").and_then(|size| size.parse().ok()), PAGE);
    let page = ListPage::from_items_after(
        |after| schedules.iter_after(after).map(|(_, schedule)| schedule).filter(is_wanted),
        |schedule| schedule_key(&schedule.group, &schedule.name),
        request.query_value("NextToken"),
        size,
        || ApiError::validation_error("Invalid NextToken"),
    )?;
    let brief = |schedule: &&StoredSchedule| {
        json!({
            "Arn": schedule.arn,
            "Name": schedule.name,
            "GroupName": schedule.group,
            "State": schedule.given["State"],
            "CreationDate": schedule.created_s,
            "LastModificationDate": schedule.modified_s,
            "Target": { "Arn": schedule.given["Target"]["Arn"] },
        })
    };
    let mut answer = json!({ "Schedules": page.items.iter().map(brief).collect::<Vec<_>>() });
    if let Some(next) = page.next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}
