//! Schedules, each in a group.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{DEFAULT, PAGE, check_name, conflict, groups, not_found, page_answer};
use crate::{ApiError, CloudContext, CloudRequest, JsonBody, ListPage};
use deployer_core::isolation::RequestContext;
use deployer_core::manifest::ScheduleExpression as Expression;

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
/// The service that takes on a schedule's role.
const SCHEDULER: &str = "scheduler.amazonaws.com";
/// `MaximumWindowInMinutes` of a flexible window.
const WINDOW_MINUTES: RangeInclusive<i64> = 1..=1440;
/// `MaximumRetryAttempts` of a retry policy; the last is the default.
const RETRIES: RangeInclusive<i64> = 0..=185;
/// `MaximumEventAgeInSeconds` of a retry policy; the last is the default.
const AGE_S: RangeInclusive<i64> = 60..=86_400;

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

fn schedule_key(group: &str, name: &str) -> String {
    format!("{group}/{name}")
}

fn find_schedule<'c>(cx: &'c CloudContext<'_>, group: &str, name: &str) -> Result<&'c StoredSchedule, ApiError> {
    let schedule = cx.region_state().scheduler.schedules.get(&schedule_key(group, name));
    schedule.ok_or_else(|| not_found(format!("Schedule {name} does not exist.")))
}

pub(super) fn create_schedule(
    cx: &mut CloudContext<'_>,
    group: &str,
    name: &str,
    body: &JsonBody,
) -> Result<Value, ApiError> {
    groups::check_group(cx, group)?;
    if cx.region_state().scheduler.schedules.contains_key(&schedule_key(group, name)) {
        return Err(conflict(format!("Schedule {name} already exists.")));
    }
    check_name(name)?;
    let given = request_members(body)?;
    check_role(cx, group, &given)?;
    let now = cx.epoch_s();
    let schedule = StoredSchedule {
        arn: cx.build_arn("scheduler", &format!("schedule/{group}/{name}")),
        group: group.to_owned(),
        name: name.to_owned(),
        created_s: now,
        modified_s: now,
        given,
    };
    let answer = json!({ "ScheduleArn": schedule.arn });
    cx.region_state_mut().scheduler.schedules.insert(schedule_key(group, name), schedule);
    Ok(answer)
}

pub(super) fn get_schedule(cx: &CloudContext<'_>, group: &str, name: &str) -> Result<Value, ApiError> {
    find_schedule(cx, group, name).map(schedule_json)
}

/// Members that the request omits are reset to their defaults.
pub(super) fn update_schedule(
    cx: &mut CloudContext<'_>,
    group: &str,
    name: &str,
    body: &JsonBody,
) -> Result<Value, ApiError> {
    let mut schedule = find_schedule(cx, group, name)?.clone();
    schedule.given = request_members(body)?;
    check_role(cx, group, &schedule.given)?;
    schedule.modified_s = cx.epoch_s();
    let answer = json!({ "ScheduleArn": schedule.arn });
    cx.region_state_mut().scheduler.schedules.insert(schedule_key(group, name), schedule);
    Ok(answer)
}

pub(super) fn delete_schedule(cx: &mut CloudContext<'_>, group: &str, name: &str) -> Result<Value, ApiError> {
    let schedule = find_schedule(cx, group, name)?;
    let key = schedule_key(&schedule.group, &schedule.name);
    cx.region_state_mut().scheduler.schedules.remove(&key);
    Ok(json!({}))
}

fn request_members(body: &JsonBody) -> Result<Value, ApiError> {
    let expression = body.required_text("ScheduleExpression")?;
    if !expression.starts_with("at(") && Expression::parse_expression(expression).is_err() {
        return Err(ApiError::validation_error(format!("Invalid Schedule Expression {expression}.")));
    }
    if let Some(zone) = body.member_text("ScheduleExpressionTimezone")
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        return Err(ApiError::validation_error(format!("Invalid ScheduleExpressionTimezone {zone}.")));
    }
    let state = body.member_text("State").unwrap_or("ENABLED");
    if !["ENABLED", "DISABLED"].contains(&state) {
        return Err(not_a_choice(state, "state", "[ENABLED, DISABLED]"));
    }
    check_window(body)?;
    let target = read_target(body)?;
    let mut given = json!({
        "State": "ENABLED",
        "ScheduleExpressionTimezone": "UTC",
        "ActionAfterCompletion": "NONE",
    });
    for name in MEMBERS {
        if let Some(value) = body.member_value(name) {
            given[name] = value.clone();
        }
    }
    given["Target"] = target;
    Ok(given)
}

