//! What a verify says while it goes on, and in the end.

use serde::Serialize;
use serde_json::Value;

/// The stages, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The function, its alias and its rule are there, and the rule is enabled.
    Deployed,
    /// HubSpot is opened, and is the manifest's portal.
    #[serde(rename = "hubspot")]
    HubSpot,
    /// What an interrupted verify has left is removed.
    Leftovers,
    /// The test contact is made.
    Contact,
    /// Its flag is set: from here on time counts.
    Flag,
    /// A run takes it, by the schedule or invoked.
    Run,
    /// The lead is there.
    Lead,
    /// The flag is reset, and the ledger says `synced`.
    Reset,
    /// No other venue has it.
    Others,
    /// The test contact is removed.
    Cleanup,
}

impl Stage {
    /// Its name, as `--json` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::HubSpot => "hubspot",
            Self::Leftovers => "leftovers",
            Self::Contact => "contact",
            Self::Flag => "flag",
            Self::Run => "run",
            Self::Lead => "lead",
            Self::Reset => "reset",
            Self::Others => "others",
            Self::Cleanup => "cleanup",
        }
    }
}

/// Something that was done or seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    pub stage: Stage,
    /// Since the start.
    pub seconds: f64,
    pub text: String,
    /// What of it a program needs: `contact_id`, `lead_id`, a run's counts.
    #[serde(flatten)]
    pub details: Value,
}

/// By what it was seen that the lead is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// It was looked up at the destination, by the reference that it carries.
    Destination,
    /// The venue's ledger in HubSpot says so.
    Ledger,
}

/// A stage that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub stage: Stage,
    /// What was seen.
    pub seen: String,
    /// What to do.
    pub hints: Vec<String>,
}

/// A lead that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundLead {
    /// Where the destination gives one.
    pub lead_id: Option<String>,
    pub evidence: Evidence,
    /// From the flag to the time when the lead was seen.
    pub seconds_after_flag: f64,
}

/// How a verify ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    pub lead: Option<FoundLead>,
    pub failure: Option<Failure>,
    pub cancelled: bool,
    /// What is still there, and how it is got rid of.
    pub remains: Vec<String>,
    /// Since the start.
    pub seconds: f64,
}
