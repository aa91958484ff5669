//! The calls that a plan consists of. Each says all that its call needs, so that carrying it out takes no choice.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::property::Property;
use crate::resource::{
    AliasSpec, FunctionConfiguration, FunctionSpec, LogGroupSpec, Map, PermissionSpec, RoleSpec, RuleSpec, SecretSpec,
    Target,
};

/// One call that changes something. Each can be repeated: what is done already is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum Operation {
    CreateRole {
        role: RoleSpec,
    },
    UpdateAssumeRolePolicy {
        role: String,
        document: Value,
    },
    PutRolePolicy {
        role: String,
        policy: String,
        document: Value,
    },
    DeleteRolePolicy {
        role: String,
        policy: String,
    },
    DetachRolePolicy {
        role: String,
        policy_arn: String,
    },
    TagRole {
        role: String,
        tags: Map,
    },
    DeleteRole {
        role: String,
    },

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
    TagSecret {
        secret: String,
        tags: Map,
    },
    DeleteSecret {
        secret: String,
        /// For good when unset.
        recovery_window_days: Option<u32>,
    },

    CreateLogGroup {
        log_group: LogGroupSpec,
    },
    PutRetentionPolicy {
        log_group: String,
        days: u32,
    },
    TagLogGroup {
        arn: String,
        tags: Map,
    },
    DeleteLogGroup {
        log_group: String,
    },

    CreateFunction {
        function: FunctionSpec,
    },
    PutFunctionConcurrency {
        function: String,
        reserved: u32,
    },
    UpdateFunctionConfiguration {
        function: String,
        configuration: FunctionConfiguration,
    },
    UpdateFunctionCode {
        function: String,
        architecture: String,
        code_sha256: String,
    },
    TagFunction {
        arn: String,
        tags: Map,
    },
    UntagFunction {
        arn: String,
        keys: Vec<String>,
    },
    DeleteFunction {
        function: String,
    },

    /// Gives the version that the two below point to. Lambda gives the last version again where nothing has changed.
    PublishVersion {
        function: String,
        code_sha256: String,
    },
    /// Invokes the version that was published with `{"dry_run": true}`: it checks credentials, properties and
    /// destination, and writes nothing. Where it fails the alias stays where it is.
    InvokeDryRun {
        function: String,
    },
    /// Keeps the newest versions, and those that an alias points to.
    DeleteOldVersions {
        function: String,
        keep: u32,
    },
    CreateAlias {
        function: String,
        alias: String,
    },
    UpdateAlias {
        function: String,
        alias: String,
    },
    /// To a version that is there, in a rollback.
    MoveAlias {
        function: String,
        alias: String,
        version: u64,
    },
    PutFunctionEventInvokeConfig {
        alias: AliasSpec,
    },

    PutRule {
        rule: RuleSpec,
    },
    TagRule {
        arn: String,
        tags: Map,
    },
    DeleteRule {
        rule: String,
    },

    AddPermission {
        permission: PermissionSpec,
    },
    RemovePermission {
        function: String,
        qualifier: String,
        statement_id: String,
    },

    PutTargets {
        rule: String,
        targets: Vec<Target>,
    },
    RemoveTargets {
        rule: String,
        ids: Vec<String>,
    },

    /// Stands before each property that would be the first in it, and is made once.
    CreatePropertyGroup {
        group: String,
        label: String,
    },
    CreateProperty {
        property: Property,
    },
    UpdateProperty {
        property: Property,
    },
    ArchiveProperty {
        property: String,
    },
}

