//! The times at which calls may start, spaced evenly.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// One slot per interval, and a small burst after a pause. It implements the generic cell rate algorithm (ITU-T I.371).
#[derive(Debug)]
pub struct EvenSlots {
    interval: Duration,
    /// How far ahead of the even rate a call may start.
    tolerance: Duration,
    /// When the next call would start at the even rate.
    due: Mutex<Instant>,
}

impl EvenSlots {
    /// One slot per `interval`, and up to `burst` at once after a pause.
    pub fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, tolerance: interval * burst.saturating_sub(1), due: Mutex::new(Instant::now()) }
    }

    /// Reserves the next slot and returns when its call may start, which is never before `now`.
    pub fn reserve_slot(&self, now: Instant) -> Instant {
        let mut due = self.due.lock();
        let at = due.checked_sub(self.tolerance).unwrap_or(*due).max(now);
        *due = (*due).max(at) + self.interval;
        at
    }

    /// Hands out no slot for this long from `now` on, and no burst after it.
    pub fn pause_from(&self, now: Instant, pause: Duration) {
        let mut due = self.due.lock();
        *due = (*due).max(now + pause + self.tolerance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    /// Milliseconds after `now` at which the next `count` calls start.
    fn start_times(slots: &EvenSlots, now: Instant, count: usize) -> Vec<u128> {
        (0..count).map(|_| slots.reserve_slot(now).duration_since(now).as_millis()).collect()
    }

    #[test]
    fn spaces_calls_evenly() {
        let slots = EvenSlots::new(INTERVAL, 1);
        let now = Instant::now();
        assert_eq!(start_times(&slots, now, 4), [0, 100, 200, 300]);
        assert_eq!(start_times(&slots, now + Duration::from_secs(9), 2), [0, 100]);
    }

    #[test]
    fn allows_a_burst_after_a_pause() {
        let slots = EvenSlots::new(INTERVAL, 3);
        let now = Instant::now();
        assert_eq!(start_times(&slots, now, 5), [0, 0, 0, 100, 200]);
        assert_eq!(start_times(&slots, now + Duration::from_secs(9), 4), [0, 0, 0, 100]);
    }

    #[test]
    fn hands_out_nothing_during_a_requested_pause() {
        let slots = EvenSlots::new(INTERVAL, 3);
        let now = Instant::now();
        slots.pause_from(now, Duration::from_secs(2));
        assert_eq!(start_times(&slots, now, 3), [2000, 2100, 2200]);
    }
}
