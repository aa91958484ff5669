//! IAM role with its inline policy.

use std::borrow::Cow;

use serde_json::Value;

use super::{Action, Change, Conflict, Differences, IamOperation, Operation, ResourceVerdict, VenueContext, is_owner};
use crate::desired::MAX_SESSION_S;
use crate::naming::{ROLE_POLICY, RolePlace, TAG_ADOPTED, TAG_VENUE};
use crate::resource::{DesiredStack, LiveRole, LiveStack, Observed, ResourceKind, RoleSpec, StringMap};
use crate::role_owner::RoleOwner;
use crate::scope::Scope;

/// The stack with the name and the path that its role has, or gets: a role that an earlier version created stays where it
/// is, and one whose usual name is taken has its second name.
pub(super) fn settle_stack<'s>(
    stack: &'s DesiredStack,
    live: &LiveStack,
    place: &RolePlace,
    scope: &Scope,
) -> Cow<'s, DesiredStack> {
    let (name, path) = match live.role.as_present() {
        Some(role) if RoleOwner::of_role(place, role) == RoleOwner::Current => (role.name.clone(), role.path.clone()),
        Some(role) => (role.name.clone(), stack.role.path.clone()),
        None if live.other_roles.usual_name_taken => {
            let venue = stack.role.tags.get(TAG_VENUE).map_or("", String::as_str);
            (place.second_role_name(venue), stack.role.path.clone())
        }
        None => return Cow::Borrowed(stack),
    };
    if (&name, &path) == (&stack.role.name, &stack.role.path) {
        return Cow::Borrowed(stack);
    }
    let mut settled = stack.clone();
    let arn = scope.role_arn(&path, &name);
    if let Some(role_arn) = settled.trigger.role_arn_mut() {
        role_arn.clone_from(&arn);
    }
    settled.function.configuration.role_arn = arn;
    (settled.role.name, settled.role.path) = (name, path);
    Cow::Owned(settled)
}

pub(super) fn compare_role(context: &VenueContext, role: &RoleSpec, live: &Observed<LiveRole>) -> ResourceVerdict {
    match live {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => plan_role_creation(context, role),
        Observed::Present(live) => plan_role_update(context, role, live),
    }
}

fn plan_role_creation(context: &VenueContext, role: &RoleSpec) -> ResourceVerdict {
    let mut attributes = Differences::default();
    attributes.add_new("path", role.path.as_str());
    attributes.add_new("trust", role.trust.to_value());
    attributes.add_new("policy", role.policy.to_value());
    attributes.compare_declared(&role.declared_members(), &[]);
    attributes.compare_tags(&StringMap::new(), &role.tags);
    let operations = vec![IamOperation::CreateRole { role: role.clone() }.into(), put_policy(role).into()];
    context.plan_creation(ResourceKind::Role, &role.name, attributes, operations)
}

