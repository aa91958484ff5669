//! SNS calls, for the topic of a deployment's alarms.

use serde_json::json;

use super::{Executor, tag_pairs};
use deployer_aws::CallError;
use deployer_core::plan::{ServiceOperation, SnsOperation};

impl Executor<'_> {
    /// `CreateTopic` and `Subscribe` return what exists already, so that all of them can be repeated.
    pub(super) async fn call_sns(&self, operation: &SnsOperation) -> Result<(), CallError> {
        let parameters = match operation {
            SnsOperation::CreateTopic { topic, tags } => json!({ "Name": topic, "Tags": tag_pairs(tags) }),
            SnsOperation::SetTopicPolicy { arn, policy } => {
                json!({ "TopicArn": arn, "AttributeName": "Policy", "AttributeValue": policy.to_string() })
            }
            SnsOperation::TagTopic { arn, tags } => json!({ "ResourceArn": arn, "Tags": tag_pairs(tags) }),
            SnsOperation::UntagTopic { arn, keys } => json!({ "ResourceArn": arn, "TagKeys": keys }),
            SnsOperation::Subscribe { arn, email } => {
                json!({ "TopicArn": arn, "Protocol": "email", "Endpoint": email })
            }
            SnsOperation::SubscribeFunction { arn, function } => {
                json!({ "TopicArn": arn, "Protocol": "lambda", "Endpoint": function })
            }
            SnsOperation::Unsubscribe { subscription } => json!({ "SubscriptionArn": subscription }),
            SnsOperation::DeleteTopic { arn } => json!({ "TopicArn": arn }),
        };
        self.aws.signed.call(operation.call_name(), parameters).await.map(drop)
    }
}
