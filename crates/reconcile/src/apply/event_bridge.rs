//! EventBridge calls, on the default bus.

use aws_sdk_eventbridge::types::{RetryPolicy, RuleState, Tag, Target as SdkTarget};

use super::Executor;
use deployer_aws::{Call, CallError, FailureKind, Found};
use deployer_core::naming;
use deployer_core::plan::{EventBridgeOperation, ServiceOperation};
use deployer_core::resource::{RuleTarget, StringMap};

impl Executor<'_> {
    pub(super) async fn call_event_bridge(&self, operation: &EventBridgeOperation) -> Result<(), CallError> {
        let (events, call) = (&self.aws.events, operation.call_name());
        match operation {
            EventBridgeOperation::PutRule { rule } => {
                self.check_rule_name(&rule.name).await?;
                let request = events
                    .put_rule()
                    .name(&rule.name)
                    .description(&rule.description)
                    .schedule_expression(&rule.schedule)
                    .state(if rule.enabled { RuleState::Enabled } else { RuleState::Disabled })
                    .set_tags(Some(build_tags(call, &rule.tags)?));
                request.send().await.call(call).map(drop)
            }
            EventBridgeOperation::TagRule { arn, tags: wanted } => {
                let request = events.tag_resource().resource_arn(arn).set_tags(Some(build_tags(call, wanted)?));
                request.send().await.call(call).map(drop)
            }
            EventBridgeOperation::UntagRule { arn, keys } => {
                let request = events.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.clone()));
                request.send().await.call(call).map(drop)
            }
            EventBridgeOperation::DeleteRule { rule } => {
                events.delete_rule().name(rule).send().await.call(call).map(drop)
            }
            EventBridgeOperation::PutTargets { rule, targets } => {
                let targets = targets.iter().map(|wanted| build_target(call, wanted)).collect::<Result<_, _>>()?;
                let answer = events.put_targets().rule(rule).set_targets(Some(targets)).send().await.call(call)?;
                // The call succeeds even if a target was refused.
                match answer.failed_entries().first() {
                    None => Ok(()),
                    Some(entry) => Err(CallError::unexpected(
                        call,
                        format!(
                            "target {}: {}: {}",
                            entry.target_id().unwrap_or_default(),
                            entry.error_code().unwrap_or_default(),
                            entry.error_message().unwrap_or_default()
                        ),
                    )),
                }
            }
            EventBridgeOperation::RemoveTargets { rule, ids } => {
                let request = events.remove_targets().rule(rule).set_ids(Some(ids.clone()));
                let answer = request.send().await.call(call)?;
                match answer
                    .failed_entries()
                    .iter()
                    .find(|entry| entry.error_code() != Some("ResourceNotFoundException"))
                {
                    None => Ok(()),
                    Some(entry) => Err(CallError::unexpected(call, entry.error_message().unwrap_or_default())),
                }
            }
        }
    }

    /// `PutRule` overwrites whatever has the name, and the plan was made some time ago: looks who has it now.
    ///
    /// # Errors
    /// The name is somebody else's, or couldn't be looked up.
    async fn check_rule_name(&self, name: &str) -> Result<(), CallError> {
        const CALL: &str = "events:DescribeRule";
        let events = &self.aws.events;
        let Some(there) = events.describe_rule().name(name).send().await.call(CALL).found()? else { return Ok(()) };
        let deployment = &self.plan.deployment;
        if there.description().is_some_and(|text| naming::marked_venue(text, deployment).is_some()) {
            return Ok(());
        }
        let tags = events.list_tags_for_resource().resource_arn(there.arn().unwrap_or_default()).send().await;
        let Some(tags) = tags.call("events:ListTagsForResource").found()? else { return Ok(()) };
        if self.is_ours(tags.tags().iter().map(|tag| (tag.key(), tag.value()))) {
            return Ok(());
        }
        let message =
            format!("the rule {name} was created by somebody else since the plan was made, and isn't touched");
        Err(CallError { kind: FailureKind::AlreadyExists, ..CallError::unexpected("events:PutRule", message) })
    }

    /// Whether something that exists, although the plan found none, counts as created.
    pub(super) fn takes_over_in_event_bridge(&self, operation: &EventBridgeOperation) -> bool {
        match operation {
            // A rule and a target are put: what exists is overwritten.
            EventBridgeOperation::PutRule { .. } | EventBridgeOperation::PutTargets { .. } => false,
            EventBridgeOperation::TagRule { .. }
            | EventBridgeOperation::UntagRule { .. }
            | EventBridgeOperation::DeleteRule { .. }
            | EventBridgeOperation::RemoveTargets { .. } => false,
        }
    }
}

fn build_target(call: &'static str, target: &RuleTarget) -> Result<SdkTarget, CallError> {
    let policy = RetryPolicy::builder()
        .set_maximum_retry_attempts(target.maximum_retry_attempts)
        .set_maximum_event_age_in_seconds(target.maximum_event_age_s)
        .build();
    SdkTarget::builder()
        .id(&target.id)
        .arn(&target.arn)
        .set_role_arn(target.role_arn.clone())
        .retry_policy(policy)
        .build()
        .map_err(|error| CallError::unexpected(call, error.to_string()))
}

fn build_tags(call: &'static str, tags: &StringMap) -> Result<Vec<Tag>, CallError> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| CallError::unexpected(call, error.to_string()))
}
