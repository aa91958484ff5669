//! Lambda calls.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Removal, ServiceOperation};
use crate::resource::members::FunctionSetting;
use crate::resource::{AliasSpec, FunctionConfiguration, FunctionSpec, PermissionSpec, StringMap};

/// A call to Lambda.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum LambdaOperation {
    CreateFunction {
        function: FunctionSpec,
    },
    PutFunctionConcurrency {
        function: String,
        reserved: u32,
    },
    /// Waits until no run of a version without leases is in progress: invokes the alias with `{"ping": true}` until Lambda,
    /// which allows one execution at a time, accepts that.
    AwaitEarlierRuns {
        function: String,
        /// How long a run takes at most, in seconds.
        longest_run_s: u32,
    },
    DeleteFunctionConcurrency {
        function: String,
    },
    UpdateFunctionConfiguration {
        function: String,
        configuration: FunctionConfiguration,
    },
    /// Resets settings that no manifest can set to Lambda's defaults.
    ResetFunctionSettings {
        function: String,
        settings: BTreeSet<FunctionSetting>,
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
    /// Removes the alias's description and its weights, so that all invocations go to its own version.
    ResetAlias {
        function: String,
        alias: String,
    },
    PutFunctionEventInvokeConfig {
        alias: AliasSpec,
    },
    /// Deletes the URL of the function, or of an alias.
    DeleteFunctionUrl {
        function: String,
        /// Unset for the URL of the function itself.
        qualifier: Option<String>,
    },

    AddPermission {
        permission: PermissionSpec,
    },
    RemovePermission {
        function: String,
        /// The alias or the version; unset for the function itself.
        qualifier: Option<String>,
        statement_id: String,
    },
}

impl LambdaOperation {
    /// Whether the call changes something that a published version freezes, so that a new version is needed.
    pub(crate) fn changes_version(&self) -> bool {
        match self {
            Self::CreateFunction { .. }
            | Self::UpdateFunctionConfiguration { .. }
            | Self::ResetFunctionSettings { .. }
            | Self::UpdateFunctionCode { .. } => true,
            Self::PutFunctionConcurrency { .. }
            | Self::AwaitEarlierRuns { .. }
            | Self::DeleteFunctionConcurrency { .. }
            | Self::TagFunction { .. }
            | Self::UntagFunction { .. }
            | Self::DeleteFunction { .. }
            | Self::PublishVersion { .. }
            | Self::InvokeDryRun { .. }
            | Self::DeleteOldVersions { .. }
            | Self::CreateAlias { .. }
            | Self::UpdateAlias { .. }
            | Self::MoveAlias { .. }
            | Self::ResetAlias { .. }
            | Self::PutFunctionEventInvokeConfig { .. }
            | Self::DeleteFunctionUrl { .. }
            | Self::AddPermission { .. }
            | Self::RemovePermission { .. } => false,
        }
    }

    /// The environment variables that the call writes, if it writes any.
    pub(crate) fn environment(&self) -> Option<&StringMap> {
        match self {
            Self::CreateFunction { function } => Some(&function.configuration.environment),
            Self::UpdateFunctionConfiguration { configuration, .. } => Some(&configuration.environment),
            Self::UpdateFunctionCode { .. }
            | Self::ResetFunctionSettings { .. }
            | Self::PutFunctionConcurrency { .. }
            | Self::AwaitEarlierRuns { .. }
            | Self::DeleteFunctionConcurrency { .. }
            | Self::TagFunction { .. }
            | Self::UntagFunction { .. }
            | Self::DeleteFunction { .. }
            | Self::PublishVersion { .. }
            | Self::InvokeDryRun { .. }
            | Self::DeleteOldVersions { .. }
            | Self::CreateAlias { .. }
            | Self::UpdateAlias { .. }
            | Self::MoveAlias { .. }
            | Self::ResetAlias { .. }
            | Self::PutFunctionEventInvokeConfig { .. }
            | Self::DeleteFunctionUrl { .. }
            | Self::AddPermission { .. }
            | Self::RemovePermission { .. } => None,
        }
    }
}

