//! Where a venue's leads go, and what the destination's responses mean.

mod account_lists;
mod existing;
mod http;
mod oauth;
mod tripleseat;
pub mod unauthorized;

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::credentials::SyncCredentials;
use crate::error::RunError;
use crate::ledger::Attempt;
use crate::settings::SyncSettings;
use sync_config::config::DestinationConfig as Kind;
use sync_config::mapping::LeadFields;

pub use account_lists::{AccountLists, CheckedSetting, DestinationIds, DestinationSetting, SettingVerdict};
pub use http::HttpDestinationClient;
pub use oauth::OAuthTokenSource;
pub use tripleseat::{OAuthAccess, TripleseatClient, list_records};

/// Default timeout of one request; the settings can override it.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longest excerpt from a response that doesn't have the documented format.
const MAX_EXCERPT: usize = 300;

/// The meaning of the response to a sent lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendResult {
    /// The lead exists. Carries its id if the response has one.
    Accepted(Option<String>),
    /// Rejected because of its data, with the destination's message.
    Refused(String),
    /// Definitely not received: no connection, or too many requests.
    NotTaken {
        /// What happened instead.
        why: String,
        /// How long the destination asked us to wait.
        retry_after: Option<Duration>,
        /// It may be retried in this run: only the rate was too high.
        rate: bool,
    },
    /// The destination failed (5xx). Treated as not received; if leads can be looked up, a lookup confirms it.
    ServerError(String),
    /// It may or may not have been received.
    Unknown(String),
}

/// The result of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupResult {
    /// The lead exists. Carries its id if the response has one.
    Found(Option<String>),
    /// The lead definitely doesn't exist.
    NotThere,
    /// The lookup failed.
    Unknown(String),
}

/// The time limits of a destination's requests.
#[derive(Debug, Clone, Copy)]
struct RequestTimeLimits {
    /// All requests end by then.
    deadline: Instant,
    /// Timeout of one request.
    timeout: Duration,
}

impl RequestTimeLimits {
    /// The time left for the next request.
    fn time_left(&self) -> Duration {
        self.timeout.min(self.deadline.saturating_duration_since(Instant::now()))
    }
}

/// A venue's destination.
#[derive(Debug)]
pub enum LeadDestination {
    /// A Tripleseat account.
    Tripleseat(TripleseatClient),
    /// Any JSON API.
    Http(HttpDestinationClient),
}

impl LeadDestination {
    /// The destination in these settings. No attempt begins after `deadline`.
    ///
    /// # Errors
    /// A credential is missing.
    pub fn new(
        client: reqwest::Client,
        settings: &SyncSettings,
        credentials: &SyncCredentials,
        deadline: Instant,
    ) -> Result<Self, RunError> {
        let timeout = settings.answer_timeout.unwrap_or(TIMEOUT);
        match &settings.config.destination {
            Kind::Tripleseat(destination) => {
                let place = tripleseat::TripleseatPlace {
                    base_uri: settings.tripleseat_base_uri.clone(),
                    ids: DestinationIds::new(destination, &settings.config.fields),
                };
                TripleseatClient::new(client, place, credentials, RequestTimeLimits { deadline, timeout })
                    .map(Self::Tripleseat)
            }
            Kind::Http(http) => {
                HttpDestinationClient::new(client, http, credentials, RequestTimeLimits { deadline, timeout })
                    .map(Self::Http)
            }
        }
    }

