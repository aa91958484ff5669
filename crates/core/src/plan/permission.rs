//! The statement in the alias's policy that lets the rule, and only this rule of this account, invoke the alias. Where the
//! rule has a role for that, or the venue has a schedule, there is none, and one that an earlier version added is removed.

use std::borrow::Cow;

use serde_json::Value;

use super::{Action, Change, Differences, LambdaOperation, Operation, ResourceVerdict, VenueContext};
use crate::naming::PERMISSION_SIDS;
use crate::resource::declared::is_recorded_member;
use crate::resource::{
    AliasSpec, DesiredStack, LivePermission, LiveRole, LiveStack, Observed, PermissionSpec, PermissionStatement,
    ResourceKind,
};
use crate::role_policy::use_permission;
use crate::scope::Scope;

/// The stack with a permission instead of the rule's role if the role has a permissions boundary that the manifest doesn't
/// declare, and that stays: it may not allow the role to invoke anything.
pub(super) fn settle_stack<'s>(stack: &'s DesiredStack, live: &LiveStack, scope: &Scope) -> Cow<'s, DesiredStack> {
    let limits = |role: &&LiveRole| {
        role.unmodeled
            .members
            .iter()
            .any(|member| member.path == "PermissionsBoundary" && !is_recorded_member(member, &role.tags))
    };
    // A schedule has no other way than a role.
    let has_choice = stack.permission.is_none() && stack.trigger.as_rule().is_some();
    if !has_choice || live.role.as_present().filter(limits).is_none() {
        return Cow::Borrowed(stack);
    }
    let mut settled = stack.clone();
    use_permission(&mut settled, scope);
    Cow::Owned(settled)
}

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

/// Plans the removal of the statement where the rule has a role instead. Deletions come last, so the rule has its role by
/// then, and there is no moment in which it can't invoke the alias.
pub(super) fn plan_removal(
    context: &VenueContext,
    alias: &AliasSpec,
    live: &Observed<LivePermission>,
) -> Option<ResourceVerdict> {
    match live {
        Observed::Absent | Observed::PendingDeletion(_) => None,
        Observed::Unreadable(reason) => Some(ResourceVerdict::Unreadable(reason.clone())),
        Observed::Present(live) => {
            let name = format!("{}:{}", alias.function, alias.name);
            let reason = "what starts the runs has a role to invoke it with";
            let operations = live
                .statements
                .iter()
                .map(|statement| remove_permission(&alias.function, &alias.name, &statement.statement_id));
            let operations = operations.collect();
            let change = context.new_change(ResourceKind::Permission, &name, Action::Delete, reason);
            Some(ResourceVerdict::Change(Change { operations, ..change }))
        }
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
    let remove = |statement: &PermissionStatement| {
        remove_permission(&wanted.function, &wanted.qualifier, &statement.statement_id)
    };
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

fn remove_permission(function: &str, qualifier: &str, statement_id: &str) -> Operation {
    LambdaOperation::RemovePermission {
        function: function.to_owned(),
        qualifier: Some(qualifier.to_owned()),
        statement_id: statement_id.to_owned(),
    }
    .into()
}
