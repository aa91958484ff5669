//! The status of venues: what is read, what is concluded from it, and the report for people who don't operate them.

mod commands;
mod followed;
mod health;
mod metrics;
mod rendered;
mod screen;
mod watched;
mod weighed;

use std::path::Path;

use deployer_core::manifest::{self, LoadedManifest};
use deployer_core::resource::Observed;
use deployer_health::status::{
    ContactCounts, LiveCode, LiveFiring, Overview, RunFailure, RunHistory, StatusPeriod, StatusZone, VenueDrift,
    VenueReadings, VenueRun,
};
use jiff::Timestamp;

/// Venues in every standing: name, status, and further lines of the venue's table.
const VENUES: [(&str, &str, &str); 7] = [
    ("harbour", "active", ""),
    ("mill", "active", "schedule = \"cron(0/15 8-18 ? * MON-FRI *)\"\n"),
    ("loft", "paused", ""),
    ("marina", "blocked", ""),
    ("annexe", "active", ""),
    ("tower", "active", ""),
    ("barn", "active", ""),
];

fn sample_manifest() -> LoadedManifest {
    let mut text = "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n[hubspot]\nportal_id = 77\n".to_owned();
    for (number, (name, status, more)) in VENUES.iter().enumerate() {
        text.push_str(&format!("[venues.{name}]\ndisplay_name = \"The {name}\"\nstatus = \"{status}\"\n{more}"));
        if *status == "blocked" {
            text.push_str(&format!(
                "[venues.{name}.blocker]\nreason = \"No API for smaller operators\"\nsince = 2026-01-10\n"
            ));
        }
        text.push_str(&format!(
            "[venues.{name}.secrets]\nhubspot_token = \"env:T{number}\"\ntripleseat_public_key = \"env:K{number}\"\n\
             [venues.{name}.destination]\nkind = \"tripleseat\"\nlocation_id = {}\n",
            number + 1
        ));
    }
    manifest::parse_manifest(&text, Path::new("venues.toml")).unwrap_or_else(|errors| panic!("{errors}"))
}

fn time_of_day(text: &str) -> Timestamp {
    format!("2026-03-02T{text}Z").parse().expect("it is a valid time")
}

/// A Monday.
fn sample_now() -> Timestamp {
    time_of_day("14:07:00")
}

fn sample_since() -> Timestamp {
    "2026-03-01T14:07:00Z".parse().expect("it is a valid time")
}

fn sample_period() -> StatusPeriod {
    StatusPeriod { since: sample_since(), now: sample_now(), zone: StatusZone::Utc }
}

fn sample_code() -> LiveCode {
    LiveCode {
        failure: None,
        state: "Active".to_owned(),
        owned: true,
        version: Some("3".to_owned()),
        code_sha256: "cAwFwZTAg47Z31cK4E1jj6htutsS3PTyM1".to_owned(),
        changed_at: Some("2026-02-20T09:12:00Z".parse().expect("it is a valid time")),
        pinned: None,
    }
}

fn sample_rule(schedule: &str, enabled: bool) -> Observed<LiveFiring> {
    Observed::Present(LiveFiring {
        enabled,
        schedule: schedule.to_owned(),
        timezone: None,
        by_schedule: false,
        input: None,
    })
}

fn sample_run(ended_at: Timestamp, synced: u64) -> VenueRun {
    VenueRun {
        ended_at,
        duration_ms: Some(2000),
        searched: synced,
        synced,
        failed: 0,
        needs_review: 0,
        backlog: 0,
        oldest_flag_s: Some(0),
        error: None,
        problems: Vec::new(),
    }
}

fn sample_runs(all: impl IntoIterator<Item = VenueRun>) -> Observed<RunHistory> {
    let mut runs = RunHistory::default();
    all.into_iter().for_each(|run| runs.add_run(run));
    Observed::Present(runs)
}

/// A venue that runs every five minutes and needs no attention.
fn good_readings() -> VenueReadings {
    VenueReadings {
        function: Observed::Present(sample_code()),
        rule: sample_rule("rate(5 minutes)", true),
        runs: sample_runs([sample_run(time_of_day("09:00:02"), 16), sample_run(time_of_day("14:05:02"), 3)]),
        contacts: ContactCounts::Counted { needs_review: 0, failed: 0 },
        drift: VenueDrift::Matches,
        alarms: Observed::Absent,
    }
}

fn empty_readings() -> VenueReadings {
    VenueReadings {
        function: Observed::Absent,
        rule: Observed::Absent,
        runs: Observed::Absent,
        contacts: ContactCounts::NotAsked("the venue is blocked".to_owned()),
        drift: VenueDrift::Matches,
        alarms: Observed::Absent,
    }
}

/// Every standing once.
pub fn full_overview() -> Overview {
    let denied = || "lambda:GetFunction: AccessDenied: not for you".to_owned();
    let failure = RunFailure {
        kind: "Credential".to_owned(),
        message: "HubSpot refused HUBSPOT_TOKEN: expired. Make a new one".to_owned(),
    };
    let readings = [
        VenueReadings { contacts: ContactCounts::Counted { needs_review: 2, failed: 1 }, ..good_readings() },
        VenueReadings {
            rule: sample_rule("cron(0/15 8-18 ? * MON-FRI *)", true),
            runs: sample_runs([
                sample_run(time_of_day("13:45:03"), 5),
                VenueRun { error: Some(failure), searched: 0, ..sample_run(time_of_day("14:00:01"), 0) },
            ]),
            ..good_readings()
        },
        VenueReadings { rule: sample_rule("rate(5 minutes)", false), runs: sample_runs([]), ..good_readings() },
        empty_readings(),
        empty_readings(),
        VenueReadings { rule: sample_rule("rate(5 minutes)", false), ..good_readings() },
        VenueReadings {
            function: Observed::Unreadable(denied()),
            contacts: ContactCounts::Unreadable("POST /search: 403, the credential lacks permission".to_owned()),
            ..good_readings()
        },
    ];
    let manifest = sample_manifest().manifest;
    let venues = manifest.venues.iter().cloned().zip(readings).collect();
    Overview::from_readings(&manifest, Ok("123456789012".to_owned()), venues, sample_period())
}
