//! CloudWatch Logs calls.

use serde_json::json;

use super::{Executor, execute::unexpected_answer};
use deployer_aws::CallError;
use deployer_aws::signed::texts_of;
use deployer_core::plan::Operation;
use deployer_core::resource::LogGroupSpec;

impl Executor<'_> {
    pub(super) async fn call_logs(&self, operation: &Operation) -> Result<(), CallError> {
        let (aws, call) = (&self.aws.signed, operation.call_name());
        match operation {
            Operation::CreateLogGroup { log_group } => {
                let parameters = json!({ "logGroupName": log_group.name, "tags": log_group.tags });
                aws.call(call, parameters).await.map(drop)
            }
            Operation::PutRetentionPolicy { log_group, days } => {
                aws.call(call, json!({ "logGroupName": log_group, "retentionInDays": days })).await.map(drop)
            }
            Operation::TagLogGroup { arn, tags } => {
                aws.call(call, json!({ "resourceArn": arn, "tags": tags })).await.map(drop)
            }
            Operation::DeleteLogGroup { log_group } => {
                aws.call(call, json!({ "logGroupName": log_group })).await.map(drop)
            }
            _ => Err(unexpected_answer(call, "not a CloudWatch Logs call")),
        }
    }

    pub(super) async fn owns_log_group(&self, group: &LogGroupSpec) -> Result<bool, CallError> {
        let arn = self.plan.scope.regional_arn("logs", &format!("log-group:{}", group.name));
        let answer = self.aws.signed.call("logs:ListTagsForResource", json!({ "resourceArn": arn })).await?;
        Ok(self.is_ours(texts_of(&answer, "tags")))
    }
}
