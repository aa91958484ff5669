//! Keeps calls within AWS's quotas, so that a large apply isn't throttled, by spacing each service's calls evenly.

use std::time::{Duration, Instant};

use deployer_core::call_rates::CALL_RATES;
use pacing::EvenSlots;
use tokio::time::sleep_until;

/// Spaces the calls to each service, and to each call that has a quota of its own.
#[derive(Debug)]
pub struct AwsLimiter {
    services: Vec<(&'static str, EvenSlots)>,
}

impl AwsLimiter {
    /// Limits calls to the rates that AWS documents.
    pub fn for_aws() -> Self {
        // HubSpot's client spaces its own requests, and one request covers many operations.
        let of_aws = CALL_RATES.iter().filter(|rate| rate.calls != "hubspot");
        let services = of_aws.map(|rate| (rate.calls, EvenSlots::new(rate.interval(), 1)));
        Self { services: services.collect() }
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

    /// Waits until all of these calls, each with its number, may be made.
    pub async fn wait_for_calls(&self, calls: &[(&str, u32)]) {
        let now = Instant::now();
        let slots = calls.iter().flat_map(|(call, number)| (0..*number).filter_map(|_| self.reserve_slot(call, now)));
        if let Some(at) = slots.max() {
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
        let reserved: Vec<_> = (0..30).filter_map(|_| limiter.reserve_slot("lambda:CreateFunction", now)).collect();
        let waited = *reserved.last().expect("some calls must wait") - now;
        assert!(waited > Duration::from_millis(2010) && waited < Duration::from_millis(2020), "{waited:?}");
        assert_eq!(limiter.reserve_slot("iam:CreateRole", now), None);
        assert!((0..30).all(|_| limiter.reserve_slot("hubspot:CreateProperty", now).is_none()));
        assert_eq!(AwsLimiter::unlimited().reserve_slot("lambda:CreateFunction", now), None);
    }
}
