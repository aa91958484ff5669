//! Lambda calls. A function's calls are sequential: each waits until the previous one has taken effect.

use std::collections::HashMap;

use aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    AliasRoutingConfiguration, Architecture, DeadLetterConfig, Environment, EphemeralStorage, FunctionCode, LogFormat,
    LoggingConfig, Runtime, SnapStart, SnapStartApplyOn, TracingConfig, TracingMode, VpcConfig,
};
use bytes::Bytes;

use super::{Executor, OperationAnswers};
use deployer_aws::{Call, CallError, wait_until_function_ready};
use deployer_core::plan::{LambdaOperation, ServiceOperation};
use deployer_core::resource::declared::DeclaredSettings;
use deployer_core::resource::members::FunctionSetting;
use deployer_core::resource::{FunctionConfiguration, FunctionSpec, ResourceAddress, SECRET_ARN_PLACEHOLDER};

impl Executor<'_> {
    pub(super) async fn call_lambda(
        &self,
        address: &ResourceAddress,
        operation: &LambdaOperation,
        answers: &OperationAnswers,
    ) -> Result<(), CallError> {
        let (lambda, call) = (&self.aws.lambda, operation.call_name());
        match operation {
            LambdaOperation::CreateFunction { function } => {
                let FunctionConfiguration {
                    description,
                    runtime,
                    handler,
                    architecture,
                    memory_mb,
                    timeout_s,
                    role_arn,
                    environment: _,
                    code_sha256,
                    declared,
                    unmodeled: _,
                } = &function.configuration;
                let code = FunctionCode::builder().zip_file(self.artifact_zip(call, code_sha256)?).build();
                let request = lambda
                    .create_function()
                    .function_name(&function.name)
                    .description(description)
                    .runtime(Runtime::from(runtime.as_str()))
                    .handler(handler)
                    .architectures(Architecture::from(architecture.as_str()))
                    .memory_size(to_signed(*memory_mb))
                    .timeout(to_signed(*timeout_s))
                    .role(role_arn)
                    .environment(resolve_environment(call, &function.configuration, answers)?)
                    .set_kms_key_arn(declared.kms_key.clone())
                    .set_vpc_config(build_vpc(declared))
                    .set_tracing_config(build_tracing(declared))
                    .set_dead_letter_config(build_dead_letter(declared))
                    .set_tags(Some(function.tags.clone().into_iter().collect()))
                    .code(code)
                    // Publishing here needs no waiting for the function to become active.
                    .publish(true);
                answers.keep_version(request.send().await.call(call)?.version);
                Ok(())
            }
            LambdaOperation::UpdateFunctionConfiguration { function, configuration } => {
                // Other calls set the architecture and the code, and reset what isn't modeled.
                let FunctionConfiguration {
                    description,
                    runtime,
                    handler,
                    architecture: _,
                    memory_mb,
                    timeout_s,
                    role_arn,
                    environment: _,
                    code_sha256: _,
                    declared,
                    unmodeled: _,
                } = configuration;
                let request = lambda
                    .update_function_configuration()
                    .function_name(function)
                    .description(description)
                    .runtime(Runtime::from(runtime.as_str()))
                    .handler(handler)
                    .memory_size(to_signed(*memory_mb))
                    .timeout(to_signed(*timeout_s))
                    .role(role_arn)
                    .environment(resolve_environment(call, configuration, answers)?)
                    // What isn't declared stays as it is; another call resets it.
                    .set_kms_key_arn(declared.kms_key.clone())
                    .set_vpc_config(build_vpc(declared))
                    .set_tracing_config(build_tracing(declared))
                    .set_dead_letter_config(build_dead_letter(declared));
                request.send().await.call(call)?;
                self.wait_until_ready(function).await
            }
            LambdaOperation::ResetFunctionSettings { function, settings } => {
                let request = lambda.update_function_configuration().function_name(function);
                let request =
                    settings.iter().fold(request, |request, setting| reset_setting(request, function, *setting));
                request.send().await.call(call)?;
                self.wait_until_ready(function).await
            }
            LambdaOperation::UpdateFunctionCode { function, architecture, code_sha256 } => {
                let request = lambda
                    .update_function_code()
                    .function_name(function)
                    .architectures(Architecture::from(architecture.as_str()))
                    .zip_file(self.artifact_zip(call, code_sha256)?);
                request.send().await.call(call)?;
                self.wait_until_ready(function).await
            }
            LambdaOperation::PutFunctionConcurrency { function, reserved } => {
                let request = lambda
                    .put_function_concurrency()
                    .function_name(function)
                    .reserved_concurrent_executions(to_signed(*reserved));
                request.send().await.call(call).map(drop)
            }
            LambdaOperation::AwaitEarlierRuns { function, longest_run_s } => {
                self.await_earlier_runs(address, function, *longest_run_s).await
            }
            LambdaOperation::DeleteFunctionConcurrency { function } => {
                lambda.delete_function_concurrency().function_name(function).send().await.call(call).map(drop)
            }
            LambdaOperation::TagFunction { arn, tags } => {
                let tags = tags.clone().into_iter().collect();
                lambda.tag_resource().resource(arn).set_tags(Some(tags)).send().await.call(call).map(drop)
            }
            LambdaOperation::UntagFunction { arn, keys } => {
                lambda.untag_resource().resource(arn).set_tag_keys(Some(keys.clone())).send().await.call(call).map(drop)
            }
            LambdaOperation::DeleteFunction { function } => {
                lambda.delete_function().function_name(function).send().await.call(call).map(drop)
            }
            LambdaOperation::PublishVersion { function, code_sha256 } => {
                let request = lambda.publish_version().function_name(function).code_sha256(code_sha256);
                answers.keep_version(request.send().await.call(call)?.version);
                Ok(())
            }
            LambdaOperation::InvokeDryRun { function } => self.invoke_dry_run(address, function, answers).await,
            LambdaOperation::DeleteOldVersions { function, keep } => self.delete_old_versions(function, *keep).await,
            LambdaOperation::CreateAlias { function, alias } => {
                if published_version(call, answers).is_err() {
                    // The function already existed, or the server didn't publish a version with it.
                    self.wait_until_ready(function).await?;
                    let answer = lambda.publish_version().function_name(function).send().await;
                    answers.keep_version(answer.call("lambda:PublishVersion")?.version);
                }
                let version = published_version(call, answers)?;
                let request = lambda.create_alias().function_name(function).name(alias).function_version(version);
                request.send().await.call(call).map(drop)
            }
            LambdaOperation::UpdateAlias { function, alias } => self.update_alias(function, alias, answers).await,
            LambdaOperation::MoveAlias { function, alias, version } => {
                let request = lambda.update_alias().function_name(function).name(alias);
                request.function_version(version.to_string()).send().await.call(call).map(drop)
            }
            LambdaOperation::PutFunctionEventInvokeConfig { alias } => {
                let request = lambda
                    .put_function_event_invoke_config()
                    .function_name(&alias.function)
                    .qualifier(&alias.name)
                    .maximum_retry_attempts(to_signed(alias.maximum_retry_attempts))
                    .maximum_event_age_in_seconds(to_signed(alias.maximum_event_age_s));
                request.send().await.call(call).map(drop)
            }
            LambdaOperation::ResetAlias { function, alias } => {
                let weights = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(HashMap::new()));
                let request = lambda.update_alias().function_name(function).name(alias).description("");
                request.routing_config(weights.build()).send().await.call(call).map(drop)
            }
            LambdaOperation::DeleteFunctionUrl { function, qualifier } => {
                let request = lambda.delete_function_url_config().function_name(function);
                request.set_qualifier(qualifier.clone()).send().await.call(call).map(drop)
            }
            LambdaOperation::AddPermission { permission } => {
                let request = lambda
                    .add_permission()
                    .function_name(&permission.function)
                    .qualifier(&permission.qualifier)
                    .statement_id(&permission.statement_id)
                    .action(&permission.action)
                    .principal(&permission.principal)
                    .source_arn(&permission.source_arn)
                    .source_account(&permission.source_account);
                request.send().await.call(call).map(drop)
            }
            LambdaOperation::RemovePermission { function, qualifier, statement_id } => {
                let request = lambda.remove_permission().function_name(function).statement_id(statement_id);
                request.set_qualifier(qualifier.clone()).send().await.call(call).map(drop)
            }
        }
    }

    /// Whether something that exists, although the plan found none, counts as created.
    pub(super) async fn takes_over_in_lambda(
        &self,
        operation: &LambdaOperation,
        answers: &OperationAnswers,
    ) -> Result<bool, CallError> {
        match operation {
            LambdaOperation::CreateFunction { function } => self.owns_function(function).await,
            LambdaOperation::CreateAlias { function, alias } => {
                self.update_alias(function, alias, answers).await?;
                Ok(true)
            }
            // The statement has our id and is on our alias.
            LambdaOperation::AddPermission { .. } => Ok(true),
            LambdaOperation::PutFunctionConcurrency { .. }
            | LambdaOperation::AwaitEarlierRuns { .. }
            | LambdaOperation::DeleteFunctionConcurrency { .. }
            | LambdaOperation::UpdateFunctionConfiguration { .. }
            | LambdaOperation::ResetFunctionSettings { .. }
            | LambdaOperation::UpdateFunctionCode { .. }
            | LambdaOperation::TagFunction { .. }
            | LambdaOperation::UntagFunction { .. }
            | LambdaOperation::DeleteFunction { .. }
            | LambdaOperation::PublishVersion { .. }
            | LambdaOperation::InvokeDryRun { .. }
            | LambdaOperation::DeleteOldVersions { .. }
            | LambdaOperation::UpdateAlias { .. }
            | LambdaOperation::MoveAlias { .. }
            | LambdaOperation::ResetAlias { .. }
            | LambdaOperation::PutFunctionEventInvokeConfig { .. }
            | LambdaOperation::DeleteFunctionUrl { .. }
            | LambdaOperation::RemovePermission { .. } => Ok(false),
        }
    }

    /// Moves the alias to the published version.
    async fn update_alias(&self, function: &str, alias: &str, answers: &OperationAnswers) -> Result<(), CallError> {
        const CALL: &str = "lambda:UpdateAlias";
        let version = published_version(CALL, answers)?;
        let request = self.aws.lambda.update_alias().function_name(function).name(alias).function_version(version);
        request.send().await.call(CALL).map(drop)
    }

    async fn owns_function(&self, function: &FunctionSpec) -> Result<bool, CallError> {
        let request = self.aws.lambda.get_function().function_name(&function.name);
        let answer = request.send().await.call("lambda:GetFunction")?;
        let tags = answer.tags().into_iter().flatten();
        if !self.is_ours(tags.map(|(key, value)| (key.as_str(), value.as_str()))) {
            return Ok(false);
        }
        self.wait_until_ready(&function.name).await?;
        Ok(true)
    }

    async fn wait_until_ready(&self, function: &str) -> Result<(), CallError> {
        wait_until_function_ready(self.aws, function, &self.limiter, self.delays).await
    }

    fn artifact_zip(&self, call: &'static str, code_sha256: &str) -> Result<Blob, CallError> {
        let zip: Option<&Bytes> = self.inputs.artifacts.get(code_sha256);
        zip.map(|zip| Blob::new(zip.to_vec()))
            .ok_or_else(|| CallError::unexpected(call, format!("the artifact {code_sha256} is missing")))
    }
}

