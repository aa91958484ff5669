//! The HubSpot client of a run, with retries. All calls are safe to retry: they are reads, and writes that set a
//! property to a value.

pub mod wire;

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::credentials::Credentials;
use crate::error::{RunError, Side};
use crate::http::{self, Answer};
use crate::ledger::Write;
use crate::limiter::Limiter;

pub use wire::{BATCH, BatchAnswer, Contact, ErrorBody, HISTORY_BATCH, MAX_RESULTS, SearchPage, VERSION};

/// Attempts per call, including the first.
const TRIES: u32 = 5;
/// Default timeout of one request; the settings can override it.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The pause before the first retry; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The result of one contact's write.
pub type Written = Result<(), NotWritten>;

/// Why a contact wasn't written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotWritten {
    /// HubSpot's message.
    pub message: String,
    /// The contact was deleted.
    pub gone: bool,
}

/// A HubSpot client with one token.
#[derive(Debug)]
pub struct HubSpot {
    client: reqwest::Client,
    base_uri: String,
    credentials: Credentials,
    searches: Limiter,
    calls: Limiter,
    /// Timeout of one request.
    timeout: Duration,
    /// No attempt begins after this.
    deadline: Instant,
}

impl HubSpot {
    /// A client whose calls end by `deadline`.
    pub fn new(client: reqwest::Client, base_uri: &str, credentials: Credentials, deadline: Instant) -> Self {
        Self {
            client,
            base_uri: base_uri.to_owned(),
            timeout: TIMEOUT,
            credentials,
            searches: Limiter::new(wire::SEARCH_INTERVAL, 1),
            calls: Limiter::new(wire::CALL_INTERVAL, wire::CALL_BURST),
            deadline,
        }
    }

    /// Overrides the timeout of one request.
    #[must_use]
    pub fn with_timeout(self, timeout: Option<std::time::Duration>) -> Self {
        Self { timeout: timeout.unwrap_or(self.timeout), ..self }
    }

