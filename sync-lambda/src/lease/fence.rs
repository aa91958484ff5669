//! What a run may still send.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::clock;

/// Tells the time of day.
pub type RunClock = dyn Fn() -> SystemTime + Send + Sync;

/// Closes when a run's time is over. By default, it never does.
#[derive(Clone, Default)]
pub struct RunFence(Option<FenceEnd>);

/// By the clock that never jumps, and by the one that goes on while the machine is suspended.
#[derive(Clone)]
struct FenceEnd {
    steady: Instant,
    wall: SystemTime,
    clock: Arc<RunClock>,
}

impl RunFence {
    /// A fence that closes at this time.
    pub(super) fn until(clock: &Arc<RunClock>, wall: SystemTime) -> Self {
        let left = wall.duration_since(clock()).unwrap_or_default();
        Self(Some(FenceEnd { steady: clock::now() + left, wall, clock: Arc::clone(clock) }))
    }

    /// Whether nothing may be sent anymore.
    pub fn has_closed(&self) -> bool {
        self.0.as_ref().is_some_and(|end| clock::now() >= end.steady || (end.clock)() >= end.wall)
    }
}

impl fmt::Debug for RunFence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunFence").field(&self.0.as_ref().map(|end| end.wall)).finish()
    }
}
