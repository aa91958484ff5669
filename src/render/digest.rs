//! A status as a digest, for the topic of the alarms.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use sync_config::digest::{Digest, DigestAlarm, DigestBlocker, DigestRuns, DigestVenue, DigestWaiting};

use super::venue_words as words;
use deployer_core::manifest::Status;
use deployer_core::resource::Observed;
use deployer_health::alarms::VenueAlarm;
use deployer_health::status::{ContactCounts, Overview, VenueOverview};

/// What a digest says of an overview. `alarms` are the states of all alarms, if they could be read.
pub fn status_digest(overview: &Overview, alarms: Option<&BTreeMap<String, VenueAlarm>>) -> Digest {
    let zone = overview.common_zone().unwrap_or(TimeZone::UTC);
    let until = overview.made_at.to_zoned(zone.clone());
    let zone = zone.iana_name().unwrap_or("UTC").to_owned();
    let (blocked, mut others): (Vec<&VenueOverview>, Vec<&VenueOverview>) =
        overview.venues.iter().partition(|status| status.venue.status == Status::Blocked);
    // As the function of a scheduled digest does, which doesn't know the manifest's order.
    others.sort_by(|one, other| one.venue.name.cmp(&other.venue.name));
    Digest {
        deployment: overview.deployment.clone(),
        period: words::period_text(overview),
        until: format!("{} {zone}", until.strftime("%Y-%m-%d %H:%M")),
        waiting_is_now: true,
        venues: others.into_iter().map(digest_venue).collect(),
        blocked: blocked.into_iter().map(|status| DigestBlocker::from(&status.venue)).collect(),
        more_venues: 0,
        more_blocked: 0,
        alarms: alarms.map(|alarms| raised_alarms(overview, alarms)),
    }
}

fn digest_venue(status: &VenueOverview) -> DigestVenue {
    let waiting = match &status.contacts {
        ContactCounts::Counted { needs_review, failed } => {
            Some(DigestWaiting { needs_review: *needs_review, failed: *failed })
        }
        ContactCounts::NotAsked(_) | ContactCounts::Unreadable(_) => None,
    };
    let (runs, unknown) = match &status.runs {
        Observed::Present(runs) => {
            (Some(DigestRuns { synced: runs.synced, failed_runs: runs.failed_runs }), String::new())
        }
        Observed::Unreadable(reason) => (None, reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => (None, "nothing is deployed".to_owned()),
    };
    DigestVenue {
        name: status.venue.name.clone(),
        display_name: status.venue.display_name.clone(),
        paused: status.venue.status == Status::Paused,
        runs,
        waiting,
        unknown,
    }
}

fn raised_alarms(overview: &Overview, alarms: &BTreeMap<String, VenueAlarm>) -> Vec<DigestAlarm> {
    let raised = alarms.iter().filter(|(_, alarm)| alarm.is_raised() || !alarm.causes.is_empty());
    let raised = raised.map(|(venue, alarm)| {
        let known = overview.venues.iter().find(|status| status.venue.name == *venue);
        let display_name = known.map(|status| status.venue.display_name.as_str());
        DigestAlarm::from_causes(venue, display_name, alarm.causes.keys().map(String::as_str))
    });
    raised.collect()
}
