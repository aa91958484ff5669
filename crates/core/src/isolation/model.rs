//! The input and output of an isolation check.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use sync_config::config::DestinationConfig;

use super::policy::Policy;

/// What was read, or why it is unreadable.
pub type ReadOutcome<T> = Result<T, String>;

/// A venue, as far as it could reach another one or be reached by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueSubject {
    pub venue: String,
    pub role_arn: String,
    /// All policies of the role, inline and attached.
    pub role: ReadOutcome<Vec<Policy>>,
    /// The role's permissions boundary, if it has one.
    pub boundary: ReadOutcome<Option<Policy>>,
    pub trust: ReadOutcome<Vec<Policy>>,
    pub secret_arn: ReadOutcome<Option<String>>,
    pub secret_policy: ReadOutcome<Vec<Policy>>,
    /// The key of the customer's that the secret is encrypted with. `None` is Secrets Manager's own, which nobody can
    /// use but through Secrets Manager.
    pub secret_key: ReadOutcome<Option<SecretKey>>,
    pub log_group_arn: String,
    /// Without a qualifier.
    pub function_arn: String,
    pub function_policy: ReadOutcome<Vec<Policy>>,
    /// The URLs that invoke the function.
    pub function_urls: ReadOutcome<Vec<FunctionUrl>>,
    /// Where its log lines and events are sent.
    pub deliveries: ReadOutcome<Vec<Delivery>>,
    /// Its rule, if it has one, or would get one.
    pub rule_arn: Option<String>,
    /// Its schedule, if it has one.
    pub schedule: ReadOutcome<Option<ScheduledStart>>,
    pub account: String,
    /// What its function works with.
    pub holdings: ReadOutcome<VenueHoldings>,
    /// What it is of, if it is the function of all venues and no venue's.
    pub shared: Option<SharedDuties>,
}

/// What the function of all venues is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedDuties {
    /// Its rule starts a digest, for which it reads the logs of the venues.
    pub digest: bool,
    /// The topic starts it, for a chat.
    pub chats: bool,
}

/// What a schedule of EventBridge Scheduler starts. It does nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledStart {
    /// The ARN of its group, which Scheduler sends when it takes on a role.
    pub group_arn: String,
    /// The ARN of what it invokes.
    pub target_arn: String,
    /// The role that it takes on for that.
    pub role_arn: String,
}

/// A key in KMS that a secret is encrypted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretKey {
    pub arn: String,
    pub policy: Vec<Policy>,
    pub grants: Vec<KeyGrant>,
}

/// A grant: somebody may use a key, whatever the key's policy says.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/grants.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    pub id: String,
    /// The ARN of who may use the key.
    pub grantee: String,
    /// `Decrypt`, `CreateGrant`, …
    pub operations: Vec<String>,
    /// What must be in the encryption context. For a secret, Secrets Manager puts the ARN there, as `SecretARN`.
    pub encryption_context: BTreeMap<String, String>,
}

/// A URL that invokes a function, or one of its aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionUrl {
    pub url: String,
    /// The function's ARN, with the alias.
    pub function_arn: String,
    /// Whether it asks for credentials: `AuthType` is `AWS_IAM`, not `NONE`.
    pub needs_credentials: bool,
}

/// A setting that sends something of a venue somewhere: log lines to a subscriber, results of runs to a destination,
/// events that failed to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The setting, as in "allowed by the subscription filter copy of b's log group".
    pub setting: String,
    /// The ARN of where to.
    pub destination: String,
    /// The role with which it is sent, where it isn't sent by a service.
    pub role: Option<String>,
    /// The policies of the destination, where it is a queue or a topic.
    pub policy: ReadOutcome<Vec<Policy>>,
}

/// What a venue must not share with another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VenueHoldings {
    pub flag_property: String,
    pub destination: DestinationConfig,
    pub tripleseat_base_uri: Option<String>,
    /// By the secret's key.
    pub credentials: BTreeMap<String, ComparedCredential>,
    /// The secret that the function uses, if known.
    pub secret_arn: Option<String>,
}

/// A credential, as far as two can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedCredential {
    /// The reference in the manifest.
    pub reference: String,
    /// SHA-256 of its value, if available. Used only for comparison and never shown.
    pub digest: Option<[u8; 32]>,
}

