//! The time that a verify goes by.

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Time, which passes.
pub trait Waiter: Sync {
    /// Since the start.
    fn elapsed(&self) -> Duration;
    /// By the calendar.
    fn now(&self) -> Timestamp;
    /// Lets some of it pass.
    fn pause(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The time of this machine.
#[derive(Debug)]
pub struct RealTime(Instant);

impl RealTime {
    /// From now on.
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
