//! A limiter for the API of one vendor.

use std::time::Duration;

use crate::{EvenSlots, clock};

/// The fraction of a vendor's rate that is used. A vendor counts requests as they arrive, and the network delivers them
/// unevenly. At 10 requests per second, this leaves room for one request to be 40 ms late while the tenth after it is
/// on time.
const SHARE: f64 = 0.96;

/// Spaces the requests to one vendor, within the time that the caller has.
#[derive(Debug)]
pub struct VendorRateLimiter {
    slots: EvenSlots,
}

impl VendorRateLimiter {
    /// A limiter without bursts, slightly below the rate that the vendor allows per second.
    pub fn below_rate(a_second: f64) -> Self {
        Self::new(Duration::from_secs_f64(1.0 / (a_second * SHARE)), 1)
    }

    /// A limiter for one request per `interval`, and up to `burst` at once after a pause.
    pub fn new(interval: Duration, burst: u32) -> Self {
        Self { slots: EvenSlots::new(interval, burst) }
    }

    /// Waits until a request may be sent. Returns `false` immediately if that would be after `latest`.
    pub async fn wait_for_slot(&self, latest: tokio::time::Instant) -> bool {
        let now = clock::now().into_std();
        let at = self.slots.reserve_slot(now);
        if at > latest.into_std() {
            return false;
        }
        if at > now {
            clock::sleep_until(at.into()).await;
        }
        true
    }

    /// Sends nothing for this long, because the vendor asked for it.
    pub fn pause_requests(&self, pause: Duration) {
        self.slots.pause_from(clock::now().into_std(), pause);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn stays_within_the_limit_when_a_request_arrives_late() {
        let limiter = VendorRateLimiter::below_rate(10.0);
        let now = Instant::now();
        let mut arrived: Vec<u128> =
            (0..50).map(|_| limiter.slots.reserve_slot(now).duration_since(now).as_millis()).collect();
        for at in arrived.iter_mut().step_by(7) {
            *at += 40;
        }
        for at in &arrived {
            let in_this_second = arrived.iter().filter(|other| (*at..*at + 1000).contains(other)).count();
            assert!(in_this_second <= 10, "{in_this_second} from {at} ms on");
        }
    }
}
