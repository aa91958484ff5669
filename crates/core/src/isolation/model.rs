//! What is judged, and what comes out of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use sync_config::config::Destination;

use super::policy::Policy;

/// What was read, or why it couldn't be.
pub type Told<T> = Result<T, String>;

/// A venue, as far as another one could reach it or be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub venue: String,
    pub role_arn: String,
    /// All policies of the role, inline and attached.
    pub role: Told<Vec<Policy>>,
    pub trust: Told<Vec<Policy>>,
    pub secret_arn: Told<String>,
    pub secret_policy: Told<Vec<Policy>>,
    pub log_group_arn: String,
    /// Without a qualifier.
    pub function_arn: String,
    pub function_policy: Told<Vec<Policy>>,
    pub rule_arn: String,
    pub account: String,
    /// What its function goes by.
    pub holdings: Told<Holdings>,
}

/// What no other venue may have as well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holdings {
    pub flag_property: String,
    pub destination: Destination,
    pub tripleseat_base_uri: Option<String>,
    /// By the secret's key.
    pub credentials: BTreeMap<String, Credential>,
    /// The secret that the function is pointed at, where that is known.
    pub secret_arn: Option<String>,
}

/// A credential, as far as two can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// As it stands in the manifest.
    pub reference: String,
    /// SHA-256 of its value, where it was to be had. It is compared, and never shown.
    pub digest: Option<[u8; 32]>,
}

/// What of another venue is reached for.
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
    /// What of the other is reached, as in "can reach the secret of b".
    pub fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Logs => "log group",
            Self::Function => "function",
            Self::Role => "role",
            Self::Rule => "function (by its rule)",
        }
    }
}

/// One request that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub reach: Reach,
    pub action: String,
    pub resource: String,
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// How IAM's own simulation decides it, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<String>,
}

/// What a request comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Denied,
    Allowed,
    /// Something that it depends on couldn't be read.
    Untold,
}

/// Something that two venues have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// `flag_property`, `destination`, `secret`, or a credential's key.
    pub what: String,
    pub text: String,
    /// Known, and no contamination: it is told, and fails nothing.
    pub tolerated: bool,
}

/// Two venues, or one and itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    pub from: String,
    pub to: String,
    pub state: PairState,
    pub checks: Vec<Check>,
    pub shared: Vec<Shared>,
    /// Why something couldn't be told.
    pub untold: BTreeSet<String>,
}

/// What a pair comes to: a cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PairState {
    /// Nothing of the other is reached, and nothing is shared.
    Isolated,
    /// Something is.
    Open,
    Untold,
    /// One venue, whose role may do what it has to.
    Own,
    /// One venue, whose role may not: denials would prove nothing.
    OwnDenied,
}

/// All pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub venues: Vec<String>,
    /// Row by row, in the order of `venues`.
    pub pairs: Vec<Pair>,
    /// Where what IAM's simulation says differs from what was found here.
    pub disagreements: Vec<String>,
    /// What is worth knowing besides: what was left out, and what was judged by less.
    pub notes: Vec<String>,
}

impl Report {
    /// Pairs of two venues.
    pub fn of_two(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().filter(|pair| pair.from != pair.to)
    }

    /// Whether any venue reaches another or shares with it, can't do its own work, or IAM says otherwise.
    pub fn is_open(&self) -> bool {
        let open = |pair: &Pair| matches!(pair.state, PairState::Open | PairState::OwnDenied);
        self.pairs.iter().any(open) || !self.disagreements.is_empty()
    }

    /// Whether something couldn't be told.
    pub fn is_untold(&self) -> bool {
        self.pairs.iter().any(|pair| pair.state == PairState::Untold)
    }
}

/// Reads the policies of a document that is there.
///
/// # Errors
/// It can't be read.
pub fn policies(name: &str, document: &Value) -> Told<Vec<Policy>> {
    Policy::parse(name, document).map(|policy| vec![policy])
}
