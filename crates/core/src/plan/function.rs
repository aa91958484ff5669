//! Lambda function: its configuration, code, reserved concurrency and tags. [`super::alias`] publishes its versions.

use std::collections::BTreeSet;

use super::{Action, Differences, LambdaOperation, ResourceVerdict, VenueContext};
use crate::desired::RESERVED_CONCURRENCY;
use crate::resource::declared::is_recorded_member;
use crate::resource::members::{AnswerKind, FunctionSetting, UnmodeledMember};
use crate::resource::{
    FunctionConfiguration, FunctionSpec, LiveFunction, LiveSecret, Observed, ResourceKind, SECRET_ARN_PLACEHOLDER,
    StringMap,
};

pub(super) fn compare_function(
    context: &VenueContext,
    function: &FunctionSpec,
    live: &Observed<LiveFunction>,
    secret: &Observed<LiveSecret>,
    role: &ResourceVerdict,
) -> ResourceVerdict {
    let new_role = matches!(role, ResourceVerdict::Change(change) if is_creation(change.action));
    match live {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => {
            plan_function_creation(context, &with_secret_arn(function, secret, None))
        }
        Observed::Present(live) => {
            context.check_owner(ResourceKind::Function, &function.name, &live.tags).unwrap_or_else(|| {
                let function = with_secret_arn(function, secret, Some(live));
                context.plan_update(
                    ResourceKind::Function,
                    &function.name,
                    function_differences(&function, live, new_role),
                )
            })
        }
    }
}

fn is_creation(action: Action) -> bool {
    match action {
        Action::Create | Action::Restore | Action::Replace => true,
        Action::Update | Action::Delete => false,
    }
}

/// Fills in the secret's ARN if it is known. If the secret is unreadable, the function keeps the ARN that it has.
fn with_secret_arn(
    function: &FunctionSpec,
    secret: &Observed<LiveSecret>,
    live: Option<&LiveFunction>,
) -> FunctionSpec {
    let mut function = function.clone();
    for (key, value) in &mut function.configuration.environment {
        if value == SECRET_ARN_PLACEHOLDER {
            let known = match secret {
                Observed::Present(secret) | Observed::PendingDeletion(secret) => Some(&secret.arn),
                Observed::Absent => None,
                Observed::Unreadable(_) => live.and_then(|live| live.configuration.environment.get(key)),
            };
            if let Some(arn) = known {
                value.clone_from(arn);
            }
        }
    }
    function
}

fn plan_function_creation(context: &VenueContext, function: &FunctionSpec) -> ResourceVerdict {
    let mut attributes = Differences::default();
    let FunctionConfiguration {
        description: _,
        runtime,
        handler,
        architecture,
        memory_mb,
        timeout_s,
        role_arn,
        environment,
        code_sha256,
        declared,
        unmodeled: _,
    } = &function.configuration;
    attributes.add_new("runtime", runtime.as_str());
    attributes.add_new("handler", handler.as_str());
    attributes.add_new("architecture", architecture.as_str());
    attributes.add_new("memory_mb", *memory_mb);
    attributes.add_new("timeout_s", *timeout_s);
    attributes.add_new("role", role_arn.as_str());
    attributes.compare_environment(&StringMap::new(), environment);
    attributes.add_new("code_sha256", code_sha256.as_str());
    if let Some(reserved) = function.reserved_concurrency {
        attributes.add_new("reserved_concurrency", reserved);
    }
    attributes.compare_declared(&declared.list_members(), &[]);
    attributes.compare_tags(&StringMap::new(), &function.tags);
    let mut operations = vec![LambdaOperation::CreateFunction { function: function.clone() }.into()];
    operations.extend(function.reserved_concurrency.map(|reserved| put_concurrency(function, reserved).into()));
    context.plan_creation(ResourceKind::Function, &function.name, attributes, operations)
}

