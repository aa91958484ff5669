//! Keeps calls inside AWS's quotas, so that a large apply isn't throttled: calls of a service are spaced evenly.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Write calls a second for each service, below the documented quotas of a region:
/// - Lambda: 15 control plane requests a second for the account
///   (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>);
/// - CloudWatch Logs: 10 CreateLogGroup and 10 PutRetentionPolicy a second
///   (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>);
/// - EventBridge: 50 PutRule a second in the large regions, less in others
///   (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>);
/// - Secrets Manager: 50 a second
///   (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>);
/// - IAM: not documented; this rate was never seen to be throttled.
const CALLS_PER_SECOND: [(&str, u32); 5] =
    [("lambda", 14), ("logs", 9), ("events", 40), ("secretsmanager", 40), ("iam", 15)];

/// When each service may be called next.
pub(super) struct Limiter {
    services: Vec<(&'static str, Duration, Mutex<Instant>)>,
}

impl Limiter {
    pub(super) fn aws() -> Self {
        let now = Instant::now();
        let services = CALLS_PER_SECOND
            .iter()
            .map(|(service, calls)| (*service, Duration::from_secs(1) / *calls, Mutex::new(now)))
            .collect();
        Self { services }
    }

    pub(super) fn unlimited() -> Self {
        Self { services: Vec::new() }
    }

    /// Waits until `call`, as IAM writes it (`lambda:CreateFunction`), may be made.
    pub(super) async fn wait(&self, call: &str) {
        let service = call.split(':').next().unwrap_or_default();
        let Some((_, interval, next)) = self.services.iter().find(|(name, ..)| *name == service) else { return };
        let at = {
            let mut next = next.lock().await;
            let at = (*next).max(Instant::now());
            *next = at + *interval;
            at
        };
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_of_one_service_are_spaced_and_services_do_not_wait_for_each_other() {
        let limiter = Limiter::aws();
        let start = Instant::now();
        for _ in 0..28 {
            limiter.wait("lambda:CreateFunction").await;
        }
        let lambda = start.elapsed();
        limiter.wait("iam:CreateRole").await;
        assert!(lambda >= Duration::from_millis(1900) && lambda <= Duration::from_millis(2000), "{lambda:?}");
        assert!(start.elapsed() - lambda <= Duration::from_millis(1));
    }
}
