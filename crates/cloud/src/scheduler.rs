//! Amazon EventBridge Scheduler: schedules in groups. The embedded cloud never fires them.
//!
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/>

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::json::tag_list;
use super::{Answer, ApiError, Context, Handled, Json, Page, Request, dispatch};
use deployer_core::manifest::Schedule as Expression;

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

/// The schedules of a region, by `group/name`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub schedules: BTreeMap<String, Schedule>,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    pub group: String,
    pub name: String,
    pub arn: String,
    pub created_s: f64,
    pub modified_s: f64,
    /// The request's members, by name.
    pub given: Value,
}

pub(super) fn operation(request: &Request) -> Option<&'static str> {
    let segments = request.segments();
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
pub(super) fn resource(request: &Request) -> String {
    request.segments().into_iter().nth(1).unwrap_or_default()
}

pub(super) fn handle(cx: &mut Context<'_>, operation: &str, request: &Request) -> Result<Handled, ApiError> {
    let body = if operation == "CreateSchedule" || operation == "UpdateSchedule" {
        Json::parse(&request.body)?
    } else {
        Json::of(&Value::Null)
    };
    let group = body.text("GroupName").or_else(|| request.query("groupName")).unwrap_or(DEFAULT);
    let name = resource(request);
    let answer = match operation {
        "CreateSchedule" => create(cx, group, &name, &body),
        "GetSchedule" => found(cx, group, &name).map(whole),
        "UpdateSchedule" => update(cx, group, &name, &body),
        "DeleteSchedule" => found(cx, group, &name).map(|schedule| key(&schedule.group, &schedule.name)).map(|key| {
            cx.regional_mut().scheduler.schedules.remove(&key);
            json!({})
        }),
        "ListSchedules" => list(cx, request),
        "ListScheduleGroups" => Ok(json!({
            "ScheduleGroups": [{ "Name": DEFAULT, "Arn": group_arn(cx, DEFAULT), "State": "ACTIVE" }],
        })),
        // Only groups have tags, and the default group has none.
        "ListTagsForResource" if name == group_arn(cx, DEFAULT) => Ok(json!({ "Tags": tag_list(&BTreeMap::new()) })),
        "ListTagsForResource" => Err(not_found(format!("Schedule group {name} does not exist."))),
        _ => Err(dispatch::not_implemented("scheduler", operation)),
    };
    answer.map(|answer| Answer::rest(200, &answer).into())
}

fn key(group: &str, name: &str) -> String {
    format!("{group}/{name}")
}

fn group_arn(cx: &Context<'_>, group: &str) -> String {
    cx.arn("scheduler", &format!("schedule-group/{group}"))
}

fn not_found(message: String) -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", message)
}

fn found<'c>(cx: &'c Context<'_>, group: &str, name: &str) -> Result<&'c Schedule, ApiError> {
    let schedule = cx.regional().scheduler.schedules.get(&key(group, name));
    schedule.ok_or_else(|| not_found(format!("Schedule {name} does not exist.")))
}

fn create(cx: &mut Context<'_>, group: &str, name: &str, body: &Json) -> Result<Value, ApiError> {
    if group != DEFAULT {
        return Err(not_found(format!("Schedule group {group} does not exist.")));
    }
    if cx.regional().scheduler.schedules.contains_key(&key(group, name)) {
        return Err(ApiError::new(409, "ConflictException", format!("Schedule {name} already exists.")));
    }
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !named || name.len() > MAX_NAME {
        return Err(ApiError::validation(format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [0-9a-zA-Z-_.]+ and have length less than or equal to {MAX_NAME}"
        )));
    }
    let now = cx.epoch_s();
    let schedule = Schedule {
        arn: cx.arn("scheduler", &format!("schedule/{group}/{name}")),
        group: group.to_owned(),
        name: name.to_owned(),
        created_s: now,
        modified_s: now,
        given: given(body)?,
    };
    let answer = json!({ "ScheduleArn": schedule.arn });
    cx.regional_mut().scheduler.schedules.insert(key(group, name), schedule);
    Ok(answer)
}

/// Members that the request omits are reset to their defaults.
fn update(cx: &mut Context<'_>, group: &str, name: &str, body: &Json) -> Result<Value, ApiError> {
    let mut schedule = found(cx, group, name)?.clone();
    schedule.given = given(body)?;
    schedule.modified_s = cx.epoch_s();
    let answer = json!({ "ScheduleArn": schedule.arn });
    cx.regional_mut().scheduler.schedules.insert(key(group, name), schedule);
    Ok(answer)
}

fn given(body: &Json) -> Result<Value, ApiError> {
    let expression = body.required("ScheduleExpression")?;
    if !expression.starts_with("at(") && Expression::parse(expression).is_err() {
        return Err(ApiError::validation(format!("Invalid Schedule Expression {expression}.")));
    }
    let target = body.value("Target").map(Json::of).ok_or_else(|| ApiError::validation("Target must not be null"))?;
    target.required("Arn")?;
    target.required("RoleArn")?;
    let window = body.value("FlexibleTimeWindow").map(Json::of);
    window.ok_or_else(|| ApiError::validation("FlexibleTimeWindow must not be null"))?.required("Mode")?;
    let mut given = json!({ "State": "ENABLED", "ScheduleExpressionTimezone": "UTC" });
    for name in MEMBERS {
        if let Some(value) = body.value(name) {
            given[name] = value.clone();
        }
    }
    Ok(given)
}

fn whole(schedule: &Schedule) -> Value {
    let mut whole = schedule.given.clone();
    whole["Arn"] = json!(schedule.arn);
    whole["Name"] = json!(schedule.name);
    whole["GroupName"] = json!(schedule.group);
    whole["CreationDate"] = json!(schedule.created_s);
    whole["LastModificationDate"] = json!(schedule.modified_s);
    whole
}

fn list(cx: &Context<'_>, request: &Request) -> Result<Value, ApiError> {
    let (group, state) = (request.query("ScheduleGroup"), request.query("State"));
    let prefix = request.query("NamePrefix").unwrap_or_default();
    let schedules = cx.regional().scheduler.schedules.values().filter(|schedule| {
        group.is_none_or(|group| schedule.group == group)
            && schedule.name.starts_with(prefix)
            && state.is_none_or(|state| schedule.given["State"] == state)
    });
    let size = cx.page_size(request.query("MaxResults").and_then(|size| size.parse().ok()), PAGE);
    let page = Page::of(
        schedules,
        |schedule| key(&schedule.group, &schedule.name),
        request.query("NextToken"),
        size,
        || ApiError::validation("Invalid NextToken"),
    )?;
    let brief = |schedule: &&Schedule| {
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
