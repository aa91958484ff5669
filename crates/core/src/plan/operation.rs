//! The calls that a plan consists of. Each contains everything that its call needs, so executing it takes no decisions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::property::ContactProperty;
use crate::resource::{
    AliasSpec, FunctionConfiguration, FunctionSpec, LogGroupSpec, PermissionSpec, RoleSpec, RuleSpec, RuleTarget,
    SecretSpec, StringMap,
};

/// A call that changes something. Each is idempotent.
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
        tags: StringMap,
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
        tags: StringMap,
    },
    DeleteSecret {
        secret: String,
        /// Deleted for good when unset.
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
        tags: StringMap,
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
        tags: StringMap,
    },
    UntagFunction {
        arn: String,
        keys: Vec<String>,
    },
    DeleteFunction {
        function: String,
    },

    /// Publishes the version that later operations use. Lambda returns the last version if nothing has changed.
    PublishVersion {
        function: String,
        code_sha256: String,
    },
    /// Invokes the published version with `{"dry_run": true}`, which checks credentials, properties and destination,
    /// and writes nothing. If it fails, the alias stays where it is.
    InvokeDryRun {
        function: String,
    },
    /// Deletes all versions except the newest ones and those that an alias points to.
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
    /// Moves the alias to an existing version, in a rollback.
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
        tags: StringMap,
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
        targets: Vec<RuleTarget>,
    },
    RemoveTargets {
        rule: String,
        ids: Vec<String>,
    },

    /// Comes before each property while the group is missing; executed only once.
    CreatePropertyGroup {
        group: String,
        label: String,
    },
    CreateProperty {
        property: ContactProperty,
    },
    UpdateProperty {
        property: ContactProperty,
    },
    ArchiveProperty {
        property: String,
    },
}

impl Operation {
    /// The call, as IAM writes it (`iam:CreateRole`); HubSpot's calls are named the same way.
    pub fn call_name(&self) -> &'static str {
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

    /// The name or ARN of the resource that is changed.
    pub fn resource_name(&self) -> &str {
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

    /// Whether the operation removes something, so that it succeeds if there is nothing to remove.
    pub fn removes_something(&self) -> bool {
        self.deletes_resource()
            || matches!(
                self,
                Self::DeleteRolePolicy { .. }
                    | Self::DetachRolePolicy { .. }
                    | Self::RemovePermission { .. }
                    | Self::RemoveTargets { .. }
            )
    }

    /// Whether the operation deletes a whole resource.
    pub fn deletes_resource(&self) -> bool {
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
