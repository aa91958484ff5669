//! Fires the rules of the embedded cloud as EventBridge does: the enabled ones, each on its schedule.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use deployer_aws::{Aws, Call};
use deployer_core::error::{Error, Result};
use deployer_core::manifest::{Manifest, ScheduleExpression, format_duration};
use deployer_core::naming::VenueNames;

/// When each venue's rule fires next.
pub struct RuleScheduler {
    every: Option<Duration>,
    enabled: Timestamp,
    schedules: BTreeMap<String, ScheduleExpression>,
    next: Mutex<BTreeMap<String, Timestamp>>,
}

impl RuleScheduler {
    /// Reads the rules. Each enabled rule is due at once, so that nobody waits for the first run, and then on its
    /// schedule, or at the interval `every`.
    ///
    /// # Errors
    /// A rule has an invalid schedule.
    pub async fn read_rules(aws: &Aws, manifest: &Manifest, every: Option<Duration>) -> Result<Self> {
        let enabled = Timestamp::now();
        let mut schedules = BTreeMap::new();
        for venue in &manifest.venues {
            let name = VenueNames::new(&manifest.deployment.name, &venue.name).rule;
            let Ok(rule) = aws.events.describe_rule().name(&name).send().await.call("events:DescribeRule") else {
                continue;
            };
            if rule.state().is_none_or(|state| state.as_str() != "ENABLED") {
                continue;
            }
            let expression = rule.schedule_expression().unwrap_or_default();
            let schedule = ScheduleExpression::parse_expression(expression)
                .map_err(|flaw| Error::failed(format!("rule {name}: {expression}: {}", flaw.message)))?;
            schedules.insert(venue.name.clone(), schedule);
        }
        let next = schedules.keys().map(|venue| (venue.clone(), enabled)).collect();
        Ok(Self { every, enabled, schedules, next: Mutex::new(next) })
    }

    /// The venues whose rules are enabled.
    pub fn enabled_venues(&self) -> impl Iterator<Item = &str> {
        self.schedules.keys().map(String::as_str)
    }

    /// How often every rule fires, if an interval replaces the schedules.
    pub fn interval_text(&self) -> Option<String> {
        self.every.map(|every| format_duration(every.as_secs()))
    }

    /// When a venue's rule fires next.
    pub fn next_run(&self, venue: &str) -> Option<Timestamp> {
        self.next.lock().get(venue).copied()
    }

    /// Calls `fire` for each venue that is due, until `shutdown`.
    pub async fn fire_due_rules(&self, shutdown: &CancellationToken, fire: impl Fn(&str)) {
        loop {
            let now = Timestamp::now();
            for venue in self.take_due_venues(now) {
                fire(&venue);
            }
            let earliest = self.next.lock().values().min().copied();
            let Some(earliest) = earliest else {
                return shutdown.cancelled().await;
            };
            let wait = Duration::try_from(earliest.duration_since(Timestamp::now())).unwrap_or_default();
            tokio::select! {
                () = sleep(wait) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Returns the venues that are due, and sets when each is due next.
    fn take_due_venues(&self, now: Timestamp) -> Vec<String> {
        let mut next = self.next.lock();
        let due: Vec<String> = next.iter().filter(|(_, at)| **at <= now).map(|(venue, _)| venue.clone()).collect();
        for venue in &due {
            let following = match (self.every, self.schedules.get(venue)) {
                (Some(every), _) => SignedDuration::try_from(every).ok().and_then(|every| now.checked_add(every).ok()),
                (None, Some(schedule)) => schedule.next_after(now, self.enabled),
                (None, None) => None,
            };
            match following {
                Some(at) => next.insert(venue.clone(), at),
                None => next.remove(venue),
            };
        }
        due
    }
}
