//! How far reading is, and how long it still takes by the quotas of what is known to be called.

use std::collections::BTreeMap;
use std::time::Duration;

/// How far an audit's reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditProgress {
    /// Calls so far.
    pub calls: u64,
    /// Nodes so far.
    pub found: usize,
    /// How long the calls take that are known to be still to make, at the rate at which they are made. `None` if nothing
    /// limits them. What they show may need more calls.
    pub left: Option<Duration>,
}

/// Calls that each of some items still needs.
pub(super) struct PendingItems {
    pub(super) calls: Vec<&'static str>,
    pub(super) items: usize,
}

/// How long these calls take, each service's beside the others', at these calls per second.
pub(super) fn estimate_left<'a>(
    pending: impl IntoIterator<Item = &'a PendingItems>,
    calls_per_second: &[(&'static str, u32)],
) -> Duration {
    let mut seconds: BTreeMap<&str, f64> = BTreeMap::new();
    for PendingItems { calls, items } in pending {
        for call in calls {
            let service = call.split(':').next().unwrap_or_default();
            let find = |wanted: &str| calls_per_second.iter().find(|(name, _)| *name == wanted);
            if let Some((limit, rate)) = find(call).or_else(|| find(service)) {
                *seconds.entry(limit).or_default() += *items as f64 / f64::from(*rate);
            }
        }
    }
    Duration::try_from_secs_f64(seconds.values().copied().fold(0.0, f64::max)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [(&str, u32); 3] = [("lambda:GetPolicy", 10), ("lambda", 5), ("sqs", 100)];

    #[test]
    fn the_slowest_service_says_how_long_it_takes() {
        let function =
            PendingItems { calls: vec!["lambda:GetPolicy", "lambda:ListAliases", "lambda:GetFunction"], items: 100 };
        let queue = PendingItems { calls: vec!["sqs:GetQueueAttributes", "nobody:Limits"], items: 1000 };
        assert_eq!(estimate_left([&function, &queue], &RATES), Duration::from_secs(40));
        assert_eq!(estimate_left([&queue], &RATES), Duration::from_secs(10));
        assert_eq!(estimate_left([], &RATES), Duration::ZERO);
    }
}
