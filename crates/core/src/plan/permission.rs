//! The statement in the alias's policy that lets the rule, and only this rule, invoke the alias.

use super::{Action, Change, Differences, LambdaOperation, ResourceVerdict, VenueContext};
use crate::resource::{LivePermission, Observed, PermissionSpec, ResourceKind};

pub(super) fn compare_permission(
    context: &VenueContext,
    wanted: &PermissionSpec,
    live: &Observed<LivePermission>,
) -> ResourceVerdict {
    let name = format!("{}:{}", wanted.function, wanted.qualifier);
    match live {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => {
            let mut attributes = Differences::default();
            attributes.add_new("action", wanted.action.as_str());
            attributes.add_new("principal", wanted.principal.as_str());
            attributes.add_new("source_arn", wanted.source_arn.as_str());
            context.plan_creation(ResourceKind::Permission, &name, attributes, vec![add_permission(wanted).into()])
        }
        Observed::Present(live) => {
            let mut differences = Differences::default();
            differences.compare_value("action", live.action.as_str(), wanted.action.as_str());
            differences.compare_value("principal", live.principal.as_str(), wanted.principal.as_str());
            differences.compare_optional("source_arn", live.source_arn.as_deref(), wanted.source_arn.as_str());
            if differences.is_empty() {
                return ResourceVerdict::Unchanged;
            }
            // Lambda can't change a statement in place.
            let remove = LambdaOperation::RemovePermission {
                function: wanted.function.clone(),
                qualifier: Some(wanted.qualifier.clone()),
                statement_id: wanted.statement_id.clone(),
            };
            let (attributes, _) = differences.into_parts();
            let change =
                context.new_change(ResourceKind::Permission, &name, Action::Replace, "differs from the manifest");
            ResourceVerdict::Change(Change {
                attributes,
                operations: vec![remove.into(), add_permission(wanted).into()],
                ..change
            })
        }
    }
}

fn add_permission(permission: &PermissionSpec) -> LambdaOperation {
    LambdaOperation::AddPermission { permission: permission.clone() }
}
