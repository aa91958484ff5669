//! The state of the venues: what the manifest says about each, what exists in AWS, how its last runs went, and how many
//! of its contacts need attention. `live`, `runs` and `contacts` read it; `judge` and `health`, which are pure, draw
//! the conclusions.
//!
//! What is unreadable is reported as such and never shown as zero. There are no contacts in it, only counts.

mod contacts;
mod drift;
mod health;
mod hours;
mod judge;
mod live;
pub mod log;
mod period;
mod runs;
mod shared;

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use sync_config::config::DestinationConfig;

pub use contacts::{ContactCounts, StatusPortal};
pub use drift::{DriftFindings, VenueDrift};
pub use health::VenueHealth;
pub use hours::{HourCell, HourCounts};
pub use judge::{Attention, Urgency, VenueStanding, utc_date};
pub use live::{LiveCode, LiveFiring};
pub use period::{StatusPeriod, StatusZone};
pub use runs::{BROKEN_OFF_PATTERN, ENDED_PATTERN, RunFailure, RunHistory, VenueRun};
pub use shared::{SharedAttempt, SharedHistory, SharedReadings, SharedStatus};

use crate::alarms::{VenueAlarm, read_alarm_states};
use deployer_aws::Aws;
use deployer_core::manifest::{Manifest, ScheduleExpression, SchedulePattern, Status, Venue};
use deployer_core::naming::VenueNames;
use deployer_core::resource::Observed;
use deployer_core::scope::Scope;

/// How many venues are read at once. CloudWatch allows no more than ten `FilterLogEvents` calls per second in most
/// regions.
const VENUES_AT_ONCE: usize = 8;

/// All venues of a deployment at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The deployment's name.
    pub deployment: String,
    /// The region.
    pub region: String,
    /// The account; `None` where AWS can't be reached.
    pub account: Option<String>,
    /// The HubSpot portal, if the manifest names it.
    pub portal_id: Option<u64>,
    /// When the state was read.
    pub made_at: Timestamp,
    /// The start of the period in which runs are counted.
    pub since: Timestamp,
    /// In which time zone times are told.
    pub zone: StatusZone,
    /// Why AWS can't be reached.
    pub unreachable: Option<String>,
    /// The venues, in the manifest's order.
    pub venues: Vec<VenueOverview>,
    /// The function of all venues; `None` if there should be none, or if only some venues were asked about.
    pub shared: Option<SharedStatus>,
    /// What needs attention, the most urgent first.
    pub attention: Vec<Attention>,
}

/// One venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueOverview {
    /// The venue in the manifest.
    pub venue: Venue,
    /// The names of its resources.
    pub names: VenueNames,
    /// Its function.
    pub function: Observed<LiveCode>,
    /// Its rule.
    pub rule: Observed<LiveFiring>,
    /// Its runs; absent if it has no log group.
    pub runs: Observed<RunHistory>,
    /// Its contacts that need attention.
    pub contacts: ContactCounts,
    /// Whether it is deployed as the manifest says.
    pub drift: VenueDrift,
    /// The causes for which its alarm is raised; absent if it has no alarm.
    pub alarms: Observed<Vec<String>>,
    /// When its rule fires next. The time of a rate follows from the last run, and is unknown without one.
    pub next_run: Option<Timestamp>,
    /// Its overall state.
    pub standing: VenueStanding,
    /// Whether it does its work.
    pub health: VenueHealth,
}

/// What was read about one venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueReadings {
    /// Its function.
    pub function: Observed<LiveCode>,
    /// Its rule.
    pub rule: Observed<LiveFiring>,
    /// Its runs.
    pub runs: Observed<RunHistory>,
    /// Its contacts that need attention.
    pub contacts: ContactCounts,
    /// Whether it is deployed as the manifest says.
    pub drift: VenueDrift,
    /// The causes for which its alarm is raised; absent if it has no alarm.
    pub alarms: Observed<Vec<String>>,
}

