//! The cloud's clock. It shows the machine's time until a test stops it.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

#[derive(Debug, Default)]
pub(super) struct Clock {
    stopped: Mutex<Option<Timestamp>>,
}

impl Clock {
    pub(super) fn now(&self) -> Timestamp {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(Timestamp::now)
    }

    pub(super) fn set(&self, now: Timestamp) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    pub(super) fn advance(&self, by: SignedDuration) {
        let later = self.now().saturating_add(by).unwrap_or(Timestamp::MAX);
        self.set(later);
    }
}
