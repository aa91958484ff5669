//! EventBridge Scheduler's schedules. They have no tags of their own.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::parts::ResourceParts;
use super::super::wire::{answer, pick_members, text_member};
use super::super::{DecommissionContext, DecommissionTarget};
use super::{RestoredResource, parse_time};
use deployer_aws::{Call, CallError, FailureKind, Found};

pub(super) const NEW: &[&str] = &["schedule.json/CreationDate", "schedule.json/LastModificationDate"];

/// What a request takes of an answer.
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
    let request = cx.aws.scheduler.get_schedule().name(name).group_name(group);
    let Some(schedule) = answer!("scheduler:GetSchedule", request).found()? else { return Ok(None) };
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
    let request = cx.aws.scheduler.delete_schedule().name(name).group_name(group);
    request.send().await.call("scheduler:DeleteSchedule").found().map(drop)
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
        // Scheduler takes no start more than five minutes ago; that it has begun makes no difference to what comes.
        members.remove("StartDate");
        restored.notes.push("its start date is past and was left out".to_owned());
    }
    match put_schedule(cx, target, &body, true).await {
        Err(error) if already_there(&error) => put_schedule(cx, target, &body, false).await?,
        other => other?,
    }
    Ok(restored)
}

/// `CreateSchedule` gives the code that other services give while a change is under way.
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

/// Both calls take everything; what an update leaves out gets its default.
async fn put_schedule(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    body: &Value,
    new: bool,
) -> Result<(), CallError> {
    let ((_, name), scheduler) = (target.group_and_name(), &cx.aws.scheduler);
    let call = async || match new {
        true => answer!("scheduler:CreateSchedule", scheduler.create_schedule().name(name), body),
        false => answer!("scheduler:UpdateSchedule", scheduler.update_schedule().name(name), body),
    };
    cx.call_with_retry(call).await.map(drop).map_err(|mut error| {
        if error.kind == FailureKind::NotFound {
            let group = text_member(body, "GroupName").unwrap_or("default");
            error.message = format!("{}; make schedule group {group} first if it isn't there", error.message);
        }
        error
    })
}
