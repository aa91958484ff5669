//! Where a venue's leads go, and what an answer from there means.

mod http;
mod oauth;
mod tripleseat;
pub mod unauthorized;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::credentials::Credentials;
use crate::error::RunError;
use crate::ledger::Attempt;
use crate::settings::Settings;
use sync_config::config::Destination as Kind;

pub use http::Http;
pub use oauth::OAuth;
pub use tripleseat::{Account, Tripleseat, records};

/// Time for one answer, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longest excerpt of an answer that isn't what is documented.
const MAX_EXCERPT: usize = 300;

/// What an answer to a sent lead means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The lead is there. Its id, where one was given.
    Accepted(Option<String>),
    /// Refused for its data, in the destination's words.
    Refused(String),
    /// Certainly not taken: no connection, or too many requests.
    NotTaken {
        /// What came.
        why: String,
        /// What the destination asked us to wait.
        retry_after: Option<Duration>,
        /// It may be sent again in this run: only the rate was too high.
        rate: bool,
    },
    /// The destination failed at it (5xx). As good as not taken; where leads can be looked up, that is made sure of.
    ServerError(String),
    /// It may or may not have been taken.
    Unknown(String),
}

/// What a look-up found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookedUp {
    /// The lead is there. Its id, where one was given.
    Found(Option<String>),
    /// It certainly isn't.
    NotThere,
    /// The look-up failed.
    Unknown(String),
}

/// The time that a destination's requests have.
#[derive(Debug, Clone, Copy)]
struct Time {
    /// No request goes on after it.
    deadline: Instant,
    /// For one answer.
    timeout: Duration,
}

impl Time {
    /// For the next answer.
    fn left(&self) -> Duration {
        self.timeout.min(self.deadline.saturating_duration_since(Instant::now()))
    }
}

/// A venue's destination.
#[derive(Debug)]
pub enum Destination {
    /// A Tripleseat account.
    Tripleseat(Tripleseat),
    /// Any JSON interface.
    Http(Http),
}

impl Destination {
    /// The destination of these settings. No try begins after `deadline`.
    ///
    /// # Errors
    /// A credential is missing.
    pub fn new(
        client: reqwest::Client,
        settings: &Settings,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<Self, RunError> {
        let timeout = settings.answer_timeout.unwrap_or(TIMEOUT);
        match &settings.config.destination {
            Kind::Tripleseat { location_id, lead_form_id, site_id } => {
                let place = tripleseat::Place {
                    base_uri: settings.tripleseat_base_uri.clone(),
                    location_id: *location_id,
                    lead_form_id: *lead_form_id,
                    site_id: *site_id,
                };
                Tripleseat::new(client, place, credentials, Time { deadline, timeout }).map(Self::Tripleseat)
            }
            Kind::Http(http) => Http::new(client, http, credentials, Time { deadline, timeout }).map(Self::Http),
        }
    }

    /// Makes sure, before anything is written, that the credentials open the manifest's account, where that can be told.
    ///
    /// # Errors
    /// They open another, or are refused.
    pub async fn verify_account(&self) -> Result<(), RunError> {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.verify_site().await,
            Self::Http(_) => Ok(()),
        }
    }

    /// Tries the credential without making anything, for a dry run: with a request that is refused for its content.
    /// What an `http` destination would do with such a request isn't known, so it isn't asked. Gives the words in which
    /// the request was refused.
    ///
    /// # Errors
    /// The credential is refused, or there is no answer that says anything of it.
    pub async fn try_credential(&self) -> Result<Option<String>, RunError> {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.try_public_key().await.map(Some),
            Self::Http(_) => Ok(None),
        }
    }

    /// Waits until the rate limit lets a lead be sent. Where that is after `latest` it doesn't wait, and says no.
    pub async fn ready(&self, latest: Instant) -> bool {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.ready(latest).await,
            Self::Http(http) => http.ready(latest).await,
        }
    }

    /// Sends nothing for as long.
    pub fn pause(&self, pause: Duration) {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.pause(pause),
            Self::Http(http) => http.pause(pause),
        }
    }

    /// Leads that are sent a second, at most.
    pub fn rate(&self) -> f64 {
        match self {
            Self::Tripleseat(_) => tripleseat::RATE,
            Self::Http(http) => http.rate(),
        }
    }

    /// Sends one lead, once.
    ///
    /// # Errors
    /// The credential was refused, or there is no such interface: no other lead would fare better.
    pub async fn send(&self, lead: &BTreeMap<String, String>, attempt: &Attempt) -> Result<Sent, RunError> {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.send(lead, attempt).await,
            Self::Http(http) => http.send(lead, attempt).await,
        }
    }

    /// Whether an attempt can be looked up.
    pub fn can_look_up(&self) -> bool {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.can_look_up(),
            Self::Http(http) => http.can_look_up(),
        }
    }

    /// Looks an attempt up.
    ///
    /// # Errors
    /// The credential was refused.
    pub async fn look_up(&self, attempt: &Attempt) -> Result<LookedUp, RunError> {
        match self {
            Self::Tripleseat(tripleseat) => tripleseat.look_up(attempt).await,
            Self::Http(http) => http.look_up(attempt).await,
        }
    }
}

/// What a status alone says where the body says nothing; `None` for 2xx.
fn judge_status(status: u16, retry_after: Option<Duration>, excerpt: &str) -> Option<Sent> {
    let why =
        if excerpt.is_empty() { format!("It answered {status}.") } else { format!("It answered {status}: {excerpt}") };
    match status {
        200..300 => None,
        429 => Some(Sent::NotTaken { why, retry_after, rate: true }),
        // A gateway that got no answer doesn't know either.
        504 => Some(Sent::Unknown(why)),
        503 => Some(Sent::NotTaken { why, retry_after, rate: false }),
        500.. => Some(Sent::ServerError(why)),
        _ => Some(Sent::Refused(why)),
    }
}

/// What no answer at all says.
fn judge_no_answer(error: crate::http::NoAnswer) -> Sent {
    if error.not_sent {
        Sent::NotTaken { why: format!("It can't be reached: {}.", error.message), retry_after: None, rate: false }
    } else {
        Sent::Unknown(format!("No whole answer came: {}.", error.message))
    }
}

/// The beginning of an answer, on one line. A page of HTML says nothing to anybody.
fn excerpt(body: &str) -> String {
    let body = body.trim();
    if body.starts_with('<') {
        return "a page of HTML".to_owned();
    }
    body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_EXCERPT).collect()
}

/// An id as text, whether it is a string or a number.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
