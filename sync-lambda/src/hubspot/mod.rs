//! The HubSpot client of a run, with retries. All calls are safe to retry: they are reads, and writes that set a
//! property to a value.

mod definitions;
pub mod wire;

use std::collections::HashMap;
use std::time::Duration;

use backon::Retryable;
use jiff::Timestamp;
use pacing::VendorRateLimiter;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::credentials::SyncCredentials;
use crate::error::{RunError, Side};
use crate::http::{self, VendorResponse};
use crate::ledger::LedgerWrite;
use crate::retry::{RetryAfterFloor, retry_pauses};
use sync_config::config::HUBSPOT_TOKEN_PLACE;

pub use definitions::{WireOption, WireProperty};
pub use wire::{BATCH, BatchResponse, HISTORY_BATCH, HubSpotErrorBody, MAX_RESULTS, SearchPage, VERSION, WireContact};

/// Attempts per call, including the first.
const TRIES: usize = 5;
/// Default timeout of one request; the settings can override it.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The pause before the first retry; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The result of one contact's write.
pub type WriteResult = Result<(), WriteFailure>;

/// Why a contact wasn't written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteFailure {
    /// HubSpot's message.
    pub message: String,
    /// The contact was deleted.
    pub gone: bool,
}

/// A HubSpot client with one token.
#[derive(Debug)]
pub struct SyncHubSpotClient {
    client: reqwest::Client,
    base_uri: String,
    credentials: SyncCredentials,
    searches: VendorRateLimiter,
    calls: VendorRateLimiter,
    /// Timeout of one request.
    timeout: Duration,
    /// No attempt begins after this.
    deadline: Instant,
}

impl SyncHubSpotClient {
    /// A client whose calls end by `deadline`.
    pub fn new(client: reqwest::Client, base_uri: &str, credentials: SyncCredentials, deadline: Instant) -> Self {
        Self {
            client,
            base_uri: base_uri.to_owned(),
            timeout: TIMEOUT,
            credentials,
            searches: VendorRateLimiter::new(wire::SEARCH_INTERVAL, 1),
            calls: VendorRateLimiter::new(wire::CALL_INTERVAL, wire::CALL_BURST),
            deadline,
        }
    }

    /// Overrides the timeout of one request.
    #[must_use]
    pub fn with_timeout(self, timeout: Option<std::time::Duration>) -> Self {
        Self { timeout: timeout.unwrap_or(self.timeout), ..self }
    }

