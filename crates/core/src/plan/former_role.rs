//! Roles that another one has superseded: at an earlier `role_path`, for example. They are deleted once nothing that runs
//! has them any more.

use super::finding::{FindingKind, PlanFinding};
use super::{Action, Change, Plan, ResourceVerdict, VenueContext, role};
use crate::resource::{LiveRole, LiveStack, ResourceKind, RoleSpec};

/// The deletion of something that a venue no longer needs, or why AWS would refuse it.
pub(super) enum LateDeletion {
    Planned(Change),
    Refused(PlanFinding),
}

/// Whether everything that has the venue's role (function, alias, target) gets it, or has it already.
pub(super) fn may_delete(verdicts: [&ResourceVerdict; 4]) -> bool {
    verdicts.into_iter().all(|verdict| match verdict {
        ResourceVerdict::Unchanged | ResourceVerdict::Change(_) => true,
        ResourceVerdict::Conflict(_) | ResourceVerdict::Unreadable(_) => false,
    })
}

/// Plans the deletion of the former roles that the version behind the alias doesn't run with.
pub(super) fn plan_superseded(
    context: &VenueContext<'_>,
    live: &LiveStack,
    current: &RoleSpec,
    alias: &ResourceVerdict,
) -> Vec<LateDeletion> {
    // An alias that an apply doesn't move, such as a pinned one, keeps its version and that version's role.
    let keeps_version = |alias: &ResourceVerdict| match alias {
        ResourceVerdict::Change(change) => !change.attributes.iter().any(|attribute| attribute.path == "version"),
        ResourceVerdict::Unchanged | ResourceVerdict::Conflict(_) | ResourceVerdict::Unreadable(_) => true,
    };
    let kept = live.alias.as_present().filter(|_| keeps_version(alias)).map(|alias| &alias.configuration.role_arn);
    let runs_with =
        |role: &LiveRole| kept.is_some_and(|arn| arn.ends_with(&format!(":role{}{}", role.path, role.name)));
    let unused: Vec<LiveRole> = live.other_roles.former.iter().filter(|role| !runs_with(role)).cloned().collect();
    let reason = format!("{}{} has superseded it", current.path, current.name);
    plan_deletions(context, &unused, &reason)
}

/// Plans the deletion of former roles.
pub(super) fn plan_deletions(context: &VenueContext<'_>, former: &[LiveRole], reason: &str) -> Vec<LateDeletion> {
    let plan_deletion = |former: &LiveRole| {
        let name = &former.name;
        if former.unmodeled.find_member("InstanceProfileList").is_some() {
            return LateDeletion::Refused(PlanFinding {
                address: context.resource_address(ResourceKind::FormerRole),
                name: name.clone(),
                kind: FindingKind::DeletionRefused,
                text: "it is in an instance profile".to_owned(),
                hint: Some(format!(
                    "remove it from there (`aws iam list-instance-profiles-for-role --role-name {name}`), then run the same \
                     command again"
                )),
            });
        }
        let change = context.new_change(ResourceKind::FormerRole, name, Action::Delete, reason);
        LateDeletion::Planned(Change { operations: role::role_deletion_operations(former), ..change })
    };
    former.iter().map(plan_deletion).collect()
}

/// Adds deletions to a plan.
pub(super) fn add_deletions(plan: &mut Plan, deletions: Vec<LateDeletion>) {
    for deletion in deletions {
        match deletion {
            LateDeletion::Planned(change) => plan.changes.push(change),
            LateDeletion::Refused(finding) => plan.findings.push(finding),
        }
    }
}
