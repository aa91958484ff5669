//! The kinds of resource that a venue has: how each should be (`…Spec`) and how it was found (`Live…`).
//!
//! Plain data, without a client or a clock: the planner compares the two sides, and the executor writes the first.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::property::Property;

/// Tags or environment variables, in a fixed order.
pub type Map = BTreeMap<String, String>;

/// Stands in a specification for the ARN of the venue's secret while the secret doesn't exist yet.
pub const SECRET_ARN_PLACEHOLDER: &str = "${secret.arn}";

/// A kind of resource. The order is the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// IAM role with its inline policy.
    Role,
    /// Secrets Manager secret.
    Secret,
    /// CloudWatch log group.
    LogGroup,
    /// Contact property in HubSpot: the tick box that staff set.
    FlagProperty,
    /// Contact property in HubSpot: what became of the contact.
    StatusProperty,
    /// Contact property in HubSpot: the lead's id.
    LeadIdProperty,
    /// Contact property in HubSpot: the vendor's words.
    ErrorProperty,
    /// Contact property in HubSpot: when the lead was made.
    SyncedAtProperty,
    /// Lambda function.
    Function,
    /// The alias `live` of the function, with its published version and its asynchronous invocation settings.
    Alias,
    /// EventBridge rule.
    Rule,
    /// The statement that lets the rule invoke the alias.
    Permission,
    /// The rule's target.
    Target,
}

impl Kind {
    /// The kinds that are in AWS, in the order of creation.
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

    /// The kinds that are in HubSpot.
    pub const PROPERTIES: [Self; 5] =
        [Self::FlagProperty, Self::StatusProperty, Self::LeadIdProperty, Self::ErrorProperty, Self::SyncedAtProperty];

    /// Whether it is a contact property in HubSpot.
    pub fn is_property(self) -> bool {
        Self::PROPERTIES.contains(&self)
    }

    /// The word that stands in an address.
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

    /// Resources of one stage don't need each other; each stage needs the ones before it.
    pub fn stage(self) -> u8 {
        match self {
            // A dry run of the function looks for its properties.
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

    /// The resource that this one is part of: whose owner is this one's owner.
    pub fn parent(self) -> Option<Self> {
        match self {
            Self::Alias | Self::Permission => Some(Self::Function),
            Self::Target => Some(Self::Rule),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which resource of which venue: `venue-a/function`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The venue.
    pub venue: String,
    /// The kind.
    pub kind: Kind,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.venue, self.kind)
    }
}

/// What was seen of one resource. Only [`Observed::Absent`] means that it isn't there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed<T> {
    /// It is there.
    Present(T),
    /// It is not there.
    Absent,
    /// It is scheduled for deletion, and can be restored until then.
    PendingDeletion(T),
    /// It could not be read, for this reason. Nothing is concluded from that.
    Unreadable(String),
}

impl<T> Observed<T> {
    /// What is there, if it could be read and isn't about to be deleted.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(live) => Some(live),
            _ => None,
        }
    }

    /// Why it couldn't be read, if so.
    pub fn unreadable(&self) -> Option<&str> {
        match self {
            Self::Unreadable(reason) => Some(reason),
            _ => None,
        }
    }

    /// The same observation of something else, for a part that stands and falls with the whole.
    pub fn map<U>(&self, part: impl FnOnce(&T) -> U) -> Observed<U> {
        match self {
            Self::Present(live) => Observed::Present(part(live)),
            Self::PendingDeletion(live) => Observed::PendingDeletion(part(live)),
            Self::Absent => Observed::Absent,
            Self::Unreadable(reason) => Observed::Unreadable(reason.clone()),
        }
    }
}

/// An IAM role as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleSpec {
    /// Name, unique in the account whatever the path.
    pub name: String,
    /// Path, a mark of ownership.
    pub path: String,
    /// What people read in the console.
    pub description: String,
    /// Trust policy document.
    pub trust: Value,
    /// Document of the one inline policy.
    pub policy: Value,
    /// Tags.
    pub tags: Map,
}

/// An IAM role as it was found.
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
    pub tags: Map,
}

/// A secret as it should be. Its value is no part of it: a value is only written when the secret is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSpec {
    /// Name.
    pub name: String,
    /// What people read in the console.
    pub description: String,
    /// Key of the secret's JSON object to the reference whose value it gets, such as `env:NAME`.
    pub references: Map,
    /// Tags.
    pub tags: Map,
}

/// A secret as it was found, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSecret {
    /// Name.
    pub name: String,
    /// ARN, which ends in six random characters.
    pub arn: String,
    /// Description.
    pub description: String,
    /// Tags.
    pub tags: Map,
}

/// A log group as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroupSpec {
    /// Name.
    pub name: String,
    /// Days for which events are kept.
    pub retention_days: u32,
    /// Tags.
    pub tags: Map,
}

