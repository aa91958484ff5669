//! The sandboxes' clock: the system time, or a time that a test sets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

/// A clock. Clones are cheap and share the same time.
#[derive(Debug, Clone)]
pub struct SandboxClock {
    time: Arc<Mutex<SandboxTime>>,
}

#[derive(Debug, Clone, Copy)]
enum SandboxTime {
    Running {
        ahead: SignedDuration,
    },
    Fast {
        from: Timestamp,
        since: Instant,
        factor: u32,
    },
    Stopped(Timestamp),
    /// What somebody else says.
    Told(fn() -> Timestamp),
}

impl SandboxClock {
    /// The system clock.
    pub fn system() -> Self {
        Self { time: Arc::new(Mutex::new(SandboxTime::Running { ahead: SignedDuration::ZERO })) }
    }

    /// A clock that runs `factor` times as fast as the system's, for tests of what takes seconds.
    pub fn fast(factor: u32) -> Self {
        let time = SandboxTime::Fast { from: Timestamp::now(), since: Instant::now(), factor };
        Self { time: Arc::new(Mutex::new(time)) }
    }

    /// A clock that tells whatever time `now` tells.
    pub fn told_by(now: fn() -> Timestamp) -> Self {
        Self { time: Arc::new(Mutex::new(SandboxTime::Told(now))) }
    }

    /// A clock that stays at `now` until it is advanced.
    pub fn stopped_at(now: Timestamp) -> Self {
        Self { time: Arc::new(Mutex::new(SandboxTime::Stopped(now))) }
    }

    pub fn now(&self) -> Timestamp {
        match *self.time.lock() {
            SandboxTime::Running { ahead } => add_clamped(Timestamp::now(), ahead),
            SandboxTime::Fast { from, since, factor } => {
                let passed = since.elapsed().saturating_mul(factor);
                add_clamped(from, SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX))
            }
            SandboxTime::Stopped(now) => now,
            SandboxTime::Told(now) => now(),
        }
    }

    /// Waits until this much time has passed on the clock; not at all on one that stands still.
    pub(crate) async fn wait_for(&self, by: Duration) {
        let time = *self.time.lock();
        match time {
            SandboxTime::Running { .. } => tokio::time::sleep(by).await,
            SandboxTime::Fast { factor, .. } => tokio::time::sleep(by / factor.max(1)).await,
            SandboxTime::Stopped(_) | SandboxTime::Told(_) => {}
        }
    }

    /// Moves the clock forward by `by`. A running clock keeps running from there. A clock whose time comes from elsewhere isn't moved.
    pub fn advance(&self, by: SignedDuration) {
        let mut time = self.time.lock();
        *time = match *time {
            SandboxTime::Running { ahead } => SandboxTime::Running { ahead: ahead.saturating_add(by) },
            SandboxTime::Fast { from, since, factor } => {
                SandboxTime::Fast { from: add_clamped(from, by), since, factor }
            }
            SandboxTime::Stopped(now) => SandboxTime::Stopped(add_clamped(now, by)),
            SandboxTime::Told(now) => SandboxTime::Told(now),
        };
    }
}

/// `time` plus `by`, clamped to the range of a timestamp.
pub(super) fn add_clamped(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

/// Formats a time as both vendors do: ISO 8601 in UTC with milliseconds.
pub(super) fn format_iso(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_a_stopped_clock_moves_its_clones() {
        let clock = SandboxClock::stopped_at(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        clock.advance(SignedDuration::from_millis(1_500));
        assert_eq!(format_iso(other.now()), "1970-01-01T00:00:01.500Z");
        assert_eq!(other.now(), clock.now());
    }

    #[test]
    fn clamps_times_to_the_timestamp_range() {
        assert_eq!(add_clamped(Timestamp::MIN, SignedDuration::from_hours(-1)), Timestamp::MIN);
        assert_eq!(add_clamped(Timestamp::MAX, SignedDuration::from_hours(1)), Timestamp::MAX);
    }
}
