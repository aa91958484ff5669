//! Why a request to a vendor came to nothing, told apart once.

use std::fmt;

use deployer_core::call_error::{CallError, FailureKind};

/// A request that failed, with the vendor's words and without any credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{request}: {failure}{}", told(.message, .correlation_id))]
pub struct VendorError {
    /// Method and path.
    pub request: String,
    /// What kind of failure it is.
    pub failure: VendorFailure,
    /// In the vendor's words; may be empty.
    pub message: String,
    /// What HubSpot's support asks for; may be empty.
    pub correlation_id: String,
}

impl VendorError {
    /// As what the executor reports. `operation` is the plan's word for it: `hubspot:CreateProperty`.
    pub fn into_call_error(self, operation: &'static str) -> CallError {
        let kind = match &self.failure {
            VendorFailure::Unauthenticated => FailureKind::Unauthenticated,
            VendorFailure::Denied => FailureKind::Denied,
            VendorFailure::NotFound => FailureKind::NotFound,
            VendorFailure::Conflict => FailureKind::AlreadyExists,
            // It was tried again as often as makes sense, and a daily limit ends at midnight.
            VendorFailure::RateLimited(_) => FailureKind::LimitExceeded,
            VendorFailure::Refused(_) => FailureKind::Invalid,
            VendorFailure::Unavailable(_) => FailureKind::Server,
            VendorFailure::NoAnswer(_) => FailureKind::NoAnswer,
        };
        CallError { operation, kind, code: String::new(), message: self.to_string(), request_id: None }
    }
}

/// Kinds of failure that are handled differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VendorFailure {
    /// 401: the credential is wrong, revoked or of another kind.
    Unauthenticated,
    /// 403: the credential may not do this.
    Denied,
    /// 404.
    NotFound,
    /// 409: it is there already.
    Conflict,
    /// 429, after as many tries as make sense. The name is that of the limit: `DAILY`.
    RateLimited(String),
    /// Any other 4xx: the request was understood and refused.
    Refused(u16),
    /// 5xx, or an answer that isn't what is documented, after as many tries as make sense.
    Unavailable(u16),
    /// No answer came. Whether it was taken isn't known.
    NoAnswer(String),
}

impl fmt::Display for VendorFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str("401, the credential was refused"),
            Self::Denied => f.write_str("403, the credential may not do this"),
            Self::NotFound => f.write_str("404, it isn't there"),
            Self::Conflict => f.write_str("409, it is there already"),
            Self::RateLimited(limit) if limit.is_empty() => f.write_str("429, too many requests"),
            Self::RateLimited(limit) => write!(f, "429, too many requests ({limit})"),
            Self::Refused(status) => write!(f, "{status}, refused"),
            Self::Unavailable(status) => write!(f, "{status}, no usable answer"),
            Self::NoAnswer(why) => write!(f, "no answer: {why}"),
        }
    }
}

fn told(message: &str, correlation_id: &str) -> String {
    match (message, correlation_id) {
        ("", _) => String::new(),
        (message, "") => format!(": {message}"),
        (message, id) => format!(": {message} (correlation id {id})"),
    }
}
