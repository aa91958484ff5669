//! The time that the vendors go by: the machine's, or one that a test sets.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A clock. Cloning is cheap and gives the same clock.
#[derive(Debug, Clone)]
pub struct Clock {
    time: Arc<Mutex<Time>>,
}

#[derive(Debug, Clone, Copy)]
enum Time {
    Running { ahead: SignedDuration },
    Stopped(Timestamp),
}

impl Clock {
    /// The machine's time.
    pub fn system() -> Self {
        Self { time: Arc::new(Mutex::new(Time::Running { ahead: SignedDuration::ZERO })) }
    }

    /// A clock that stands until it is advanced.
    pub fn stopped_at(now: Timestamp) -> Self {
        Self { time: Arc::new(Mutex::new(Time::Stopped(now))) }
    }

    pub fn now(&self) -> Timestamp {
        match *self.time.lock().unwrap_or_else(PoisonError::into_inner) {
            Time::Running { ahead } => later(Timestamp::now(), ahead),
            Time::Stopped(now) => now,
        }
    }

    /// Sets the clock later by `by`. A running clock runs on from there.
    pub fn advance(&self, by: SignedDuration) {
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        *time = match *time {
            Time::Running { ahead } => Time::Running { ahead: ahead.saturating_add(by) },
            Time::Stopped(now) => Time::Stopped(later(now, by)),
        };
    }
}

/// `time` later by `by`, at the ends of what a timestamp can say if it would be beyond.
pub(super) fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

/// As both vendors write a time: ISO 8601 in UTC with milliseconds.
pub(super) fn iso(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_only_when_it_is_advanced_and_its_clones_with_it() {
        let clock = Clock::stopped_at(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        clock.advance(SignedDuration::from_millis(1_500));
        assert_eq!(iso(other.now()), "1970-01-01T00:00:01.500Z");
        assert_eq!(other.now(), clock.now());
    }

    #[test]
    fn times_stay_within_what_can_be_written() {
        assert_eq!(later(Timestamp::MIN, SignedDuration::from_hours(-1)), Timestamp::MIN);
        assert_eq!(later(Timestamp::MAX, SignedDuration::from_hours(1)), Timestamp::MAX);
    }
}
