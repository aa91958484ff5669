//! The events of a verify, and its outcome.

use serde::Serialize;
use serde_json::Value;

/// The stages, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyStage {
    /// The function, its alias and its rule exist, and the rule is enabled.
    Deployed,
    /// The token opens the HubSpot portal of the manifest.
    #[serde(rename = "hubspot")]
    HubSpot,
    /// What an interrupted verify left behind is removed.
    Leftovers,
    /// The test contact is created.
    Contact,
    /// Its flag is set; the time until the lead counts from here.
    Flag,
    /// A run picks it up, scheduled or invoked.
    Run,
    /// The lead exists.
    Lead,
    /// The flag is reset, and the ledger says `synced`.
    Reset,
    /// No other venue has it.
    Others,
    /// The test contact is removed.
    Cleanup,
}

impl VerifyStage {
    /// Its name in `--json`.
    pub fn stage_name(self) -> &'static str {
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

/// Something that was done or observed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifyEvent {
    pub stage: VerifyStage,
    /// Seconds since the start.
    pub seconds: f64,
    pub text: String,
    /// Details for programs: `contact_id`, `lead_id`, a run's counts.
    #[serde(flatten)]
    pub details: Value,
}

/// What shows that the lead exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadEvidence {
    /// It was found at the destination by its reference.
    Destination,
    /// The venue's ledger in HubSpot says so.
    Ledger,
}

/// A stage that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageFailure {
    pub stage: VerifyStage,
    /// What happened.
    pub seen: String,
    /// What to do.
    pub hints: Vec<String>,
}

/// A lead that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundLead {
    /// Its id, if the destination gives it one.
    pub lead_id: Option<String>,
    pub evidence: LeadEvidence,
    /// Seconds from setting the flag to finding the lead.
    pub seconds_after_flag: f64,
}

/// How a verify ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifyOutcome {
    pub lead: Option<FoundLead>,
    pub failure: Option<StageFailure>,
    pub cancelled: bool,
    /// What remains, and how to remove it.
    pub remains: Vec<String>,
    /// Seconds since the start.
    pub seconds: f64,
}
