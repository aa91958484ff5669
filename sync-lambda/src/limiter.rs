//! Keeps requests inside a vendor's rate limit, instead of finding it by running into it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

/// The part of a vendor's rate that is used. A vendor counts requests as they arrive, and a network delivers them
/// unevenly: at 10 a second this lets one be 40 ms late and the tenth after it not.
pub const SHARE: f64 = 0.96;

/// A rate that isn't exceeded: one request an interval, and a few at once after a pause. This is the generic cell rate
/// algorithm (ITU-T I.371).
#[derive(Debug)]
pub struct Limiter {
    interval: Duration,
    /// How far ahead of the even rate a request may be sent.
    tolerance: Duration,
    /// When the next request would be sent at the even rate.
    due: Mutex<Instant>,
}

impl Limiter {
    /// Requests one by one, a little fewer than the vendor takes in a second.
    pub fn below(a_second: f64) -> Self {
        Self::new(Duration::from_secs_f64(1.0 / (a_second * SHARE)), 1)
    }

    /// One request an `interval`, and up to `burst` at once after a pause.
    pub fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, tolerance: interval * burst.saturating_sub(1), due: Mutex::new(Instant::now()) }
    }

    /// Waits until a request may be sent. Where that is after `latest` it doesn't wait, and says no.
    pub async fn wait(&self, latest: tokio::time::Instant) -> bool {
        let now = Instant::now();
        let at = self.reserve(now);
        if at > latest.into_std() {
            return false;
        }
        if at > now {
            sleep_until(at.into()).await;
        }
        true
    }

    /// Sends nothing for as long, for the vendor asked for it.
    pub fn pause(&self, pause: Duration) {
        self.pause_from(Instant::now(), pause);
    }

    fn pause_from(&self, now: Instant, pause: Duration) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        *due = (*due).max(now + pause + self.tolerance);
    }

    /// When a request may be sent; its place is taken.
    fn reserve(&self, now: Instant) -> Instant {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn sent(limiter: &Limiter, now: Instant, count: usize) -> Vec<u128> {
        (0..count).map(|_| limiter.reserve(now).duration_since(now).as_millis()).collect()
    }

    #[test]
    fn requests_are_spaced() {
        let limiter = Limiter::new(INTERVAL, 1);
        let now = Instant::now();
        assert_eq!(sent(&limiter, now, 4), [0, 100, 200, 300]);
        assert_eq!(sent(&limiter, now + Duration::from_secs(9), 2), [0, 100]);
    }

    #[test]
    fn no_second_has_more_than_the_vendor_takes_though_one_arrives_late() {
        let limiter = Limiter::below(10.0);
        let mut arrived = sent(&limiter, Instant::now(), 50);
        for at in arrived.iter_mut().step_by(7) {
            *at += 40;
        }
        for at in &arrived {
            let in_this_second = arrived.iter().filter(|other| (*at..*at + 1000).contains(other)).count();
            assert!(in_this_second <= 10, "{in_this_second} from {at} ms on");
        }
    }

    #[test]
    fn a_few_go_at_once_after_a_pause() {
        let limiter = Limiter::new(INTERVAL, 3);
        let now = Instant::now();
        assert_eq!(sent(&limiter, now, 5), [0, 0, 0, 100, 200]);
        assert_eq!(sent(&limiter, now + Duration::from_secs(9), 4), [0, 0, 0, 100]);
    }

    #[test]
    fn nothing_is_sent_while_the_vendor_wants_a_pause() {
        let limiter = Limiter::new(INTERVAL, 3);
        let now = Instant::now();
        limiter.pause_from(now, Duration::from_secs(2));
        assert_eq!(sent(&limiter, now, 3), [2000, 2100, 2200]);
    }
}
