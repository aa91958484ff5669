//! Secrets Manager calls.

use serde::{Deserialize, Serialize};

use super::{Removal, ServiceOperation};
use crate::resource::{SecretSpec, StringMap};

/// A call to Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum SecretsManagerOperation {
    /// The only operation that writes a secret's value.
    CreateSecret {
        secret: SecretSpec,
    },
    RestoreSecret {
        secret: String,
    },
    UpdateSecretDescription {
        secret: String,
        description: String,
    },
    /// Encrypts the secret with another key.
    UpdateSecretKey {
        secret: String,
        kms_key: String,
    },
    TagSecret {
        secret: String,
        tags: StringMap,
    },
    UntagSecret {
        secret: String,
        keys: Vec<String>,
    },
    DeleteResourcePolicy {
        secret: String,
    },
    DeleteSecret {
        secret: String,
        /// Deleted for good when unset.
        recovery_window_days: Option<u32>,
    },
}

impl ServiceOperation for SecretsManagerOperation {
    fn call_name(&self) -> &'static str {
        match self {
            Self::CreateSecret { .. } => "secretsmanager:CreateSecret",
            Self::RestoreSecret { .. } => "secretsmanager:RestoreSecret",
            Self::UpdateSecretDescription { .. } | Self::UpdateSecretKey { .. } => "secretsmanager:UpdateSecret",
            Self::TagSecret { .. } => "secretsmanager:TagResource",
            Self::UntagSecret { .. } => "secretsmanager:UntagResource",
            Self::DeleteResourcePolicy { .. } => "secretsmanager:DeleteResourcePolicy",
            Self::DeleteSecret { .. } => "secretsmanager:DeleteSecret",
        }
    }

    fn resource_name(&self) -> &str {
        match self {
            Self::CreateSecret { secret } => &secret.name,
            Self::RestoreSecret { secret }
            | Self::UpdateSecretDescription { secret, .. }
            | Self::UpdateSecretKey { secret, .. }
            | Self::TagSecret { secret, .. }
            | Self::UntagSecret { secret, .. }
            | Self::DeleteResourcePolicy { secret }
            | Self::DeleteSecret { secret, .. } => secret,
        }
    }

    fn removal(&self) -> Removal {
        match self {
            Self::DeleteSecret { .. } => Removal::Resource,
            Self::DeleteResourcePolicy { .. } => Removal::Part,
            Self::CreateSecret { .. }
            | Self::RestoreSecret { .. }
            | Self::UpdateSecretDescription { .. }
            | Self::UpdateSecretKey { .. }
            | Self::TagSecret { .. }
            | Self::UntagSecret { .. } => Removal::Nothing,
        }
    }
}
