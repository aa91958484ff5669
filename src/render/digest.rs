//! A status as a digest, for the topic of the alarms.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use sync_config::digest::{Digest, DigestAlarm, DigestBlocker, DigestRuns, DigestVenue, DigestWaiting};

use super::venue_words as words;
use deployer_core::manifest::{AlarmCause, Status};
use deployer_core::naming::SHARED_VENUE;
use deployer_core::resource::Observed;
use deployer_health::alarms::VenueAlarm;
use deployer_health::status::{ContactCounts, Overview, VenueOverview};

/// What a digest says of an overview. `alarms` are the states of all alarms, if they could be read.
pub fn status_digest(overview: &Overview, alarms: Option<&BTreeMap<String, VenueAlarm>>) -> Digest {
    let zone = overview.common_zone().unwrap_or(TimeZone::UTC);
    let until = overview.made_at.to_zoned(zone.clone());
    let zone = zone.iana_name().unwrap_or("UTC").to_owned();
    let (blocked, others): (Vec<&VenueOverview>, Vec<&VenueOverview>) =
        overview.venues.iter().partition(|status| status.venue.status == Status::Blocked);
    Digest {
        deployment: overview.deployment.clone(),
        period: words::period_text(overview),
        until: format!("{} {zone}", until.strftime("%Y-%m-%d %H:%M")),
        waiting_is_now: true,
        venues: others.into_iter().map(digest_venue).collect(),
        blocked: blocked.into_iter().map(digest_blocker).collect(),
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

fn digest_blocker(status: &VenueOverview) -> DigestBlocker {
    let blocker = status.venue.blocker.as_ref();
    DigestBlocker {
        display_name: status.venue.display_name.clone(),
        reason: blocker.map_or_else(String::new, |blocker| blocker.reason.clone()),
        owner: blocker.and_then(|blocker| blocker.owner.clone()),
        next_step: blocker.and_then(|blocker| blocker.next_step.clone()),
        since: blocker.and_then(|blocker| blocker.since.clone()),
    }
}

fn raised_alarms(overview: &Overview, alarms: &BTreeMap<String, VenueAlarm>) -> Vec<DigestAlarm> {
    let raised = alarms.iter().filter(|(_, alarm)| alarm.is_raised() || !alarm.causes.is_empty());
    let raised = raised.map(|(venue, alarm)| {
        let known = overview.venues.iter().find(|status| status.venue.name == *venue);
        let causes = alarm
            .causes
            .keys()
            .map(|word| AlarmCause::from_word(word).map_or_else(|| word.clone(), |cause| cause.meaning().to_owned()));
        match venue.as_str() {
            SHARED_VENUE => DigestAlarm {
                display_name: "All venues".to_owned(),
                venue: None,
                causes: alarm.causes.keys().map(|cause| shared_meaning(cause).to_owned()).collect(),
            },
            venue => DigestAlarm {
                display_name: known.map_or(venue, |status| &status.venue.display_name).to_owned(),
                venue: Some(venue.to_owned()),
                causes: causes.collect(),
            },
        }
    });
    raised.collect()
}

/// What an alarm of all venues means.
fn shared_meaning(cause: &str) -> &str {
    match cause {
        "hubspot" => "HubSpot ends the runs of at least half of them",
        "chat" => "messages couldn't be delivered to a chat",
        other => other,
    }
}