/// AWS, or why it can't be reached.
pub type StatusCloud<'c> = Result<(&'c Aws, &'c Scope), String>;

/// Reads the state of the `chosen` venues of a manifest, with their runs of the period. `drift` compares them with the
/// manifest meanwhile.
pub async fn read_overview(
    manifest: &Manifest,
    chosen: &[&Venue],
    cloud: StatusCloud<'_>,
    portal: &StatusPortal,
    period: StatusPeriod,
    drift: impl Future<Output = DriftFindings>,
) -> Overview {
    let deployment = &manifest.deployment.name;
    let read = |venue: &Venue| {
        let (venue, cloud) = (venue.clone(), cloud.clone());
        async move {
            let in_aws = read_from_aws(cloud, deployment, &venue.name, period.since);
            let ((function, rule, runs), contacts) = tokio::join!(in_aws, read_contacts(portal, &venue));
            let drift = VenueDrift::Unknown("nobody asked".to_owned());
            (venue, VenueReadings { function, rule, runs, contacts, drift, alarms: Observed::Absent })
        }
    };
    let reading = stream::iter(chosen.iter().map(|venue| read(venue))).buffered(VENUES_AT_ONCE).collect();
    let alarms = read_alarms(manifest, cloud.clone());
    let shared = async {
        match &cloud {
            Ok((aws, _)) if chosen.len() == manifest.venues.len() => {
                shared::read_shared(aws, manifest, period.now).await
            }
            Ok(_) | Err(_) => None,
        }
    };
    let (mut readings, drift, alarms, shared): (Vec<(Venue, VenueReadings)>, DriftFindings, _, _) =
        tokio::join!(reading, drift, alarms, shared);
    for (venue, readings) in &mut readings {
        readings.drift = drift.of_venue(&venue.name);
        readings.alarms = match &alarms {
            Ok(states) => {
                states.get(&venue.name).map_or(Observed::Absent, |state| Observed::Present(raised_causes(state)))
            }
            Err(reason) => Observed::Unreadable(reason.clone()),
        };
    }
    let account = cloud.map(|(_, scope)| scope.account.clone());
    let overview = Overview::from_readings(manifest, account, readings, period);
    match shared {
        Some(shared) => overview.with_shared(manifest, shared),
        None => overview,
    }
}

/// The state of all alarms, in one list. A manifest without `[alarms]` has none.
async fn read_alarms(manifest: &Manifest, cloud: StatusCloud<'_>) -> Result<BTreeMap<String, VenueAlarm>, String> {
    match (&manifest.alarms, cloud) {
        (Some(_), Ok((aws, _))) => {
            read_alarm_states(&aws.signed, &manifest.deployment.name).await.map_err(|error| error.to_string())
        }
        // The overview says once, for all venues, that AWS can't be reached.
        (None, _) | (_, Err(_)) => Ok(BTreeMap::new()),
    }
}

fn raised_causes(alarm: &VenueAlarm) -> Vec<String> {
    let causes: Vec<String> = alarm.causes.keys().cloned().collect();
    match (alarm.is_raised(), causes.is_empty()) {
        (false, _) => Vec::new(),
        (true, false) => causes,
        // Its causes are over, and the message that says so isn't sent yet.
        (true, true) => vec!["raised".to_owned()],
    }
}

async fn read_from_aws(
    cloud: StatusCloud<'_>,
    deployment: &str,
    venue: &str,
    since: Timestamp,
) -> (Observed<LiveCode>, Observed<LiveFiring>, Observed<RunHistory>) {
    let names = VenueNames::new(deployment, venue);
    match cloud {
        Ok((aws, _)) => tokio::join!(
            live::observe_function(aws, deployment, &names.function),
            live::observe_rule(aws, &names.rule),
            runs::read_runs(aws, &names.log_group, since),
        ),
        // The overview gives the reason once, for all venues.
        Err(_) => {
            let reason = || "AWS can't be reached".to_owned();
            (Observed::Unreadable(reason()), Observed::Unreadable(reason()), Observed::Unreadable(reason()))
        }
    }
}

