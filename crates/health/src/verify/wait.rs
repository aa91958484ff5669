//! The clock of a verify, which tests replace.

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A source of time that can wait.
pub trait Waiter: Sync {
    /// Time since the start.
    fn elapsed_time(&self) -> Duration;
    /// The current time.
    fn current_time(&self) -> Timestamp;
    /// Waits.
    fn pause_for(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The clock of this machine.
#[derive(Debug)]
pub struct RealTime(Instant);

impl RealTime {
    /// Starts the clock.
    pub fn start_clock() -> Self {
        Self(Instant::now())
    }
}

impl Waiter for RealTime {
    fn elapsed_time(&self) -> Duration {
        self.0.elapsed()
    }

    fn current_time(&self) -> Timestamp {
        Timestamp::now()
    }

    fn pause_for(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }
}
