//! CloudWatch Logs calls.

use serde::{Deserialize, Serialize};

use super::{Removal, ServiceOperation};
use crate::resource::{LogGroupSpec, StringMap};

/// A call to CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum LogsOperation {
    CreateLogGroup { log_group: LogGroupSpec },
    PutRetentionPolicy { log_group: String, days: u32 },
    AssociateKmsKey { log_group: String, kms_key: String },
    DisassociateKmsKey { log_group: String },
    TagLogGroup { arn: String, tags: StringMap },
    UntagLogGroup { arn: String, keys: Vec<String> },
    DeleteLogGroup { log_group: String },
}

impl ServiceOperation for LogsOperation {
    fn call_name(&self) -> &'static str {
        match self {
            Self::CreateLogGroup { .. } => "logs:CreateLogGroup",
            Self::PutRetentionPolicy { .. } => "logs:PutRetentionPolicy",
            Self::AssociateKmsKey { .. } => "logs:AssociateKmsKey",
            Self::DisassociateKmsKey { .. } => "logs:DisassociateKmsKey",
            Self::TagLogGroup { .. } => "logs:TagResource",
            Self::UntagLogGroup { .. } => "logs:UntagResource",
            Self::DeleteLogGroup { .. } => "logs:DeleteLogGroup",
        }
    }

    fn resource_name(&self) -> &str {
        match self {
            Self::CreateLogGroup { log_group } => &log_group.name,
            Self::PutRetentionPolicy { log_group, .. }
            | Self::DeleteLogGroup { log_group }
            | Self::AssociateKmsKey { log_group, .. }
            | Self::DisassociateKmsKey { log_group } => log_group,
            Self::TagLogGroup { arn, .. } | Self::UntagLogGroup { arn, .. } => arn,
        }
    }

    fn removal(&self) -> Removal {
        match self {
            Self::DeleteLogGroup { .. } => Removal::Resource,
            Self::CreateLogGroup { .. }
            | Self::PutRetentionPolicy { .. }
            | Self::AssociateKmsKey { .. }
            | Self::DisassociateKmsKey { .. }
            | Self::TagLogGroup { .. }
            | Self::UntagLogGroup { .. } => Removal::Nothing,
        }
    }
}
