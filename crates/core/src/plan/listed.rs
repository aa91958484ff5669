//! Completes a venue of which only lists were read: assumes that what no list contains is as declared, so that the plan
//! doesn't change it.

use std::borrow::Cow;

use crate::resource::members::UnmodeledPart;
use crate::resource::{
    DesiredStack, LiveAlias, LivePermission, LiveSchedule, LiveStack, Observed, PermissionStatement,
};
use crate::snapshot::Snapshot;

/// Placeholder for the version that the alias points to.
const NOT_READ: &str = "(not read)";

/// Returns `live` with everything that wasn't read filled in from `stack`, or `live` itself if everything was read.
pub(super) fn complete_unread<'l>(
    snapshot: &Snapshot,
    venue: &str,
    live: &'l LiveStack,
    stack: Option<&DesiredStack>,
) -> Cow<'l, LiveStack> {
    match stack {
        Some(stack) if snapshot.listed.contains(venue) => Cow::Owned(assume_declared(live.clone(), stack)),
        _ => Cow::Borrowed(live),
    }
}

fn assume_declared(mut live: LiveStack, stack: &DesiredStack) -> LiveStack {
    // Roles and secrets are always read in full.
    let LiveStack { role: _, other_roles: _, secret: _, log_group, function, alias, rule, permission, schedule } =
        &mut live;
    if let Observed::Present(group) = log_group {
        group.tags.clone_from(&stack.log_group.tags);
    }
    // A venue that has not what it should is read in full.
    if let (Observed::Present(rule), Some(trigger)) = (rule, stack.trigger.as_rule()) {
        rule.tags.clone_from(&trigger.rule.tags);
        rule.targets = vec![trigger.target.target.clone()];
    }
    if let (Observed::Present(listed), Some(wanted)) = (schedule, stack.trigger.as_schedule()) {
        let mut whole = LiveSchedule::of_spec(wanted, "");
        whole.owner.clone_from(&listed.owner);
        whole.enabled = listed.enabled;
        whole.target.arn.clone_from(&listed.target.arn);
        *listed = whole;
    }
    if let Observed::Present(function) = function {
        function.tags.clone_from(&stack.function.tags);
        function.reserved_concurrency = stack.function.reserved_concurrency;
    }
    // Both are assumed to exist exactly when the function does.
    *alias = function.map(|function| LiveAlias {
        version: NOT_READ.to_owned(),
        configuration: function.configuration.clone(),
        maximum_retry_attempts: Some(stack.alias.maximum_retry_attempts),
        maximum_event_age_s: Some(stack.alias.maximum_event_age_s),
        unmodeled: UnmodeledPart::default(),
    });
    *permission = match &stack.permission {
        Some(wanted) => function.map(|_| LivePermission { statements: vec![PermissionStatement::of_spec(wanted)] }),
        None => Observed::Absent,
    };
    live
}
