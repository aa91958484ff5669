//! Removes what is owned but not declared, in reverse order of dependency. What isn't owned stays, whatever its name.

use super::{
    Action, Change, EventBridgeOperation, LambdaOperation, LogsOperation, Operation, Plan, SchedulerOperation,
    SecretsManagerOperation, UnreadableResource, VenueContext, finding::find_deletion_refusal, former_role, is_owner,
    role,
};
use crate::naming::{RolePlace, TAG_PROTECT, schedule_group_name};
use crate::resource::{LiveStack, Observed, ResourceKind};
use crate::role_owner::RoleOwner;

/// Plans the removal of everything of `venue` that this deployment owns. The secret can be restored within the recovery
/// window. Without a window it is deleted for good, even if its deletion is already scheduled.
pub(super) fn prune_venue(
    plan: &mut Plan,
    venue: &str,
    live: &LiveStack,
    reason: &str,
    (place, recovery_window_days): (&RolePlace, Option<u32>),
) {
    let deployment = plan.deployment.clone();
    let context = VenueContext { deployment: &deployment, venue, is_canary: false };
    if live
        .resource_tags()
        .any(|tags| is_owner(tags, &deployment) && tags.get(TAG_PROTECT).is_some_and(|value| value == "true"))
    {
        plan.protected.push(venue.to_owned());
    }
    let mut prune = VenuePruning { plan, context, reason, live };

    // Every field by name, so that no kind can be left behind by a removal.
    let LiveStack { role, other_roles, secret: live_secret, log_group, function, alias, rule, permission, schedule } =
        live;
    let schedule = prune.require_readable(ResourceKind::Schedule, schedule);
    if let Some(schedule) = schedule.filter(|schedule| schedule.is_owned(&deployment)) {
        let (group, name) = (schedule_group_name(&deployment), schedule.name.clone());
        let operation = SchedulerOperation::DeleteSchedule { group, schedule: name };
        prune.plan_deletion(ResourceKind::Schedule, &schedule.name, Some(operation.into()));
    }
    let rule = prune.require_readable(ResourceKind::Rule, rule).filter(|rule| is_owner(&rule.tags, &deployment));
    let function = prune.require_readable(ResourceKind::Function, function);
    let function = function.filter(|function| is_owner(&function.tags, &deployment));
    if let Some(rule) = rule.filter(|rule| !rule.targets.is_empty()) {
        let ids = rule.targets.iter().map(|target| target.id.clone()).collect();
        prune.plan_deletion(
            ResourceKind::Target,
            &rule.name,
            Some(EventBridgeOperation::RemoveTargets { rule: rule.name.clone(), ids }.into()),
        );
    }
    // Deleting a function also deletes its permission, alias and versions, so these have no call of their own.
    if let Some(function) = function.filter(|_| permission.as_present().is_some()) {
        prune.plan_deletion(ResourceKind::Permission, &function.name, None);
    }
    if let Some(rule) = rule {
        let operation = EventBridgeOperation::DeleteRule { rule: rule.name.clone() };
        prune.plan_deletion(ResourceKind::Rule, &rule.name, Some(operation.into()));
    }
    if let Some(function) = function {
        if alias.as_present().is_some() {
            prune.plan_deletion(ResourceKind::Alias, &function.name, None);
        }
        let operation = LambdaOperation::DeleteFunction { function: function.name.clone() };
        prune.plan_deletion(ResourceKind::Function, &function.name, Some(operation.into()));
    }
    let group = prune.require_readable(ResourceKind::LogGroup, log_group);
    if let Some(group) = group.filter(|group| is_owner(&group.tags, &deployment)) {
        let operation = LogsOperation::DeleteLogGroup { log_group: group.name.clone() };
        prune.plan_deletion(ResourceKind::LogGroup, &group.name, Some(operation.into()));
    }
    let mut secret = prune.require_readable(ResourceKind::Secret, live_secret);
    if let (Observed::PendingDeletion(scheduled), None) = (live_secret, recovery_window_days) {
        secret = Some(scheduled);
    }
    if let Some(secret) = secret.filter(|secret| is_owner(&secret.tags, &deployment)) {
        let operation = SecretsManagerOperation::DeleteSecret { secret: secret.name.clone(), recovery_window_days };
        prune.plan_deletion(ResourceKind::Secret, &secret.name, Some(operation.into()));
    }
    let role = prune.require_readable(ResourceKind::Role, role);
    if let Some(role) = role.filter(|role| RoleOwner::of_role(place, role).is_ours()) {
        prune.plan_deletion(ResourceKind::Role, &role.name, role::role_deletion_operations(role));
    }
    let former = former_role::plan_deletions(&prune.context, &other_roles.former, reason);
    former_role::add_deletions(prune.plan, former);
}

struct VenuePruning<'a> {
    plan: &'a mut Plan,
    context: VenueContext<'a>,
    reason: &'a str,
    live: &'a LiveStack,
}

impl VenuePruning<'_> {
    /// The resource, if it exists. An unreadable one is reported and left alone.
    fn require_readable<'l, T>(&mut self, kind: ResourceKind, live: &'l Observed<T>) -> Option<&'l T> {
        if let Observed::Unreadable(reason) = live {
            let address = Some(self.context.resource_address(kind));
            self.plan.unreadable.push(UnreadableResource { address, reason: reason.clone() });
        }
        live.as_present()
    }

    /// Plans the deletion, unless AWS would refuse it: then the resource stays whole, and nothing else waits for it.
    fn plan_deletion(&mut self, kind: ResourceKind, name: &str, operations: impl IntoIterator<Item = Operation>) {
        if let Some(refusal) = find_deletion_refusal(self.context.venue, self.live, kind) {
            self.plan.findings.push(refusal);
            return;
        }
        let change = self.context.new_change(kind, name, Action::Delete, self.reason);
        self.plan.changes.push(Change { operations: operations.into_iter().collect(), ..change });
    }
}
