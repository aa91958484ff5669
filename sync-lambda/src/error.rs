//! Why a run ended before its work was done. A problem with a single contact isn't an error of the run: see
//! [`crate::ledger::Outcome`].

use std::fmt;

/// Which side an error came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// HubSpot.
    HubSpot,
    /// The venue's destination.
    Destination,
    /// AWS Secrets Manager.
    SecretsManager,
    /// Amazon CloudWatch Logs, where the leases of runs are.
    Logs,
    /// A chat that gets the messages of alarms.
    Chat,
    /// Amazon SNS, where the topic of the alarms is.
    Topic,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HubSpot => "HubSpot",
            Self::Destination => "the destination",
            Self::SecretsManager => "Secrets Manager",
            Self::Logs => "CloudWatch Logs",
            Self::Chat => "a chat",
            Self::Topic => "SNS",
        })
    }
}

/// The short name of [`RunError::WrongSetting`].
pub const WRONG_SETTING: &str = "WrongSetting";

/// Why a run ended early. Flags of contacts that weren't settled stay set, so the next run retries them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The function's environment or secret isn't what the deployer writes.
    #[error("{0}")]
    Settings(String),
    /// A credential was rejected: 401 or 403.
    #[error("{side} rejected {credential}: {message}. {advice}")]
    Credential {
        /// Which side rejected it.
        side: Side,
        /// Its name, such as `HUBSPOT_TOKEN`.
        credential: &'static str,
        /// The vendor's message.
        message: String,
        /// What to do.
        advice: String,
    },
    /// The credentials belong to another account than the manifest's.
    #[error("{0}")]
    WrongAccount(String),
    /// A limit that outlasts the run, such as HubSpot's daily one.
    #[error("{side} accepts no more requests for now: {message}")]
    Limit {
        /// Whose limit.
        side: Side,
        /// The vendor's message.
        message: String,
    },
    /// No usable response, after all retries that time allowed.
    #[error("{side} is unavailable: {message}")]
    Unavailable {
        /// Which side.
        side: Side,
        /// What happened instead of a usable response.
        message: String,
    },
    /// A setting in the manifest gets every lead rejected.
    #[error("the destination rejects every lead because of a setting: {refusal}. {advice}. All flags stay set")]
    WrongSetting {
        /// The destination's words.
        refusal: String,
        /// What to change.
        advice: String,
    },
    /// The run took longer than its lease, so another one may have taken over. Nothing more was written or sent.
    #[error(
        "the run's lease has ended, so another run may have taken over; nothing more was written or sent, and the next run \
         continues"
    )]
    LeaseEnded,
    /// The request was understood and rejected; a retry would be rejected too.
    #[error("{side} rejected {request}: {message}")]
    Refused {
        /// Which side.
        side: Side,
        /// Method and path.
        request: String,
        /// The vendor's message.
        message: String,
    },
}

impl RunError {
    /// Whether the error came from HubSpot.
    pub fn is_from_hubspot(&self) -> bool {
        use RunError::{Credential, Limit, Refused, Unavailable};
        let (Credential { side, .. } | Limit { side, .. } | Unavailable { side, .. } | Refused { side, .. }) = self
        else {
            return false;
        };
        *side == Side::HubSpot
    }

    /// The error with the vendor's words as `redact` returns them. What we say ourselves stays.
    #[must_use]
    pub fn redact_words(mut self, redact: impl Fn(&str) -> String) -> Self {
        match &mut self {
            // Ours, with a vendor's words in some: HubSpot's about its data center, Tripleseat's ids.
            Self::Settings(text) | Self::WrongAccount(text) => *text = redact(text),
            Self::Credential { message, .. }
            | Self::Limit { message, .. }
            | Self::Unavailable { message, .. }
            | Self::Refused { message, .. } => *message = redact(message),
            Self::WrongSetting { refusal, .. } => *refusal = redact(refusal),
            Self::LeaseEnded => {}
        }
        self
    }

    /// A short name for logs, metrics and Lambda's `errorType`.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Settings(_) => "Settings",
            Self::Credential { .. } => "Credential",
            Self::WrongAccount(_) => "WrongAccount",
            Self::Limit { .. } => "Limit",
            Self::Unavailable { .. } => "Unavailable",
            Self::WrongSetting { .. } => WRONG_SETTING,
            Self::LeaseEnded => "LeaseEnded",
            Self::Refused { .. } => "Refused",
        }
    }
}
