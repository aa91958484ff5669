//! The kinds of resource that a venue has: the desired state of each (`…Spec`) and the observed one (`Live…`).
//!
//! Plain data, without a client or a clock. The planner compares the two sides, and the executor writes the first.

mod kind;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use kind::{ResourceAddress, ResourceKind};

use crate::property::{ContactProperty, PropertyField};

/// Tags or environment variables, sorted by name.
pub type StringMap = BTreeMap<String, String>;

/// Placeholder in a specification for the ARN of a secret that doesn't exist yet.
pub const SECRET_ARN_PLACEHOLDER: &str = "${secret.arn}";

/// What was observed of one resource. Only [`Observed::Absent`] means that it doesn't exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed<T> {
    /// It exists.
    Present(T),
    /// It doesn't exist.
    Absent,
    /// It is scheduled for deletion and can be restored until then.
    PendingDeletion(T),
    /// It could not be read, for this reason. Nothing is inferred from that.
    Unreadable(String),
}

impl<T> Observed<T> {
    /// The resource, if it was read and isn't scheduled for deletion.
    pub fn as_present(&self) -> Option<&T> {
        match self {
            Self::Present(live) => Some(live),
            _ => None,
        }
    }

    /// Why it is unreadable, if it is.
    pub fn unreadable_reason(&self) -> Option<&str> {
        match self {
            Self::Unreadable(reason) => Some(reason),
            _ => None,
        }
    }

    /// The same observation for a part of the resource, which exists exactly when the resource does.
    pub fn map<U>(&self, part: impl FnOnce(&T) -> U) -> Observed<U> {
        match self {
            Self::Present(live) => Observed::Present(part(live)),
            Self::PendingDeletion(live) => Observed::PendingDeletion(part(live)),
            Self::Absent => Observed::Absent,
            Self::Unreadable(reason) => Observed::Unreadable(reason.clone()),
        }
    }
}

/// The desired IAM role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleSpec {
    /// Name, unique in the account regardless of the path.
    pub name: String,
    /// Path, which marks ownership.
    pub path: String,
    /// Description, shown in the console.
    pub description: String,
    /// Trust policy document.
    pub trust: Value,
    /// Document of its only inline policy.
    pub policy: Value,
    /// Tags.
    pub tags: StringMap,
}

/// An observed IAM role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRole {
    /// Name.
    pub name: String,
    /// Path.
    pub path: String,
    /// Trust policy document.
    pub trust: Value,
    /// Documents of the inline policies, by name.
    pub policies: BTreeMap<String, Value>,
    /// ARNs of attached managed policies.
    pub attached: Vec<String>,
    /// Tags.
    pub tags: StringMap,
}

/// The desired secret, without its value: a value is only written when the secret is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSpec {
    /// Name.
    pub name: String,
    /// Description, shown in the console.
    pub description: String,
    /// For each key of the secret's JSON object, the reference that its value comes from, such as `env:NAME`.
    pub references: StringMap,
    /// Tags.
    pub tags: StringMap,
}

/// An observed secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSecret {
    /// Name.
    pub name: String,
    /// ARN, which ends in six random characters.
    pub arn: String,
    /// Description.
    pub description: String,
    /// Tags.
    pub tags: StringMap,
}

/// The desired log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroupSpec {
    /// Name.
    pub name: String,
    /// Days that events are kept.
    pub retention_days: u32,
    /// Tags.
    pub tags: StringMap,
}

/// An observed log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveLogGroup {
    /// Name.
    pub name: String,
    /// ARN without the `:*` that some calls append.
    pub arn: String,
    /// Days that events are kept; forever when unset.
    pub retention_days: Option<u32>,
    /// Tags.
    pub tags: StringMap,
}

/// The part of a function's configuration that a published version freezes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionConfiguration {
    /// Description, shown in the console, with the owner's mark.
    pub description: String,
    /// Lambda runtime.
    pub runtime: String,
    /// Handler; a custom runtime passes it to the bootstrap.
    pub handler: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Memory in MB.
    pub memory_mb: u32,
    /// Timeout in seconds.
    pub timeout_s: u32,
    /// ARN of the execution role.
    pub role_arn: String,
    /// Environment variables.
    pub environment: StringMap,
    /// Base64 of the SHA-256 of the zip.
    pub code_sha256: String,
}

/// The desired function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionSpec {
    /// Name.
    pub name: String,
    /// ARN without a qualifier.
    pub arn: String,
    /// What a published version freezes.
    pub configuration: FunctionConfiguration,
    /// Maximum concurrent executions.
    pub reserved_concurrency: u32,
    /// Tags.
    pub tags: StringMap,
}