impl Operation {
    /// What is called, as IAM writes it, and in the same way for HubSpot.
    pub fn call(&self) -> &'static str {
        match self {
            Self::CreateRole { .. } => "iam:CreateRole",
            Self::UpdateAssumeRolePolicy { .. } => "iam:UpdateAssumeRolePolicy",
            Self::PutRolePolicy { .. } => "iam:PutRolePolicy",
            Self::DeleteRolePolicy { .. } => "iam:DeleteRolePolicy",
            Self::DetachRolePolicy { .. } => "iam:DetachRolePolicy",
            Self::TagRole { .. } => "iam:TagRole",
            Self::DeleteRole { .. } => "iam:DeleteRole",
            Self::CreateSecret { .. } => "secretsmanager:CreateSecret",
            Self::RestoreSecret { .. } => "secretsmanager:RestoreSecret",
            Self::UpdateSecretDescription { .. } => "secretsmanager:UpdateSecret",
            Self::TagSecret { .. } => "secretsmanager:TagResource",
            Self::DeleteSecret { .. } => "secretsmanager:DeleteSecret",
            Self::CreateLogGroup { .. } => "logs:CreateLogGroup",
            Self::PutRetentionPolicy { .. } => "logs:PutRetentionPolicy",
            Self::TagLogGroup { .. } => "logs:TagResource",
            Self::DeleteLogGroup { .. } => "logs:DeleteLogGroup",
            Self::CreateFunction { .. } => "lambda:CreateFunction",
            Self::PutFunctionConcurrency { .. } => "lambda:PutFunctionConcurrency",
            Self::UpdateFunctionConfiguration { .. } => "lambda:UpdateFunctionConfiguration",
            Self::UpdateFunctionCode { .. } => "lambda:UpdateFunctionCode",
            Self::TagFunction { .. } => "lambda:TagResource",
            Self::UntagFunction { .. } => "lambda:UntagResource",
            Self::DeleteFunction { .. } | Self::DeleteOldVersions { .. } => "lambda:DeleteFunction",
            Self::InvokeDryRun { .. } => "lambda:InvokeFunction",
            Self::PublishVersion { .. } => "lambda:PublishVersion",
            Self::CreateAlias { .. } => "lambda:CreateAlias",
            Self::UpdateAlias { .. } | Self::MoveAlias { .. } => "lambda:UpdateAlias",
            Self::PutFunctionEventInvokeConfig { .. } => "lambda:PutFunctionEventInvokeConfig",
            Self::PutRule { .. } => "events:PutRule",
            Self::TagRule { .. } => "events:TagResource",
            Self::DeleteRule { .. } => "events:DeleteRule",
            Self::AddPermission { .. } => "lambda:AddPermission",
            Self::RemovePermission { .. } => "lambda:RemovePermission",
            Self::PutTargets { .. } => "events:PutTargets",
            Self::RemoveTargets { .. } => "events:RemoveTargets",
            Self::CreatePropertyGroup { .. } => "hubspot:CreatePropertyGroup",
            Self::CreateProperty { .. } => "hubspot:CreateProperty",
            Self::UpdateProperty { .. } => "hubspot:UpdateProperty",
            Self::ArchiveProperty { .. } => "hubspot:ArchiveProperty",
        }
    }

    /// The name, or the ARN, of what is called upon.
    pub fn resource(&self) -> &str {
        match self {
            Self::CreateRole { role } => &role.name,
            Self::UpdateAssumeRolePolicy { role, .. }
            | Self::PutRolePolicy { role, .. }
            | Self::DeleteRolePolicy { role, .. }
            | Self::DetachRolePolicy { role, .. }
            | Self::TagRole { role, .. }
            | Self::DeleteRole { role } => role,
            Self::CreateSecret { secret } => &secret.name,
            Self::RestoreSecret { secret }
            | Self::UpdateSecretDescription { secret, .. }
            | Self::TagSecret { secret, .. }
            | Self::DeleteSecret { secret, .. } => secret,
            Self::CreateLogGroup { log_group } => &log_group.name,
            Self::PutRetentionPolicy { log_group, .. } | Self::DeleteLogGroup { log_group } => log_group,
            Self::CreateFunction { function } => &function.name,
            Self::PutFunctionEventInvokeConfig { alias } => &alias.function,
            Self::AddPermission { permission } => &permission.function,
            Self::PutFunctionConcurrency { function, .. }
            | Self::UpdateFunctionConfiguration { function, .. }
            | Self::UpdateFunctionCode { function, .. }
            | Self::DeleteFunction { function }
            | Self::PublishVersion { function, .. }
            | Self::InvokeDryRun { function }
            | Self::DeleteOldVersions { function, .. }
            | Self::CreateAlias { function, .. }
            | Self::UpdateAlias { function, .. }
            | Self::MoveAlias { function, .. }
            | Self::RemovePermission { function, .. } => function,
            Self::PutRule { rule } => &rule.name,
            Self::DeleteRule { rule } | Self::PutTargets { rule, .. } | Self::RemoveTargets { rule, .. } => rule,
            Self::TagLogGroup { arn, .. }
            | Self::TagFunction { arn, .. }
            | Self::UntagFunction { arn, .. }
            | Self::TagRule { arn, .. } => arn,
            Self::CreatePropertyGroup { group, .. } => group,
            Self::CreateProperty { property } | Self::UpdateProperty { property } => &property.name,
            Self::ArchiveProperty { property } => property,
        }
    }

    /// Whether it takes something away, so that it is done where there is nothing.
    pub fn takes_away(&self) -> bool {
        self.is_delete()
            || matches!(
                self,
                Self::DeleteRolePolicy { .. }
                    | Self::DetachRolePolicy { .. }
                    | Self::RemovePermission { .. }
                    | Self::RemoveTargets { .. }
            )
    }

    /// Whether it deletes a resource.
    pub fn is_delete(&self) -> bool {
        matches!(
            self,
            Self::DeleteRole { .. }
                | Self::DeleteSecret { .. }
                | Self::DeleteLogGroup { .. }
                | Self::DeleteFunction { .. }
                | Self::DeleteRule { .. }
                | Self::ArchiveProperty { .. }
        )
    }
}
