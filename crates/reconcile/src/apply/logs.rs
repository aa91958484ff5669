//! CloudWatch Logs calls.

use super::{Executor, execute::unexpected_answer};
use deployer_aws::{Call, CallError};
use deployer_core::plan::Operation;
use deployer_core::resource::LogGroupSpec;

impl Executor<'_> {
    pub(super) async fn call_logs(&self, operation: &Operation) -> Result<(), CallError> {
        let (logs, call) = (&self.aws.logs, operation.call_name());
        match operation {
            Operation::CreateLogGroup { log_group } => {
                let tags = log_group.tags.clone().into_iter().collect();
                let request = logs.create_log_group().log_group_name(&log_group.name).set_tags(Some(tags));
                request.send().await.call(call).map(drop)
            }
            Operation::PutRetentionPolicy { log_group, days } => {
                let days = i32::try_from(*days).unwrap_or(i32::MAX);
                let request = logs.put_retention_policy().log_group_name(log_group).retention_in_days(days);
                request.send().await.call(call).map(drop)
            }
            Operation::TagLogGroup { arn, tags } => {
                let tags = tags.clone().into_iter().collect();
                logs.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await.call(call).map(drop)
            }
            Operation::DeleteLogGroup { log_group } => {
                logs.delete_log_group().log_group_name(log_group).send().await.call(call).map(drop)
            }
            _ => Err(unexpected_answer(call, "not a CloudWatch Logs call")),
        }
    }

    pub(super) async fn owns_log_group(&self, group: &LogGroupSpec) -> Result<bool, CallError> {
        let arn = self.plan.scope.regional_arn("logs", &format!("log-group:{}", group.name));
        let request = self.aws.logs.list_tags_for_resource().resource_arn(arn);
        let answer = request.send().await.call("logs:ListTagsForResource")?;
        let tags = answer.tags().into_iter().flatten();
        Ok(self.is_ours(tags.map(|(key, value)| (key.as_str(), value.as_str()))))
    }
}
