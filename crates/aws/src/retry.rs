//! Decides which failed calls to retry, and for how long.

use std::time::Duration;

use crate::{CallError, FailureKind};

/// How long to wait for failures that pass: a new role can be assumed after some seconds, an update of a function ends
/// after some seconds, and so does throttling.
const BUDGET: Duration = Duration::from_secs(90);
/// The SDK has usually retried a failed call several times already. When many calls fail, it tries each only once.
const MORE_TRIES: u32 = 4;
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Counts the attempts at one operation.
#[derive(Default)]
pub struct CallRetry {
    tries: u32,
    waited: Duration,
}

impl CallRetry {
    /// How long to wait before the next attempt, or `None` if `error` is final.
    pub fn next_delay(&mut self, error: &CallError) -> Option<Duration> {
        let again = match error.kind {
            FailureKind::RoleNotReady | FailureKind::InProgress | FailureKind::Throttled => self.waited < BUDGET,
            FailureKind::Server | FailureKind::NoAnswer => self.tries < MORE_TRIES,
            _ => false,
        };
        if !again {
            return None;
        }
        let delay = (Duration::from_millis(250) * 2_u32.saturating_pow(self.tries)).min(LONGEST_DELAY);
        self.tries += 1;
        self.waited += delay;
        Some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed_call(kind: FailureKind) -> CallError {
        CallError {
            operation: "lambda:CreateFunction",
            kind,
            code: String::new(),
            message: String::new(),
            request_id: None,
        }
    }

    #[test]
    fn retries_a_new_role_within_the_budget() {
        let mut retry = CallRetry::default();
        let mut waited = Duration::ZERO;
        while let Some(delay) = retry.after(&error(FailureKind::RoleNotReady)) {
            assert!(delay <= LONGEST_DELAY);
            waited += delay;
        }
        assert!(waited >= BUDGET && waited <= BUDGET + LONGEST_DELAY, "{waited:?}");
    }

    #[test]
    fn retries_a_failing_service_a_few_times() {
        for kind in [FailureKind::Server, FailureKind::NoAnswer] {
            let mut retry = CallRetry::default();
            let tries = std::iter::from_fn(|| retry.after(&error(kind))).count();
            assert_eq!(tries, MORE_TRIES as usize, "{kind:?}");
        }
    }

    #[test]
    fn does_not_retry_refusals() {
        for kind in [FailureKind::Denied, FailureKind::Invalid, FailureKind::LimitExceeded, FailureKind::AlreadyExists]
        {
            assert_eq!(CallRetry::default().after(&error(kind)), None, "{kind:?}");
        }
    }
}
