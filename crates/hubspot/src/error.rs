//! Why a request to a vendor failed. The kinds of failure are told apart here and nowhere else.

use std::fmt;

use deployer_core::call_error::{CallError, FailureKind};
use sync_lambda::hubspot::HubSpotFailure;

/// A failed request, with the vendor's message and without any credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{request}: {failure}{}", format_message(.message, .correlation_id))]
pub struct VendorError {
    /// Method and path.
    pub request: String,
    /// The kind of failure.
    pub failure: VendorFailure,
    /// The vendor's message; may be empty.
    pub message: String,
    /// The id that HubSpot support asks for; may be empty.
    pub correlation_id: String,
}

impl VendorError {
    /// Whether the credential lacks permission.
    pub fn is_denied(&self) -> bool {
        matches!(self.failure, VendorFailure::Denied(_))
    }

    /// Converts this into the error that the executor reports. `operation` is the plan's name for the call, such as
    /// `hubspot:CreateProperty`.
    pub fn into_call_error(self, operation: &'static str) -> CallError {
        let kind = match &self.failure {
            VendorFailure::Unauthenticated => FailureKind::Unauthenticated,
            VendorFailure::Denied(_) => FailureKind::Denied,
            VendorFailure::NotFound => FailureKind::NotFound,
            VendorFailure::Conflict => FailureKind::AlreadyExists,
            // Retries are used up by now, and a daily limit only resets at midnight.
            VendorFailure::RateLimited(_) => FailureKind::LimitExceeded,
            VendorFailure::Refused(_) | VendorFailure::OtherDataCenter(_) => FailureKind::Invalid,
            VendorFailure::Unavailable(_) => FailureKind::Server,
            VendorFailure::NoAnswer(_) => FailureKind::NoAnswer,
        };
        CallError { operation, kind, code: String::new(), message: self.to_string(), request_id: None, remedy: None }
    }
}

/// Kinds of failure that are handled differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VendorFailure {
    /// 401: the credential is wrong, revoked or of another kind.
    Unauthenticated,
    /// 403: the credential lacks permission. Carries the scopes that HubSpot names.
    Denied(Vec<String>),
    /// 404.
    NotFound,
    /// 409: it already exists.
    Conflict,
    /// 429, after all retries. Carries the name of the limit, such as `DAILY`.
    RateLimited(String),
    /// 488: the portal is in another data center, which HubSpot names.
    OtherDataCenter(Option<String>),
    /// Any other 4xx: the request was understood and rejected.
    Refused(u16),
    /// A status that passes (5xx, 408, 423, 477), or a response that doesn't have the documented format, after all
    /// retries.
    Unavailable(u16),
    /// No response. The request may or may not have been processed.
    NoAnswer(String),
}

impl fmt::Display for VendorFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str("401, the credential was rejected"),
            Self::Denied(scopes) if scopes.is_empty() => f.write_str("403, the credential lacks permission"),
            Self::Denied(scopes) => {
                let failure = HubSpotFailure::MissingScopes(scopes.clone());
                write!(f, "403, {}", failure.missing_scopes_text().unwrap_or_default())
            }
            Self::OtherDataCenter(name) => {
                let failure = HubSpotFailure::OtherDataCenter(name.clone());
                write!(f, "488, {}", failure.data_center_text().unwrap_or_default())
            }
            Self::NotFound => f.write_str("404, not found"),
            Self::Conflict => f.write_str("409, it already exists"),
            Self::RateLimited(limit) if limit.is_empty() => f.write_str("429, too many requests"),
            Self::RateLimited(limit) => write!(f, "429, too many requests ({limit})"),
            Self::Refused(status) => write!(f, "{status}, rejected"),
            Self::Unavailable(status) => write!(f, "{status}, no usable response"),
            Self::NoAnswer(why) => write!(f, "no response: {why}"),
        }
    }
}

fn format_message(message: &str, correlation_id: &str) -> String {
    match (message, correlation_id) {
        ("", _) => String::new(),
        (message, "") => format!(": {message}"),
        (message, id) => format!(": {message} (correlation id {id})"),
    }
}
