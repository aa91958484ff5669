//! Where a venue's leads go, and what the destination's responses mean.

mod account_lists;
mod existing;
mod http;
mod oauth;
mod probe;
mod refusal;
mod tripleseat;
pub mod tripleseat_answer;
pub mod unauthorized;

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::clock;
use crate::credentials::SyncCredentials;
use crate::error::{RunError, Side};
use crate::http::VendorClient;
use crate::ledger::Attempt;
use crate::settings::SyncSettings;
use sync_config::config::DestinationConfig as Kind;
use sync_config::mapping::LeadFields;

pub use account_lists::{AccountLists, CheckedSetting, DestinationIds, DestinationSetting, SettingVerdict};
pub use http::HttpDestinationClient;
pub use oauth::{IssuedToken, OAuthTokenSource, TokenAnswer, oauth_rejection, request_token};
pub use probe::ProbeAnswer;
pub use refusal::{LeadRefusal, RefusalFault, RefusalMessage, SettingFault, judge_refusal};
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
    /// Read and refused, with the destination's words.
    Refused(LeadRefusal),
    /// Refused by a firewall in front of the destination, so definitely not received. Carries what came back.
    Blocked(String),
    /// Definitely not received: no connection, or too many requests.
    NotTaken {
        /// What happened instead.
        why: String,
        /// How long the destination asked us to wait.
        retry_after: Option<Duration>,
        /// It may be retried in this run: only the rate was too high.
        rate: bool,
    },
    /// It may or may not have been received.
    Unclear {
        /// What happened instead of an answer.
        why: String,
        /// How long the destination asked us to wait.
        retry_after: Option<Duration>,
        /// The status, if it is one that a wrong address has, too: a redirect, or nothing there.
        elsewhere: Option<u16>,
    },
}

impl SendResult {
    /// A lead about which only `why` is known.
    fn unclear(why: String) -> Self {
        Self::Unclear { why, retry_after: None, elsewhere: None }
    }
}

/// The result of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupResult {
    /// The lead exists. Carries its id if the response has one.
    Found(Option<String>),
    /// The lead definitely doesn't exist.
    NotThere,
    /// The lookup failed, and may succeed later.
    Unknown(String),
    /// The credentials for lookups were rejected: no lookup succeeds until somebody changes them. Leads are sent with
    /// another credential, so this says nothing about sending.
    Refused(RunError),
}

