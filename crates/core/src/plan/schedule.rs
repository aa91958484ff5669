//! A venue's schedule in EventBridge Scheduler, and the group that all of them are in. The group has the tags, and what is in
//! it is ours if they name this deployment.

use std::collections::BTreeSet;

use serde_json::Value;

use super::finding::{FindingKind, PlanFinding};
use super::{
    Action, Change, Differences, Plan, ResourceVerdict, SchedulerOperation, UnreadableResource, VenueContext, is_owner,
};
use crate::desired::Desired;
use crate::naming::{SHARED_VENUE, schedule_group_name};
use crate::resource::members::AnswerKind;
use crate::resource::{
    LiveSchedule, LiveScheduleGroup, Observed, ResourceKind, ScheduleGroupSpec, ScheduleSpec, StringMap,
};
use crate::snapshot::Snapshot;

fn shared_context(deployment: &str) -> VenueContext<'_> {
    VenueContext { deployment, venue: SHARED_VENUE, is_canary: false }
}

/// Plans the group, which comes before all schedules. Returns why it is out of reach, if it is.
pub(super) fn plan_group(plan: &mut Plan, desired: &Desired, snapshot: &Snapshot, is_wanted: bool) -> Option<String> {
    let group = desired.schedule_group.as_ref()?;
    let deployment = plan.deployment.clone();
    let context = shared_context(&deployment);
    let verdict = compare_group(&context, group, &snapshot.schedule_group);
    let reason = super::out_of_reach_reason(&verdict);
    if !is_wanted {
        return reason;
    }
    match verdict {
        ResourceVerdict::Unchanged => plan.unchanged += 1,
        ResourceVerdict::Change(change) => plan.changes.push(change),
        ResourceVerdict::Conflict(conflict) => plan.conflicts.push(conflict),
        ResourceVerdict::Unreadable(reason) => {
            let address = Some(context.resource_address(ResourceKind::ScheduleGroup));
            plan.unreadable.push(UnreadableResource { address, reason });
        }
    }
    reason
}

/// Says what else is in the group, and what that invokes. `verify --isolation` says whether it has a venue's role.
pub(super) fn report_others(plan: &mut Plan, snapshot: &Snapshot) {
    let deployment = plan.deployment.clone();
    let group = snapshot.schedule_group.as_present().filter(|group| is_owner(&group.tags, &deployment));
    let Some((group, first)) = group.and_then(|group| Some((group, group.others.keys().next()?))) else { return };
    let others: Vec<String> = group.others.iter().map(|(name, target)| format!("{name} (invokes {target})")).collect();
    plan.findings.push(PlanFinding {
        address: shared_context(&deployment).resource_address(ResourceKind::ScheduleGroup),
        name: group.name.clone(),
        kind: FindingKind::LeftAlone,
        text: format!("it has schedules that are no venue's: {}", others.join(", ")),
        hint: Some(format!(
            "move them to another group: whatever is in this one may take on the venues' roles, and the group stays as long as they are \
             in it (`aws scheduler delete-schedule --group-name {} --name {}`)",
            group.name, first
        )),
    });
}

fn compare_group(
    context: &VenueContext,
    group: &ScheduleGroupSpec,
    live: &Observed<LiveScheduleGroup>,
) -> ResourceVerdict {
    let live = match live {
        Observed::Unreadable(reason) => return ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => {
            let mut attributes = Differences::default();
            attributes.compare_tags(&StringMap::new(), &group.tags);
            let create = SchedulerOperation::CreateScheduleGroup { group: group.clone() };
            return context.plan_creation(ResourceKind::ScheduleGroup, &group.name, attributes, vec![create.into()]);
        }
        Observed::Present(live) => live,
    };
    if let Some(conflict) = context.check_owner(ResourceKind::ScheduleGroup, &group.name, &live.tags) {
        return conflict;
    }
    let mut differences = Differences::default();
    let keys = differences.remove_tags(&live.tags, &group.tags);
    differences.fix_with(|| SchedulerOperation::UntagScheduleGroup { arn: group.arn.clone(), keys });
    differences.compare_tags(&live.tags, &group.tags);
    let tags = group.tags.clone();
    differences.fix_with(|| SchedulerOperation::TagScheduleGroup { arn: group.arn.clone(), tags });
    context.plan_update(ResourceKind::ScheduleGroup, &group.name, differences)
}