async fn read_contacts(portal: &StatusPortal, venue: &Venue) -> ContactCounts {
    match venue.status {
        // A blocked venue may never have had the properties.
        Status::Blocked => ContactCounts::NotAsked("the venue is blocked".to_owned()),
        Status::Active | Status::Paused => portal.count_contacts(venue).await,
    }
}

fn next_firing(rule: &LiveFiring, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let schedule = ScheduleExpression::parse_expression(&rule.schedule).ok().filter(|_| rule.enabled)?;
    let by_the_clock = matches!(schedule.pattern(), SchedulePattern::Cron(_));
    let enabled = if by_the_clock { last.unwrap_or(now) } else { last? };
    schedule.next_after(now, enabled)
}

impl Overview {
    /// Draws conclusions from what was read. `account` is the account that was read, or why AWS can't be reached.
    pub fn from_readings(
        manifest: &Manifest,
        account: Result<String, String>,
        readings: Vec<(Venue, VenueReadings)>,
        period: StatusPeriod,
    ) -> Self {
        let deployment = &manifest.deployment;
        let weighed = |(venue, readings): (Venue, VenueReadings)| {
            let VenueReadings { function, rule, runs, contacts, drift, alarms } = readings;
            let last = runs.as_present().and_then(|runs| runs.last.as_ref()).map(VenueRun::began_at);
            let next_run = rule.as_present().and_then(|rule| next_firing(rule, last, period.now));
            let standing = judge::judge_standing(venue.status, &function, &rule, &runs);
            let names = VenueNames::new(&deployment.name, &venue.name);
            // The conclusion about the whole comes last.
            let health = VenueHealth::Unknown;
            VenueOverview { venue, names, function, rule, runs, contacts, drift, alarms, next_run, standing, health }
        };
        let mut overview = Self {
            deployment: deployment.name.clone(),
            region: deployment.region.clone(),
            unreachable: account.as_ref().err().cloned(),
            account: account.ok(),
            portal_id: manifest.hubspot.portal_id,
            made_at: period.now,
            since: period.since,
            zone: period.zone,
            venues: readings.into_iter().map(weighed).collect(),
            shared: None,
            attention: Vec::new(),
        };
        overview.attention = judge::collect_attention(&overview);
        for status in &mut overview.venues {
            status.health = health::judge_health(status, &overview.attention);
        }
        overview
    }

    /// With the function of all venues, and what of it needs attention.
    #[must_use]
    pub fn with_shared(mut self, manifest: &Manifest, readings: SharedReadings) -> Self {
        if let Some((status, attention)) = SharedStatus::from_readings(manifest, readings, self.made_at) {
            self.shared = Some(status);
            self.attention.extend(attention);
            self.attention.sort_by_key(|attention| attention.urgency);
        }
        self
    }

    /// Whether a venue is unhealthy, or the function of all venues.
    pub fn has_unhealthy_venue(&self) -> bool {
        let shared = self.shared.as_ref().is_some_and(|shared| shared.health == VenueHealth::Unhealthy);
        shared || self.venues.iter().any(|status| status.health == VenueHealth::Unhealthy)
    }

    /// The time zone in which a venue's times are told.
    pub fn zone_of(&self, status: &VenueOverview) -> TimeZone {
        self.zone.find_zone(&status.venue)
    }

    /// The time zone of all venues; `None` if they have several.
    pub fn common_zone(&self) -> Option<TimeZone> {
        let mut zones = self.venues.iter().map(|status| self.zone_of(status));
        let first = zones.next().unwrap_or(TimeZone::UTC);
        zones.all(|zone| zone == first).then_some(first)
    }

    /// A venue's runs in each of the last `count` hours, oldest first; `None` if they are unreadable.
    pub fn hours_of(&self, status: &VenueOverview, count: u32) -> Option<Vec<HourCell>> {
        let hours = match &status.runs {
            Observed::Unreadable(_) => return None,
            Observed::Present(runs) => runs.hours.as_slice(),
            // Without a log group, nothing ever ran.
            Observed::Absent | Observed::PendingDeletion(_) => &[],
        };
        Some(hours::last_hours(hours, count, self.since, self.made_at))
    }

