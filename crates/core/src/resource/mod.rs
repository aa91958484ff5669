//! The kinds of resource that a venue has: the desired state of each (`…Spec`) and the observed one (`Live…`).
//!
//! Plain data, without a client or a clock. The planner compares the two sides, and the executor writes the first.

pub mod alarm;
pub mod declared;
mod document;
mod kind;
pub mod members;
mod schedule;
mod stack;
mod string_map;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use declared::DeclaredSettings;
pub use document::PolicyDocument;
pub use kind::{ResourceAddress, ResourceKind};
use members::{UnmodeledMember, UnmodeledPart};
pub use schedule::{
    LiveSchedule, LiveScheduleGroup, RuleTrigger, ScheduleGroupSpec, ScheduleSpec, ScheduleTarget, Trigger,
};
pub(crate) use stack::is_absent;
pub use stack::{DesiredStack, LiveStack, UnmodeledAnswer};
pub use string_map::StringMap;

/// Placeholder in a specification for the ARN of a secret that doesn't exist yet.
pub const SECRET_ARN_PLACEHOLDER: &str = "${secret.arn}";

/// What was observed of one resource. Only [`Observed::Absent`] means that it doesn't exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed<T> {
    /// It exists.
    Present(T),
    /// It doesn't exist.
    #[default]
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
    pub trust: PolicyDocument,
    /// Document of its only inline policy.
    pub policy: PolicyDocument,
    /// ARN of the declared permissions boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
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
    pub trust: PolicyDocument,
    /// Documents of the inline policies, by name.
    pub policies: BTreeMap<String, PolicyDocument>,
    /// ARNs of attached managed policies.
    pub attached: Vec<String>,
    /// Tags.
    pub tags: StringMap,
    /// Description; `None` if it wasn't read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Longest session in seconds; `None` if it wasn't read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_session_s: Option<u32>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// What else its answers contain that a resource of ours doesn't have.
    #[serde(default, skip_serializing_if = "UnmodeledPart::is_empty")]
    pub unmodeled: UnmodeledPart,
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
    /// ARN of the declared key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
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
    /// What else its answers contain that a resource of ours doesn't have.
    #[serde(default, skip_serializing_if = "UnmodeledPart::is_empty")]
    pub unmodeled: UnmodeledPart,
}

/// The desired log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroupSpec {
    /// Name.
    pub name: String,
    /// Days that events are kept.
    pub retention_days: u32,
    /// ARN of the declared key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
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
    /// What else its answers contain that a resource of ours doesn't have.
    #[serde(default, skip_serializing_if = "UnmodeledPart::is_empty")]
    pub unmodeled: UnmodeledPart,
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
    /// What the manifest declares besides. Empty in what was observed, where it is in `unmodeled`.
    #[serde(default, skip_serializing_if = "DeclaredSettings::is_empty")]
    pub declared: DeclaredSettings,
    /// What else its answer contains that ours don't have. Empty in a specification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmodeled: Vec<UnmodeledMember>,
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
    /// Maximum concurrent executions; unset if its runs have leases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_concurrency: Option<u32>,
    /// Tags.
    pub tags: StringMap,
}

/// What Lambda says about a function's last change and about the function itself
/// (<https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>). All are empty where Lambda says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionState {
    /// `Pending`, `Active`, `Inactive` or `Failed`.
    pub state: String,
    /// Why it isn't active.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state_reason: String,
    /// `Successful`, `InProgress` or `Failed`.
    pub last_update: String,
    /// Why the last update failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_update_reason: String,
}

impl FunctionState {
    /// What failed, and why: the function itself or its last update.
    pub fn failure(&self) -> Option<String> {
        let why = |reason: &str| if reason.is_empty() { "no reason given".to_owned() } else { reason.to_owned() };
        if self.state == "Failed" {
            return Some(format!("the function failed: {}", why(&self.state_reason)));
        }
        (self.last_update == "Failed").then(|| format!("its last update failed: {}", why(&self.last_update_reason)))
    }
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
    /// Whether it works, in Lambda's words.
    #[serde(default)]
    pub state: FunctionState,
    /// Whether the role was created after the function was last changed: Lambda only knows the role before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub role_recreated: bool,
    /// What else its answers contain that a resource of ours doesn't have.
    #[serde(default, skip_serializing_if = "UnmodeledPart::is_empty")]
    pub unmodeled: UnmodeledPart,
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
    /// Whether Lambda must have these two settings. The function itself leaves out what Lambda repeats, and what is late, so
    /// usually they don't matter. But an event becomes a dead letter only once Lambda gives it up.
    #[serde(default)]
    pub settings_matter: bool,
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
    /// What else its answers contain that a resource of ours doesn't have.
    #[serde(default, skip_serializing_if = "UnmodeledPart::is_empty")]
    pub unmodeled: UnmodeledPart,
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
    /// What else its answers contain that a resource of ours doesn't have.
    #[serde(default, skip_serializing_if = "UnmodeledPart::is_empty")]
    pub unmodeled: UnmodeledPart,
}

/// What a rule invokes, and how often it retries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTarget {
    /// Id, unique within the rule.
    pub id: String,
    /// ARN of what is invoked.
    pub arn: String,
    /// ARN of the role that the rule invokes it with; if unset, the function's policy must let the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// How often EventBridge retries a failed delivery; EventBridge's default (185) when unset.
    pub maximum_retry_attempts: Option<i32>,
    /// Age in seconds at which EventBridge drops an undelivered event; EventBridge's default (a day) when unset.
    pub maximum_event_age_s: Option<i32>,
    /// What else its answer contains that ours don't have. Empty in a specification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmodeled: Vec<UnmodeledMember>,
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
    /// The account that the rule must be in.
    pub source_account: String,
}

/// The observed permission: our statements in the alias's policy. There are two after a replacement that was broken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePermission {
    pub statements: Vec<PermissionStatement>,
}

/// An observed statement of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionStatement {
    /// Statement id: one of [`PERMISSION_SIDS`](crate::naming::PERMISSION_SIDS).
    pub statement_id: String,
    /// The allowed action.
    pub action: String,
    /// The principal that is allowed to do it.
    pub principal: String,
    /// ARN of the allowed source.
    pub source_arn: Option<String>,
    /// The account that the source must be in.
    pub source_account: Option<String>,
}

impl PermissionStatement {
    /// What Lambda has after `AddPermission`.
    pub fn of_spec(permission: &PermissionSpec) -> Self {
        Self {
            statement_id: permission.statement_id.clone(),
            action: permission.action.clone(),
            principal: permission.principal.clone(),
            source_arn: Some(permission.source_arn.clone()),
            source_account: Some(permission.source_account.clone()),
        }
    }

    /// The statement, as far as it is read, in the form of a policy.
    pub fn to_json(&self) -> Value {
        let principal = match self.principal.as_str() {
            service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
            principal => json!({ "AWS": principal }),
        };
        let mut statement =
            json!({ "Sid": self.statement_id, "Effect": "Allow", "Principal": principal, "Action": self.action });
        if let Some(arn) = &self.source_arn {
            statement["Condition"]["ArnLike"]["AWS:SourceArn"] = json!(arn);
        }
        if let Some(account) = &self.source_account {
            statement["Condition"]["StringEquals"]["AWS:SourceAccount"] = json!(account);
        }
        statement
    }
}
