//! Removes what is owned but not declared, in reverse order of dependency. What isn't owned stays, whatever its name.

use super::{Action, Change, Context, Operation, Plan, Unreadable, is_owner, role};
use crate::naming::{TAG_PROTECT, role_path};
use crate::resource::{Kind, LiveRole, LiveStack, Observed};

/// Plans the removal of everything of `venue` that this deployment owns. The secret can be restored within the recovery
/// window. Without a window it is deleted for good, even if its deletion is already scheduled.
pub(super) fn venue(plan: &mut Plan, venue: &str, live: &LiveStack, reason: &str, recovery_window_days: Option<u32>) {
    let deployment = plan.deployment.clone();
    let context = Context { deployment: &deployment, venue, is_canary: false };
    if live.tags().any(|tags| is_owner(tags, &deployment) && tags.get(TAG_PROTECT).is_some_and(|value| value == "true"))
    {
        plan.protected.push(venue.to_owned());
    }
    let mut prune = Prune { plan, context, reason };

    let rule = prune.readable(Kind::Rule, &live.rule).filter(|rule| is_owner(&rule.tags, &deployment));
    let function = prune.readable(Kind::Function, &live.function);
    let function = function.filter(|function| is_owner(&function.tags, &deployment));
    if let Some(rule) = rule.filter(|rule| !rule.targets.is_empty()) {
        let ids = rule.targets.iter().map(|target| target.id.clone()).collect();
        prune.delete(Kind::Target, &rule.name, Some(Operation::RemoveTargets { rule: rule.name.clone(), ids }));
    }
    // Deleting a function also deletes its permission, alias and versions, so these have no call of their own.
    if let Some(function) = function.filter(|_| live.permission.present().is_some()) {
        prune.delete(Kind::Permission, &function.name, None);
    }
    if let Some(rule) = rule {
        prune.delete(Kind::Rule, &rule.name, Some(Operation::DeleteRule { rule: rule.name.clone() }));
    }
    if let Some(function) = function {
        if live.alias.present().is_some() {
            prune.delete(Kind::Alias, &function.name, None);
        }
        let operation = Operation::DeleteFunction { function: function.name.clone() };
        prune.delete(Kind::Function, &function.name, Some(operation));
    }
    let group = prune.readable(Kind::LogGroup, &live.log_group);
    if let Some(group) = group.filter(|group| is_owner(&group.tags, &deployment)) {
        let operation = Operation::DeleteLogGroup { log_group: group.name.clone() };
        prune.delete(Kind::LogGroup, &group.name, Some(operation));
    }
    let mut secret = prune.readable(Kind::Secret, &live.secret);
    if let (Observed::PendingDeletion(scheduled), None) = (&live.secret, recovery_window_days) {
        secret = Some(scheduled);
    }
    if let Some(secret) = secret.filter(|secret| is_owner(&secret.tags, &deployment)) {
        let operation = Operation::DeleteSecret { secret: secret.name.clone(), recovery_window_days };
        prune.delete(Kind::Secret, &secret.name, Some(operation));
    }
    let role = prune.readable(Kind::Role, &live.role);
    // Owned by its path, or adopted and not yet replaced.
    let owned = |role: &&LiveRole| role.path == role_path(&deployment) || role::is_adopted(role, &deployment);
    if let Some(role) = role.filter(owned) {
        prune.delete(Kind::Role, &role.name, role::deletion(role));
    }
}

struct Prune<'a> {
    plan: &'a mut Plan,
    context: Context<'a>,
    reason: &'a str,
}

impl Prune<'_> {
    /// The resource, if it exists. An unreadable one is reported and left alone.
    fn readable<'l, T>(&mut self, kind: Kind, live: &'l Observed<T>) -> Option<&'l T> {
        if let Observed::Unreadable(reason) = live {
            let address = Some(self.context.address(kind));
            self.plan.unreadable.push(Unreadable { address, reason: reason.clone() });
        }
        live.present()
    }

    fn delete(&mut self, kind: Kind, name: &str, operations: impl IntoIterator<Item = Operation>) {
        let change = self.context.change(kind, name, Action::Delete, self.reason);
        self.plan.changes.push(Change { operations: operations.into_iter().collect(), ..change });
    }
}
