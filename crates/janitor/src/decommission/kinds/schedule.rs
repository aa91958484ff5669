//! EventBridge Scheduler's schedules. They have no tags of their own.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::ResourceParts;
use super::super::proof::RebuiltCall;
use super::super::wire::{pick_members, text_of};
use super::super::{DecommissionContext, DecommissionTarget};
use super::parse_time;
use crate::audit::NodeKind;
use deployer_aws::signed::RestRequest;
use deployer_aws::{CallError, FailureKind, Found};

const NEW: &[&str] = &["schedule.json/CreationDate", "schedule.json/LastModificationDate"];

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

/// EventBridge Scheduler's schedules.
pub struct Schedule;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::Schedule,
    deletion_stage: DeletionStage::Caller,
    restore_stage: RestoreStage::Caller,
    rule_target: false,
    volatile_attributes: &[],
    new_attributes: NEW,
};

impl ArchivableKind for Schedule {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
    }

    fn usage_metrics<'t>(&self, _: &'t DecommissionTarget) -> Option<UsageMetrics<'t>> {
        None
    }

    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>> {
        Box::pin(async move {
            let (group, name) = target.group_and_name();
            let request = RestRequest::new("scheduler:GetSchedule", Method::GET, &["schedules", name]);
            let answer = cx.aws.signed.send(request.with_query("groupName", group)).await;
            let Some(schedule) = answer.found()? else { return Ok(None) };
            let mut parts = ResourceParts::default();
            parts.put_document("schedule.json", schedule);
            Ok(Some(parts))
        })
    }

    fn delete_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let (group, name) = target.group_and_name();
            let request = RestRequest::new("scheduler:DeleteSchedule", Method::DELETE, &["schedules", name]);
            cx.aws.signed.send(request.with_query("groupName", group)).await.found().map(drop)
        })
    }

    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource> {
        Box::pin(async move {
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
        })
    }

    fn rebuild_calls(&self, _: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        let body = pick_members(parts.get("schedule.json"), TAKEN);
        Ok(vec![RebuiltCall::new("scheduler:CreateSchedule", body)])
    }

    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
        _: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let mut body = pick_members(parts.get("schedule.json"), TAKEN);
            body["State"] = json!("DISABLED");
            put_schedule(cx, target, &body, false).await
        })
    }

    fn enable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
        _: &'a [&'a str],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move { put_schedule(cx, target, &pick_members(parts.get("schedule.json"), TAKEN), false).await })
    }

    fn find_objection(&self, _: &DecommissionTarget, _: &ResourceParts, _: UseWindow<'_>) -> Option<String> {
        None
    }

    fn lost_parts(&self, _: &ResourceParts) -> Vec<String> {
        Vec::new()
    }

    fn changed_at(&self, parts: &ResourceParts) -> Option<Timestamp> {
        parse_time(&parts.get("schedule.json")["LastModificationDate"])
    }
}

/// For a schedule that exists, `CreateSchedule` returns a code that other services return while a change is in progress.
fn already_there(error: &CallError) -> bool {
    matches!(error.kind, FailureKind::AlreadyExists) || error.code == "ConflictException"
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
    cx.send_with_retry(request).await.map(drop).map_err(|mut error| {
        if error.kind == FailureKind::NotFound {
            let group = text_of(body, "GroupName").unwrap_or("default");
            error.message = format!("{}; create schedule group {group} first if it doesn't exist", error.message);
        }
        error
    })
}
