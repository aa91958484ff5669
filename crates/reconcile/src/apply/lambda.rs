//! Lambda calls. A function's calls are sequential: each waits until the previous one has taken effect.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, Environment, FunctionCode, LastUpdateStatus, Runtime, State};
use bytes::Bytes;

use super::{Executor, OperationAnswers, execute::unexpected_answer};
use deployer_aws::{Call, CallError};
use deployer_core::plan::Operation;
use deployer_core::resource::{FunctionConfiguration, FunctionSpec, SECRET_ARN_PLACEHOLDER};

/// A function is usually ready within a second or two. In a region under load, one took a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

impl Executor<'_> {
    pub(super) async fn call_lambda(&self, operation: &Operation, answers: &OperationAnswers) -> Result<(), CallError> {
        let (lambda, call) = (&self.aws.lambda, operation.call_name());
        match operation {
            Operation::CreateFunction { function } => {
                let configuration = &function.configuration;
                let code =
                    FunctionCode::builder().zip_file(self.artifact_zip(call, &configuration.code_sha256)?).build();
                let request = lambda
                    .create_function()
                    .function_name(&function.name)
                    .description(&configuration.description)
                    .runtime(Runtime::from(configuration.runtime.as_str()))
                    .handler(&configuration.handler)
                    .architectures(Architecture::from(configuration.architecture.as_str()))
                    .memory_size(to_signed(configuration.memory_mb))
                    .timeout(to_signed(configuration.timeout_s))
                    .role(&configuration.role_arn)
                    .environment(resolve_environment(call, configuration, answers)?)
                    .set_tags(Some(function.tags.clone().into_iter().collect()))
                    .code(code)
                    // Publishing here needs no waiting for the function to become active.
                    .publish(true);
                answers.keep_version(request.send().await.call(call)?.version);
                Ok(())
            }
            Operation::UpdateFunctionConfiguration { function, configuration } => {
                let request = lambda
                    .update_function_configuration()
                    .function_name(function)
                    .description(&configuration.description)
                    .runtime(Runtime::from(configuration.runtime.as_str()))
                    .handler(&configuration.handler)
                    .memory_size(to_signed(configuration.memory_mb))
                    .timeout(to_signed(configuration.timeout_s))
                    .role(&configuration.role_arn)
                    .environment(resolve_environment(call, configuration, answers)?);
                request.send().await.call(call)?;
                self.wait_until_ready(function).await
            }
            Operation::UpdateFunctionCode { function, architecture, code_sha256 } => {
                let request = lambda
                    .update_function_code()
                    .function_name(function)
                    .architectures(Architecture::from(architecture.as_str()))
                    .zip_file(self.artifact_zip(call, code_sha256)?);
                request.send().await.call(call)?;
                self.wait_until_ready(function).await
            }
            Operation::PutFunctionConcurrency { function, reserved } => {
                let request = lambda
                    .put_function_concurrency()
                    .function_name(function)
                    .reserved_concurrent_executions(to_signed(*reserved));
                request.send().await.call(call).map(drop)
            }
            Operation::TagFunction { arn, tags } => {
                let tags = tags.clone().into_iter().collect();
                lambda.tag_resource().resource(arn).set_tags(Some(tags)).send().await.call(call).map(drop)
            }
            Operation::UntagFunction { arn, keys } => {
                lambda.untag_resource().resource(arn).set_tag_keys(Some(keys.clone())).send().await.call(call).map(drop)
            }
            Operation::DeleteFunction { function } => {
                lambda.delete_function().function_name(function).send().await.call(call).map(drop)
            }
            Operation::PublishVersion { function, code_sha256 } => {
                let request = lambda.publish_version().function_name(function).code_sha256(code_sha256);
                answers.keep_version(request.send().await.call(call)?.version);
                Ok(())
            }
            Operation::CreateAlias { function, alias } => {
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
            Operation::UpdateAlias { function, alias } => {
                let version = published_version(call, answers)?;
                let request = lambda.update_alias().function_name(function).name(alias).function_version(version);
                request.send().await.call(call).map(drop)
            }
            Operation::MoveAlias { function, alias, version } => {
                let request = lambda.update_alias().function_name(function).name(alias);
                request.function_version(version.to_string()).send().await.call(call).map(drop)
            }
            Operation::PutFunctionEventInvokeConfig { alias } => {
                let request = lambda
                    .put_function_event_invoke_config()
                    .function_name(&alias.function)
                    .qualifier(&alias.name)
                    .maximum_retry_attempts(to_signed(alias.maximum_retry_attempts))
                    .maximum_event_age_in_seconds(to_signed(alias.maximum_event_age_s));
                request.send().await.call(call).map(drop)
            }
            Operation::AddPermission { permission } => {
                let request = lambda
                    .add_permission()
                    .function_name(&permission.function)
                    .qualifier(&permission.qualifier)
                    .statement_id(&permission.statement_id)
                    .action(&permission.action)
                    .principal(&permission.principal)
                    .source_arn(&permission.source_arn);
                request.send().await.call(call).map(drop)
            }
            Operation::RemovePermission { function, qualifier, statement_id } => {
                let request =
                    lambda.remove_permission().function_name(function).qualifier(qualifier).statement_id(statement_id);
                request.send().await.call(call).map(drop)
            }
            _ => Err(unexpected_answer(call, "not a Lambda call")),
        }
    }

    pub(super) async fn owns_function(&self, function: &FunctionSpec) -> Result<bool, CallError> {
        let request = self.aws.lambda.get_function().function_name(&function.name);
        let answer = request.send().await.call("lambda:GetFunction")?;
        let tags = answer.tags().into_iter().flatten();
        if !self.is_ours(tags.map(|(key, value)| (key.as_str(), value.as_str()))) {
            return Ok(false);
        }
        self.wait_until_ready(&function.name).await?;
        Ok(true)
    }

    /// Waits until the function is active and no update is in progress. Until then Lambda refuses the next change.
    async fn wait_until_ready(&self, function: &str) -> Result<(), CallError> {
        const CALL: &str = "lambda:GetFunctionConfiguration";
        let mut delay = Duration::from_millis(200);
        let mut waited = Duration::ZERO;
        loop {
            self.limiter.wait_for_slot(CALL).await;
            let answer =
                self.aws.lambda.get_function_configuration().function_name(function).send().await.call(CALL)?;
            let failed = answer.state() == Some(&State::Failed)
                || answer.last_update_status() == Some(&LastUpdateStatus::Failed);
            if failed {
                let reason = answer.last_update_status_reason().or(answer.state_reason()).unwrap_or("no reason given");
                return Err(unexpected_answer(CALL, format!("{function} failed to become ready: {reason}")));
            }
            let pending = answer.state() == Some(&State::Pending)
                || answer.last_update_status() == Some(&LastUpdateStatus::InProgress);
            if !pending {
                return Ok(());
            }
            if waited >= LONGEST_WAIT {
                return Err(unexpected_answer(
                    CALL,
                    format!("{function} is still not ready after {} s", waited.as_secs()),
                ));
            }
            self.sleep_for(delay).await;
            waited += delay;
            delay = (delay * 2).min(Duration::from_secs(3));
        }
    }

    fn artifact_zip(&self, call: &'static str, code_sha256: &str) -> Result<Blob, CallError> {
        let zip: Option<&Bytes> = self.inputs.artifacts.get(code_sha256);
        zip.map(|zip| Blob::new(zip.to_vec()))
            .ok_or_else(|| unexpected_answer(call, format!("the artifact {code_sha256} is missing")))
    }
}

impl OperationAnswers {
    /// Keeps a version's number. `$LATEST` isn't a number and is ignored.
    fn keep_version(&self, version: Option<String>) {
        if let (Ok(mut kept), Some(version)) =
            (self.version.lock(), version.filter(|version| version.parse::<u64>().is_ok()))
        {
            *kept = Some(version);
        }
    }
}

pub(super) fn published_version(call: &'static str, answers: &OperationAnswers) -> Result<String, CallError> {
    let version = answers.version.lock().ok().and_then(|version| version.clone());
    version.ok_or_else(|| unexpected_answer(call, "no version was published for the alias"))
}

fn resolve_environment(
    call: &'static str,
    configuration: &FunctionConfiguration,
    answers: &OperationAnswers,
) -> Result<Environment, CallError> {
    let mut environment = Environment::builder();
    for (key, value) in &configuration.environment {
        let value = if value == SECRET_ARN_PLACEHOLDER {
            let arn = answers.secret_arn.lock().ok().and_then(|arn| arn.clone());
            arn.ok_or_else(|| unexpected_answer(call, "the secret's ARN is unknown"))?
        } else {
            value.clone()
        };
        environment = environment.variables(key, value);
    }
    Ok(environment.build())
}

fn to_signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
