//! One call: its attempts, the pauses between them, and what each response means.

use std::time::Duration;

use backon::BackoffBuilder;
use pacing::VendorRateLimiter;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::failure::{HubSpotErrorBody, HubSpotFailure};
use super::{SyncHubSpotClient, wire};
use crate::clock;
use crate::error::{RunError, Side};
use crate::http;
use crate::redaction::redact_text;
use crate::retry::patient_pauses;
use sync_config::config::{HUBSPOT_TOKEN_PLACE, KEY_HUBSPOT_TOKEN};
use sync_config::spread::spread_fraction;

/// The pause before the first retry; it doubles each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Short enough that the end of a ten-second window is noticed soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// For how long a call that begins work is retried while HubSpot fails. The next run tries again, and a longer wait
/// costs Lambda time.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(30);
/// For how long a call is retried that only measures something.
const METRIC_PATIENCE: Duration = Duration::from_secs(2);
/// Over how long HubSpot counts searches.
const SEARCH_WINDOW: Duration = Duration::from_secs(1);
/// Seconds over which few venues are spread when their searches meet: the first time, and at most. At five searches a
/// second, thirty venues need six.
const FIRST_SPREAD: Duration = Duration::from_secs(1);
const WIDEST_SPREAD: Duration = Duration::from_secs(8);
/// The shortest time over which many are spread: those that have waited longest come first.
const SHORTEST_SPREAD: Duration = Duration::from_secs(2);
/// Searches that a portal allows in a [`SEARCH_WINDOW`].
const SEARCHES: u32 = 5;

/// For how long a call is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallPatience {
    /// It begins work. A rate limit is waited for until the run closes, and an outage for half a minute.
    Work,
    /// It records what the run knows already: until the run's deadline.
    Settle,
    /// It only measures something.
    Metric,
}

/// Why a call failed, after all retries.
pub(super) enum CallFailure {
    /// HubSpot understood the request and rejected it.
    Rejected { failure: HubSpotFailure, body: Box<HubSpotErrorBody>, message: String },
    /// The call may have been processed; no usable response came.
    Unavailable(RunError),
    /// The call wasn't processed, and neither would any other be now.
    Stopped(RunError),
}

impl CallFailure {
    pub(super) fn into_run_error(self, method: &Method, path: &str) -> RunError {
        match self {
            Self::Rejected { message, .. } => {
                RunError::Refused { side: Side::HubSpot, request: format!("{method} {path}"), message }
            }
            Self::Unavailable(error) | Self::Stopped(error) => error,
        }
    }
}

/// Why one attempt failed.
enum AttemptFailure {
    Final(CallFailure),
    /// The rate limit leaves no slot before the deadline.
    OutOfTime,
    /// Certainly not processed; the limit passes within seconds.
    RateLimit {
        policy: String,
        message: String,
        retry_after: Option<Duration>,
    },
    /// The next attempt may succeed.
    Temporary {
        message: String,
        least_pause: Duration,
        retry_after: Option<Duration>,
        /// This attempt may have been processed.
        processed: bool,
    },
}

