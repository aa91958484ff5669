//! How the venues do: what the manifest says of each, what of it is in AWS, what its last runs came to, and how many of
//! its contacts wait for a person. Read here (`live`, `runs`, `contacts`), weighed in `judge`, which is pure.
//!
//! What couldn't be read is said, and never shown as nothing. No contact is in it, only numbers.

mod contacts;
mod judge;
mod live;
pub mod log;
mod runs;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;
use sync_config::config::Destination;

pub use contacts::{Contacts, Portal};
pub use judge::{Attention, Standing, Urgency, day};
pub use live::{LiveCode, LiveFiring};
pub use runs::{BROKEN_OFF, ENDED, Run, RunFailure, Runs};

use deployer_aws::Aws;
use deployer_core::desired::Scope;
use deployer_core::manifest::{Manifest, Schedule, Status, Venue};
use deployer_core::naming::Names;
use deployer_core::resource::Observed;

/// Venues that are read at one time. CloudWatch takes no more than ten `FilterLogEvents` a second in most regions.
const VENUES_AT_ONCE: usize = 8;

/// All venues of a deployment, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The deployment.
    pub deployment: String,
    /// Where it is.
    pub region: String,
    /// The account; `None` where AWS can't be reached.
    pub account: Option<String>,
    /// The HubSpot portal, where the manifest says it.
    pub portal_id: Option<u64>,
    /// When it was read.
    pub made_at: Timestamp,
    /// From when on runs are counted.
    pub since: Timestamp,
    /// Why AWS can't be reached.
    pub unreachable: Option<String>,
    /// The venues, in the manifest's order.
    pub venues: Vec<VenueStatus>,
    /// What somebody should look at, the most urgent first.
    pub attention: Vec<Attention>,
}

/// One venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueStatus {
    /// What the manifest says.
    pub venue: Venue,
    /// What its resources are called.
    pub names: Names,
    /// Its function.
    pub function: Observed<LiveCode>,
    /// Its rule.
    pub rule: Observed<LiveFiring>,
    /// Its runs; absent where it has no log group.
    pub runs: Observed<Runs>,
    /// Its contacts that wait for a person.
    pub contacts: Contacts,
    /// When its rule fires next. A rate's time goes by the last run, and isn't known without one.
    pub next_run: Option<Timestamp>,
    /// How it does, all in all.
    pub standing: Standing,
}

/// What was read of one venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readings {
    /// Its function.
    pub function: Observed<LiveCode>,
    /// Its rule.
    pub rule: Observed<LiveFiring>,
    /// Its runs.
    pub runs: Observed<Runs>,
    /// Its contacts that wait for a person.
    pub contacts: Contacts,
}

/// AWS, or why it can't be reached.
pub type Cloud<'c> = Result<(&'c Aws, &'c Scope), String>;

/// Reads how the `chosen` venues of a manifest do, as of `now`, with their runs from `since` on.
pub async fn read(
    manifest: &Manifest,
    chosen: &[&Venue],
    cloud: Cloud<'_>,
    portal: &Portal,
    (since, now): (Timestamp, Timestamp),
) -> Overview {
    let deployment = &manifest.deployment.name;
    let read = |venue: &Venue| {
        let (venue, cloud) = (venue.clone(), cloud.clone());
        async move {
            let in_aws = in_aws(cloud, deployment, &venue.name, since);
            let ((function, rule, runs), contacts) = tokio::join!(in_aws, contacts(portal, &venue));
            (venue, Readings { function, rule, runs, contacts })
        }
    };
    let readings = stream::iter(chosen.iter().map(|venue| read(venue))).buffered(VENUES_AT_ONCE).collect().await;
    let account = cloud.map(|(_, scope)| scope.account.clone());
    Overview::of(manifest, account, readings, (since, now))
}

async fn in_aws(
    cloud: Cloud<'_>,
    deployment: &str,
    venue: &str,
    since: Timestamp,
) -> (Observed<LiveCode>, Observed<LiveFiring>, Observed<Runs>) {
    let names = Names::new(deployment, venue);
    match cloud {
        Ok((aws, _)) => tokio::join!(
            live::function(aws, deployment, &names.function),
            live::rule(aws, &names.rule),
            runs::runs(aws, &names.log_group, since),
        ),
        // The reason stands once, for all venues.
        Err(_) => {
            let reason = || "AWS can't be reached".to_owned();
            (Observed::Unreadable(reason()), Observed::Unreadable(reason()), Observed::Unreadable(reason()))
        }
    }
}

async fn contacts(portal: &Portal, venue: &Venue) -> Contacts {
    match venue.status {
        // It may never have had properties.
        Status::Blocked => Contacts::NotAsked("the venue is blocked".to_owned()),
        Status::Active | Status::Paused => portal.contacts(venue).await,
    }
}

fn next_run(rule: &LiveFiring, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let schedule = Schedule::parse(&rule.schedule).ok().filter(|_| rule.enabled)?;
    let by_the_clock = rule.schedule.starts_with("cron(");
    let enabled = if by_the_clock { last.unwrap_or(now) } else { last? };
    schedule.next_after(now, enabled)
}

