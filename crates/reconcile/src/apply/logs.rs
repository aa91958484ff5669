//! CloudWatch Logs calls.

use serde_json::json;

use super::Executor;
use deployer_aws::signed::texts_of;
use deployer_aws::{CallError, FailureKind};
use deployer_core::naming::log_group_prefix;
use deployer_core::plan::{LogsOperation, ServiceOperation};
use deployer_core::resource::LogGroupSpec;

impl Executor<'_> {
    pub(super) async fn call_logs(&self, operation: &LogsOperation) -> Result<(), CallError> {
        let (aws, call) = (&self.aws.signed, operation.call_name());
        match operation {
            LogsOperation::CreateLogGroup { log_group } => {
                let mut parameters = json!({ "logGroupName": log_group.name, "tags": log_group.tags });
                if let Some(key) = &log_group.kms_key {
                    parameters["kmsKeyId"] = json!(key);
                }
                aws.call(call, parameters).await.map(drop).map_err(|error| self.explain_refused_key(error))
            }
            LogsOperation::PutRetentionPolicy { log_group, days } => {
                aws.call(call, json!({ "logGroupName": log_group, "retentionInDays": days })).await.map(drop)
            }
            LogsOperation::AssociateKmsKey { log_group, kms_key } => {
                let parameters = json!({ "logGroupName": log_group, "kmsKeyId": kms_key });
                aws.call(call, parameters).await.map(drop).map_err(|error| self.explain_refused_key(error))
            }
            LogsOperation::DisassociateKmsKey { log_group } => {
                aws.call(call, json!({ "logGroupName": log_group })).await.map(drop)
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
            | LogsOperation::AssociateKmsKey { .. }
            | LogsOperation::DisassociateKmsKey { .. }
            | LogsOperation::TagLogGroup { .. }
            | LogsOperation::UntagLogGroup { .. }
            | LogsOperation::DeleteLogGroup { .. } => Ok(false),
        }
    }

    /// CloudWatch Logs uses a key itself, so the key's own policy has to let it. Says which statement that takes
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html>).
    fn explain_refused_key(&self, error: CallError) -> CallError {
        if !matches!(error.kind, FailureKind::Invalid | FailureKind::Denied) || !error.message.contains("KMS") {
            return error;
        }
        let scope = &self.plan.scope;
        let groups = scope.regional_arn("logs", &format!("log-group:{}*", log_group_prefix(&self.plan.deployment)));
        let statement = json!({
            "Sid": "AllowCloudWatchLogs",
            "Effect": "Allow",
            "Principal": { "Service": format!("logs.{}.amazonaws.com", scope.region) },
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            "Resource": "*",
            "Condition": { "ArnLike": { "kms:EncryptionContext:aws:logs:arn": groups } },
        });
        let remedy = format!(
            "let CloudWatch Logs use the key: add this statement to the key's policy (`aws kms put-key-policy`), and run \
             the same command again: {statement}"
        );
        CallError { remedy: Some(remedy), ..error }
    }

    async fn owns_log_group(&self, group: &LogGroupSpec) -> Result<bool, CallError> {
        let arn = self.plan.scope.regional_arn("logs", &format!("log-group:{}", group.name));
        let answer = self.aws.signed.call("logs:ListTagsForResource", json!({ "resourceArn": arn })).await?;
        Ok(self.is_ours(texts_of(&answer, "tags")))
    }
}
