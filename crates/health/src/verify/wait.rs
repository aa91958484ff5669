//! The clock of a verify, which tests replace.

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A source of time that can wait.
pub trait Waiter: Sync {
    /// Time since the start.
    fn elapsed(&self) -> Duration;
    /// The current time.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn pause(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The clock of this machine.
#[derive(Debug)]
pub struct RealTime(Instant);

impl RealTime {
    /// Starts the clock.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Waiter for RealTime {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn pause(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }
}
