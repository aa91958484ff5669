//! The go-live test of a venue, for real: a test contact is flagged in HubSpot, and must become a lead of this venue, and
//! of no other, by the deployed function.
//!
//! [`Verify::run`] goes through the [`Stage`]s in their order. What it makes it writes down first ([`journal`]), and
//! removes in the end, however it ends; what an interrupted one has left the next one removes.

mod before;
pub mod contact;
mod event;
mod function;
pub mod journal;
pub mod lead;
mod proof;
mod stages;
mod taken;
mod wait;

use std::time::Duration;

use jiff::Timestamp;
use sync_lambda::destination::Destination;
use tokio_util::sync::CancellationToken;

use deployer_aws::Aws;
use deployer_core::error::Result;
use deployer_core::manifest::{Manifest, Schedule, Venue};
use deployer_hubspot::HubSpot;
use journal::Journal;

pub use event::{Event, Evidence, Failure, FoundLead, Outcome, Stage};
pub use wait::{RealTime, Waiter};

/// What a run may take beyond its time limit: HubSpot's index, the network, a cold start.
const MARGIN: Duration = Duration::from_secs(60);
/// A firing that comes before HubSpot's index has followed finds nothing. Of schedules up to this the next is waited for
/// as well.
const SHORT: Duration = Duration::from_secs(15 * 60);
/// How long it is tried with `--now` until the index has followed, beyond the run's own time.
const NOW: Duration = Duration::from_secs(120);

/// How a verify is to go.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Invokes the function in place of waiting for its rule.
    pub now: bool,
    /// Leaves the contact in HubSpot.
    pub keep: bool,
    /// Of the contact's address.
    pub domain: String,
    /// How long to wait for the lead, in place of what follows from the schedule.
    pub timeout: Option<Duration>,
}

/// Another venue: its lead must not be there.
pub struct Other<'a> {
    pub venue: &'a Venue,
    /// Where its leads can be looked up, if they can.
    pub destination: Option<Destination>,
}

/// What a verify works with.
pub struct Verify<'a, W> {
    pub aws: &'a Aws,
    pub manifest: &'a Manifest,
    pub venue: &'a Venue,
    pub others: Vec<Other<'a>>,
    pub hubspot: &'a HubSpot,
    /// Where the venue's leads can be looked up, if they can.
    pub destination: Option<Destination>,
    pub options: Options,
    pub journal: Journal,
    pub waiter: W,
    pub on_event: &'a (dyn Fn(&Event) + Sync),
    pub cancel: CancellationToken,
}

impl<W: Waiter> Verify<'_, W> {
    /// Goes through all stages, and cleans up.
    ///
    /// # Errors
    /// A refusal, before anything was made.
    pub async fn run(mut self) -> Result<Outcome> {
        stages::run(&mut self).await
    }

    /// How long to wait for the lead.
    fn limit(&self) -> Duration {
        let run = Duration::from_secs(u64::from(self.venue.timeout_s)) + MARGIN;
        let wait = || if self.options.now { NOW } else { until_taken(&self.venue.schedule, self.waiter.now()) };
        self.options.timeout.unwrap_or_else(|| wait() + run)
    }
}

/// The longest time until a flag that is set now is seen by a run.
pub fn until_taken(schedule: &Schedule, now: Timestamp) -> Duration {
    // A rate counts from when its rule was made, which may be just after now.
    let next = schedule.next_after(now, now);
    let to = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
    let Some(next) = next else { return SHORT };
    let first = to(next);
    if first > SHORT {
        return first;
    }
    schedule.next_after(next, now).map_or(first * 2, to)
}