fn check_window(body: &JsonBody) -> Result<(), ApiError> {
    let window = body.member_value("FlexibleTimeWindow").map(JsonBody::from_value);
    let window = window.ok_or_else(|| ApiError::validation_error("FlexibleTimeWindow must not be null"))?;
    let minutes = window.member_integer("MaximumWindowInMinutes");
    match (window.required_text("Mode")?, minutes) {
        ("OFF", None) => Ok(()),
        ("OFF", Some(_)) => {
            Err(ApiError::validation_error("MaximumWindowInMinutes must not be specified if the mode is OFF."))
        }
        ("FLEXIBLE", Some(minutes)) if WINDOW_MINUTES.contains(&minutes) => Ok(()),
        ("FLEXIBLE", _) => Err(ApiError::validation_error(
            "MaximumWindowInMinutes must be between 1 and 1440 if the mode is FLEXIBLE.",
        )),
        (mode, _) => Err(not_a_choice(mode, "flexibleTimeWindow.mode", "[OFF, FLEXIBLE]")),
    }
}

/// What Scheduler sends when it takes on a role: the group's ARN and not the schedule's
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html>).
fn sent_by(cx: &CloudContext<'_>, group: &str) -> RequestContext {
    RequestContext::from([
        ("aws:sourcearn", Some(groups::group_arn(cx, group))),
        ("aws:sourceaccount", Some(cx.account_id().to_owned())),
    ])
}

/// AWS looks whether Scheduler can take on the role before it stores a schedule, in whichever group. Here, it is looked at in
/// groups that somebody created: what is in the default group stands for what others left behind, with any role.
fn check_role(cx: &CloudContext<'_>, group: &str, given: &Value) -> Result<(), ApiError> {
    if group == DEFAULT {
        return Ok(());
    }
    let role = given["Target"]["RoleArn"].as_str().unwrap_or_default();
    match cx.state.iam.service_can_assume(role, SCHEDULER, &sent_by(cx, group)) {
        true => Ok(()),
        false => Err(ApiError::validation_error(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        )),
    }
}

impl CloudContext<'_> {
    /// Why a schedule couldn't invoke its function when it fires, as AWS would decide it.
    pub fn refused_schedule(&self, group: &str, name: &str) -> Option<String> {
        let schedule = self.region_state().scheduler.schedules.get(&schedule_key(group, name))?;
        let target = &schedule.given["Target"];
        let (role, arn) = (target["RoleArn"].as_str()?, target["Arn"].as_str()?);
        if !self.state.iam.service_can_assume(role, SCHEDULER, &sent_by(self, group)) {
            return Some(format!("{name} can't assume the role {role}"));
        }
        let own = RequestContext::from([
            ("aws:sourcearn", None),
            ("aws:sourceaccount", None),
            ("lambda:sourcefunctionarn", None),
        ]);
        let may = self.state.iam.role_can(role, "lambda:InvokeFunction", arn, &own);
        (!may).then(|| format!("{role} may not invoke {arn}"))
    }
}

/// The target with the defaults of its retry policy.
fn read_target(body: &JsonBody) -> Result<Value, ApiError> {
    let given = body.member_value("Target").ok_or_else(|| ApiError::validation_error("Target must not be null"))?;
    let target = JsonBody::from_value(given);
    target.required_text("Arn")?;
    target.required_text("RoleArn")?;
    let policy = target.member_value("RetryPolicy").map(JsonBody::from_value);
    let number = |name: &str, range: RangeInclusive<i64>| {
        let number = policy.as_ref().and_then(|policy| policy.member_integer(name)).unwrap_or(*range.end());
        match range.contains(&number) {
            true => Ok(number),
            false => Err(ApiError::validation_error(format!(
                "{name} must be between {} and {}.",
                range.start(),
                range.end()
            ))),
        }
    };
    let mut whole = given.clone();
    whole["RetryPolicy"] = json!({
        "MaximumEventAgeInSeconds": number("MaximumEventAgeInSeconds", AGE_S)?,
        "MaximumRetryAttempts": number("MaximumRetryAttempts", RETRIES)?,
    });
    Ok(whole)
}

fn not_a_choice(value: &str, member: &str, choices: &str) -> ApiError {
    ApiError::validation_error(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy enum \
         value set: {choices}"
    ))
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

pub(super) fn list_schedules(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<Value, ApiError> {
    let (group, state) = (request.query_value("ScheduleGroup"), request.query_value("State"));
    if let Some(group) = group.filter(|group| *group != DEFAULT) {
        groups::check_group(cx, group)?;
    }
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
    Ok(page_answer("Schedules", &page, |schedule| {
        json!({
            "Arn": schedule.arn,
            "Name": schedule.name,
            "GroupName": schedule.group,
            "State": schedule.given["State"],
            "CreationDate": schedule.created_s,
            "LastModificationDate": schedule.modified_s,
            "Target": { "Arn": schedule.given["Target"]["Arn"] },
        })
    }))
}
