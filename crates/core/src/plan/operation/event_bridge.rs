//! EventBridge calls, on the default bus.

use serde::{Deserialize, Serialize};

use super::{Removal, ServiceOperation};
use crate::resource::{RuleSpec, RuleTarget, StringMap};

/// A call to EventBridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum EventBridgeOperation {
    PutRule { rule: RuleSpec },
    TagRule { arn: String, tags: StringMap },
    UntagRule { arn: String, keys: Vec<String> },
    DeleteRule { rule: String },
    PutTargets { rule: String, targets: Vec<RuleTarget> },
    RemoveTargets { rule: String, ids: Vec<String> },
}

impl ServiceOperation for EventBridgeOperation {
    fn call_name(&self) -> &'static str {
        match self {
            Self::PutRule { .. } => "events:PutRule",
            Self::TagRule { .. } => "events:TagResource",
            Self::UntagRule { .. } => "events:UntagResource",
            Self::DeleteRule { .. } => "events:DeleteRule",
            Self::PutTargets { .. } => "events:PutTargets",
            Self::RemoveTargets { .. } => "events:RemoveTargets",
        }
    }

    fn resource_name(&self) -> &str {
        match self {
            Self::PutRule { rule } => &rule.name,
            Self::DeleteRule { rule } | Self::PutTargets { rule, .. } | Self::RemoveTargets { rule, .. } => rule,
            Self::TagRule { arn, .. } | Self::UntagRule { arn, .. } => arn,
        }
    }

    fn removal(&self) -> Removal {
        match self {
            Self::DeleteRule { .. } => Removal::Resource,
            Self::RemoveTargets { .. } => Removal::Part,
            Self::PutRule { .. } | Self::TagRule { .. } | Self::UntagRule { .. } | Self::PutTargets { .. } => {
                Removal::Nothing
            }
        }
    }
}
