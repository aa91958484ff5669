//! Executes one operation: makes its call, retries it where that makes sense, and decides what counts as done.

use super::{ApplyEvent, Executor, OperationAnswers};
use deployer_aws::retry::CallRetry;
use deployer_aws::{CallError, FailureKind};
use deployer_core::plan::Operation;
use deployer_core::resource::ResourceAddress;

impl Executor<'_> {
    /// Executes one operation. Something that is already gone counts as deleted, and something that an earlier attempt
    /// of ours created without getting an answer counts as created.
    pub(super) async fn execute_operation(
        &self,
        address: &ResourceAddress,
        operation: &Operation,
        answers: &OperationAnswers,
    ) -> Result<(), CallError> {
        let mut retry = CallRetry::default();
        loop {
            self.limiter.wait_for_slot(operation.call_name()).await;
            let error = match self.dispatch_call(address, operation, answers).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if error.kind == FailureKind::NotFound && operation.removes_something() {
                return Ok(());
            }
            if error.kind == FailureKind::PendingDeletion && matches!(operation, Operation::DeleteSecret { .. }) {
                return Ok(());
            }
            if error.kind == FailureKind::AlreadyExists {
                return self.take_over(operation, answers, error).await;
            }
            let Some(delay) = retry.next_delay(&error) else { return Err(error) };
            let reason = error.to_string();
            (self.on_event)(ApplyEvent::Retrying { address: address.clone(), call: operation.call_name(), reason });
            self.sleep_for(delay).await;
        }
    }

    async fn dispatch_call(
        &self,
        address: &ResourceAddress,
        operation: &Operation,
        answers: &OperationAnswers,
    ) -> Result<(), CallError> {
        match operation {
            Operation::CreateRole { .. }
            | Operation::UpdateAssumeRolePolicy { .. }
            | Operation::PutRolePolicy { .. }
            | Operation::DeleteRolePolicy { .. }
            | Operation::DetachRolePolicy { .. }
            | Operation::TagRole { .. }
            | Operation::DeleteRole { .. } => self.call_iam(operation).await,
            Operation::CreateSecret { .. }
            | Operation::RestoreSecret { .. }
            | Operation::UpdateSecretDescription { .. }
            | Operation::TagSecret { .. }
            | Operation::DeleteSecret { .. } => self.call_secrets(operation, answers).await,
            Operation::CreateLogGroup { .. }
            | Operation::PutRetentionPolicy { .. }
            | Operation::TagLogGroup { .. }
            | Operation::DeleteLogGroup { .. } => self.call_logs(operation).await,
            Operation::PutRule { .. }
            | Operation::TagRule { .. }
            | Operation::DeleteRule { .. }
            | Operation::PutTargets { .. }
            | Operation::RemoveTargets { .. } => self.call_events(operation).await,
            Operation::CreatePropertyGroup { .. }
            | Operation::CreateProperty { .. }
            | Operation::UpdateProperty { .. }
            | Operation::ArchiveProperty { .. } => self.call_properties(operation).await,
            Operation::InvokeDryRun { function } => self.invoke_dry_run(address, function, answers).await,
            Operation::DeleteOldVersions { function, keep } => self.delete_old_versions(function, *keep).await,
            _ => self.call_lambda(operation, answers).await,
        }
    }

    /// Handles a resource that exists although the plan found none: created by an attempt whose answer was lost, by a
    /// concurrent apply, or by somebody else. Only what is ours counts as created.
    async fn take_over(
        &self,
        operation: &Operation,
        answers: &OperationAnswers,
        error: CallError,
    ) -> Result<(), CallError> {
        let ours = match operation {
            Operation::CreateRole { role } => self.owns_role(role).await?,
            Operation::CreateSecret { secret } => self.owns_secret(secret, answers).await?,
            Operation::CreateLogGroup { log_group } => self.owns_log_group(log_group).await?,
            Operation::CreateFunction { function } => self.owns_function(function).await?,
            Operation::CreateAlias { function, alias } => {
                let update = Operation::UpdateAlias { function: function.clone(), alias: alias.clone() };
                self.call_lambda(&update, answers).await?;
                true
            }
            Operation::CreateProperty { property } => self.owns_property(property).await?,
            // The statement has our id and is on our alias.
            Operation::AddPermission { .. } => true,
            _ => false,
        };
        if ours { Ok(()) } else { Err(error) }
    }

    /// Whether tags name this deployment as the owner.
    pub(super) fn is_ours<'t>(&self, mut tags: impl Iterator<Item = (&'t str, &'t str)>) -> bool {
        tags.any(|(key, value)| key == deployer_core::naming::TAG_DEPLOYMENT && value == self.plan.deployment)
    }
}

/// Turns an answer that should never come into a failed call.
pub(super) fn unexpected_answer(operation: &'static str, message: impl Into<String>) -> CallError {
    CallError { operation, kind: FailureKind::Invalid, code: String::new(), message: message.into(), request_id: None }
}