impl Overview {
    /// Weighs what was read. `account` is where it was read, or why AWS can't be reached.
    pub fn of(
        manifest: &Manifest,
        account: Result<String, String>,
        readings: Vec<(Venue, Readings)>,
        (since, now): (Timestamp, Timestamp),
    ) -> Self {
        let deployment = &manifest.deployment;
        let weighed = |(venue, readings): (Venue, Readings)| {
            let Readings { function, rule, runs, contacts } = readings;
            let last = runs.present().and_then(|runs| runs.last.as_ref()).map(Run::began_at);
            let next_run = rule.present().and_then(|rule| next_run(rule, last, now));
            let standing = judge::standing(venue.status, &function, &rule, &runs);
            let names = Names::new(&deployment.name, &venue.name);
            VenueStatus { venue, names, function, rule, runs, contacts, next_run, standing }
        };
        let mut overview = Self {
            deployment: deployment.name.clone(),
            region: deployment.region.clone(),
            unreachable: account.as_ref().err().cloned(),
            account: account.ok(),
            portal_id: manifest.hubspot.portal_id,
            made_at: now,
            since,
            venues: readings.into_iter().map(weighed).collect(),
            attention: Vec::new(),
        };
        overview.attention = judge::attention(&overview);
        overview
    }

    /// What couldn't be read: an empty list where all is known.
    pub fn unreadable(&self) -> Vec<String> {
        if let Some(reason) = &self.unreachable {
            let contacts = self.venues.iter().filter_map(VenueStatus::unreadable_contacts);
            return std::iter::once(format!("AWS can't be reached: {reason}")).chain(contacts).collect();
        }
        self.venues.iter().flat_map(VenueStatus::unreadable).collect()
    }
}

impl VenueStatus {
    fn unreadable(&self) -> impl Iterator<Item = String> {
        let aws = [
            ("function", self.function.unreadable()),
            ("rule", self.rule.unreadable()),
            ("runs", self.runs.unreadable()),
        ];
        let name = &self.venue.name;
        let aws = aws.into_iter().filter_map(move |(what, reason)| Some(format!("{name}: {what}: {}", reason?)));
        aws.chain(self.unreadable_contacts())
    }

    fn unreadable_contacts(&self) -> Option<String> {
        match &self.contacts {
            Contacts::Unreadable(reason) => Some(format!("{}: contacts to review: {reason}", self.venue.name)),
            Contacts::Counted { .. } | Contacts::NotAsked(_) => None,
        }
    }

    /// The newest run, if there is one and the log can be read.
    pub fn last_run(&self) -> Option<&Run> {
        self.runs.present()?.last.as_ref()
    }

    /// Where its leads go: whose it is, and where there. An address is shown without what may stand behind its host.
    pub fn destination(&self) -> (String, String) {
        match &self.venue.destination {
            Destination::Tripleseat { location_id, .. } => (
                "Tripleseat".to_owned(),
                location_id.map_or_else(|| "its only location".to_owned(), |id| format!("location {id}")),
            ),
            Destination::Http(http) => {
                let host = http.url.split("://").last().unwrap_or_default();
                let host = host.split(['/', '?', '#']).next().unwrap_or_default();
                (host.rsplit('@').next().unwrap_or_default().to_owned(), "a platform of its own".to_owned())
            }
        }
    }
}

/// For programs: what stands in `status --json` and `report --format json` of one venue.
#[derive(Serialize)]
pub struct VenueLine<'s> {
    name: &'s str,
    display_name: &'s str,
    status: &'static str,
    standing: Standing,
    schedule: &'s str,
    destination: String,
    function: &'s Observed<LiveCode>,
    rule: &'s Observed<LiveFiring>,
    runs: &'s Observed<Runs>,
    next_run: Option<Timestamp>,
    contacts: &'s Contacts,
    blocker: Option<BlockerLine<'s>>,
}

#[derive(Serialize)]
struct BlockerLine<'s> {
    reason: &'s str,
    owner: Option<&'s str>,
    next_step: Option<&'s str>,
    since: Option<&'s str>,
    age_days: Option<i64>,
}

impl VenueStatus {
    /// The venue for programs, as of a day.
    pub fn line(&self, made_at: Timestamp) -> VenueLine<'_> {
        let today = judge::day(made_at);
        let (kind, place) = self.destination();
        VenueLine {
            name: &self.venue.name,
            display_name: &self.venue.display_name,
            status: deployer_core::manifest::status_word(self.venue.status),
            standing: self.standing,
            schedule: &self.venue.schedule.expression,
            destination: format!("{kind}, {place}"),
            function: &self.function,
            rule: &self.rule,
            runs: &self.runs,
            next_run: self.next_run,
            contacts: &self.contacts,
            blocker: self.venue.blocker.as_ref().map(|blocker| BlockerLine {
                reason: &blocker.reason,
                owner: blocker.owner.as_deref(),
                next_step: blocker.next_step.as_deref(),
                since: blocker.since.as_deref(),
                age_days: blocker.age_days(today),
            }),
        }
    }
}
