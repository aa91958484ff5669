//! The alias that the rule invokes, the version that it points to, and Lambda's settings for asynchronous invocations.

/// How many versions of a function are kept for rollbacks.
const VERSIONS_KEPT: u32 = 5;

use super::{Action, Change, Differences, LambdaOperation, Operation, ResourceVerdict, VenueContext};
use crate::concurrency::has_lease;
use crate::naming::TAG_PINNED;
use crate::resource::members::{AnswerKind, UnmodeledMember};
use crate::resource::{
    AliasSpec, FunctionConfiguration, FunctionSpec, LiveAlias, LiveFunction, Observed, ResourceKind,
};

pub(super) fn compare_alias(
    context: &VenueContext,
    alias: &AliasSpec,
    live: &Observed<LiveAlias>,
    spec: &FunctionSpec,
    function: (&ResourceVerdict, &Observed<LiveFunction>),
) -> ResourceVerdict {
    match live {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => plan_alias_creation(context, alias, spec, function.0),
        Observed::Present(live) => plan_alias_update(context, alias, live, spec, function),
    }
}

fn plan_alias_creation(
    context: &VenueContext,
    alias: &AliasSpec,
    spec: &FunctionSpec,
    function: &ResourceVerdict,
) -> ResourceVerdict {
    let mut attributes = Differences::default();
    attributes.add_known_after_apply("version", None);
    if alias.settings_matter {
        attributes.add_new("maximum_retry_attempts", alias.maximum_retry_attempts);
        attributes.add_new("maximum_event_age_s", alias.maximum_event_age_s);
    }
    // Creating a function publishes its first version.
    let new = matches!(function, ResourceVerdict::Change(change) if change.action == Action::Create);
    let mut operations: Vec<Operation> = if new { Vec::new() } else { vec![publish_version(spec).into()] };
    operations
        .push(LambdaOperation::CreateAlias { function: alias.function.clone(), alias: alias.name.clone() }.into());
    if alias.settings_matter {
        operations.push(LambdaOperation::PutFunctionEventInvokeConfig { alias: alias.clone() }.into());
    }
    context.plan_creation(ResourceKind::Alias, &alias_name(alias), attributes, operations)
}

fn plan_alias_update(
    context: &VenueContext,
    alias: &AliasSpec,
    live: &LiveAlias,
    spec: &FunctionSpec,
    (verdict, function): (&ResourceVerdict, &Observed<LiveFunction>),
) -> ResourceVerdict {
    let changes = matches!(verdict, ResourceVerdict::Change(change) if change.operations.iter().any(changes_version));
    let elsewhere = match verdict {
        ResourceVerdict::Change(_) | ResourceVerdict::Unchanged => {
            function
                .as_present()
                .is_some_and(|function| runs_another(&function.configuration, &live.configuration, &spec.configuration))
                && !is_pinned(function, live)
        }
        ResourceVerdict::Conflict(_) | ResourceVerdict::Unreadable(_) => false,
    };
    let republished = changes || elsewhere;
    let mut differences = Differences::default();
    let mut operations: Vec<LambdaOperation> = Vec::new();
    if republished {
        differences.add_known_after_apply("version", Some(live.version.as_str().into()));
        operations.push(publish_version(spec));
        let new_code = live.configuration.code_sha256 != spec.configuration.code_sha256;
        if context.is_canary && new_code {
            operations.push(LambdaOperation::InvokeDryRun { function: alias.function.clone() });
        }
        operations.push(LambdaOperation::UpdateAlias { function: alias.function.clone(), alias: alias.name.clone() });
        if let Some(version) = function.as_present().and_then(|function| function.tags.get(TAG_PINNED)) {
            differences.add_removed(&format!("tags.{TAG_PINNED}"), version.as_str());
            operations
                .push(LambdaOperation::UntagFunction { arn: spec.arn.clone(), keys: vec![TAG_PINNED.to_owned()] });
        }
        operations.push(LambdaOperation::DeleteOldVersions { function: alias.function.clone(), keep: VERSIONS_KEPT });
        differences.mark_fixed();
    }
    let mut settings = false;
    if alias.settings_matter {
        let (attempts, age_s) = (alias.maximum_retry_attempts, alias.maximum_event_age_s);
        settings = (live.maximum_retry_attempts, live.maximum_event_age_s) != (Some(attempts), Some(age_s));
        differences.compare_optional("maximum_retry_attempts", live.maximum_retry_attempts, attempts);
        differences.compare_optional("maximum_event_age_s", live.maximum_event_age_s, age_s);
    }
    let unmodeled = differences.add_unmodeled(AnswerKind::Alias, &live.unmodeled.members);
    let remove = |qualifier: &str, statement_id: &str| LambdaOperation::RemovePermission {
        function: alias.function.clone(),
        qualifier: Some(qualifier.to_owned()),
        statement_id: statement_id.to_owned(),
    };
    let mut resets = false;
    let mut others = Vec::new();
    for member in unmodeled {
        if let Some(statement_id) = member.entry_of("Policy") {
            others.push(remove(&alias.name, statement_id));
        } else if let Some(statement_id) = member.entry_of("VersionPolicy") {
            others.push(remove(&live.version, statement_id));
        } else if member.entry_of("EventInvokeConfig").is_none() {
            resets = true;
        } else {
            settings = true;
        }
    }
    if settings {
        differences.add_fix(LambdaOperation::PutFunctionEventInvokeConfig { alias: alias.clone() });
    }
    if resets {
        differences
            .add_fix(LambdaOperation::ResetAlias { function: alias.function.clone(), alias: alias.name.clone() });
    }
    others.into_iter().for_each(|operation| differences.add_fix(operation));
    give_up_reservation(&mut differences, spec, function, live, republished);
    if differences.is_empty() {
        return ResourceVerdict::Unchanged;
    }
    let (attributes, settings) = differences.into_parts();
    let reason = match (changes, elsewhere) {
        (true, _) => "the function changes, so a new version is published",
        (false, true) => "points to a version that differs from the manifest",
        (false, false) => "differs from the manifest",
    };
    let change = context.new_change(ResourceKind::Alias, &alias_name(alias), Action::Update, reason);
    let operations = operations.into_iter().map(Operation::from).chain(settings).collect();
    ResourceVerdict::Change(Change { attributes, operations, ..change })
}