/// An observed function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveFunction {
    /// Name.
    pub name: String,
    /// Configuration of `$LATEST`.
    pub configuration: FunctionConfiguration,
    /// Maximum concurrent executions; unreserved when unset.
    pub reserved_concurrency: Option<u32>,
    /// Tags.
    pub tags: StringMap,
}

/// The desired alias. It points to the version that has the function's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasSpec {
    /// The function.
    pub function: String,
    /// The alias.
    pub name: String,
    /// How often Lambda retries a failed asynchronous invocation.
    pub maximum_retry_attempts: u32,
    /// Age in seconds at which Lambda drops a waiting asynchronous invocation.
    pub maximum_event_age_s: u32,
}

/// The observed alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveAlias {
    /// The version that it points to.
    pub version: String,
    /// Configuration of that version.
    pub configuration: FunctionConfiguration,
    /// How often Lambda retries a failed asynchronous invocation; Lambda's default (2) when unset.
    pub maximum_retry_attempts: Option<u32>,
    /// Age in seconds at which Lambda drops a waiting asynchronous invocation; Lambda's default (6 hours) when unset.
    pub maximum_event_age_s: Option<u32>,
}

/// The desired rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSpec {
    /// Name, on the default bus.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Description, shown in the console, with the owner's mark.
    pub description: String,
    /// Schedule expression.
    pub schedule: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Tags.
    pub tags: StringMap,
}

/// An observed rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRule {
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Schedule expression; empty for a rule with an event pattern.
    pub schedule: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Tags.
    pub tags: StringMap,
    /// Its targets.
    pub targets: Vec<RuleTarget>,
}

/// What a rule invokes, and how often it retries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTarget {
    /// Id, unique within the rule.
    pub id: String,
    /// ARN of what is invoked.
    pub arn: String,
    /// How often EventBridge retries a failed delivery; EventBridge's default (185) when unset.
    pub maximum_retry_attempts: Option<i32>,
    /// Age in seconds at which EventBridge drops an undelivered event; EventBridge's default (a day) when unset.
    pub maximum_event_age_s: Option<i32>,
}

/// The desired target of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// The rule.
    pub rule: String,
    /// Its only target.
    pub target: RuleTarget,
}

/// The desired permission: a statement in the alias's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionSpec {
    /// The function.
    pub function: String,
    /// The alias whose policy has the statement.
    pub qualifier: String,
    /// Statement id.
    pub statement_id: String,
    /// The allowed action.
    pub action: String,
    /// The principal that is allowed to do it.
    pub principal: String,
    /// ARN of the rule that is allowed to invoke the alias.
    pub source_arn: String,
}

/// The observed permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePermission {
    /// The allowed action.
    pub action: String,
    /// The principal that is allowed to do it.
    pub principal: String,
    /// ARN of the allowed source.
    pub source_arn: Option<String>,
}

/// Everything that an active or paused venue should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredStack {
    pub role: RoleSpec,
    pub secret: SecretSpec,
    pub log_group: LogGroupSpec,
    pub function: FunctionSpec,
    pub alias: AliasSpec,
    pub rule: RuleSpec,
    pub permission: PermissionSpec,
    pub target: TargetSpec,
    /// The five contact properties in HubSpot; empty if people create them by hand.
    pub properties: Vec<(PropertyField, ContactProperty)>,
}

/// Everything that was observed of a venue. The target is part of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveStack {
    pub role: Observed<LiveRole>,
    pub secret: Observed<LiveSecret>,
    pub log_group: Observed<LiveLogGroup>,
    pub function: Observed<LiveFunction>,
    pub alias: Observed<LiveAlias>,
    pub rule: Observed<LiveRule>,
    pub permission: Observed<LivePermission>,
}

impl LiveStack {
    /// The tags of each existing resource that has tags of its own.
    pub fn resource_tags(&self) -> impl Iterator<Item = &StringMap> {
        // An alias and a permission have no tags.
        let Self { role, secret, log_group, function, alias: _, rule, permission: _ } = self;
        [
            role.as_present().map(|live| &live.tags),
            secret.as_present().map(|live| &live.tags),
            log_group.as_present().map(|live| &live.tags),
            function.as_present().map(|live| &live.tags),
            rule.as_present().map(|live| &live.tags),
        ]
        .into_iter()
        .flatten()
    }

    /// Whether any of the venue's resources exists.
    pub fn any_exists(&self) -> bool {
        self.resource_tags().next().is_some()
    }
}

impl Default for LiveStack {
    fn default() -> Self {
        Self {
            role: Observed::Absent,
            secret: Observed::Absent,
            log_group: Observed::Absent,
            function: Observed::Absent,
            alias: Observed::Absent,
            rule: Observed::Absent,
            permission: Observed::Absent,
        }
    }
}