/// Plans the deletion of a group that no venue needs, after everything in it. With a group, AWS deletes what is in it, so it
/// stays while anything is that isn't deleted before.
pub(super) fn plan_group_deletion(plan: &mut Plan, desired: &Desired, snapshot: &Snapshot) {
    if desired.schedule_group.is_some() {
        return;
    }
    let deployment = plan.deployment.clone();
    let context = shared_context(&deployment);
    let name = schedule_group_name(&deployment);
    match &snapshot.schedule_group {
        Observed::Present(group) if is_owner(&group.tags, &deployment) => {
            let deletes =
                |change: &&Change| change.action == Action::Delete && change.address.kind == ResourceKind::Schedule;
            let going: BTreeSet<&str> =
                plan.changes.iter().filter(deletes).map(|change| change.address.venue.as_str()).collect();
            let empties = snapshot.venues.iter().all(|(venue, live)| match &live.schedule {
                Observed::Absent => true,
                Observed::Present(_) => going.contains(venue.as_str()),
                Observed::PendingDeletion(_) | Observed::Unreadable(_) => false,
            });
            if empties && group.others.is_empty() && snapshot.unreadable.is_empty() {
                let change =
                    context.new_change(ResourceKind::ScheduleGroup, &name, Action::Delete, "no venue has a schedule");
                let operation = SchedulerOperation::DeleteScheduleGroup { group: name.clone() }.into();
                plan.changes.push(Change { operations: vec![operation], ..change });
            }
        }
        Observed::Unreadable(reason) => {
            plan.notes.push(format!("whether schedules are left from an earlier manifest is unknown: {reason}"));
        }
        Observed::Present(_) | Observed::PendingDeletion(_) | Observed::Absent => {}
    }
}

/// The differences of an existing schedule, without the call that fixes them.
pub(super) fn schedule_differences(wanted: &ScheduleSpec, live: &LiveSchedule) -> Differences {
    let mut differences = Differences::default();
    differences.compare_value("description", live.description.as_str(), wanted.description.as_str());
    differences.compare_value("schedule", live.expression.as_str(), wanted.expression.as_str());
    differences.compare_value("timezone", live.timezone.as_str(), wanted.timezone.as_str());
    differences.compare_value("state", schedule_state(live.enabled), schedule_state(wanted.enabled));
    let (before, after) = (describe_window(live.window_minutes), describe_window(wanted.window_minutes));
    differences.compare_value("flexible_window", before.as_str(), after.as_str());
    let (before, after) = (&live.target, &wanted.target);
    differences.compare_value("arn", before.arn.as_str(), after.arn.as_str());
    let texts = [
        ("role_arn", &before.role_arn, &after.role_arn),
        ("input", &before.input, &after.input),
        ("dead_letter", &before.dead_letter, &after.dead_letter),
    ];
    for (path, before, after) in texts {
        match (before, after) {
            (before, Some(after)) => differences.compare_optional(path, before.as_deref(), after.as_str()),
            (Some(before), None) => differences.add_removed(path, before.as_str()),
            (None, None) => {}
        }
    }
    let numbers = [
        ("maximum_retry_attempts", before.maximum_retry_attempts, after.maximum_retry_attempts),
        ("maximum_event_age_s", before.maximum_event_age_s, after.maximum_event_age_s),
    ];
    for (path, before, after) in numbers {
        if let Some(after) = after {
            differences.compare_optional(path, before, after);
        }
    }
    differences.add_unmodeled(AnswerKind::Schedule, &live.unmodeled.members);
    differences
}

/// The attributes of a new schedule.
pub(super) fn new_schedule_attributes(wanted: &ScheduleSpec) -> Differences {
    let mut attributes = Differences::default();
    attributes.add_new("schedule", wanted.expression.as_str());
    attributes.add_new("timezone", wanted.timezone.as_str());
    if wanted.window_minutes.is_some() {
        attributes.add_new("flexible_window", describe_window(wanted.window_minutes));
    }
    attributes.add_new("state", schedule_state(wanted.enabled));
    attributes.add_new("arn", wanted.target.arn.as_str());
    attributes.add_new("role_arn", wanted.target.role_arn.as_deref().map_or(Value::Null, Value::from));
    if let Some(queue) = &wanted.target.dead_letter {
        attributes.add_new("dead_letter", queue.as_str());
    }
    attributes.add_new("maximum_retry_attempts", wanted.target.maximum_retry_attempts.map_or(Value::Null, Value::from));
    attributes.add_new("maximum_event_age_s", wanted.target.maximum_event_age_s.map_or(Value::Null, Value::from));
    attributes
}

/// A flexible window, in the words of the API if there is none.
fn describe_window(minutes: Option<i64>) -> String {
    match minutes {
        None => "OFF".to_owned(),
        Some(1) => "1 minute".to_owned(),
        Some(minutes) => format!("{minutes} minutes"),
    }
}

fn schedule_state(enabled: bool) -> &'static str {
    if enabled { "ENABLED" } else { "DISABLED" }
}