impl OperationAnswers {
    /// Keeps a version's number. `$LATEST` isn't a number and is ignored.
    fn keep_version(&self, version: Option<String>) {
        if let Some(version) = version.filter(|version| version.parse::<u64>().is_ok()) {
            *self.version.lock() = Some(version);
        }
    }
}

pub(super) fn published_version(call: &'static str, answers: &OperationAnswers) -> Result<String, CallError> {
    let version = answers.version.lock().clone();
    version.ok_or_else(|| CallError::unexpected(call, "no version was published for the alias"))
}

fn resolve_environment(
    call: &'static str,
    configuration: &FunctionConfiguration,
    answers: &OperationAnswers,
) -> Result<Environment, CallError> {
    let mut environment = Environment::builder();
    for (key, value) in &configuration.environment {
        let value = if value == SECRET_ARN_PLACEHOLDER {
            let arn = answers.secret_arn.lock().clone();
            arn.ok_or_else(|| CallError::unexpected(call, "the secret's ARN is unknown"))?
        } else {
            value.clone()
        };
        environment = environment.variables(key, value);
    }
    Ok(environment.build())
}

fn build_vpc(declared: &DeclaredSettings) -> Option<VpcConfig> {
    let vpc = declared.vpc.as_ref()?;
    let config = VpcConfig::builder().set_subnet_ids(Some(vpc.subnet_ids.clone()));
    // IPv6 is off unless it is said each time.
    let config = config.set_security_group_ids(Some(vpc.security_group_ids.clone())).ipv6_allowed_for_dual_stack(false);
    Some(config.build())
}