/// What of another venue might be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Its secret, by this venue's role.
    Secret,
    /// Its log group, by this venue's role.
    Logs,
    /// Its function, by this venue's role.
    Function,
    /// Its role, by this venue's role.
    Role,
    /// Its function, by this venue's rule.
    Rule,
    /// Its function, by this venue's schedule; or its schedule, by this venue's role.
    Schedule,
    /// Its function, by a URL.
    Url,
    /// The key that its secret is encrypted with, by this venue's role.
    Key,
    /// Its log lines or events, which are sent somewhere.
    Delivery,
}

impl Reach {
    /// What is reached, as in "reaches the secret of b".
    pub fn display_word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Logs => "log group",
            Self::Function => "function",
            Self::Role => "role",
            Self::Rule => "function (through its own rule)",
            Self::Schedule => "function (through a schedule)",
            Self::Url => "function (by its URL)",
            Self::Key => "secret's key",
            Self::Delivery => "log or events",
        }
    }

    /// Whether IAM can simulate it: what depends on the role's policies alone.
    pub fn can_be_simulated(self) -> bool {
        match self {
            Self::Secret | Self::Logs | Self::Function | Self::Role => true,
            Self::Rule | Self::Schedule | Self::Url | Self::Key | Self::Delivery => false,
        }
    }
}

/// One decided request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IsolationCheck {
    pub reach: Reach,
    pub action: String,
    pub resource: String,
    pub verdict: RequestVerdict,
    /// Why.
    pub reason: String,
    /// The decision of IAM's own simulation, if it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<String>,
}

/// The decision on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestVerdict {
    Denied,
    Allowed,
    /// Unknown: something that it depends on is unreadable.
    Untold,
}

/// Something that two venues share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedItem {
    /// `flag_property`, `destination`, `secret`, or a credential's key.
    pub what: String,
    pub text: String,
    /// Allowed because it can't mix up leads. It is reported but doesn't fail the check.
    pub tolerated: bool,
}

/// Two venues, or a venue and itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VenuePair {
    pub from: String,
    pub to: String,
    pub state: PairState,
    pub checks: Vec<IsolationCheck>,
    pub shared: Vec<SharedItem>,
    /// Why something is unknown.
    pub untold: BTreeSet<String>,
}

/// The result for a pair: a cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PairState {
    /// Nothing of the other is reached, and nothing is shared.
    Isolated,
    /// Something is reached or shared.
    Open,
    Untold,
    /// A venue and itself: its role may do what it must.
    Own,
    /// A venue and itself: its role may not do what it must, so denials elsewhere prove nothing.
    OwnDenied,
}

/// The results for all pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IsolationReport {
    pub venues: Vec<String>,
    /// Row by row, in the order of `venues`.
    pub pairs: Vec<VenuePair>,
    /// Where IAM's simulation differs from the local evaluation.
    pub disagreements: Vec<String>,
    /// Who outside of the account can use something of a venue, in words.
    pub strangers: Vec<String>,
    /// Why it is unknown whether strangers can use something.
    pub unread: Vec<String>,
    /// Notes on what was left out and where the data was incomplete.
    pub notes: Vec<String>,
}

impl IsolationReport {
    /// The pairs of two different venues.
    pub fn distinct_pairs(&self) -> impl Iterator<Item = &VenuePair> {
        self.pairs.iter().filter(|pair| pair.from != pair.to)
    }

    /// Whether any venue reaches another, shares something with it, can't do its own work, a stranger has access, or IAM
    /// disagrees.
    pub fn is_open(&self) -> bool {
        let open = |pair: &VenuePair| matches!(pair.state, PairState::Open | PairState::OwnDenied);
        self.pairs.iter().any(open) || !self.disagreements.is_empty() || !self.strangers.is_empty()
    }

    /// Whether something is unknown.
    pub fn has_unknowns(&self) -> bool {
        self.pairs.iter().any(|pair| pair.state == PairState::Untold) || !self.unread.is_empty()
    }
}

/// Parses a policy document into a list of one policy.
///
/// # Errors
/// The document is not a valid policy.
pub fn parse_policies(name: &str, document: &Value) -> ReadOutcome<Vec<Policy>> {
    Policy::parse_document(name, document).map(|policy| vec![policy])
}
