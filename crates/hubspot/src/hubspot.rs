//! The deployer's HubSpot client: every request to HubSpot goes through [`HubSpotClient::call`].

use std::time::Duration;

use backon::Retryable as _;
use pacing::VendorRateLimiter;
use reqwest::Method;
use serde_json::Value;
use sync_config::hubspot_api::HUBSPOT_API_VERSION;
use sync_lambda::credentials::CredentialValue;
use sync_lambda::http::{self, VendorClient, VendorResponse};
use sync_lambda::hubspot::{HubSpotErrorBody, HubSpotFailure};
use sync_lambda::redaction::redact_text;
use sync_lambda::retry::{RetryAfterFloor, retry_pauses};
use tokio::time::Instant;

use super::{VendorError, VendorFailure};

/// Attempts per request, including the first, while HubSpot fails.
const TRIES: usize = 5;
/// Attempts per request, including the first, while only the rate is too high: their pauses outlast a window of ten
/// seconds.
const RATE_TRIES: usize = 8;
/// HubSpot's name of the limit that only passes at midnight.
const DAILY: &str = "DAILY";
/// The pause before the first retry; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A service key may make 100 requests in 10 seconds, and the venues' runs may use the same key, so this takes half.
const INTERVAL: Duration = Duration::from_millis(200);
const BURST: u32 = 10;
/// Nobody waits longer before a terminal; a portal that is being moved can ask for a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The whole account may make 5 searches a second; this takes two of them.
const SEARCH_INTERVAL: Duration = Duration::from_millis(500);
/// Longest wait for the rate limit: effectively unlimited, because there is no deadline here.
const LONGEST: Duration = Duration::from_secs(86_400);

/// A HubSpot client with one token.
#[derive(Debug)]
pub struct HubSpotClient {
    client: VendorClient,
    base_uri: String,
    token: CredentialValue,
    calls: VendorRateLimiter,
    searches: VendorRateLimiter,
}

/// Whether a request may be retried when it may already have been processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retryable {
    /// It reads, or sets a value: repeating it changes nothing.
    Yes,
    /// It creates something, which would then exist twice.
    No,
}

/// How much HubSpot has to do for a request, which is how long its answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestSize {
    /// One thing, or one page of a list.
    Single,
    /// A batch of things that are written one after the other.
    Batch,
}

impl RequestSize {
    /// How long one attempt may take.
    fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Single => 15,
            Self::Batch => 60,
        })
    }
}

/// A request that failed once.
struct FailedRequest {
    error: VendorError,
    retry_after: Option<Duration>,
    /// HubSpot may have processed it.
    taken: bool,
}

impl FailedRequest {
    fn is_rate_limit(&self) -> bool {
        matches!(self.error.failure, VendorFailure::RateLimited(_))
    }

    fn may_be_retried(&self, again: Retryable) -> bool {
        match &self.error.failure {
            VendorFailure::RateLimited(limit) => limit != DAILY,
            VendorFailure::Unavailable(_) | VendorFailure::NoAnswer(_) => again == Retryable::Yes || !self.taken,
            _ => false,
        }
    }
}

impl HubSpotClient {
    /// A client for the HubSpot at `base_uri`.
    pub fn new(client: impl Into<VendorClient>, base_uri: &str, token: CredentialValue) -> Self {
        Self {
            client: client.into(),
            base_uri: base_uri.trim_end_matches('/').to_owned(),
            token,
            calls: VendorRateLimiter::new(INTERVAL, BURST),
            searches: VendorRateLimiter::new(SEARCH_INTERVAL, 2),
        }
    }

    /// The id of the portal that the token belongs to.
    ///
    /// # Errors
    /// No usable response.
    pub async fn portal_id(&self) -> Result<u64, VendorError> {
        let path = format!("/account-info/{HUBSPOT_API_VERSION}/details");
        let details = self.get_json(&path).await?;
        details.get("portalId").and_then(Value::as_u64).ok_or_else(|| undocumented_response(&Method::GET, &path))
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// No usable response.
    pub async fn get_json(&self, path: &str) -> Result<Value, VendorError> {
        self.request_json(Method::GET, path, None, Retryable::Yes, RequestSize::Single).await
    }

    /// Makes a request, with retries where they can help. A response without a body is `null`.
    ///
    /// # Errors
    /// No usable response.
    pub async fn request_json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        again: Retryable,
        size: RequestSize,
    ) -> Result<Value, VendorError> {
        let mut floor = RetryAfterFloor::default();
        let mut failures = 0;
        (|| self.attempt_request(&method, path, body, size))
            .retry(retry_pauses(FIRST_PAUSE, RATE_TRIES))
            .when(|failed| failed.may_be_retried(again))
            .adjust(|failed, pause| {
                failures += usize::from(!failed.is_rate_limit());
                let pause = floor.raise_pause(pause?, failed.retry_after);
                (failures < TRIES && pause <= LONGEST_PAUSE).then_some(pause)
            })
            .await
            .map_err(|failed| failed.error)
    }

