//! SNS calls, for the topic of a deployment's alarms.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Removal, ServiceOperation};
use crate::resource::StringMap;

/// A call to SNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum SnsOperation {
    CreateTopic {
        topic: String,
        tags: StringMap,
    },
    SetTopicPolicy {
        arn: String,
        policy: Value,
    },
    TagTopic {
        arn: String,
        tags: StringMap,
    },
    UntagTopic {
        arn: String,
        keys: Vec<String>,
    },
    /// Asks the address to confirm. Asking again for one that was asked sends another mail.
    Subscribe {
        arn: String,
        email: String,
    },
    /// Lets a function of the account have the messages. There is nothing to confirm.
    SubscribeFunction {
        arn: String,
        function: String,
    },
    Unsubscribe {
        subscription: String,
    },
    DeleteTopic {
        arn: String,
    },
}

impl ServiceOperation for SnsOperation {
    fn call_name(&self) -> &'static str {
        match self {
            Self::CreateTopic { .. } => "sns:CreateTopic",
            Self::SetTopicPolicy { .. } => "sns:SetTopicAttributes",
            Self::TagTopic { .. } => "sns:TagResource",
            Self::UntagTopic { .. } => "sns:UntagResource",
            Self::Subscribe { .. } | Self::SubscribeFunction { .. } => "sns:Subscribe",
            Self::Unsubscribe { .. } => "sns:Unsubscribe",
            Self::DeleteTopic { .. } => "sns:DeleteTopic",
        }
    }

    fn resource_name(&self) -> &str {
        match self {
            Self::CreateTopic { topic, .. } => topic,
            Self::SetTopicPolicy { arn, .. }
            | Self::TagTopic { arn, .. }
            | Self::UntagTopic { arn, .. }
            | Self::Subscribe { arn, .. }
            | Self::SubscribeFunction { arn, .. }
            | Self::DeleteTopic { arn } => arn,
            // Its ARN is that of the topic with an id.
            Self::Unsubscribe { subscription } => subscription,
        }
    }

    fn removal(&self) -> Removal {
        match self {
            Self::DeleteTopic { .. } => Removal::Resource,
            Self::Unsubscribe { .. } => Removal::Part,
            Self::CreateTopic { .. }
            | Self::SetTopicPolicy { .. }
            | Self::TagTopic { .. }
            | Self::UntagTopic { .. }
            | Self::Subscribe { .. }
            | Self::SubscribeFunction { .. } => Removal::Nothing,
        }
    }
}