impl SyncHubSpotClient {
    pub(super) async fn request_json<T: DeserializeOwned>(
        &self,
        patience: CallPatience,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, RunError> {
        let called = self.call(patience, &method, path, body.as_ref()).await;
        called.map_err(|failure| failure.into_run_error(&method, path))
    }

    /// Makes a call, with retries for as long as `patience` says.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        patience: CallPatience,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, CallFailure> {
        let begun = clock::now();
        let mut pauses = patient_pauses(FIRST_PAUSE, LONGEST_PAUSE).build();
        let mut last = "no time was left for the request".to_owned();
        let mut round = 0;
        let mut outage = false;
        let mut may_be_processed = false;
        loop {
            let failed = match self.attempt_request(method, path, body).await {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            let jittered = pauses.next().unwrap_or(LONGEST_PAUSE);
            let (pause, message) = match failed {
                AttemptFailure::Final(failure) => return Err(failure),
                AttemptFailure::OutOfTime => break,
                AttemptFailure::RateLimit { policy, message, retry_after } => {
                    let spread = self.spread_pause(&policy, round);
                    (retry_after.unwrap_or_default().max(spread) + jittered, message)
                }
                AttemptFailure::Temporary { message, least_pause, retry_after, processed } => {
                    outage = true;
                    may_be_processed |= processed;
                    // The jitter comes on top of what HubSpot asks for: others were asked for the same.
                    let asked = retry_after.unwrap_or(least_pause);
                    (if asked.is_zero() { jittered } else { asked + jittered / 4 }, message)
                }
            };
            last = message;
            round += 1;
            let pause = pause / self.wait_divisor;
            if clock::now() + pause >= self.latest_retry(patience, begun, outage) {
                break;
            }
            clock::sleep(pause).await;
        }
        let error = RunError::Unavailable { side: Side::HubSpot, message: format!("{method} {path}: {last}") };
        Err(if may_be_processed { CallFailure::Unavailable(error) } else { CallFailure::Stopped(error) })
    }

    /// The additional pause after a rate limit. Searches are limited per second and account, whoever makes them: venues
    /// whose runs start in the same second each get a place in the following seconds by their name.
    fn spread_pause(&self, policy: &str, round: u32) -> Duration {
        if !policy.eq_ignore_ascii_case("SECONDLY") {
            return Duration::ZERO;
        }
        // The searches that were accepted count until their second is over.
        SEARCH_WINDOW + spread_window(self.starting_together, round).mul_f64(spread_fraction(self.place, round))
    }

    /// When the last retry may begin. An outage that only ever limits the rate ends by itself.
    fn latest_retry(&self, patience: CallPatience, begun: Instant, outage: bool) -> Instant {
        let until = |patience: Duration| begun + patience / self.wait_divisor;
        match patience {
            CallPatience::Settle => self.deadline,
            CallPatience::Work if outage => until(OUTAGE_PATIENCE).min(self.closes),
            CallPatience::Work => self.closes,
            CallPatience::Metric => until(METRIC_PATIENCE).min(self.deadline),
        }
    }

    fn limiter_for(&self, path: &str) -> &VendorRateLimiter {
        if path == wire::search_path() { &self.searches } else { &self.calls }
    }

    async fn attempt_request<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, AttemptFailure> {
        if !self.limiter_for(path).wait_for_slot(self.deadline).await {
            return Err(AttemptFailure::OutOfTime);
        }
        let left = self.deadline.saturating_duration_since(clock::now());
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base_uri));
        request = request.bearer_auth(self.credentials.hubspot_token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = http::send_request(request, self.timeout.min(left)).await;
        let answer = answer.map_err(|error| match error.lease_ended {
            true => AttemptFailure::Final(CallFailure::Stopped(RunError::LeaseEnded)),
            false => AttemptFailure::Temporary {
                message: error.message,
                least_pause: Duration::ZERO,
                retry_after: None,
                processed: !error.not_sent,
            },
        })?;
        let temporary = |message, least_pause| AttemptFailure::Temporary {
            message,
            least_pause,
            retry_after: answer.retry_after,
            processed: true,
        };
        if (200..300).contains(&answer.status) {
            return serde_json::from_str(&answer.body).map_err(|_| {
                let message = format!("{}, the response doesn't have the documented format", answer.status);
                temporary(message, Duration::ZERO)
            });
        }
        let body = HubSpotErrorBody::parse_body(&answer.body);
        let message = redact_text(&body.status_text(answer.status));
        let failure = HubSpotFailure::judge_response(answer.status, &body);
        let stopped = |error| Err(AttemptFailure::Final(CallFailure::Stopped(error)));
        match &failure {
            HubSpotFailure::Unauthenticated => stopped(self.token_rejected(
                message,
                &format!(
                    "The token was revoked, replaced or mistyped. Copy the current one from {HUBSPOT_TOKEN_PLACE}, and \
                     set it with `deployer secret set VENUE hubspot_token`"
                ),
            )),
            HubSpotFailure::MissingScopes(scopes) => {
                let lacks = failure.missing_scopes_text().unwrap_or_default();
                let all = "Runs need crm.objects.contacts.read and crm.objects.contacts.write";
                let advice = match scopes.as_slice() {
                    [] => format!("The service key (or legacy private app) lacks a scope. {all}"),
                    _ => format!("HubSpot says that {lacks}. Add it to the service key (or legacy private app). {all}"),
                };
                stopped(self.token_rejected(message, &advice))
            }
            HubSpotFailure::OtherDataCenter(_) => {
                let text = failure.data_center_text().unwrap_or_default();
                stopped(RunError::Settings(format!(
                    "HubSpot rejected {method} {path}: {message}. This means that {text}"
                )))
            }
            HubSpotFailure::DailyLimit => stopped(RunError::Limit { side: Side::HubSpot, message }),
            HubSpotFailure::RateLimit(policy) => {
                Err(AttemptFailure::RateLimit { policy: policy.clone(), message, retry_after: answer.retry_after })
            }
            HubSpotFailure::Temporary(least_pause) => Err(temporary(message, *least_pause)),
            HubSpotFailure::NotFound | HubSpotFailure::Conflict | HubSpotFailure::Rejected => {
                Err(AttemptFailure::Final(CallFailure::Rejected { failure, body: Box::new(body), message }))
            }
        }
    }

    fn token_rejected(&self, message: String, advice: &str) -> RunError {
        RunError::Credential { side: Side::HubSpot, credential: KEY_HUBSPOT_TOKEN, message, advice: advice.to_owned() }
    }
}

/// Over how long venues are spread whose searches have met for the `round`th time. Many wait at once for as long as their
/// searches take, and then for half of that each time, so that nobody waits for long. How many few are isn't known, so they
/// start with a short wait that doubles.
fn spread_window(starting_together: Option<u32>, round: u32) -> Duration {
    let round = round.min(16);
    match starting_together {
        Some(venues) => (SEARCH_WINDOW * (venues / SEARCHES) / (1 << round)).max(SHORTEST_SPREAD),
        None => FIRST_SPREAD.saturating_mul(1 << round).min(WIDEST_SPREAD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_venues_are_spread_wider_each_time_and_many_at_once() {
        let seconds = |together| [0, 1, 2, 3, 9].map(|round| spread_window(together, round).as_secs());
        assert_eq!(seconds(None), [1, 2, 4, 8, 8]);
        assert_eq!(seconds(Some(64)), [12, 6, 3, 2, 2]);
        assert_eq!(seconds(Some(256)), [51, 25, 12, 6, 2]);
    }
}
