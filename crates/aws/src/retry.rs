//! Decides which failed calls to retry, and for how long.

use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::{CallError, FailureKind};

/// Ends the SDK's own retries where a quota is used up: it takes `LimitExceededException` for throttling, and would ask
/// for most of a minute whether a full event bus still is full.
#[derive(Debug, Clone, Copy)]
pub struct QuotaClassifier;

impl ClassifyRetry for QuotaClassifier {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let body = context.response().and_then(|response| response.body().bytes()).unwrap_or_default();
        let status = context.response().map(|response| response.status().as_u16());
        let code = b"LimitExceededException";
        if status == Some(400) && body.windows(code.len()).any(|part| part == code) {
            return RetryAction::RetryForbidden;
        }
        RetryAction::NoActionIndicated
    }

    fn name(&self) -> &'static str {
        "QuotaClassifier"
    }

    /// The last one decides.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// How long to wait for failures that pass: a new role can be assumed after some seconds, an update of a function ends
/// after some seconds, and so does throttling.
const BUDGET: Duration = Duration::from_secs(90);
/// The SDK has usually retried a failed call several times already. When many calls fail, it tries each only once.
const MORE_TRIES: u32 = 4;
/// The delays before jitter. Jitter adds up to as much again, so that venues that failed together aren't retried
/// together: a delay is between 250 ms and 5 s.
const DELAYS: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(Duration::from_millis(2500))
    .without_max_times()
    .with_jitter();

/// Counts the attempts at one operation.
pub struct CallRetry {
    delays: ExponentialBackoff,
    tries: u32,
    waited: Duration,
    since: Instant,
}

impl Default for CallRetry {
    fn default() -> Self {
        Self { delays: DELAYS.build(), tries: 0, waited: Duration::ZERO, since: Instant::now() }
    }
}

impl CallRetry {
    /// How long to wait before the next attempt, or `None` if `error` is final.
    pub fn next_delay(&mut self, error: &CallError) -> Option<Duration> {
        let again = error.may_pass()
            && match error.kind {
                // A call without an answer has taken its time already.
                FailureKind::Server | FailureKind::NoAnswer => self.tries < MORE_TRIES && self.since.elapsed() < BUDGET,
                _ => self.waited < BUDGET,
            };
        if !again {
            return None;
        }
        let delay = self.delays.next()?;
        self.tries += 1;
        self.waited += delay;
        Some(delay)
    }
}

/// Makes a call until it succeeds or fails for good. Without `delays` it is retried just as often, but at once.
///
/// # Errors
/// The last failure.
pub async fn call_with_retries<T, F>(delays: bool, mut call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut retry = CallRetry::default();
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Some(delay) = retry.next_delay(&error) else { return Err(error) };
        if delays {
            tokio::time::sleep(delay).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST_DELAY: Duration = Duration::from_secs(5);

    fn failed_call(kind: FailureKind) -> CallError {
        CallError {
            operation: "lambda:CreateFunction",
            kind,
            code: String::new(),
            message: String::new(),
            request_id: None,
            remedy: None,
        }
    }

    #[test]
    fn retries_a_new_role_within_the_budget() {
        let mut retry = CallRetry::default();
        let mut waited = Duration::ZERO;
        while let Some(delay) = retry.next_delay(&failed_call(FailureKind::RoleNotReady)) {
            assert!(delay <= LONGEST_DELAY);
            waited += delay;
        }
        assert!(waited >= BUDGET && waited <= BUDGET + LONGEST_DELAY, "{waited:?}");
    }

    #[test]
    fn retries_a_failing_service_a_few_times() {
        for kind in [FailureKind::Server, FailureKind::NoAnswer] {
            let mut retry = CallRetry::default();
            let tries = std::iter::from_fn(|| retry.next_delay(&failed_call(kind))).count();
            assert_eq!(tries, MORE_TRIES as usize, "{kind:?}");
        }
    }

    #[test]
    fn spreads_the_delays_of_calls_that_failed_together() {
        let delays: Vec<Duration> =
            (0..50).filter_map(|_| CallRetry::default().next_delay(&failed_call(FailureKind::Throttled))).collect();
        let bounds = Duration::from_millis(250)..=Duration::from_millis(500);
        assert!(delays.iter().all(|delay| bounds.contains(delay)), "{delays:?}");
        assert!(delays.iter().any(|delay| *delay != delays[0]), "all are {:?}", delays[0]);
    }

    #[test]
    fn does_not_retry_refusals() {
        for kind in [FailureKind::Denied, FailureKind::Invalid, FailureKind::LimitExceeded, FailureKind::AlreadyExists]
        {
            assert_eq!(CallRetry::default().next_delay(&failed_call(kind)), None, "{kind:?}");
        }
    }
}