    /// Checks, before anything is written, that the credentials belong to the manifest's account, where that can be
    /// determined.
    ///
    /// # Errors
    /// They belong to another account, or are rejected.
    pub async fn verify_account(&self) -> Result<(), RunError> {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.verify_site().await,
            Self::Http(_) => Ok(()),
        }
    }

    /// Compares the venue's settings with what the destination lets its credential read, without sending anything.
    /// Returns `false` if something couldn't be read for now, so that the next run should look again.
    ///
    /// # Errors
    /// A setting or the credential is wrong.
    pub async fn verify_settings(&self) -> Result<bool, RunError> {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.verify_settings().await,
            Self::Http(_) => Ok(true),
        }
    }

    /// Waits until the rate limit allows a lead. Returns `false` immediately if that would be after `latest`.
    pub async fn wait_until_ready(&self, latest: Instant) -> bool {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.wait_until_ready(latest).await,
            Self::Http(http) => http.wait_until_ready(latest).await,
        }
    }

    /// Sends nothing for this long.
    pub fn pause_sending(&self, pause: Duration) {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.pause_sending(pause),
            Self::Http(http) => http.pause_sending(pause),
        }
    }

    /// Maximum leads per second.
    pub fn leads_per_second(&self) -> f64 {
        match self {
            Self::Tripleseat(_) => tripleseat::RATE,
            Self::Http(http) => http.leads_per_second(),
        }
    }

    /// Sends one lead, once.
    ///
    /// # Errors
    /// The credential was rejected, or the endpoint doesn't exist: every other lead would fail the same way.
    pub async fn send_lead(&self, lead: &LeadFields, attempt: &Attempt) -> Result<SendResult, RunError> {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.send_lead(lead, attempt).await,
            Self::Http(http) => http.send_lead(lead, attempt).await,
        }
    }

    /// Whether an attempt can be looked up.
    pub fn can_look_up(&self) -> bool {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.can_look_up(),
            Self::Http(http) => http.can_look_up(),
        }
    }

    /// What is posted for a lead.
    pub fn lead_body(&self, lead: &LeadFields, attempt: &Attempt) -> Value {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.lead_body(lead, attempt),
            Self::Http(_) => http::lead_body(lead),
        }
    }

    /// Looks for the newest lead with an e-mail address, whoever created it.
    ///
    /// # Errors
    /// The credential was rejected.
    pub async fn find_lead_of_email(&self, email: &str) -> Result<LookupResult, RunError> {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.find_lead_of_email(email).await,
            Self::Http(_) => Ok(LookupResult::Unknown("this destination can't be asked for it".to_owned())),
        }
    }

    /// Looks up an attempt.
    ///
    /// # Errors
    /// The credential was rejected.
    pub async fn look_up_attempt(&self, attempt: &Attempt) -> Result<LookupResult, RunError> {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.look_up_attempt(attempt).await,
            Self::Http(http) => http.look_up_attempt(attempt).await,
        }
    }
}

/// What the status means if the body says nothing; `None` for 2xx.
fn judge_status(status: u16, retry_after: Option<Duration>, excerpt: &str) -> Option<SendResult> {
    let why = if excerpt.is_empty() {
        format!("The destination responded with {status}.")
    } else {
        format!("The destination responded with {status}: {excerpt}")
    };
    match status {
        200..300 => None,
        429 => Some(SendResult::NotTaken { why, retry_after, rate: true }),
        // A gateway that timed out doesn't know whether the lead was received.
        504 => Some(SendResult::Unknown(why)),
        503 => Some(SendResult::NotTaken { why, retry_after, rate: false }),
        500.. => Some(SendResult::ServerError(why)),
        _ => Some(SendResult::Refused(why)),
    }
}

/// What a missing response means.
fn judge_no_answer(error: crate::http::NoResponse) -> SendResult {
    if error.not_sent {
        SendResult::NotTaken {
            why: format!("The destination can't be reached: {}.", error.message),
            retry_after: None,
            rate: false,
        }
    } else {
        SendResult::Unknown(format!("No complete response was received: {}.", error.message))
    }
}

/// The beginning of a response, on one line. The text of an HTML page helps nobody, so it is only named.
fn response_excerpt(body: &str) -> String {
    let body = body.trim();
    if body.starts_with('<') {
        return "an HTML page".to_owned();
    }
    body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_EXCERPT).collect()
}

/// An id as text, whether the JSON has a string or a number.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
