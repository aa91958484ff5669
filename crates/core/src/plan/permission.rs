//! The statement in the alias's policy that lets the rule, and only this rule, invoke the alias.

use super::{Action, Change, Context, Differences, Operation, Verdict};
use crate::resource::{Kind, LivePermission, Observed, PermissionSpec};

pub(super) fn compare(context: &Context, wanted: &PermissionSpec, live: &Observed<LivePermission>) -> Verdict {
    let name = format!("{}:{}", wanted.function, wanted.qualifier);
    match live {
        Observed::Unreadable(reason) => Verdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => {
            let mut attributes = Differences::default();
            attributes.set("action", wanted.action.as_str());
            attributes.set("principal", wanted.principal.as_str());
            attributes.set("source_arn", wanted.source_arn.as_str());
            context.create(Kind::Permission, &name, attributes, vec![add(wanted)])
        }
        Observed::Present(live) => {
            let mut differences = Differences::default();
            differences.differ("action", live.action.as_str(), wanted.action.as_str());
            differences.differ("principal", live.principal.as_str(), wanted.principal.as_str());
            differences.differ_optional("source_arn", live.source_arn.as_deref(), wanted.source_arn.as_str());
            if differences.is_empty() {
                return Verdict::Unchanged;
            }
            // Lambda can't change a statement in place.
            let remove = Operation::RemovePermission {
                function: wanted.function.clone(),
                qualifier: wanted.qualifier.clone(),
                statement_id: wanted.statement_id.clone(),
            };
            let (attributes, _) = differences.into_parts();
            let change = context.change(Kind::Permission, &name, Action::Replace, "differs from the manifest");
            Verdict::Change(Change { attributes, operations: vec![remove, add(wanted)], ..change })
        }
    }
}

fn add(permission: &PermissionSpec) -> Operation {
    Operation::AddPermission { permission: permission.clone() }
}