/// A log group as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveLogGroup {
    /// Name.
    pub name: String,
    /// ARN without the `:*` that some calls add.
    pub arn: String,
    /// Days for which events are kept; for ever when unset.
    pub retention_days: Option<u32>,
    /// Tags.
    pub tags: Map,
}

/// The part of a function's configuration that a published version keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionConfiguration {
    /// What people read in the console, with the owner's mark.
    pub description: String,
    /// Lambda runtime.
    pub runtime: String,
    /// Handler; a custom runtime gives it to the bootstrap.
    pub handler: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Memory in MB.
    pub memory_mb: u32,
    /// Time limit in seconds.
    pub timeout_s: u32,
    /// ARN of its role.
    pub role_arn: String,
    /// Environment variables.
    pub environment: Map,
    /// Base64 of the SHA-256 of the zip.
    pub code_sha256: String,
}

/// A function as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionSpec {
    /// Name.
    pub name: String,
    /// ARN without a qualifier.
    pub arn: String,
    /// What a version keeps.
    pub configuration: FunctionConfiguration,
    /// Executions at one time.
    pub reserved_concurrency: u32,
    /// Tags.
    pub tags: Map,
}

/// A function as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveFunction {
    /// Name.
    pub name: String,
    /// What `$LATEST` has.
    pub configuration: FunctionConfiguration,
    /// Executions at one time; unreserved when unset.
    pub reserved_concurrency: Option<u32>,
    /// Tags.
    pub tags: Map,
}

/// The alias as it should be. Its version is the one that has the function's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasSpec {
    /// The function.
    pub function: String,
    /// The alias.
    pub name: String,
    /// Times that Lambda repeats a failed asynchronous invocation.
    pub maximum_retry_attempts: u32,
    /// Age at which Lambda drops a waiting asynchronous invocation, in seconds.
    pub maximum_event_age_s: u32,
}

/// The alias as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveAlias {
    /// The version that it points to.
    pub version: String,
    /// What that version has.
    pub configuration: FunctionConfiguration,
    /// Times that Lambda repeats a failed asynchronous invocation; its default (2) when unset.
    pub maximum_retry_attempts: Option<u32>,
    /// Age at which Lambda drops a waiting asynchronous invocation, in seconds; its default (6 hours) when unset.
    pub maximum_event_age_s: Option<u32>,
}

/// A rule as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSpec {
    /// Name, on the default bus.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// What people read in the console, with the owner's mark.
    pub description: String,
    /// Schedule expression.
    pub schedule: String,
    /// Whether it fires.
    pub enabled: bool,
    /// Tags.
    pub tags: Map,
}

/// A rule as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRule {
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Schedule expression; empty for a rule with an event pattern.
    pub schedule: String,
    /// Whether it fires.
    pub enabled: bool,
    /// Tags.
    pub tags: Map,
    /// Its targets.
    pub targets: Vec<Target>,
}

/// What a rule invokes, and how often it tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Id, unique in the rule.
    pub id: String,
    /// ARN of what is invoked.
    pub arn: String,
    /// Times that EventBridge repeats a delivery that failed; its default (185) when unset.
    pub maximum_retry_attempts: Option<i32>,
    /// Age at which EventBridge drops an event that it couldn't deliver, in seconds; its default (a day) when unset.
    pub maximum_event_age_s: Option<i32>,
}

/// The rule's target as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// The rule.
    pub rule: String,
    /// The one target.
    pub target: Target,
}

/// The statement as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionSpec {
    /// The function.
    pub function: String,
    /// The alias on which it stands.
    pub qualifier: String,
    /// Statement id.
    pub statement_id: String,
    /// What is allowed.
    pub action: String,
    /// Who is allowed.
    pub principal: String,
    /// ARN of the rule that may.
    pub source_arn: String,
}

/// The statement as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePermission {
    /// What is allowed.
    pub action: String,
    /// Who is allowed.
    pub principal: String,
    /// ARN of what may.
    pub source_arn: Option<String>,
}

/// All that an active or paused venue should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    pub role: RoleSpec,
    pub secret: SecretSpec,
    pub log_group: LogGroupSpec,
    pub function: FunctionSpec,
    pub alias: AliasSpec,
    pub rule: RuleSpec,
    pub permission: PermissionSpec,
    pub target: TargetSpec,
    /// The five contact properties in HubSpot; none where they are made by hand.
    pub properties: Vec<(Kind, Property)>,
}

/// All that was seen of a venue. The target is part of the rule.
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
    /// The tags of everything that is there and has tags of its own.
    pub fn tags(&self) -> impl Iterator<Item = &Map> {
        [
            self.role.present().map(|live| &live.tags),
            self.secret.present().map(|live| &live.tags),
            self.log_group.present().map(|live| &live.tags),
            self.function.present().map(|live| &live.tags),
            self.rule.present().map(|live| &live.tags),
        ]
        .into_iter()
        .flatten()
    }

    /// Whether anything of the venue is there.
    pub fn exists(&self) -> bool {
        self.tags().next().is_some()
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