/// Whether the credentials belong to the manifest's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountCheck {
    /// They do, or the manifest doesn't say which account it must be.
    Confirmed,
    /// It couldn't be determined, and why. That isn't a reason not to send.
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
        self.timeout.min(self.deadline.saturating_duration_since(clock::now()))
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
        client: impl Into<VendorClient>,
        settings: &SyncSettings,
        credentials: &SyncCredentials,
        deadline: Instant,
    ) -> Result<Self, RunError> {
        let (client, timeout) = (client.into(), settings.answer_timeout.unwrap_or(TIMEOUT));
        match &settings.config.destination {
            Kind::Tripleseat(destination) => {
                let place = tripleseat::TripleseatPlace {
                    base_uri: settings.tripleseat_base_uri.clone(),
                    ids: DestinationIds::new(destination, &settings.config.fields),
                    oauth: destination.oauth,
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
    /// They belong to another account, or the destination is unavailable.
    pub async fn verify_account(&self) -> Result<AccountCheck, RunError> {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.verify_site().await,
            Self::Http(_) => Ok(AccountCheck::Confirmed),
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

    /// Has the destination judge an artificial lead without creating one, for what no read tells: whether leads are
    /// refused because of a setting. `None` if they aren't, or if the destination can't do that.
    ///
    /// # Errors
    /// The credential is rejected, or the response says nothing about leads.
    pub async fn check_lead_rules(&self) -> Result<Option<LeadRefusal>, RunError> {
        match self {
            Self::Tripleseat(tripleseat) => {
                tripleseat.validate_artificial_lead().await?.map_err(|lead| RunError::Refused {
                    side: Side::Destination,
                    request: "to only validate a lead".to_owned(),
                    message: format!("it created lead {lead}, which is no guest's; delete it there"),
                })
            }
            // It could do anything with such a request.
            Self::Http(_) => Ok(None),
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

    /// Asks the destination with a read whether it is up. This creates nothing.
    pub async fn probe_destination(&self) -> ProbeAnswer {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.probe_account().await,
            Self::Http(http) => http.probe_destination().await,
        }
    }

    /// The error for an address that isn't the destination's.
    pub fn wrong_address(&self, status: u16) -> RunError {
        let (request, hint) = match self {
            Self::Tripleseat(tripleseat) => tripleseat.lead_address(),
            Self::Http(http) => http.lead_address(),
        };
        RunError::Refused { side: Side::Destination, request, message: format!("{status}{hint}") }
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

    /// Looks up an attempt. Whatever the result is, it isn't a reason to end a run.
    pub async fn look_up_attempt(&self, attempt: &Attempt) -> LookupResult {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.look_up_attempt(attempt).await,
            Self::Http(http) => http.look_up_attempt(attempt).await,
        }
    }
}

/// What the status means if the body says nothing; `None` for 2xx. Only what certainly wasn't received may be sent
/// again, so a server that failed, a redirect and a missing page decide nothing: each has been seen after the request took
/// effect.
fn judge_status(status: u16, retry_after: Option<Duration>, excerpt: &str) -> Option<SendResult> {
    let why = if excerpt.is_empty() {
        format!("The destination responded with {status}.")
    } else {
        format!("The destination responded with {status}: {excerpt}")
    };
    match status {
        200..300 => None,
        429 => Some(SendResult::NotTaken { why, retry_after, rate: true }),
        300..400 | 404 | 405 | 410 => Some(SendResult::Unclear { why, retry_after, elsewhere: Some(status) }),
        // The request may have been processed before it timed out, was locked, or its client seemed to have gone.
        408 | 421 | 423..=425 | 499 => Some(SendResult::Unclear { why, retry_after, elsewhere: None }),
        400..500 => Some(SendResult::Refused(LeadRefusal::from_text(why))),
        _ => Some(SendResult::Unclear { why, retry_after, elsewhere: None }),
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
        SendResult::unclear(format!("No complete response was received: {}.", error.message))
    }
}

/// The beginning of a response, on one line. The text of an HTML page helps nobody, so it is only named.
fn response_excerpt(body: &str) -> String {
    let body = body.trim();
    if body.starts_with('<') {
        return "an HTML page".to_owned();
    }
    secrets::shorten_text(&body.split_whitespace().collect::<Vec<_>>().join(" "), MAX_EXCERPT)
}

/// An id as text, whether the JSON has a string or a number.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::CredentialValue;

    /// Removed after the cut, only a whole key would be recognized.
    #[test]
    fn a_key_at_the_end_of_an_excerpt_is_removed_before_the_cut() {
        let key = CredentialValue::new("key-of-the-excerpt-0005");
        let body = format!("{} {} is unknown", "x".repeat(MAX_EXCERPT - 16), key.expose());
        let excerpt = response_excerpt(&body);
        assert!(!excerpt.contains("key-of") && excerpt.contains(secrets::SHOWN_INSTEAD), "{excerpt}");
    }

    #[test]
    fn only_what_certainly_was_not_received_may_be_sent_again() {
        for status in 100..600 {
            let judged = judge_status(status, None, "");
            let meaning = match &judged {
                None => "body",
                Some(SendResult::NotTaken { .. }) => "not taken",
                Some(SendResult::Refused(_)) => "refused",
                Some(SendResult::Unclear { elsewhere: Some(_), .. }) => "elsewhere",
                Some(SendResult::Unclear { elsewhere: None, .. }) => "unclear",
                Some(SendResult::Accepted(_) | SendResult::Blocked(_)) => "never",
            };
            let expected = match status {
                200..=299 => "body",
                429 => "not taken",
                300..=399 | 404 | 405 | 410 => "elsewhere",
                408 | 421 | 423 | 424 | 425 | 499 => "unclear",
                400..=499 => "refused",
                _ => "unclear",
            };
            assert_eq!(meaning, expected, "{status}");
        }
    }
}