    async fn attempt_request(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        size: RequestSize,
    ) -> Result<Value, FailedRequest> {
        let limiter = if path.ends_with("/search") { &self.searches } else { &self.calls };
        limiter.wait_for_slot(Instant::now() + LONGEST).await;
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base_uri));
        request = request.bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        match http::send_request(request, size.timeout()).await {
            Ok(answer) if (200..300).contains(&answer.status) => parse_body(&answer).ok_or_else(|| FailedRequest {
                error: undocumented_response(method, path),
                retry_after: None,
                taken: true,
            }),
            Ok(answer) => Err(FailedRequest {
                error: self.judge_failure(&answer, method, path),
                retry_after: answer.retry_after,
                // A locked record and a portal that is being moved weren't changed.
                taken: !matches!(answer.status, 423 | 429 | 477),
            }),
            Err(no_answer) => {
                let failure = VendorFailure::NoAnswer(no_answer.message);
                let error = vendor_error(method, path, failure, &HubSpotErrorBody::default());
                Err(FailedRequest { error, retry_after: None, taken: !no_answer.not_sent })
            }
        }
    }

    fn judge_failure(&self, answer: &VendorResponse, method: &Method, path: &str) -> VendorError {
        let mut body = HubSpotErrorBody::parse_body(&answer.body);
        // A vendor's error may repeat what it was sent.
        body.message = redact_text(&body.message);
        let failure = match HubSpotFailure::judge_response(answer.status, &body) {
            HubSpotFailure::Unauthenticated => VendorFailure::Unauthenticated,
            HubSpotFailure::MissingScopes(scopes) => VendorFailure::Denied(scopes),
            HubSpotFailure::NotFound => VendorFailure::NotFound,
            HubSpotFailure::Conflict => VendorFailure::Conflict,
            HubSpotFailure::OtherDataCenter(name) => VendorFailure::OtherDataCenter(name),
            HubSpotFailure::DailyLimit => VendorFailure::RateLimited(DAILY.to_owned()),
            HubSpotFailure::RateLimit(limit) => VendorFailure::RateLimited(limit),
            HubSpotFailure::Temporary(_) => VendorFailure::Unavailable(answer.status),
            HubSpotFailure::Rejected => VendorFailure::Refused(answer.status),
        };
        vendor_error(method, path, failure, &body)
    }
}

fn parse_body(answer: &VendorResponse) -> Option<Value> {
    if answer.body.trim().is_empty() { Some(Value::Null) } else { serde_json::from_str(&answer.body).ok() }
}

pub(super) fn undocumented_response(method: &Method, path: &str) -> VendorError {
    let mut body = HubSpotErrorBody::default();
    body.message.push_str("the response doesn't have the documented format");
    vendor_error(method, path, VendorFailure::Unavailable(200), &body)
}

fn vendor_error(method: &Method, path: &str, failure: VendorFailure, body: &HubSpotErrorBody) -> VendorError {
    VendorError {
        request: format!("{method} {path}"),
        failure,
        message: body.message.clone(),
        correlation_id: body.correlation_id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use pacing::clock::{run_in_virtual_time, sleep};
    use serde_json::json;

    use super::*;
    use crate::ContactWrite;

    /// A HubSpot that answers after `seconds` of virtual time.
    fn slow_client(seconds: u64, answer: &Value) -> HubSpotClient {
        let answer = answer.to_string().into_bytes();
        let exchange = Arc::new(move |_| -> std::pin::Pin<Box<dyn Future<Output = _> + Send>> {
            let answer = answer.clone();
            Box::pin(async move {
                sleep(Duration::from_secs(seconds)).await;
                ::http::Response::new(answer)
            })
        });
        let client = VendorClient::from(http::build_client().expect("TLS")).with_exchange(exchange);
        HubSpotClient::new(client, "http://127.0.0.1:1", CredentialValue::new("token"))
    }

    fn run<F: Future>(future: F) -> F::Output {
        run_in_virtual_time(SystemTime::now(), future).expect("only answers are waited for")
    }

    #[test]
    fn a_batch_is_waited_for_longer_whatever_its_path_is() {
        for (size, seconds) in [(RequestSize::Single, 15), (RequestSize::Batch, 60)] {
            for path in ["/crm/properties/contacts/batch/create", "/crm/objects/contacts"] {
                let attempt = |takes: u64| {
                    let client = slow_client(takes, &json!({}));
                    run(async { client.attempt_request(&Method::POST, path, None, size).await.map_err(|it| it.error) })
                };
                assert_eq!(attempt(seconds - 1).ok(), Some(json!({})), "{size:?} {path}");
                let late = attempt(seconds + 1).expect_err("nobody waits that long").to_string();
                assert!(late.contains(&format!("no response within {seconds} s")), "{late}");
            }
        }
    }

    /// A second attempt would wait for tokio's clock, which isn't there.
    #[test]
    fn whatever_writes_a_batch_waits_for_one() {
        let answer = json!({ "results": [{ "id": "7", "name": "flag", "properties": {} }], "errors": [] });
        let client = slow_client(40, &answer);
        let write = ContactWrite { id: "7".to_owned(), properties: Vec::new() };
        assert_eq!(run(client.write_contacts(&[write])).expect("an answer"), [].into());
        let property = serde_json::from_value(json!({
            "name": "flag", "label": "Flag", "groupName": "group", "type": "string", "fieldType": "text",
        }));
        let made = run(client.create_properties(&[&property.expect("a property")]));
        assert_eq!(made, [("flag".to_owned(), Ok(()))].into());
    }
}
