//! IAM role with its inline policy.

use serde_json::Value;

use super::{Action, Change, Conflict, Context, Differences, Operation, Verdict, is_owner};
use crate::naming::{ROLE_POLICY, TAG_ADOPTED};
use crate::resource::{Kind, LiveRole, Map, Observed, RoleSpec};

pub(super) fn compare(context: &Context, role: &RoleSpec, live: &Observed<LiveRole>) -> Verdict {
    match live {
        Observed::Unreadable(reason) => Verdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => create(context, role),
        Observed::Present(live) => update(context, role, live),
    }
}

fn create(context: &Context, role: &RoleSpec) -> Verdict {
    let mut attributes = Differences::default();
    attributes.set("path", role.path.as_str());
    attributes.set("trust", role.trust.clone());
    attributes.set("policy", role.policy.clone());
    attributes.tags(&Map::new(), &role.tags);
    let operations = vec![Operation::CreateRole { role: role.clone() }, put_policy(role)];
    context.create(Kind::Role, &role.name, attributes, operations)
}

fn update(context: &Context, role: &RoleSpec, live: &LiveRole) -> Verdict {
    if live.path != role.path {
        if is_adopted(live, context.deployment) {
            return replace(context, role, live);
        }
        let nobodys =
            || Conflict { address: context.address(Kind::Role), name: role.name.clone(), owner: None, mismatch: None };
        let conflict = context.check_owner(Kind::Role, &role.name, &live.tags);
        return conflict.unwrap_or_else(|| Verdict::Conflict(nobodys()));
    }
    let mut differences = Differences::default();
    differences.policy("trust", &live.trust, &role.trust);
    differences
        .put_right_by(|| Operation::UpdateAssumeRolePolicy { role: role.name.clone(), document: role.trust.clone() });
    match live.policies.get(ROLE_POLICY) {
        Some(policy) => differences.policy("policy", policy, &role.policy),
        None => differences.set("policy", role.policy.clone()),
    }
    differences.put_right_by(|| put_policy(role));
    for (name, document) in live.policies.iter().filter(|(name, _)| *name != ROLE_POLICY) {
        differences.remove(&format!("policies.{name}"), document.clone());
        differences.put_right_by(|| Operation::DeleteRolePolicy { role: role.name.clone(), policy: name.clone() });
    }
    for arn in &live.attached {
        differences.remove("attached_policies", Value::from(arn.as_str()));
        differences.put_right_by(|| Operation::DetachRolePolicy { role: role.name.clone(), policy_arn: arn.clone() });
    }
    differences.tags(&live.tags, &role.tags);
    differences.put_right_by(|| Operation::TagRole { role: role.name.clone(), tags: role.tags.clone() });
    context.update(Kind::Role, &role.name, differences)
}

/// Whether a role is ours although it isn't under our path. Tags alone aren't enough, since anybody can copy them.
pub(super) fn is_adopted(role: &LiveRole, deployment: &str) -> bool {
    is_owner(&role.tags, deployment) && role.tags.contains_key(TAG_ADOPTED)
}

/// Replaces an adopted role. It is under another path than the roles that we create, and IAM can't move it.
fn replace(context: &Context, role: &RoleSpec, live: &LiveRole) -> Verdict {
    let mut attributes = Differences::default();
    attributes.differ("path", live.path.as_str(), role.path.as_str());
    attributes.policy("trust", &live.trust, &role.trust);
    let (attributes, _) = attributes.into_parts();
    let mut operations = deletion(live);
    operations.extend([Operation::CreateRole { role: role.clone() }, put_policy(role)]);
    let reason = "IAM can't move a role to another path";
    let change = context.change(Kind::Role, &role.name, Action::Replace, reason);
    Verdict::Change(Change { attributes, operations, ..change })
}

/// The calls that delete a role. IAM requires its policies to be removed first.
pub(super) fn deletion(role: &LiveRole) -> Vec<Operation> {
    let name = &role.name;
    let policies = role.policies.keys();
    let policies = policies.map(|policy| Operation::DeleteRolePolicy { role: name.clone(), policy: policy.clone() });
    let attached = role.attached.iter();
    let attached = attached.map(|arn| Operation::DetachRolePolicy { role: name.clone(), policy_arn: arn.clone() });
    policies.chain(attached).chain([Operation::DeleteRole { role: name.clone() }]).collect()
}

fn put_policy(role: &RoleSpec) -> Operation {
    Operation::PutRolePolicy { role: role.name.clone(), policy: ROLE_POLICY.to_owned(), document: role.policy.clone() }
}