fn plan_role_update(context: &VenueContext, role: &RoleSpec, live: &LiveRole) -> ResourceVerdict {
    if live.path != role.path {
        if is_adopted(live, context.deployment) {
            return plan_role_replacement(context, role, live);
        }
        let nobodys = || Conflict {
            address: context.resource_address(ResourceKind::Role),
            name: role.name.clone(),
            owner: None,
            mismatch: None,
        };
        let conflict = context.check_owner(ResourceKind::Role, &role.name, &live.tags);
        return conflict.unwrap_or_else(|| ResourceVerdict::Conflict(nobodys()));
    }
    let mut differences = Differences::default();
    if let Some(description) = &live.description {
        differences.compare_value("description", description.as_str(), role.description.as_str());
    }
    if let Some(session) = live.max_session_s {
        differences.compare_value("max_session_s", session, MAX_SESSION_S);
    }
    differences.fix_with(|| IamOperation::UpdateRole {
        role: role.name.clone(),
        description: role.description.clone(),
        max_session_s: MAX_SESSION_S,
    });
    // First, because a company may allow no other change of a role without it.
    let (declared, found) = (role.declared_members(), &live.unmodeled.members);
    differences.compare_declared(&declared, found);
    let boundary = role.permissions_boundary.clone().unwrap_or_default();
    differences.fix_with(|| IamOperation::PutRolePermissionsBoundary { role: role.name.clone(), boundary });
    differences.compare_role_policy("trust", &live.trust, &role.trust);
    differences
        .fix_with(|| IamOperation::UpdateAssumeRolePolicy { role: role.name.clone(), document: role.trust.clone() });
    match live.policies.get(ROLE_POLICY) {
        Some(policy) => differences.compare_role_policy("policy", policy, &role.policy),
        None => differences.add_new("policy", role.policy.to_value()),
    }
    differences.fix_with(|| put_policy(role));
    for (name, document) in live.policies.iter().filter(|(name, _)| *name != ROLE_POLICY) {
        differences.add_removed(&format!("policies.{name}"), document.to_value());
        differences.fix_with(|| IamOperation::DeleteRolePolicy { role: role.name.clone(), policy: name.clone() });
    }
    for arn in &live.attached {
        differences.add_removed("attached_policies", Value::from(arn.as_str()));
        differences.fix_with(|| IamOperation::DetachRolePolicy { role: role.name.clone(), policy_arn: arn.clone() });
    }
    differences.remove_undeclared(&declared, found, &live.tags);
    differences.fix_with(|| IamOperation::DeleteRolePermissionsBoundary { role: role.name.clone() });
    let undeclared = differences.remove_tags(&live.tags, &role.tags);
    differences.fix_with(|| IamOperation::UntagRole { role: role.name.clone(), keys: undeclared });
    differences.compare_tags(&live.tags, &role.tags);
    differences.fix_with(|| IamOperation::TagRole { role: role.name.clone(), tags: role.tags.clone() });
    context.plan_update(ResourceKind::Role, &role.name, differences)
}

/// Whether a role is ours although it isn't under our path. Tags alone aren't enough, since anybody can copy them.
pub(super) fn is_adopted(role: &LiveRole, deployment: &str) -> bool {
    is_owner(&role.tags, deployment) && role.tags.contains_key(TAG_ADOPTED)
}

/// Replaces an adopted role. It is under another path than the roles that we create, and IAM can't move it.
fn plan_role_replacement(context: &VenueContext, role: &RoleSpec, live: &LiveRole) -> ResourceVerdict {
    let mut attributes = Differences::default();
    attributes.compare_value("path", live.path.as_str(), role.path.as_str());
    attributes.compare_role_policy("trust", &live.trust, &role.trust);
    let (attributes, _) = attributes.into_parts();
    let mut operations = role_deletion_operations(live);
    operations.extend([IamOperation::CreateRole { role: role.clone() }.into(), put_policy(role).into()]);
    let reason = "IAM can't move a role to another path";
    let change = context.new_change(ResourceKind::Role, &role.name, Action::Replace, reason);
    ResourceVerdict::Change(Change { attributes, operations, ..change })
}

/// The calls that delete a role. IAM requires its policies to be removed first.
pub(super) fn role_deletion_operations(role: &LiveRole) -> Vec<Operation> {
    let name = &role.name;
    let policies = role.policies.keys();
    let policies = policies.map(|policy| IamOperation::DeleteRolePolicy { role: name.clone(), policy: policy.clone() });
    let attached = role.attached.iter();
    let attached = attached.map(|arn| IamOperation::DetachRolePolicy { role: name.clone(), policy_arn: arn.clone() });
    policies.chain(attached).chain([IamOperation::DeleteRole { role: name.clone() }]).map(Operation::from).collect()
}

fn put_policy(role: &RoleSpec) -> IamOperation {
    IamOperation::PutRolePolicy {
        role: role.name.clone(),
        policy: ROLE_POLICY.to_owned(),
        document: role.policy.clone(),
    }
}
