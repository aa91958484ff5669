//! The statement in the alias's policy that lets the rule, and only this rule of this account, invoke the alias.

use serde_json::Value;

use super::{Action, Change, Differences, LambdaOperation, Operation, ResourceVerdict, VenueContext};
use crate::naming::PERMISSION_SIDS;
use crate::resource::{LivePermission, Observed, PermissionSpec, PermissionStatement, ResourceKind};

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
            attributes.add_new("source_account", wanted.source_account.as_str());
            let add = add_permission(wanted, &wanted.statement_id);
            context.plan_creation(ResourceKind::Permission, &name, attributes, vec![add])
        }
        Observed::Present(live) => compare_statements(context, wanted, live, &name),
    }
}

fn compare_statements(
    context: &VenueContext,
    wanted: &PermissionSpec,
    live: &LivePermission,
    name: &str,
) -> ResourceVerdict {
    let change = |action, reason: &str, differences: Differences, operations| {
        let (attributes, _) = differences.into_parts();
        let change = context.new_change(ResourceKind::Permission, name, action, reason);
        ResourceVerdict::Change(Change { attributes, operations, ..change })
    };
    let remove = |statement: &PermissionStatement| remove_permission(wanted, &statement.statement_id);
    let mut differences = Differences::default();
    if let Some(kept) = live.statements.iter().position(|statement| compare_statement(statement, wanted).is_empty()) {
        let mut operations = Vec::new();
        for (_, other) in live.statements.iter().enumerate().filter(|(place, _)| *place != kept) {
            differences.add_removed(&format!("statements.{}", other.statement_id), Value::from(other.action.as_str()));
            operations.push(remove(other));
        }
        return match operations.is_empty() {
            true => ResourceVerdict::Unchanged,
            false => change(Action::Update, "a replacement of it was broken off", differences, operations),
        };
    }
    let mut operations = Vec::new();
    let mut removed = live.statements.iter();
    let free = PERMISSION_SIDS.into_iter().find(|sid| live.statements.iter().all(|found| found.statement_id != *sid));
    let statement_id = match (free, live.statements.last()) {
        (Some(free), _) => free,
        // Both ids are taken, by statements that don't fit.
        (None, Some(last)) => {
            operations.extend(removed.next_back().map(remove));
            &last.statement_id
        }
        (None, None) => &wanted.statement_id,
    };
    // Lambda can't change a statement in place. The new one is added before the old one is removed, under another id:
    // the rule may invoke the alias all the time.
    operations.push(add_permission(wanted, statement_id));
    operations.extend(removed.map(remove));
    if let Some(first) = live.statements.first() {
        differences = compare_statement(first, wanted);
    }
    change(Action::Replace, "differs from the manifest", differences, operations)
}

fn compare_statement(live: &PermissionStatement, wanted: &PermissionSpec) -> Differences {
    let mut differences = Differences::default();
    differences.compare_value("action", live.action.as_str(), wanted.action.as_str());
    differences.compare_value("principal", live.principal.as_str(), wanted.principal.as_str());
    differences.compare_optional("source_arn", live.source_arn.as_deref(), wanted.source_arn.as_str());
    differences.compare_optional("source_account", live.source_account.as_deref(), wanted.source_account.as_str());
    differences
}

fn add_permission(permission: &PermissionSpec, statement_id: &str) -> Operation {
    let permission = PermissionSpec { statement_id: statement_id.to_owned(), ..permission.clone() };
    LambdaOperation::AddPermission { permission }.into()
}

fn remove_permission(permission: &PermissionSpec, statement_id: &str) -> Operation {
    LambdaOperation::RemovePermission {
        function: permission.function.clone(),
        qualifier: Some(permission.qualifier.clone()),
        statement_id: statement_id.to_owned(),
    }
    .into()
}
