//! The cloud's clock. It shows the machine's time until a test stops it.

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(super) struct CloudClock {
    stopped: Mutex<Option<Timestamp>>,
}

impl CloudClock {
    pub(super) fn current_time(&self) -> Timestamp {
        self.stopped.lock().unwrap_or_else(Timestamp::now)
    }

    pub(super) fn stop_at(&self, now: Timestamp) {
        *self.stopped.lock() = Some(now);
    }

    pub(super) fn advance_by(&self, by: SignedDuration) {
        let later = self.current_time().saturating_add(by).unwrap_or(Timestamp::MAX);
        self.stop_at(later);
    }
}
