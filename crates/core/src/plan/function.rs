//! Lambda function: its configuration, code, reserved concurrency and tags. [`super::alias`] publishes its versions.

use super::{Differences, LambdaOperation, ResourceVerdict, VenueContext};
use crate::resource::{
    FunctionConfiguration, FunctionSpec, LiveFunction, LiveSecret, Observed, ResourceKind, SECRET_ARN_PLACEHOLDER,
    StringMap,
};

pub(super) fn compare_function(
    context: &VenueContext,
    function: &FunctionSpec,
    live: &Observed<LiveFunction>,
    secret: &Observed<LiveSecret>,
) -> ResourceVerdict {
    match live {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => {
            plan_function_creation(context, &with_secret_arn(function, secret, None))
        }
        Observed::Present(live) => {
            context.check_owner(ResourceKind::Function, &function.name, &live.tags).unwrap_or_else(|| {
                let function = with_secret_arn(function, secret, Some(live));
                context.plan_update(ResourceKind::Function, &function.name, function_differences(&function, live))
            })
        }
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
    } = &function.configuration;
    attributes.add_new("runtime", runtime.as_str());
    attributes.add_new("handler", handler.as_str());
    attributes.add_new("architecture", architecture.as_str());
    attributes.add_new("memory_mb", *memory_mb);
    attributes.add_new("timeout_s", *timeout_s);
    attributes.add_new("role", role_arn.as_str());
    attributes.compare_environment(&StringMap::new(), environment);
    attributes.add_new("code_sha256", code_sha256.as_str());
    attributes.add_new("reserved_concurrency", function.reserved_concurrency);
    attributes.compare_tags(&StringMap::new(), &function.tags);
    let operations =
        vec![LambdaOperation::CreateFunction { function: function.clone() }.into(), put_concurrency(function).into()];
    context.plan_creation(ResourceKind::Function, &function.name, attributes, operations)
}

fn function_differences(function: &FunctionSpec, live: &LiveFunction) -> Differences {
    let mut differences = Differences::default();
    let (before, after) = (&live.configuration, &function.configuration);
    compare_settings(&mut differences, before, after);
    differences.fix_with(|| LambdaOperation::UpdateFunctionConfiguration {
        function: function.name.clone(),
        configuration: after.clone(),
    });
    differences.compare_value("architecture", before.architecture.as_str(), after.architecture.as_str());
    differences.compare_value("code_sha256", before.code_sha256.as_str(), after.code_sha256.as_str());
    differences.fix_with(|| LambdaOperation::UpdateFunctionCode {
        function: function.name.clone(),
        architecture: after.architecture.clone(),
        code_sha256: after.code_sha256.clone(),
    });
    differences.compare_optional("reserved_concurrency", live.reserved_concurrency, function.reserved_concurrency);
    differences.fix_with(|| put_concurrency(function));
    differences.compare_tags(&live.tags, &function.tags);
    differences.fix_with(|| LambdaOperation::TagFunction { arn: function.arn.clone(), tags: function.tags.clone() });
    differences
}

/// Compares what `UpdateFunctionConfiguration` sets.
pub(super) fn compare_settings(
    differences: &mut Differences,
    before: &FunctionConfiguration,
    after: &FunctionConfiguration,
) {
    // Another call sets the architecture and the code.
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
    } = after;
    differences.compare_value("description", before.description.as_str(), description.as_str());
    differences.compare_value("runtime", before.runtime.as_str(), runtime.as_str());
    differences.compare_value("handler", before.handler.as_str(), handler.as_str());
    differences.compare_value("memory_mb", before.memory_mb, *memory_mb);
    differences.compare_value("timeout_s", before.timeout_s, *timeout_s);
    differences.compare_value("role", before.role_arn.as_str(), role_arn.as_str());
    differences.compare_environment(&before.environment, environment);
}

fn put_concurrency(function: &FunctionSpec) -> LambdaOperation {
    LambdaOperation::PutFunctionConcurrency { function: function.name.clone(), reserved: function.reserved_concurrency }
}
