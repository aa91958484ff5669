//! Why a run ended before its work was done. What becomes of one contact is no error of the run: see
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
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HubSpot => "HubSpot",
            Self::Destination => "the destination",
            Self::SecretsManager => "Secrets Manager",
        })
    }
}

/// Why a run ended early. Flags that weren't settled stay set, so that the next run takes their contacts again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The function's environment isn't what the deployer writes.
    #[error("{0}")]
    Settings(String),
    /// A credential was refused: 401 or 403.
    #[error("{side} refused {credential}: {message}. {advice}")]
    Credential {
        /// Who refused it.
        side: Side,
        /// Its name, such as `HUBSPOT_TOKEN`.
        credential: &'static str,
        /// In the vendor's words.
        message: String,
        /// What to do.
        advice: String,
    },
    /// The credentials open another account than the manifest's.
    #[error("{0}")]
    WrongAccount(String),
    /// A limit that ends only after the run, such as HubSpot's daily one.
    #[error("{side} takes no more requests: {message}")]
    Limit {
        /// Whose limit.
        side: Side,
        /// In the vendor's words.
        message: String,
    },
    /// No usable answer, after as many tries as the time allowed.
    #[error("{side} can't be reached: {message}")]
    Unavailable {
        /// Who.
        side: Side,
        /// What came instead of an answer.
        message: String,
    },
    /// The request was understood and refused; another try would be refused too.
    #[error("{side} refused the request {request}: {message}")]
    Refused {
        /// Who.
        side: Side,
        /// Method and path.
        request: String,
        /// In the vendor's words.
        message: String,
    },
}

impl RunError {
    /// Whether HubSpot is what can't be used.
    pub fn is_hubspots(&self) -> bool {
        use RunError::{Credential, Limit, Refused, Unavailable};
        let (Credential { side, .. } | Limit { side, .. } | Unavailable { side, .. } | Refused { side, .. }) = self
        else {
            return false;
        };
        *side == Side::HubSpot
    }

    /// A short name for logs, metrics and Lambda's `errorType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Settings(_) => "Settings",
            Self::Credential { .. } => "Credential",
            Self::WrongAccount(_) => "WrongAccount",
            Self::Limit { .. } => "Limit",
            Self::Unavailable { .. } => "Unavailable",
            Self::Refused { .. } => "Refused",
        }
    }
}
