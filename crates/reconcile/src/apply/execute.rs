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
            // After the wait, and again before each retry.
            self.fence.check(operation.call_name())?;
            let error = match self.dispatch_call(address, operation, answers).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if error.kind == FailureKind::NotFound && operation.removes_something() {
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
            Operation::Iam(operation) => self.call_iam(operation).await,
            Operation::SecretsManager(operation) => self.call_secrets_manager(operation, answers).await,
            Operation::Logs(operation) => self.call_logs(operation).await,
            Operation::Lambda(operation) => self.call_lambda(address, operation, answers).await,
            Operation::EventBridge(operation) => self.call_event_bridge(operation).await,
            Operation::Scheduler(operation) => self.call_scheduler(operation).await,
            Operation::CloudWatch(operation) => self.call_cloud_watch(operation).await,
            Operation::Sns(operation) => self.call_sns(operation).await,
            Operation::HubSpot(operation) => self.call_hubspot(operation).await,
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
            Operation::Iam(operation) => self.takes_over_in_iam(operation).await,
            Operation::SecretsManager(operation) => self.takes_over_in_secrets_manager(operation, answers).await,
            Operation::Logs(operation) => self.takes_over_in_logs(operation).await,
            Operation::Lambda(operation) => self.takes_over_in_lambda(operation, answers).await,
            Operation::EventBridge(operation) => Ok(self.takes_over_in_event_bridge(operation)),
            Operation::Scheduler(operation) => self.takes_over_in_scheduler(operation).await,
            // A call that puts an alarm, or creates a topic, takes what exists.
            Operation::CloudWatch(_) | Operation::Sns(_) => Ok(false),
            Operation::HubSpot(operation) => self.takes_over_in_hubspot(operation).await,
        };
        match ours {
            Ok(true) => Ok(()),
            Ok(false) => Err(error),
            // A denied read must not be taken for the reason: the name is taken, and whose it is isn't known.
            Err(unknown) => Err(CallError {
                message: format!("{}; whether it is ours is unknown: {unknown}", error.message),
                ..error
            }),
        }
    }

    /// Whether tags name this deployment as the owner.
    pub(super) fn is_ours<'t>(&self, mut tags: impl Iterator<Item = (&'t str, &'t str)>) -> bool {
        tags.any(|(key, value)| key == deployer_core::naming::TAG_DEPLOYMENT && value == self.plan.deployment)
    }
}
