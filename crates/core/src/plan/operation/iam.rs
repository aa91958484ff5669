//! IAM calls.

use serde::{Deserialize, Serialize};

use super::{Removal, ServiceOperation};
use crate::resource::{PolicyDocument, RoleSpec, StringMap};

/// A call to IAM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum IamOperation {
    CreateRole { role: RoleSpec },
    UpdateAssumeRolePolicy { role: String, document: PolicyDocument },
    PutRolePolicy { role: String, policy: String, document: PolicyDocument },
    DeleteRolePolicy { role: String, policy: String },
    DetachRolePolicy { role: String, policy_arn: String },
    PutRolePermissionsBoundary { role: String, boundary: String },
    DeleteRolePermissionsBoundary { role: String },
    TagRole { role: String, tags: StringMap },
    UntagRole { role: String, keys: Vec<String> },
    UpdateRole { role: String, description: String, max_session_s: u32 },
    DeleteRole { role: String },
}

impl ServiceOperation for IamOperation {
    fn call_name(&self) -> &'static str {
        match self {
            Self::CreateRole { .. } => "iam:CreateRole",
            Self::UpdateAssumeRolePolicy { .. } => "iam:UpdateAssumeRolePolicy",
            Self::PutRolePolicy { .. } => "iam:PutRolePolicy",
            Self::DeleteRolePolicy { .. } => "iam:DeleteRolePolicy",
            Self::DetachRolePolicy { .. } => "iam:DetachRolePolicy",
            Self::PutRolePermissionsBoundary { .. } => "iam:PutRolePermissionsBoundary",
            Self::DeleteRolePermissionsBoundary { .. } => "iam:DeleteRolePermissionsBoundary",
            Self::TagRole { .. } => "iam:TagRole",
            Self::UntagRole { .. } => "iam:UntagRole",
            Self::UpdateRole { .. } => "iam:UpdateRole",
            Self::DeleteRole { .. } => "iam:DeleteRole",
        }
    }

    fn resource_name(&self) -> &str {
        match self {
            Self::CreateRole { role } => &role.name,
            Self::UpdateAssumeRolePolicy { role, .. }
            | Self::PutRolePolicy { role, .. }
            | Self::DeleteRolePolicy { role, .. }
            | Self::DetachRolePolicy { role, .. }
            | Self::PutRolePermissionsBoundary { role, .. }
            | Self::DeleteRolePermissionsBoundary { role }
            | Self::TagRole { role, .. }
            | Self::UntagRole { role, .. }
            | Self::UpdateRole { role, .. }
            | Self::DeleteRole { role } => role,
        }
    }

    fn removal(&self) -> Removal {
        match self {
            Self::DeleteRole { .. } => Removal::Resource,
            Self::DeleteRolePolicy { .. } | Self::DetachRolePolicy { .. } => Removal::Part,
            Self::CreateRole { .. }
            | Self::UpdateAssumeRolePolicy { .. }
            | Self::PutRolePolicy { .. }
            | Self::PutRolePermissionsBoundary { .. }
            | Self::DeleteRolePermissionsBoundary { .. }
            | Self::TagRole { .. }
            | Self::UntagRole { .. }
            | Self::UpdateRole { .. } => Removal::Nothing,
        }
    }
}