/// Deletes the reservation of a function whose runs have leases, once the alias points to a version that takes them. A run of
/// an earlier version that is still in progress has none, so the reservation stays until there is no run.
fn give_up_reservation(
    differences: &mut Differences,
    spec: &FunctionSpec,
    function: &Observed<LiveFunction>,
    live: &LiveAlias,
    republished: bool,
) {
    let reserved = function.as_present().and_then(|function| function.reserved_concurrency);
    let (None, Some(reserved)) = (spec.reserved_concurrency, reserved) else { return };
    if !republished && !has_lease(&live.configuration.environment) {
        return;
    }
    differences.add_removed("reserved_concurrency", reserved);
    let longest_run_s = spec.configuration.timeout_s.max(live.configuration.timeout_s);
    let name = || spec.name.clone();
    differences.add_fix(LambdaOperation::AwaitEarlierRuns { function: name(), longest_run_s });
    differences.add_fix(LambdaOperation::DeleteFunctionConcurrency { function: name() });
}

/// Whether a version runs something else than the function's configuration. What the function has and an apply leaves
/// alone is no reason to publish it, and neither is a member that this version of deployer doesn't know.
fn runs_another(
    latest: &FunctionConfiguration,
    version: &FunctionConfiguration,
    wanted: &FunctionConfiguration,
) -> bool {
    if latest.unmodeled.is_empty() && latest == version {
        return false;
    }
    let declared = wanted.declared.list_members();
    let is_put_back = |member: &UnmodeledMember| {
        member.is_put_back(AnswerKind::Configuration) || declared.iter().any(|declared| declared.path == member.path)
    };
    let (mut latest, mut version) = (latest.clone(), version.clone());
    let (put_back, left_alone) = latest.unmodeled.into_iter().partition::<Vec<_>, _>(is_put_back);
    latest.unmodeled = put_back;
    version.unmodeled.retain(|member| member.known && !left_alone.contains(member));
    latest != version
}

/// Whether `deployer rollback` moved the alias to its current version. It stays there until the function changes.
pub(crate) fn is_pinned(function: &Observed<LiveFunction>, alias: &LiveAlias) -> bool {
    function.as_present().is_some_and(|function| function.tags.get(TAG_PINNED) == Some(&alias.version))
}

/// The note on an alias that a rollback has pinned.
pub(super) fn pinned_note(
    venue: &str,
    function: &Observed<LiveFunction>,
    alias: &Observed<LiveAlias>,
) -> Option<String> {
    let alias = alias.as_present().filter(|alias| is_pinned(function, alias))?;
    Some(format!(
        "{venue} was rolled back to version {} and stays there until its code or configuration changes, or until \
         `deployer rollback {venue} --unpin`",
        alias.version
    ))
}

/// Whether an operation changes something that a version freezes.
fn changes_version(operation: &Operation) -> bool {
    operation.as_lambda().is_some_and(LambdaOperation::changes_version)
}

fn publish_version(spec: &FunctionSpec) -> LambdaOperation {
    LambdaOperation::PublishVersion { function: spec.name.clone(), code_sha256: spec.configuration.code_sha256.clone() }
}

fn alias_name(alias: &AliasSpec) -> String {
    format!("{}:{}", alias.function, alias.name)
}
