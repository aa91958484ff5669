//! The time in a run: see [`pacing::clock`].

use jiff::Timestamp;

pub use pacing::clock::{limit_time, now, sleep};

/// The time of day.
pub fn timestamp() -> Timestamp {
    Timestamp::try_from(pacing::clock::time_of_day()).unwrap_or(Timestamp::UNIX_EPOCH)
}
