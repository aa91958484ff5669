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
    pub trust: ReadOutcome<Vec<Policy>>,
    pub secret_arn: ReadOutcome<String>,
    pub secret_policy: ReadOutcome<Vec<Policy>>,
    pub log_group_arn: String,
    /// Without a qualifier.
    pub function_arn: String,
    pub function_policy: ReadOutcome<Vec<Policy>>,
    pub rule_arn: String,
    pub account: String,
    /// What its function works with.
    pub holdings: ReadOutcome<VenueHoldings>,
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
