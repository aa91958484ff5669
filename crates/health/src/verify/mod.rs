//! The go-live test of a venue, on the real systems: a test contact is flagged in HubSpot, and the deployed function
//! must turn it into a lead of this venue and of no other.
//!
//! [`Verify::run`] goes through the [`VerifyStage`]s in order. It records what it is about to create in the [`journal`] and
//! removes it at the end, whatever the outcome. What an interrupted verify leaves behind is removed by the next one.

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
use sync_lambda::destination::LeadDestination;
use tokio_util::sync::CancellationToken;

use deployer_aws::Aws;
use deployer_core::error::Result;
use deployer_core::manifest::{Manifest, ScheduleExpression, Venue};
use deployer_hubspot::HubSpotClient;
use journal::VerifyJournal;

pub use event::{FoundLead, LeadEvidence, StageFailure, VerifyEvent, VerifyOutcome, VerifyStage};
pub use wait::{RealTime, Waiter};

/// How long a run may take beyond its time limit: HubSpot's index, the network, a cold start.
const MARGIN: Duration = Duration::from_secs(60);
/// A firing that comes before HubSpot's index has caught up finds nothing. If the schedule is at most this long, the
/// next firing is waited for too.
const SHORT: Duration = Duration::from_secs(15 * 60);
/// How long `--now` keeps trying until the index has caught up, in addition to the time of the run itself.
const NOW: Duration = Duration::from_secs(120);

/// The options of a verify.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Invokes the function instead of waiting for its rule.
    pub now: bool,
    /// Keeps the test contact in HubSpot.
    pub keep: bool,
    /// The domain of the test contact's address.
    pub domain: String,
    /// How long to wait for the lead, instead of the time that follows from the schedule.
    pub timeout: Option<Duration>,
}

/// Another venue, which must not get the lead.
pub struct OtherVenue<'a> {
    pub venue: &'a Venue,
    /// Where its leads can be looked up, if that is possible.
    pub destination: Option<LeadDestination>,
}

/// A verify, with everything that it needs.
pub struct Verify<'a, W> {
    pub aws: &'a Aws,
    pub manifest: &'a Manifest,
    pub venue: &'a Venue,
    pub others: Vec<OtherVenue<'a>>,
    pub hubspot: &'a HubSpotClient,
    /// Where the venue's leads can be looked up, if that is possible.
    pub destination: Option<LeadDestination>,
    pub options: VerifyOptions,
    pub journal: VerifyJournal,
    pub waiter: W,
    pub on_event: &'a (dyn Fn(&VerifyEvent) + Sync),
    pub cancel: CancellationToken,
}

impl<W: Waiter> Verify<'_, W> {
    /// Goes through all stages, and cleans up.
    ///
    /// # Errors
    /// The verify is refused before anything was created.
    pub async fn run_verify(mut self) -> Result<VerifyOutcome> {
        stages::run_stages(&mut self).await
    }

    /// When the venue runs, in the time zone of its schedule if it has one.
    fn schedule(&self) -> ScheduleExpression {
        let schedule = self.venue.schedule.clone();
        let by_schedule = self.manifest.scheduled_venues().contains(self.venue.name.as_str());
        match self.venue.timezone.as_deref().filter(|_| by_schedule) {
            Some(zone) => schedule.in_zone(zone),
            None => schedule,
        }
    }

    /// How long to wait for the lead.
    fn wait_limit(&self) -> Duration {
        let run = Duration::from_secs(u64::from(self.venue.timeout_s)) + MARGIN;
        let wait = || if self.options.now { NOW } else { until_taken(&self.schedule(), self.waiter.current_time()) };
        self.options.timeout.unwrap_or_else(|| wait() + run)
    }
}

/// The longest time until a run sees a flag that is set now.
pub fn until_taken(schedule: &ScheduleExpression, now: Timestamp) -> Duration {
    // A rate counts from when its rule was created, which may be just after now.
    let next = schedule.next_after(now, now);
    let to = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
    let Some(next) = next else { return SHORT };
    let first = to(next);
    if first > SHORT {
        return first;
    }
    schedule.next_after(next, now).map_or(first * 2, to)
}