fn build_tracing(declared: &DeclaredSettings) -> Option<TracingConfig> {
    declared.active_tracing.then(|| TracingConfig::builder().mode(TracingMode::Active).build())
}

fn build_dead_letter(declared: &DeclaredSettings) -> Option<DeadLetterConfig> {
    declared.dead_letter.as_ref().map(|arn| DeadLetterConfig::builder().target_arn(arn).build())
}

/// Sets a setting to Lambda's default: <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>.
fn reset_setting(
    request: UpdateFunctionConfigurationFluentBuilder,
    function: &str,
    setting: FunctionSetting,
) -> UpdateFunctionConfigurationFluentBuilder {
    match setting {
        FunctionSetting::Vpc => {
            let none = VpcConfig::builder().set_subnet_ids(Some(Vec::new())).set_security_group_ids(Some(Vec::new()));
            request.vpc_config(none.build())
        }
        FunctionSetting::DeadLetters => request.dead_letter_config(DeadLetterConfig::builder().target_arn("").build()),
        FunctionSetting::Tracing => {
            request.tracing_config(TracingConfig::builder().mode(TracingMode::PassThrough).build())
        }
        FunctionSetting::Layers => request.set_layers(Some(Vec::new())),
        FunctionSetting::FileSystems => request.set_file_system_configs(Some(Vec::new())),
        FunctionSetting::EphemeralStorage => {
            request.set_ephemeral_storage(EphemeralStorage::builder().size(512).build().ok())
        }
        FunctionSetting::SnapStart => request.snap_start(SnapStart::builder().apply_on(SnapStartApplyOn::None).build()),
        FunctionSetting::EncryptionKey => request.kms_key_arn(""),
        FunctionSetting::Logging => {
            let group = format!("/aws/lambda/{function}");
            request.logging_config(LoggingConfig::builder().log_format(LogFormat::Text).log_group(group).build())
        }
    }
}

fn to_signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
