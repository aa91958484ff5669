//! The kinds of resource that a venue has: the desired state of each (`…Spec`) and the observed one (`Live…`).
//!
//! Plain data, without a client or a clock. The planner compares the two sides, and the executor writes the first.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::property::ContactProperty;

/// Tags or environment variables, sorted by name.
pub type StringMap = BTreeMap<String, String>;

/// Placeholder in a specification for the ARN of a secret that doesn't exist yet.
pub const SECRET_ARN_PLACEHOLDER: &str = "${secret.arn}";

/// A kind of resource, in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// IAM role with its inline policy.
    Role,
    /// Secrets Manager secret.
    Secret,
    /// CloudWatch log group.
    LogGroup,
    /// Contact property in HubSpot: the checkbox that staff tick.
    FlagProperty,
    /// Contact property in HubSpot: the contact's sync status.
    StatusProperty,
    /// Contact property in HubSpot: the lead's id.
    LeadIdProperty,
    /// Contact property in HubSpot: the vendor's error message.
    ErrorProperty,
    /// Contact property in HubSpot: when the lead was created.
    SyncedAtProperty,
    /// Lambda function.
    Function,
    /// The function's alias `live`, with its published version and its asynchronous invocation settings.
    Alias,
    /// EventBridge rule.
    Rule,
    /// The statement that lets the rule invoke the alias.
    Permission,
    /// The rule's target.
    Target,
}

impl ResourceKind {
    /// The kinds in AWS, in the order of creation.
    pub const AWS: [Self; 8] = [
        Self::Role,
        Self::Secret,
        Self::LogGroup,
        Self::Function,
        Self::Alias,
        Self::Rule,
        Self::Permission,
        Self::Target,
    ];

    /// The kinds in HubSpot.
    pub const PROPERTIES: [Self; 5] =
        [Self::FlagProperty, Self::StatusProperty, Self::LeadIdProperty, Self::ErrorProperty, Self::SyncedAtProperty];

    /// Whether this is a contact property in HubSpot.
    pub fn is_property(self) -> bool {
        Self::PROPERTIES.contains(&self)
    }

    /// The kind as it appears in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Secret => "secret",
            Self::LogGroup => "log-group",
            Self::FlagProperty => "flag-property",
            Self::StatusProperty => "status-property",
            Self::LeadIdProperty => "lead-id-property",
            Self::ErrorProperty => "error-property",
            Self::SyncedAtProperty => "synced-at-property",
            Self::Function => "function",
            Self::Alias => "alias",
            Self::Rule => "rule",
            Self::Permission => "permission",
            Self::Target => "target",
        }
    }

    /// Resources of one stage don't depend on each other; each stage depends on the ones before it.
    pub fn creation_stage(self) -> u8 {
        match self {
            // The properties come first because the function's dry run checks them.
            Self::Role
            | Self::Secret
            | Self::LogGroup
            | Self::FlagProperty
            | Self::StatusProperty
            | Self::LeadIdProperty
            | Self::ErrorProperty
            | Self::SyncedAtProperty => 0,
            Self::Function => 1,
            Self::Alias | Self::Rule => 2,
            Self::Permission => 3,
            Self::Target => 4,
        }
    }

    /// The resource that this one is part of, and whose owner is therefore its owner.
    pub fn parent_kind(self) -> Option<Self> {
        match self {
            Self::Alias | Self::Permission => Some(Self::Function),
            Self::Target => Some(Self::Rule),
            _ => None,
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A venue's resource: `venue-a/function`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceAddress {
    /// The venue.
    pub venue: String,
    /// The kind.
    pub kind: ResourceKind,
}

impl fmt::Display for ResourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.venue, self.kind)
    }
}

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
    pub properties: Vec<(ResourceKind, ContactProperty)>,
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
        [
            self.role.as_present().map(|live| &live.tags),
            self.secret.as_present().map(|live| &live.tags),
            self.log_group.as_present().map(|live| &live.tags),
            self.function.as_present().map(|live| &live.tags),
            self.rule.as_present().map(|live| &live.tags),
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
