//! CloudWatch Logs calls.

use serde_json::json;

use super::Executor;
use deployer_aws::CallError;
use deployer_aws::signed::texts_of;
use deployer_core::plan::{LogsOperation, ServiceOperation};
use deployer_core::resource::LogGroupSpec;

impl Executor<'_> {
    pub(super) async fn call_logs(&self, operation: &LogsOperation) -> Result<(), CallError> {
        let (aws, call) = (&self.aws.signed, operation.call_name());
        match operation {
            LogsOperation::CreateLogGroup { log_group } => {
                let parameters = json!({ "logGroupName": log_group.name, "tags": log_group.tags });
                aws.call(call, parameters).await.map(drop)
            }
            LogsOperation::PutRetentionPolicy { log_group, days } => {
                aws.call(call, json!({ "logGroupName": log_group, "retentionInDays": days })).await.map(drop)
            }
            LogsOperation::TagLogGroup { arn, tags } => {
                aws.call(call, json!({ "resourceArn": arn, "tags": tags })).await.map(drop)
            }
            LogsOperation::UntagLogGroup { arn, keys } => {
                aws.call(call, json!({ "resourceArn": arn, "tagKeys": keys })).await.map(drop)
            }
            LogsOperation::DeleteLogGroup { log_group } => {
                aws.call(call, json!({ "logGroupName": log_group })).await.map(drop)
            }
        }
    }

    /// Whether something that exists, although the plan found none, counts as created.
    pub(super) async fn takes_over_in_logs(&self, operation: &LogsOperation) -> Result<bool, CallError> {
        match operation {
            LogsOperation::CreateLogGroup { log_group } => self.owns_log_group(log_group).await,
            LogsOperation::PutRetentionPolicy { .. }
            | LogsOperation::TagLogGroup { .. }
            | LogsOperation::UntagLogGroup { .. }
            | LogsOperation::DeleteLogGroup { .. } => Ok(false),
        }
    }

    async fn owns_log_group(&self, group: &LogGroupSpec) -> Result<bool, CallError> {
        let arn = self.plan.scope.regional_arn("logs", &format!("log-group:{}", group.name));
        let answer = self.aws.signed.call("logs:ListTagsForResource", json!({ "resourceArn": arn })).await?;
        Ok(self.is_ours(texts_of(&answer, "tags")))
    }
}
