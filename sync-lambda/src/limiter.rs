//! Keeps requests below a vendor's rate limit, instead of finding the limit by hitting it.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::time::sleep_until;

/// The fraction of a vendor's rate that is used. A vendor counts requests as they arrive, and the network delivers them
/// unevenly. At 10 requests per second, this leaves room for one request to be 40 ms late while the tenth after it is
/// on time.
pub const SHARE: f64 = 0.96;

/// A rate limiter: one request per interval, and a small burst after a pause. It implements the generic cell rate
/// algorithm (ITU-T I.371).
#[derive(Debug)]
pub struct VendorRateLimiter {
    interval: Duration,
    /// How far ahead of the even rate a request may be sent.
    tolerance: Duration,
    /// When the next request would be sent at the even rate.
    due: Mutex<Instant>,
}

impl VendorRateLimiter {
    /// A limiter without bursts, slightly below the rate that the vendor allows per second.
    pub fn below_rate(a_second: f64) -> Self {
        Self::new(Duration::from_secs_f64(1.0 / (a_second * SHARE)), 1)
    }

    /// A limiter for one request per `interval`, and up to `burst` at once after a pause.
    pub fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, tolerance: interval * burst.saturating_sub(1), due: Mutex::new(Instant::now()) }
    }

    /// Waits until a request may be sent. Returns `false` immediately if that would be after `latest`.
    pub async fn wait_for_slot(&self, latest: tokio::time::Instant) -> bool {
        let now = Instant::now();
        let at = self.reserve_slot(now);
        if at > latest.into_std() {
            return false;
        }
        if at > now {
            sleep_until(at.into()).await;
        }
        true
    }

    /// Sends nothing for this long, because the vendor asked for it.
    pub fn pause_requests(&self, pause: Duration) {
        self.pause_from(Instant::now(), pause);
    }

    fn pause_from(&self, now: Instant, pause: Duration) {
        let mut due = self.due.lock();
        *due = (*due).max(now + pause + self.tolerance);
    }

    /// Reserves the next slot and returns when its request may be sent.
    fn reserve_slot(&self, now: Instant) -> Instant {
        let mut due = self.due.lock();
        let at = due.checked_sub(self.tolerance).unwrap_or(*due).max(now);
        *due = (*due).max(at) + self.interval;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    /// Milliseconds after `now` at which the next `count` requests are sent.
    fn send_times(limiter: &VendorRateLimiter, now: Instant, count: usize) -> Vec<u128> {
        (0..count).map(|_| limiter.reserve_slot(now).duration_since(now).as_millis()).collect()
    }

    #[test]
    fn spaces_requests_evenly() {
        let limiter = VendorRateLimiter::new(INTERVAL, 1);
        let now = Instant::now();
        assert_eq!(send_times(&limiter, now, 4), [0, 100, 200, 300]);
        assert_eq!(send_times(&limiter, now + Duration::from_secs(9), 2), [0, 100]);
    }

    #[test]
    fn stays_within_the_limit_when_a_request_arrives_late() {
        let limiter = VendorRateLimiter::below_rate(10.0);
        let mut arrived = send_times(&limiter, Instant::now(), 50);
        for at in arrived.iter_mut().step_by(7) {
            *at += 40;
        }
        for at in &arrived {
            let in_this_second = arrived.iter().filter(|other| (*at..*at + 1000).contains(other)).count();
            assert!(in_this_second <= 10, "{in_this_second} from {at} ms on");
        }
    }

    #[test]
    fn allows_a_burst_after_a_pause() {
        let limiter = VendorRateLimiter::new(INTERVAL, 3);
        let now = Instant::now();
        assert_eq!(send_times(&limiter, now, 5), [0, 0, 0, 100, 200]);
        assert_eq!(send_times(&limiter, now + Duration::from_secs(9), 4), [0, 0, 0, 100]);
    }

    #[test]
    fn sends_nothing_during_a_requested_pause() {
        let limiter = VendorRateLimiter::new(INTERVAL, 3);
        let now = Instant::now();
        limiter.pause_from(now, Duration::from_secs(2));
        assert_eq!(send_times(&limiter, now, 3), [2000, 2100, 2200]);
    }
}