fn function_differences(function: &FunctionSpec, live: &LiveFunction, new_role: bool) -> Differences {
    let mut differences = Differences::default();
    let (before, after) = (&live.configuration, &function.configuration);
    compare_settings(&mut differences, before, after);
    let declared = after.declared.list_members();
    differences.compare_declared(&declared, &before.unmodeled);
    // Lambda knows a role by its unique id, so one that was created again has to be set again.
    if (new_role || live.role_recreated) && before.role_arn == after.role_arn {
        differences.add_change("role", "(deleted since)", after.role_arn.as_str());
    }
    if let Some(failure) = live.state.failure() {
        differences.add_change("last_update", failure, "Successful");
    }
    differences.fix_with(|| LambdaOperation::UpdateFunctionConfiguration {
        function: function.name.clone(),
        configuration: after.clone(),
    });
    let is_declared = |member: &UnmodeledMember| declared.iter().any(|declared| declared.path == member.path);
    let others: Vec<UnmodeledMember> = before.unmodeled.iter().filter(|member| !is_declared(member)).cloned().collect();
    let reset = differences.add_unmodeled(AnswerKind::Configuration, &others);
    let mut settings: BTreeSet<FunctionSetting> = reset.iter().filter_map(|member| member.function_setting()).collect();
    // The key is the only setting that isn't reset without a record.
    if others.iter().any(|member| is_recorded_member(member, &live.tags)) {
        settings.insert(FunctionSetting::EncryptionKey);
    }
    differences.remove_undeclared(&declared, &others, &live.tags);
    differences.fix_with(|| LambdaOperation::ResetFunctionSettings { function: function.name.clone(), settings });
    differences.compare_value("architecture", before.architecture.as_str(), after.architecture.as_str());
    differences.compare_value("code_sha256", before.code_sha256.as_str(), after.code_sha256.as_str());
    differences.fix_with(|| LambdaOperation::UpdateFunctionCode {
        function: function.name.clone(),
        architecture: after.architecture.clone(),
        code_sha256: after.code_sha256.clone(),
    });
    // Before the alias moves to a version without leases. A reservation goes only after it moved to one with them: see
    // [`super::alias`]. Until then it has to be of one, so that there is a moment without a run.
    let reserved = match function.reserved_concurrency {
        Some(reserved) => Some(reserved),
        None => live.reserved_concurrency.map(|_| RESERVED_CONCURRENCY),
    };
    if let Some(reserved) = reserved {
        differences.compare_optional("reserved_concurrency", live.reserved_concurrency, reserved);
        differences.fix_with(|| put_concurrency(function, reserved));
    }
    let undeclared = differences.remove_tags(&live.tags, &function.tags);
    differences.fix_with(|| LambdaOperation::UntagFunction { arn: function.arn.clone(), keys: undeclared });
    differences.compare_tags(&live.tags, &function.tags);
    differences.fix_with(|| LambdaOperation::TagFunction { arn: function.arn.clone(), tags: function.tags.clone() });
    for member in differences.add_unmodeled(AnswerKind::Function, &live.unmodeled.members) {
        let name = function.name.clone();
        if let Some(statement_id) = member.entry_of("Policy") {
            let statement_id = statement_id.to_owned();
            differences.add_fix(LambdaOperation::RemovePermission { function: name, qualifier: None, statement_id });
        } else if let Some(qualifier) = member.entry_of("FunctionUrls") {
            let qualifier = (qualifier != "$LATEST").then(|| qualifier.to_owned());
            differences.add_fix(LambdaOperation::DeleteFunctionUrl { function: name, qualifier });
        }
    }
    differences
}

/// Compares what `UpdateFunctionConfiguration` sets.
pub(super) fn compare_settings(
    differences: &mut Differences,
    before: &FunctionConfiguration,
    after: &FunctionConfiguration,
) {
    // Other calls set the architecture and the code, and reset what isn't modeled.
    let FunctionConfiguration {
        description,
        runtime,
        handler,
        architecture: _,
        memory_mb,
        timeout_s,
        role_arn,
        environment,
        code_sha256: _,
        // Compared with what was found, which has it elsewhere.
        declared: _,
        unmodeled: _,
    } = after;
    differences.compare_value("description", before.description.as_str(), description.as_str());
    differences.compare_value("runtime", before.runtime.as_str(), runtime.as_str());
    differences.compare_value("handler", before.handler.as_str(), handler.as_str());
    differences.compare_value("memory_mb", before.memory_mb, *memory_mb);
    differences.compare_value("timeout_s", before.timeout_s, *timeout_s);
    differences.compare_value("role", before.role_arn.as_str(), role_arn.as_str());
    differences.compare_environment(&before.environment, environment);
}

fn put_concurrency(function: &FunctionSpec, reserved: u32) -> LambdaOperation {
    LambdaOperation::PutFunctionConcurrency { function: function.name.clone(), reserved }
}
