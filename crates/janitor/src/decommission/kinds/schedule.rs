//! EventBridge Scheduler's schedules. They have no tags of their own.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::parts::ResourceParts;
use super::super::wire::{pick_members, text};
use super::super::{DecommissionContext, DecommissionTarget};
use super::{RestoredResource, parse_time};
use deployer_aws::signed::RestRequest;
use deployer_aws::{CallError, FailureKind, Found};

pub(super) const NEW: &[&str] = &["schedule.json/CreationDate", "schedule.json/LastModificationDate"];

/// The members of a response that a request accepts.
const TAKEN: &[&str] = &[
    "Name",
    "GroupName",
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

pub(super) async fn read(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<ResourceParts>, CallError> {
    let (group, name) = target.group_and_name();
    let request = RestRequest::new("scheduler:GetSchedule", Method::GET, &["schedules", name]);
    let answer = cx.aws.signed.send(request.with_query("groupName", group)).await;
    let Some(schedule) = answer.found()? else { return Ok(None) };
    let mut parts = ResourceParts::default();
    parts.put_document("schedule.json", schedule);
    Ok(Some(parts))
}

pub(super) fn changed_at(parts: &ResourceParts) -> Option<Timestamp> {
    parse_time(&parts.get("schedule.json")["LastModificationDate"])
}

pub(super) async fn delete(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
) -> Result<(), CallError> {
    let (group, name) = target.group_and_name();
    let request = RestRequest::new("scheduler:DeleteSchedule", Method::DELETE, &["schedules", name]);
    cx.aws.signed.send(request.with_query("groupName", group)).await.found().map(drop)
}

pub(super) async fn restore(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<RestoredResource, CallError> {
    let mut restored = RestoredResource::default();
    let mut body = pick_members(parts.get("schedule.json"), TAKEN);
    let past = parse_time(&body["StartDate"]).is_some_and(|at| at < Timestamp::now());
    if past && let Some(members) = body.as_object_mut() {
        // Scheduler refuses a start more than five minutes ago, and a past start doesn't affect future runs.
        members.remove("StartDate");
        restored.notes.push("its start date has passed and was left out".to_owned());
    }
    match put_schedule(cx, target, &body, true).await {
        Err(error) if already_there(&error) => put_schedule(cx, target, &body, false).await?,
        other => other?,
    }
    Ok(restored)
}

/// `CreateSchedule` returns a code that other services return while a change is in progress.
fn already_there(error: &CallError) -> bool {
    matches!(error.kind, FailureKind::AlreadyExists) || error.code == "ConflictException"
}

pub(super) async fn disable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
    _: &[(&str, String)],
) -> Result<(), CallError> {
    let mut body = pick_members(parts.get("schedule.json"), TAKEN);
    body["State"] = json!("DISABLED");
    put_schedule(cx, target, &body, false).await
}

pub(super) async fn enable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
    _: &[&str],
) -> Result<(), CallError> {
    put_schedule(cx, target, &pick_members(parts.get("schedule.json"), TAKEN), false).await
}

/// Creates or updates a schedule. Both calls take the whole schedule; what an update omits is reset to its default.
async fn put_schedule(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    body: &Value,
    new: bool,
) -> Result<(), CallError> {
    let (_, name) = target.group_and_name();
    let (call, method) = match new {
        true => ("scheduler:CreateSchedule", Method::POST),
        false => ("scheduler:UpdateSchedule", Method::PUT),
    };
    let request = RestRequest::new(call, method, &["schedules", name]).with_body(body);
    cx.call_with_retry(async || cx.aws.signed.send(request.clone()).await).await.map(drop).map_err(|mut error| {
        if error.kind == FailureKind::NotFound {
            let group = text(body, "GroupName").unwrap_or("default");
            error.message = format!("{}; create schedule group {group} first if it doesn't exist", error.message);
        }
        error
    })
}
