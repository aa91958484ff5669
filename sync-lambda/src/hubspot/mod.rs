//! The HubSpot client of a run, with retries. All calls are safe to retry: they are reads, and writes that set a
//! property to a value.

mod definitions;
pub mod failure;
mod request;
pub mod wire;
mod write;

use std::time::Duration;

use jiff::Timestamp;
use pacing::VendorRateLimiter;
use reqwest::Method;
use serde_json::Value;
use sync_config::spread::stable_hash;
use tokio::time::Instant;

use crate::credentials::SyncCredentials;
use crate::error::{RunError, Side};
use crate::http::VendorClient;

pub use definitions::{WireOption, WireProperty};
pub use failure::{HubSpotErrorBody, HubSpotFailure};
pub use request::CallPatience;
pub use wire::{BATCH, BatchResponse, HISTORY_BATCH, MAX_RESULTS, SearchPage, WireContact};
pub use write::{BatchWrite, WriteFailure, WriteResult};

/// Default timeout of one request; the settings can override it.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A HubSpot client with one token.
#[derive(Debug)]
pub struct SyncHubSpotClient {
    client: VendorClient,
    base_uri: String,
    credentials: SyncCredentials,
    searches: VendorRateLimiter,
    calls: VendorRateLimiter,
    /// Timeout of one request.
    timeout: Duration,
    /// After this, a call that begins work isn't retried.
    closes: Instant,
    /// No attempt begins after this.
    deadline: Instant,
    /// Where this client's venue comes in the order of those that search in the same second.
    place: u64,
    /// How many venues of the portal start in the same minute, if they are many.
    starting_together: Option<u32>,
    /// All waits are divided by it. One, except in tests.
    wait_divisor: u32,
}

impl SyncHubSpotClient {
    /// A client whose calls end by `deadline`.
    pub fn new(
        client: impl Into<VendorClient>,
        base_uri: &str,
        credentials: SyncCredentials,
        deadline: Instant,
    ) -> Self {
        Self {
            client: client.into(),
            base_uri: base_uri.to_owned(),
            timeout: TIMEOUT,
            credentials,
            searches: VendorRateLimiter::new(wire::SEARCH_INTERVAL, 1),
            calls: VendorRateLimiter::new(wire::CALL_INTERVAL, wire::CALL_BURST),
            closes: deadline,
            deadline,
            place: 0,
            starting_together: None,
            wait_divisor: 1,
        }
    }

    /// Overrides the timeout of one request.
    #[must_use]
    pub fn with_timeout(self, timeout: Option<Duration>) -> Self {
        Self { timeout: timeout.unwrap_or(self.timeout), ..self }
    }

    /// Sets when work ends: after that, only what was begun is still written.
    #[must_use]
    pub fn with_closing_time(self, closes: Instant) -> Self {
        Self { closes, ..self }
    }

    /// Sets whose client it is, and how many venues start in the same minute, if they are many: those whose searches meet in
    /// one second are spread by their names.
    #[must_use]
    pub fn for_venue(self, venue: &str, starting_together: Option<u32>) -> Self {
        Self { place: stable_hash(venue), starting_together, ..self }
    }

    /// Divides all waits by `divisor`, for tests of what takes seconds.
    #[must_use]
    pub fn with_wait_divisor(self, divisor: u32) -> Self {
        Self {
            searches: VendorRateLimiter::new(wire::SEARCH_INTERVAL / divisor, 1),
            calls: VendorRateLimiter::new(wire::CALL_INTERVAL / divisor, wire::CALL_BURST),
            wait_divisor: divisor,
            ..self
        }
    }

    /// The description of a contact property, which may have a deployment's mark. `None` if the token may not read
    /// properties, or there is no such property.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn property_description(&self, name: &str) -> Result<Option<String>, RunError> {
        let path = wire::property_path(name);
        match self.request_json::<Value>(CallPatience::Work, Method::GET, &path, None).await {
            Ok(property) => Ok(property.get("description").and_then(Value::as_str).map(ToOwned::to_owned)),
            // A venue's token needs no scope for properties. A token that is wrong altogether fails at the next call.
            Err(RunError::Credential { .. } | RunError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The id of the portal that the token belongs to.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn portal_id(&self) -> Result<u64, RunError> {
        let path = wire::account_path();
        let details: Value = self.request_json(CallPatience::Work, Method::GET, &path, None).await?;
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
        let body = wire::search_body(any_of, after);
        self.request_json(CallPatience::Work, Method::POST, &wire::search_path(), Some(body)).await
    }

    /// Reads contacts from the primary store; those that no longer exist are left out.
    ///
    /// # Errors
    /// [`RunError`]: no usable response.
    pub async fn read_contacts(&self, ids: &[String], properties: &[&str]) -> Result<Vec<WireContact>, RunError> {
        self.read_patiently(CallPatience::Work, ids, properties).await
    }

    async fn read_patiently(
        &self,
        patience: CallPatience,
        ids: &[String],
        properties: &[&str],
    ) -> Result<Vec<WireContact>, RunError> {
        let body = wire::batch_read_body(ids, properties, &[]);
        let answer: BatchResponse =
            self.request_json(patience, Method::POST, &wire::batch_read_path(), Some(body)).await?;
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
        let answer: BatchResponse =
            self.request_json(CallPatience::Metric, Method::POST, &wire::batch_read_path(), Some(body)).await?;
        Ok(answer.results.iter().filter_map(|contact| contact.value_since(property, value)).collect())
    }
}
