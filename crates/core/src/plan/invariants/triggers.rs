//! What no plan may do about what starts the runs: let a rule and a schedule of one venue fire at the same time, delete one
//! without the other, or touch anything outside of the deployment's group.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Action, Change, EventBridgeOperation, Operation, Plan, SchedulerOperation, is_owner};
use crate::arn::Arn;
use crate::desired::Desired;
use crate::naming::{SHARED_VENUE, VenueNames, schedule_group_name};
use crate::resource::declared::may_remove_tag;
use crate::resource::{DesiredStack, LiveStack, Observed, ResourceAddress, ResourceKind, Trigger};
use crate::snapshot::Snapshot;

/// Whether a call to Scheduler is about the group of the deployment, or about the venue's schedule in it.
pub(super) fn is_own_call(
    deployment: &str,
    address: &ResourceAddress,
    names: &VenueNames,
    operation: &SchedulerOperation,
) -> bool {
    use super::super::ServiceOperation;
    let group = schedule_group_name(deployment);
    match operation.group_of_schedule() {
        Some(of) => of == group && operation.resource_name() == names.rule,
        None => {
            let named = operation.resource_name();
            let by_arn = Arn::parse_arn(named).is_ok_and(|arn| arn.resource == format!("schedule-group/{group}"));
            address.kind == ResourceKind::ScheduleGroup && address.venue == SHARED_VENUE && (named == group || by_arn)
        }
    }
}

/// The group is only changed if it was read and is ours, and only deleted if no venue has a schedule and nothing of anybody
/// else's is in it.
pub(super) fn group_violations(plan: &Plan, change: &Change, desired: &Desired, snapshot: &Snapshot) -> Vec<String> {
    let address = &change.address;
    let mut found = Vec::new();
    let live = snapshot.schedule_group.as_present();
    match (change.action, desired.schedule_group.is_some()) {
        (Action::Delete, true) => found.push(format!("{address}: would delete a declared resource")),
        (Action::Delete, false) | (_, true) => {}
        (_, false) => found.push(format!("{address}: would change a group that no venue needs")),
    }
    if matches!(snapshot.schedule_group, Observed::Unreadable(_)) {
        found.push(format!("{address}: would change an unreadable resource"));
    }
    if change.action != Action::Create && !live.is_some_and(|group| is_owner(&group.tags, &plan.deployment)) {
        found.push(format!("{address}: would change a resource that isn't ours"));
    }
    for key in change.operations.iter().flat_map(Operation::removed_tags) {
        if !live.is_some_and(|group| may_remove_tag(key, &group.tags)) {
            found.push(format!("{address}: would remove the tag {key}, which isn't ours"));
        }
    }
    if change.action == Action::Delete && live.is_some_and(|group| !group.others.is_empty()) {
        found.push(format!("{address}: would delete schedules that aren't ours"));
    }
    found
}

/// The rules and schedules that a plan makes or changes, by venue.
pub(super) fn find_made(plan: &Plan) -> BTreeSet<(&str, ResourceKind)> {
    let kept = plan.changes.iter().filter(|change| change.action != Action::Delete);
    let made = kept.map(|change| (change.address.venue.as_str(), change.address.kind));
    made.filter(|(_, kind)| matches!(kind, ResourceKind::Rule | ResourceKind::Schedule)).collect()
}

/// What starts the runs is only deleted if the venue should have the other kind, and has it by then; a secret, if it should have none.
pub(super) fn deletion_violation(
    made: &BTreeSet<(&str, ResourceKind)>,
    stack: &DesiredStack,
    live: &LiveStack,
    address: &ResourceAddress,
) -> Option<String> {
    let (other, exists) = match (&stack.trigger, address.kind) {
        (_, ResourceKind::Secret) if stack.secret.is_none() => return None,
        (Trigger::Schedule(_), ResourceKind::Rule | ResourceKind::Target) => {
            (ResourceKind::Schedule, live.schedule.as_present().is_some())
        }
        (Trigger::Rule(_), ResourceKind::Schedule) => (ResourceKind::Rule, live.rule.as_present().is_some()),
        _ => return Some(format!("{address}: would delete a declared resource")),
    };
    let is_made = made.contains(&(address.venue.as_str(), other));
    (!is_made && !exists).then(|| format!("{address}: would leave the venue with nothing that starts its runs"))
}

/// What fires of a venue, as calls change it.
#[derive(Clone, Copy)]
struct FiringState {
    rule_enabled: bool,
    rule_has_target: bool,
    schedule: bool,
}

impl FiringState {
    fn of_stack(live: &LiveStack) -> Self {
        let rule = live.rule.as_present();
        Self {
            rule_enabled: rule.is_some_and(|rule| rule.enabled),
            rule_has_target: rule.is_some_and(|rule| !rule.targets.is_empty()),
            schedule: live.schedule.as_present().is_some_and(|schedule| schedule.enabled),
        }
    }

    fn fires_twice(self) -> bool {
        self.rule_enabled && self.rule_has_target && self.schedule
    }

    fn follow(&mut self, operation: &Operation) {
        match operation {
            Operation::EventBridge(operation) => match operation {
                EventBridgeOperation::PutRule { rule } => self.rule_enabled = rule.enabled,
                EventBridgeOperation::PutTargets { .. } => self.rule_has_target = true,
                EventBridgeOperation::DeleteRule { .. } => self.rule_enabled = false,
                // Another target may stay.
                EventBridgeOperation::RemoveTargets { .. }
                | EventBridgeOperation::TagRule { .. }
                | EventBridgeOperation::UntagRule { .. } => {}
            },
            Operation::Scheduler(operation) => match operation {
                SchedulerOperation::CreateSchedule { schedule } | SchedulerOperation::UpdateSchedule { schedule } => {
                    self.schedule = schedule.enabled;
                }
                SchedulerOperation::DeleteSchedule { .. } => self.schedule = false,
                SchedulerOperation::CreateScheduleGroup { .. }
                | SchedulerOperation::TagScheduleGroup { .. }
                | SchedulerOperation::UntagScheduleGroup { .. }
                | SchedulerOperation::DeleteScheduleGroup { .. } => {}
            },
            Operation::Iam(_)
            | Operation::SecretsManager(_)
            | Operation::Logs(_)
            | Operation::Lambda(_)
            | Operation::CloudWatch(_)
            | Operation::Sns(_)
            | Operation::HubSpot(_) => {}
        }
    }
}

/// No call lets a rule and a schedule of one venue fire at the same time, if they didn't before.
pub(super) fn overlap_violations(plan: &Plan, snapshot: &Snapshot) -> Vec<String> {
    let nothing = LiveStack::default();
    let mut states: BTreeMap<&str, FiringState> = BTreeMap::new();
    let mut found = Vec::new();
    // They come in the order in which they are carried out, within a venue.
    for change in &plan.changes {
        let venue = change.address.venue.as_str();
        let live = || FiringState::of_stack(snapshot.venues.get(venue).unwrap_or(&nothing));
        let state = states.entry(venue).or_insert_with(live);
        for operation in &change.operations {
            let before = state.fires_twice();
            state.follow(operation);
            if state.fires_twice() && !before {
                found.push(format!("{}: {} would start every run twice", change.address, operation.call_name()));
            }
        }
    }
    found
}