    /// The internal names of all contact properties in the portal.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn property_names(&self) -> Result<Vec<String>, RunError> {
        let path = wire::properties_path();
        let list: Value = self.call(&self.calls, reqwest::Method::GET, &path, None).await?;
        let names = |list: &Value| {
            let results = list.get("results")?.as_array()?;
            Some(results.iter().filter_map(|found| found.get("name")?.as_str().map(ToOwned::to_owned)).collect())
        };
        names(&list).ok_or_else(|| RunError::Unavailable {
            side: Side::HubSpot,
            message: format!("GET {path} returned no list"),
        })
    }

    /// The id of the portal that the token belongs to.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn portal_id(&self) -> Result<u64, RunError> {
        let path = wire::account_path();
        let details: Value = self.call(&self.calls, reqwest::Method::GET, &path, None).await?;
        details.get("portalId").and_then(Value::as_u64).ok_or_else(|| RunError::Unavailable {
            side: Side::HubSpot,
            message: format!("GET {path} returned no portalId"),
        })
    }

    /// One page of the contacts that have any of these property values according to the search index.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn search(&self, any_of: &[(&str, &str)], after: Option<&str>) -> Result<SearchPage, RunError> {
        self.call(&self.searches, reqwest::Method::POST, &wire::search_path(), Some(wire::search_body(any_of, after)))
            .await
    }

    /// Reads contacts from the primary store; those that no longer exist are left out.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn read(&self, ids: &[String], properties: &[&str]) -> Result<Vec<Contact>, RunError> {
        let body = wire::batch_read_body(ids, properties, &[]);
        let answer: wire::BatchAnswer =
            self.call(&self.calls, reqwest::Method::POST, &wire::batch_read_path(), Some(body)).await?;
        Ok(answer.results.into_iter().filter(|contact| !contact.archived).collect())
    }

    /// The times since which these contacts have had `value` in a property; contacts without that value are left out.
    /// Takes at most [`HISTORY_BATCH`] contacts.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn since(&self, ids: &[String], property: &str, value: &str) -> Result<Vec<Timestamp>, RunError> {
        let body = wire::batch_read_body(ids, &[property], &[property]);
        let answer: wire::BatchAnswer =
            self.call(&self.calls, reqwest::Method::POST, &wire::batch_read_path(), Some(body)).await?;
        Ok(answer.results.iter().filter_map(|contact| contact.since(property, value)).collect())
    }

    /// Writes to the ledger, and returns the result of every write by contact id.
    ///
    /// # Errors
    /// [`RunError`]: no usable response. Some of the writes may have been made.
    pub async fn write(&self, writes: &[Write]) -> Result<HashMap<String, Written>, RunError> {
        let mut written = HashMap::new();
        for writes in writes.chunks(BATCH) {
            let body = wire::batch_update_body(writes);
            let answer: wire::BatchAnswer =
                self.call(&self.calls, reqwest::Method::POST, &wire::batch_update_path(), Some(body)).await?;
            for write in writes {
                let result = match answer.errors.iter().find(|error| error.concerns(write.id())) {
                    Some(error) => Err(NotWritten {
                        message: self.credentials.redact(&error.message),
                        gone: error.category == "OBJECT_NOT_FOUND",
                    }),
                    None if answer.results.iter().any(|contact| contact.id == write.id()) => Ok(()),
                    None => {
                        Err(NotWritten { message: "HubSpot's response doesn't mention it".to_owned(), gone: false })
                    }
                };
                written.insert(write.id().to_owned(), result);
            }
        }
        Ok(written)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        limiter: &Limiter,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, RunError> {
        let mut pause = FIRST_PAUSE;
        let mut last = "no time was left for the request".to_owned();
        for attempt in 0..TRIES {
            if attempt > 0 {
                if Instant::now() + pause >= self.deadline {
                    break;
                }
                sleep(pause).await;
                pause *= 2;
            }
            if !limiter.wait(self.deadline).await {
                break;
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            let mut request = self.client.request(method.clone(), format!("{}{path}", self.base_uri));
            request = request.bearer_auth(self.credentials.hubspot_token.expose());
            if let Some(body) = &body {
                request = request.json(body);
            }
            last = match http::send(request, self.timeout.min(left)).await {
                Ok(answer) => match self.judge(&answer, &method, path)? {
                    Judged::Usable => match serde_json::from_str(&answer.body) {
                        Ok(value) => return Ok(value),
                        Err(_) => format!("{}, the response doesn't have the documented format", answer.status),
                    },
                    Judged::Again(message) => {
                        pause = pause.max(answer.retry_after.unwrap_or_default());
                        message
                    }
                },
                Err(error) => error.message,
            };
        }
        Err(RunError::Unavailable { side: Side::HubSpot, message: format!("{method} {path}: {last}") })
    }

    fn judge(&self, answer: &Answer, method: &reqwest::Method, path: &str) -> Result<Judged, RunError> {
        if (200..300).contains(&answer.status) {
            return Ok(Judged::Usable);
        }
        let error = wire::ErrorBody::read(&answer.body);
        let message = self.credentials.redact(&error.text(answer.status));
        match answer.status {
            401 => Err(self.refused_token(
                message,
                "The token was revoked, replaced or mistyped. Copy the private app's current token from HubSpot and \
                 set it with `deployer secret set VENUE hubspot_token`",
            )),
            403 => Err(self.refused_token(
                message,
                "The private app lacks a scope: it needs crm.objects.contacts.read and .write",
            )),
            429 if error.policy_name.eq_ignore_ascii_case("DAILY") => {
                Err(RunError::Limit { side: Side::HubSpot, message })
            }
            429 | 500.. => Ok(Judged::Again(message)),
            _ => Err(RunError::Refused { side: Side::HubSpot, request: format!("{method} {path}"), message }),
        }
    }

    fn refused_token(&self, message: String, advice: &str) -> RunError {
        RunError::Credential {
            side: Side::HubSpot,
            credential: sync_config::config::KEY_HUBSPOT_TOKEN,
            message,
            advice: advice.to_owned(),
        }
    }
}

/// What to do with a response.
enum Judged {
    Usable,
    Again(String),
}