impl ServiceOperation for LambdaOperation {
    fn call_name(&self) -> &'static str {
        match self {
            Self::CreateFunction { .. } => "lambda:CreateFunction",
            Self::PutFunctionConcurrency { .. } => "lambda:PutFunctionConcurrency",
            Self::DeleteFunctionConcurrency { .. } => "lambda:DeleteFunctionConcurrency",
            Self::UpdateFunctionConfiguration { .. } | Self::ResetFunctionSettings { .. } => {
                "lambda:UpdateFunctionConfiguration"
            }
            Self::UpdateFunctionCode { .. } => "lambda:UpdateFunctionCode",
            Self::TagFunction { .. } => "lambda:TagResource",
            Self::UntagFunction { .. } => "lambda:UntagResource",
            Self::DeleteFunction { .. } | Self::DeleteOldVersions { .. } => "lambda:DeleteFunction",
            Self::InvokeDryRun { .. } | Self::AwaitEarlierRuns { .. } => "lambda:InvokeFunction",
            Self::PublishVersion { .. } => "lambda:PublishVersion",
            Self::CreateAlias { .. } => "lambda:CreateAlias",
            Self::UpdateAlias { .. } | Self::MoveAlias { .. } | Self::ResetAlias { .. } => "lambda:UpdateAlias",
            Self::PutFunctionEventInvokeConfig { .. } => "lambda:PutFunctionEventInvokeConfig",
            Self::DeleteFunctionUrl { .. } => "lambda:DeleteFunctionUrlConfig",
            Self::AddPermission { .. } => "lambda:AddPermission",
            Self::RemovePermission { .. } => "lambda:RemovePermission",
        }
    }

    fn resource_name(&self) -> &str {
        match self {
            Self::CreateFunction { function } => &function.name,
            Self::PutFunctionEventInvokeConfig { alias } => &alias.function,
            Self::AddPermission { permission } => &permission.function,
            Self::PutFunctionConcurrency { function, .. }
            | Self::AwaitEarlierRuns { function, .. }
            | Self::DeleteFunctionConcurrency { function }
            | Self::UpdateFunctionConfiguration { function, .. }
            | Self::ResetFunctionSettings { function, .. }
            | Self::ResetAlias { function, .. }
            | Self::DeleteFunctionUrl { function, .. }
            | Self::UpdateFunctionCode { function, .. }
            | Self::DeleteFunction { function }
            | Self::PublishVersion { function, .. }
            | Self::InvokeDryRun { function }
            | Self::DeleteOldVersions { function, .. }
            | Self::CreateAlias { function, .. }
            | Self::UpdateAlias { function, .. }
            | Self::MoveAlias { function, .. }
            | Self::RemovePermission { function, .. } => function,
            Self::TagFunction { arn, .. } | Self::UntagFunction { arn, .. } => arn,
        }
    }

    fn removal(&self) -> Removal {
        match self {
            Self::DeleteFunction { .. } => Removal::Resource,
            Self::RemovePermission { .. } | Self::DeleteFunctionUrl { .. } | Self::DeleteFunctionConcurrency { .. } => {
                Removal::Part
            }
            // Old versions that are missing are told apart by the call itself, while a missing function is an error.
            Self::DeleteOldVersions { .. } => Removal::Nothing,
            Self::CreateFunction { .. }
            | Self::PutFunctionConcurrency { .. }
            | Self::AwaitEarlierRuns { .. }
            | Self::UpdateFunctionConfiguration { .. }
            | Self::ResetFunctionSettings { .. }
            | Self::UpdateFunctionCode { .. }
            | Self::TagFunction { .. }
            | Self::UntagFunction { .. }
            | Self::PublishVersion { .. }
            | Self::InvokeDryRun { .. }
            | Self::CreateAlias { .. }
            | Self::UpdateAlias { .. }
            | Self::MoveAlias { .. }
            | Self::ResetAlias { .. }
            | Self::PutFunctionEventInvokeConfig { .. }
            | Self::AddPermission { .. } => Removal::Nothing,
        }
    }
}
