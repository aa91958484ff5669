//! IAM role, with its one inline policy.

use serde_json::Value;

use super::{Conflict, Context, Differences, Operation, Verdict};
use crate::naming::ROLE_POLICY;
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
    // A role can't be moved to another path, so only one under our path was made here.
    if live.path != role.path {
        return context.check_owner(Kind::Role, &role.name, &live.tags).unwrap_or_else(|| {
            Verdict::Conflict(Conflict {
                address: context.address(Kind::Role),
                name: role.name.clone(),
                owner: Some(format!("IAM path {}", live.path)),
            })
        });
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

fn put_policy(role: &RoleSpec) -> Operation {
    Operation::PutRolePolicy { role: role.name.clone(), policy: ROLE_POLICY.to_owned(), document: role.policy.clone() }
}
