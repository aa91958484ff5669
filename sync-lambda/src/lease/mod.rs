//! Keeps two runs of a venue from overlapping where the function has no reserved concurrency.
//!
//! Time is divided into slots. A run takes every slot from now to its deadline, and a bit more for clocks that differ. Two
//! runs that overlap need a slot in common, and only one of them gets it: to take a slot is to create a log stream with its
//! name in the function's log group, which succeeds once. Nothing is ever decided from a list, so it doesn't matter that
//! lists lag. A run gives its slots back when it has ended; those of a run that died pass with the time.
//!
//! - A run that doesn't get all its slots gives back those that it got, and ends without having done anything.
//! - A run whose deadline has passed sends nothing anymore ([`RunFence`]), however long it was frozen: its slots may belong
//!   to another run by then.
//! - What isn't clear is taken for the worse. A slot whose creation wasn't answered may be our own: this run is skipped. A
//!   deletion is sent once, and again only if it was certainly not carried out, because a late one could delete the slot of
//!   the next run. While it is late, nobody else can create the stream, so it only ever deletes ours.
//!
//! A run takes two calls for each slot that it spans: with the default timeout, one or two slots.

mod fence;
mod streams;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sync_config::config::LEASE_STREAMS;

use crate::error::RunError;

pub use fence::{RunClock, RunFence};
pub use streams::LeaseStreams;

/// How long a slot is, in seconds. All versions of a function must agree on it. A run that died keeps its slots to their end,
/// so a long one would delay the next runs, and short ones would take more calls.
const SLOT_S: u64 = 300;
/// By how much two clocks may differ, and how long a request may be under way when its run's time is over.
const MARGIN: Duration = Duration::from_secs(30);
/// The time of a slot in the name of its stream, which must not contain a colon.
const SLOT_NAME: &str = "%Y%m%dT%H%M%SZ";

/// Where slots are taken.
pub trait LeaseStore: Sync {
    /// Creates a stream. Returns `false` if it exists.
    fn create_stream(&self, name: &str) -> impl Future<Output = Result<bool, RunError>> + Send;

    /// Deletes a stream, and sends the request only once unless the first one certainly had no effect.
    fn delete_stream(&self, name: &str) -> impl Future<Output = Result<(), RunError>> + Send;

    /// The names of existing streams with this prefix. Some may be missing.
    fn list_streams(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>, RunError>> + Send;
}

/// Five minutes, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TimeSlot(u64);

impl TimeSlot {
    fn at(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / SLOT_S)
    }

    fn begin(self) -> Timestamp {
        let seconds = i64::try_from(self.0.saturating_mul(SLOT_S)).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    }

    fn end(self) -> Timestamp {
        Self(self.0.saturating_add(1)).begin()
    }

    fn stream_name(self) -> String {
        format!("{LEASE_STREAMS}{}", self.begin().strftime(SLOT_NAME))
    }

    fn of_stream(name: &str) -> Option<Self> {
        let begin = DateTime::strptime(SLOT_NAME, name.strip_prefix(LEASE_STREAMS)?).ok()?;
        let seconds = TimeZone::UTC.to_timestamp(begin).ok()?.as_second();
        u64::try_from(seconds).ok().map(|seconds| Self(seconds / SLOT_S))
    }
}

/// The lease of a run.
#[derive(Debug)]
pub struct RunLease {
    slots: Vec<TimeSlot>,
    fence: RunFence,
}

/// Whether a run may begin.
#[derive(Debug)]
pub enum LeaseAnswer {
    /// It has the lease.
    Taken(RunLease),
    /// Another run has it, or had it and died.
    Busy {
        /// When the slot ends that it has, unless it gives it back before.
        until: Timestamp,
    },
}

impl RunLease {
    /// Takes the lease for a run that ends at `deadline` at the latest.
    ///
    /// # Errors
    /// The streams can't be created. Nothing was taken.
    pub async fn take_lease(
        store: &impl LeaseStore,
        clock: &Arc<RunClock>,
        deadline: SystemTime,
    ) -> Result<LeaseAnswer, RunError> {
        // Before the first call, so that its time isn't missing from the lease.
        let fence = RunFence::until(clock, deadline);
        let (first, last) = (TimeSlot::at(clock()), TimeSlot::at(deadline + MARGIN));
        let mut lease = Self { slots: Vec::new(), fence };
        for slot in (first.0..=last.0).map(TimeSlot) {
            let refused = match store.create_stream(&slot.stream_name()).await {
                Ok(true) => {
                    lease.slots.push(slot);
                    continue;
                }
                Ok(false) => Ok(LeaseAnswer::Busy { until: slot.end() }),
                Err(error) => Err(error),
            };
            // Should this fail, the next run is skipped.
            let _ = lease.give_back(store).await;
            return refused;
        }
        Ok(LeaseAnswer::Taken(lease))
    }

    /// What the run may do as long as it has the lease.
    pub fn fence(&self) -> &RunFence {
        &self.fence
    }

    /// Gives the lease back, once the run has ended. What isn't given back ends by itself.
    ///
    /// # Errors
    /// A stream couldn't be deleted.
    pub async fn give_back(self, store: &impl LeaseStore) -> Result<(), RunError> {
        let deleted =
            join_all(self.slots.iter().map(async |slot| store.delete_stream(&slot.stream_name()).await)).await;
        deleted.into_iter().collect()
    }
}

/// Deletes the streams of runs that died. Their time is over, so nobody takes them again.
///
/// # Errors
/// The streams can't be listed or deleted.
pub async fn remove_past_leases(store: &impl LeaseStore, now: SystemTime) -> Result<(), RunError> {
    let Some(time) = now.checked_sub(MARGIN) else { return Ok(()) };
    let current = TimeSlot::at(time);
    for name in store.list_streams(LEASE_STREAMS).await? {
        if TimeSlot::of_stream(&name).is_some_and(|slot| slot < current) {
            store.delete_stream(&name).await?;
        }
    }
    Ok(())
}