    /// What is unreadable; empty if everything could be read.
    pub fn unreadable_reasons(&self) -> Vec<String> {
        if let Some(reason) = &self.unreachable {
            let contacts = self.venues.iter().filter_map(VenueOverview::unreadable_contacts);
            return std::iter::once(format!("AWS can't be reached: {reason}")).chain(contacts).collect();
        }
        let shared = self.shared.iter().flat_map(SharedStatus::unreadable_reasons);
        self.venues.iter().flat_map(VenueOverview::unreadable_reasons).chain(shared).collect()
    }
}

impl VenueOverview {
    fn unreadable_reasons(&self) -> impl Iterator<Item = String> {
        let aws = [
            ("function", self.function.unreadable_reason()),
            ("rule", self.rule.unreadable_reason()),
            ("runs", self.runs.unreadable_reason()),
            ("alarms", self.alarms.unreadable_reason()),
        ];
        let name = &self.venue.name;
        let aws = aws.into_iter().filter_map(move |(what, reason)| Some(format!("{name}: {what}: {}", reason?)));
        aws.chain(self.unreadable_contacts())
    }

    fn unreadable_contacts(&self) -> Option<String> {
        match &self.contacts {
            ContactCounts::Unreadable(reason) => Some(format!("{}: contacts to review: {reason}", self.venue.name)),
            ContactCounts::Counted { .. } | ContactCounts::NotAsked(_) => None,
        }
    }

    /// The newest run, if there is one and the log is readable.
    pub fn last_run(&self) -> Option<&VenueRun> {
        self.runs.as_present()?.last.as_ref()
    }

    /// Where its leads go: the platform, and the location there. Of a URL only the host is shown, since its path may
    /// contain a secret.
    pub fn destination_words(&self) -> (String, String) {
        match &self.venue.destination {
            DestinationConfig::Tripleseat(place) => (
                "Tripleseat".to_owned(),
                place.location_id.map_or_else(|| "its only location".to_owned(), |id| format!("location {id}")),
            ),
            DestinationConfig::Http(http) => {
                let host = http.url.split("://").last().unwrap_or_default();
                let host = host.split(['/', '?', '#']).next().unwrap_or_default();
                (host.rsplit('@').next().unwrap_or_default().to_owned(), "a platform of its own".to_owned())
            }
        }
    }
}

/// A venue for programs, as in `status --json` and `report --format json`.
#[derive(Serialize)]
pub struct VenueLine<'s> {
    name: &'s str,
    display_name: &'s str,
    status: &'static str,
    standing: VenueStanding,
    health: VenueHealth,
    schedule: &'s str,
    timezone: Option<&'s str>,
    destination: String,
    function: &'s Observed<LiveCode>,
    rule: &'s Observed<LiveFiring>,
    runs: &'s Observed<RunHistory>,
    next_run: Option<Timestamp>,
    contacts: &'s ContactCounts,
    drift: &'s VenueDrift,
    alarms: &'s Observed<Vec<String>>,
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

impl VenueOverview {
    /// The venue for programs. `made_at` decides the age of its blocker.
    pub fn json_line(&self, made_at: Timestamp) -> VenueLine<'_> {
        let today = judge::utc_date(made_at);
        let (kind, place) = self.destination_words();
        VenueLine {
            name: &self.venue.name,
            display_name: &self.venue.display_name,
            status: deployer_core::manifest::status_word(self.venue.status),
            standing: self.standing,
            health: self.health,
            schedule: &self.venue.schedule.expression,
            timezone: self.venue.timezone.as_deref(),
            destination: format!("{kind}, {place}"),
            function: &self.function,
            rule: &self.rule,
            runs: &self.runs,
            next_run: self.next_run,
            contacts: &self.contacts,
            drift: &self.drift,
            alarms: &self.alarms,
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