    /// The id of the portal that the token belongs to.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn portal_id(&self) -> Result<u64, RunError> {
        let path = wire::account_path();
        let details: Value = self.request_json(&self.calls, reqwest::Method::GET, &path, None).await?;
        details.get("portalId").and_then(Value::as_u64).ok_or_else(|| RunError::Unavailable {
            side: Side::HubSpot,
            message: format!("GET {path} returned no portalId"),
        })
    }

    /// One page of the contacts that have any of these property values according to the search index.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn search_page(&self, any_of: &[(&str, &str)], after: Option<&str>) -> Result<SearchPage, RunError> {
        self.request_json(
            &self.searches,
            reqwest::Method::POST,
            &wire::search_path(),
            Some(wire::search_body(any_of, after)),
        )
        .await
    }

    /// Reads contacts from the primary store; those that no longer exist are left out.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn read_contacts(&self, ids: &[String], properties: &[&str]) -> Result<Vec<WireContact>, RunError> {
        let body = wire::batch_read_body(ids, properties, &[]);
        let answer: wire::BatchResponse =
            self.request_json(&self.calls, reqwest::Method::POST, &wire::batch_read_path(), Some(body)).await?;
        Ok(answer.results.into_iter().filter(|contact| !contact.archived).collect())
    }

    /// The times since which these contacts have had `value` in a property; contacts without that value are left out.
    /// Takes at most [`HISTORY_BATCH`] contacts.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn value_set_times(
        &self,
        ids: &[String],
        property: &str,
        value: &str,
    ) -> Result<Vec<Timestamp>, RunError> {
        let body = wire::batch_read_body(ids, &[property], &[property]);
        let answer: wire::BatchResponse =
            self.request_json(&self.calls, reqwest::Method::POST, &wire::batch_read_path(), Some(body)).await?;
        Ok(answer.results.iter().filter_map(|contact| contact.value_since(property, value)).collect())
    }

    /// Writes to the ledger, and returns the result of every write by contact id.
    ///
    /// # Errors
    /// [`RunError`]: no usable response. Some of the writes may have been made.
    pub async fn write_contacts(&self, writes: &[LedgerWrite]) -> Result<HashMap<String, WriteResult>, RunError> {
        let mut written = HashMap::new();
        for writes in writes.chunks(BATCH) {
            let body = wire::batch_update_body(writes);
            let answer: wire::BatchResponse =
                self.request_json(&self.calls, reqwest::Method::POST, &wire::batch_update_path(), Some(body)).await?;
            for write in writes {
                let result = match answer.errors.iter().find(|error| error.is_about_contact(write.contact_id())) {
                    Some(error) => Err(WriteFailure {
                        message: self.credentials.redact_text(&error.message),
                        gone: error.category == "OBJECT_NOT_FOUND",
                    }),
                    None if answer.results.iter().any(|contact| contact.id == write.contact_id()) => Ok(()),
                    None => {
                        Err(WriteFailure { message: "HubSpot's response doesn't mention it".to_owned(), gone: false })
                    }
                };
                written.insert(write.contact_id().to_owned(), result);
            }
        }
        Ok(written)
    }

    async fn request_json<T: DeserializeOwned>(
        &self,
        limiter: &VendorRateLimiter,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, RunError> {
        let mut floor = RetryAfterFloor::default();
        let mut last = "no time was left for the request".to_owned();
        let failed = (|| self.attempt_request(limiter, &method, path, body.as_ref()))
            .retry(retry_pauses(FIRST_PAUSE, TRIES))
            .when(|failed| matches!(failed, FailedAttempt::Temporary { .. }))
            .adjust(|failed, pause| {
                let pause = floor.raise_pause(pause?, failed.retry_after());
                (Instant::now() + pause < self.deadline).then_some(pause)
            })
            .notify(|failed, _| {
                if let FailedAttempt::Temporary { message, .. } = failed {
                    last.clone_from(message);
                }
            })
            .await;
        let message = match failed {
            Ok(value) => return Ok(value),
            Err(FailedAttempt::Final(error)) => return Err(error),
            Err(FailedAttempt::Temporary { message, .. }) => message,
            Err(FailedAttempt::OutOfTime) => last,
        };
        Err(RunError::Unavailable { side: Side::HubSpot, message: format!("{method} {path}: {message}") })
    }

    async fn attempt_request<T: DeserializeOwned>(
        &self,
        limiter: &VendorRateLimiter,
        method: &reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, FailedAttempt> {
        if !limiter.wait_for_slot(self.deadline).await {
            return Err(FailedAttempt::OutOfTime);
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base_uri));
        request = request.bearer_auth(self.credentials.hubspot_token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let temporary = |message, retry_after| FailedAttempt::Temporary { message, retry_after };
        let answer = http::send_request(request, self.timeout.min(left)).await;
        let answer = answer.map_err(|error| temporary(error.message, None))?;
        match self.judge_response(&answer, method, path).map_err(FailedAttempt::Final)? {
            JudgedResponse::Usable => serde_json::from_str(&answer.body).map_err(|_| {
                let message = format!("{}, the response doesn't have the documented format", answer.status);
                temporary(message, None)
            }),
            JudgedResponse::Again(message) => Err(temporary(message, answer.retry_after)),
        }
    }

    fn judge_response(
        &self,
        answer: &VendorResponse,
        method: &reqwest::Method,
        path: &str,
    ) -> Result<JudgedResponse, RunError> {
        if (200..300).contains(&answer.status) {
            return Ok(JudgedResponse::Usable);
        }
        let error = wire::HubSpotErrorBody::parse_body(&answer.body);
        let message = self.credentials.redact_text(&error.status_text(answer.status));
        match answer.status {
            401 => Err(self.token_rejected(
                message,
                &format!(
                    "The token was revoked, replaced or mistyped. Copy the current one from {HUBSPOT_TOKEN_PLACE}, and \
                     set it with `deployer secret set VENUE hubspot_token`"
                ),
            )),
            403 => Err(self.token_rejected(
                message,
                "The token's service key (or legacy private app) lacks a scope: it needs crm.objects.contacts.read and .write",
            )),
            429 if error.policy_name.eq_ignore_ascii_case("DAILY") => {
                Err(RunError::Limit { side: Side::HubSpot, message })
            }
            429 | 500.. => Ok(JudgedResponse::Again(message)),
            _ => Err(RunError::Refused { side: Side::HubSpot, request: format!("{method} {path}"), message }),
        }
    }

    fn token_rejected(&self, message: String, advice: &str) -> RunError {
        RunError::Credential {
            side: Side::HubSpot,
            credential: sync_config::config::KEY_HUBSPOT_TOKEN,
            message,
            advice: advice.to_owned(),
        }
    }
}

/// Why one attempt of a request failed.
enum FailedAttempt {
    /// The next attempt may succeed.
    Temporary {
        message: String,
        retry_after: Option<Duration>,
    },
    Final(RunError),
    /// The rate limit leaves no slot before the deadline.
    OutOfTime,
}

impl FailedAttempt {
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Temporary { retry_after, .. } => *retry_after,
            Self::Final(_) | Self::OutOfTime => None,
        }
    }
}

/// What to do with a response.
enum JudgedResponse {
    Usable,
    Again(String),
}
