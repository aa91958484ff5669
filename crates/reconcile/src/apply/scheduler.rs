//! EventBridge Scheduler calls, in the deployment's group.

use http::Method;
use serde_json::{Value, json};

use super::{Executor, tag_pairs};
use deployer_aws::CallError;
use deployer_aws::observe::read_group_tags;
use deployer_aws::signed::RestRequest;
use deployer_core::plan::{SchedulerOperation, ServiceOperation};
use deployer_core::resource::ScheduleSpec;
use deployer_core::role_policy::schedule_group_arn;

impl Executor<'_> {
    pub(super) async fn call_scheduler(&self, operation: &SchedulerOperation) -> Result<(), CallError> {
        let call = operation.call_name();
        let new = |method, segments: &[&str]| RestRequest::new(call, method, segments);
        let request = match operation {
            SchedulerOperation::CreateScheduleGroup { group } => new(Method::POST, &["schedule-groups", &group.name])
                .with_body(&json!({ "Tags": tag_pairs(&group.tags) })),
            SchedulerOperation::TagScheduleGroup { arn, tags } => {
                new(Method::POST, &["tags", arn]).with_body(&json!({ "Tags": tag_pairs(tags) }))
            }
            SchedulerOperation::UntagScheduleGroup { arn, keys } => {
                keys.iter().fold(new(Method::DELETE, &["tags", arn]), |request, key| request.with_query("TagKeys", key))
            }
            SchedulerOperation::DeleteScheduleGroup { group } => new(Method::DELETE, &["schedule-groups", group]),
            SchedulerOperation::CreateSchedule { schedule } => {
                new(Method::POST, &["schedules", &schedule.name]).with_body(&schedule_body(schedule))
            }
            SchedulerOperation::UpdateSchedule { schedule } => {
                new(Method::PUT, &["schedules", &schedule.name]).with_body(&schedule_body(schedule))
            }
            SchedulerOperation::DeleteSchedule { group, schedule } => {
                new(Method::DELETE, &["schedules", schedule]).with_query("groupName", group)
            }
        };
        self.aws.signed.send(request).await.map(drop)
    }

    /// Whether something that exists, although the plan found none, counts as created: it does if the group is ours. What
    /// differs of a schedule is the next plan's.
    ///
    /// # Errors
    /// The group's tags can't be read.
    pub(super) async fn takes_over_in_scheduler(&self, operation: &SchedulerOperation) -> Result<bool, CallError> {
        match operation {
            SchedulerOperation::CreateScheduleGroup { .. } | SchedulerOperation::CreateSchedule { .. } => {
                let arn = schedule_group_arn(&self.plan.scope, &self.plan.deployment);
                let tags = read_group_tags(&self.aws.signed, &arn).await?;
                Ok(self.is_ours(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
            }
            SchedulerOperation::TagScheduleGroup { .. }
            | SchedulerOperation::UntagScheduleGroup { .. }
            | SchedulerOperation::DeleteScheduleGroup { .. }
            | SchedulerOperation::UpdateSchedule { .. }
            | SchedulerOperation::DeleteSchedule { .. } => Ok(false),
        }
    }
}

/// All that a schedule has: an update resets what isn't sent.
fn schedule_body(schedule: &ScheduleSpec) -> Value {
    let target = &schedule.target;
    let mut body = json!({
        "GroupName": schedule.group,
        "Description": schedule.description,
        "ScheduleExpression": schedule.expression,
        "ScheduleExpressionTimezone": schedule.timezone,
        "FlexibleTimeWindow": match schedule.window_minutes {
            Some(minutes) => json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes }),
            None => json!({ "Mode": "OFF" }),
        },
        "State": if schedule.enabled { "ENABLED" } else { "DISABLED" },
        "Target": { "Arn": target.arn, "RoleArn": target.role_arn, "RetryPolicy": {} },
    });
    if let Some(input) = &target.input {
        body["Target"]["Input"] = json!(input);
    }
    if let Some(attempts) = target.maximum_retry_attempts {
        body["Target"]["RetryPolicy"]["MaximumRetryAttempts"] = json!(attempts);
    }
    if let Some(age) = target.maximum_event_age_s {
        body["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] = json!(age);
    }
    if let Some(queue) = &target.dead_letter {
        body["Target"]["DeadLetterConfig"] = json!({ "Arn": queue });
    }
    if let Some(key) = &schedule.kms_key {
        body["KmsKeyArn"] = json!(key);
    }
    body
}
