//! Keeps calls within AWS's quotas, so that a large apply isn't throttled, by spacing each service's calls evenly.

use std::time::{Duration, Instant};

use pacing::EvenSlots;
use tokio::time::sleep_until;

/// Write calls per second for each service, below the documented quotas of a region:
/// - Lambda: 15 control plane requests a second for the account
///   (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>);
/// - CloudWatch Logs: 10 CreateLogGroup and 10 PutRetentionPolicy a second
///   (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>);
/// - EventBridge: 50 PutRule a second in large regions, fewer in others
///   (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>);
/// - Secrets Manager: 50 a second
///   (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>);
/// - CloudWatch: 3 PutMetricAlarm, 3 PutCompositeAlarm and 3 DeleteAlarms a second
///   (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>);
/// - SNS: 30 CreateTopic and 100 Subscribe a second
///   (<https://docs.aws.amazon.com/general/latest/gr/sns.html>);
/// - IAM: not documented. The rate is conservative, and a throttled call is retried.
const CALLS_PER_SECOND: [(&str, u32); 10] = [
    ("lambda", 14),
    ("logs", 9),
    ("events", 40),
    ("secretsmanager", 40),
    ("iam", 15),
    ("cloudwatch:PutMetricAlarm", 3),
    ("cloudwatch:PutCompositeAlarm", 3),
    ("cloudwatch:DeleteAlarms", 3),
    ("cloudwatch", 9),
    ("sns", 20),
];

/// Spaces the calls to each service, and to each call that has a quota of its own.
pub struct AwsLimiter {
    services: Vec<(&'static str, EvenSlots)>,
}

impl AwsLimiter {
    /// Limits what an apply calls to the rates above.
    pub fn for_aws() -> Self {
        Self::new(&CALLS_PER_SECOND)
    }

    /// Limits services (`lambda`), and calls with a quota of their own (`lambda:GetPolicy`), to these calls per second.
    pub fn new(calls_per_second: &[(&'static str, u32)]) -> Self {
        let spaced =
            |(service, calls): &(&'static str, u32)| (*service, EvenSlots::new(Duration::from_secs(1) / *calls, 1));
        Self { services: calls_per_second.iter().map(spaced).collect() }
    }

    /// A limiter that never waits, for servers without quotas.
    pub fn unlimited() -> Self {
        Self { services: Vec::new() }
    }

    /// Waits until `call`, as IAM writes it (`lambda:CreateFunction`), may be made.
    pub async fn wait_for_slot(&self, call: &str) {
        if let Some(at) = self.reserve_slot(call, Instant::now()) {
            sleep_until(at.into()).await;
        }
    }

    /// Reserves a slot for `call`. Returns when it starts, or `None` if the call may be made at once.
    fn reserve_slot(&self, call: &str, now: Instant) -> Option<Instant> {
        let service = call.split(':').next().unwrap_or_default();
        let find = |wanted: &str| self.services.iter().find(|(name, ..)| *name == wanted);
        let (_, slots) = find(call).or_else(|| find(service))?;
        let at = slots.reserve_slot(now);
        (at > now).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_calls_of_each_service_independently() {
        let limiter = AwsLimiter::for_aws();
        let now = Instant::now();
        let reserved: Vec<_> = (0..29).filter_map(|_| limiter.reserve_slot("lambda:CreateFunction", now)).collect();
        let waited = *reserved.last().expect("some calls must wait") - now;
        assert!(waited > Duration::from_millis(1990) && waited < Duration::from_millis(2010), "{waited:?}");
        assert_eq!(limiter.reserve_slot("iam:CreateRole", now), None);
        assert_eq!(AwsLimiter::unlimited().reserve_slot("lambda:CreateFunction", now), None);
    }
}
