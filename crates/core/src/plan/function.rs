//! Lambda function: its configuration, code, reserved concurrency and tags. [`super::alias`] publishes its versions.

use super::{Context, Differences, Operation, Verdict};
use crate::resource::{
    FunctionConfiguration, FunctionSpec, Kind, LiveFunction, LiveSecret, Map, Observed, SECRET_ARN_PLACEHOLDER,
};

pub(super) fn compare(
    context: &Context,
    function: &FunctionSpec,
    live: &Observed<LiveFunction>,
    secret: &Observed<LiveSecret>,
) -> Verdict {
    match live {
        Observed::Unreadable(reason) => Verdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => create(context, &with_secret(function, secret, None)),
        Observed::Present(live) => {
            context.check_owner(Kind::Function, &function.name, &live.tags).unwrap_or_else(|| {
                let function = with_secret(function, secret, Some(live));
                context.update(Kind::Function, &function.name, differences(&function, live))
            })
        }
    }
}

/// Fills in the secret's ARN if it is known. If the secret is unreadable, the function keeps the ARN that it has.
fn with_secret(function: &FunctionSpec, secret: &Observed<LiveSecret>, live: Option<&LiveFunction>) -> FunctionSpec {
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

fn create(context: &Context, function: &FunctionSpec) -> Verdict {
    let mut attributes = Differences::default();
    let configuration = &function.configuration;
    attributes.set("runtime", configuration.runtime.as_str());
    attributes.set("handler", configuration.handler.as_str());
    attributes.set("architecture", configuration.architecture.as_str());
    attributes.set("memory_mb", configuration.memory_mb);
    attributes.set("timeout_s", configuration.timeout_s);
    attributes.set("role", configuration.role_arn.as_str());
    attributes.environment(&Map::new(), &configuration.environment);
    attributes.set("code_sha256", configuration.code_sha256.as_str());
    attributes.set("reserved_concurrency", function.reserved_concurrency);
    attributes.tags(&Map::new(), &function.tags);
    let operations = vec![Operation::CreateFunction { function: function.clone() }, put_concurrency(function)];
    context.create(Kind::Function, &function.name, attributes, operations)
}

fn differences(function: &FunctionSpec, live: &LiveFunction) -> Differences {
    let mut differences = Differences::default();
    let (before, after) = (&live.configuration, &function.configuration);
    settings(&mut differences, before, after);
    differences.put_right_by(|| Operation::UpdateFunctionConfiguration {
        function: function.name.clone(),
        configuration: after.clone(),
    });
    differences.differ("architecture", before.architecture.as_str(), after.architecture.as_str());
    differences.differ("code_sha256", before.code_sha256.as_str(), after.code_sha256.as_str());
    differences.put_right_by(|| Operation::UpdateFunctionCode {
        function: function.name.clone(),
        architecture: after.architecture.clone(),
        code_sha256: after.code_sha256.clone(),
    });
    differences.differ_optional("reserved_concurrency", live.reserved_concurrency, function.reserved_concurrency);
    differences.put_right_by(|| put_concurrency(function));
    differences.tags(&live.tags, &function.tags);
    differences.put_right_by(|| Operation::TagFunction { arn: function.arn.clone(), tags: function.tags.clone() });
    differences
}

/// Compares what `UpdateFunctionConfiguration` sets.
pub(super) fn settings(differences: &mut Differences, before: &FunctionConfiguration, after: &FunctionConfiguration) {
    differences.differ("description", before.description.as_str(), after.description.as_str());
    differences.differ("runtime", before.runtime.as_str(), after.runtime.as_str());
    differences.differ("handler", before.handler.as_str(), after.handler.as_str());
    differences.differ("memory_mb", before.memory_mb, after.memory_mb);
    differences.differ("timeout_s", before.timeout_s, after.timeout_s);
    differences.differ("role", before.role_arn.as_str(), after.role_arn.as_str());
    differences.environment(&before.environment, &after.environment);
}

fn put_concurrency(function: &FunctionSpec) -> Operation {
    Operation::PutFunctionConcurrency { function: function.name.clone(), reserved: function.reserved_concurrency }
}
