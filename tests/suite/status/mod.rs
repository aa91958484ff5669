//! The status of venues: what is read, what is concluded from it, and the report for people who don't operate them.

mod commands;
mod followed;
mod rendered;
mod weighed;

use std::path::Path;

use deployer_core::manifest::{self, Loaded};
use deployer_core::resource::Observed;
use deployer_health::status::{Contacts, LiveCode, LiveFiring, Overview, Readings, Run, RunFailure, Runs};
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

fn sample_manifest() -> Loaded {
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
    manifest::parse(&text, Path::new("venues.toml")).unwrap_or_else(|errors| panic!("{errors}"))
}

fn time_of_day(text: &str) -> Timestamp {
    format!("2026-03-02T{text}Z").parse().expect("a time")
}

/// A Monday.
fn sample_now() -> Timestamp {
    at("14:07:00")
}

fn sample_since() -> Timestamp {
    "2026-03-01T14:07:00Z".parse().expect("a time")
}

fn sample_code() -> LiveCode {
    LiveCode {
        state: "Active".to_owned(),
        owned: true,
        version: Some("3".to_owned()),
        code_sha256: "cAwFwZTAg47Z31cK4E1jj6htutsS3PTyM1".to_owned(),
        changed_at: Some("2026-02-20T09:12:00Z".parse().expect("a time")),
        pinned: None,
    }
}

fn sample_rule(schedule: &str, enabled: bool) -> Observed<LiveFiring> {
    Observed::Present(LiveFiring { enabled, schedule: schedule.to_owned() })
}

fn sample_run(ended_at: Timestamp, synced: u64) -> Run {
    Run {
        ended_at,
        duration_ms: Some(2000),
        searched: synced,
        synced,
        failed: 0,
        needs_review: 0,
        backlog: 0,
        error: None,
    }
}

fn sample_runs(all: impl IntoIterator<Item = Run>) -> Observed<Runs> {
    let mut runs = Runs::default();
    all.into_iter().for_each(|run| runs.add(run));
    Observed::Present(runs)
}

/// A venue that runs every five minutes and needs no attention.
fn good_readings() -> Readings {
    Readings {
        function: Observed::Present(code()),
        rule: rule("rate(5 minutes)", true),
        runs: runs([run(at("09:00:02"), 16), run(at("14:05:02"), 3)]),
        contacts: Contacts::Counted { needs_review: 0, failed: 0 },
    }
}

fn empty_readings() -> Readings {
    Readings {
        function: Observed::Absent,
        rule: Observed::Absent,
        runs: Observed::Absent,
        contacts: Contacts::NotAsked("the venue is blocked".to_owned()),
    }
}

/// Every standing once.
fn full_overview() -> Overview {
    let denied = || "lambda:GetFunction: AccessDenied: not for you".to_owned();
    let failure = RunFailure {
        kind: "Credential".to_owned(),
        message: "HubSpot refused HUBSPOT_TOKEN: expired. Make a new one".to_owned(),
    };
    let readings = [
        Readings { contacts: Contacts::Counted { needs_review: 2, failed: 1 }, ..good() },
        Readings {
            rule: rule("cron(0/15 8-18 ? * MON-FRI *)", true),
            runs: runs([run(at("13:45:03"), 5), Run { error: Some(failure), searched: 0, ..run(at("14:00:01"), 0) }]),
            ..good()
        },
        Readings { rule: rule("rate(5 minutes)", false), runs: runs([]), ..good() },
        nothing(),
        nothing(),
        Readings { rule: rule("rate(5 minutes)", false), ..good() },
        Readings {
            function: Observed::Unreadable(denied()),
            contacts: Contacts::Unreadable("POST /search: 403, the credential lacks permission".to_owned()),
            ..good()
        },
    ];
    let manifest = manifest().manifest;
    let venues = manifest.venues.iter().cloned().zip(readings).collect();
    Overview::of(&manifest, Ok("123456789012".to_owned()), venues, (since(), now()))
}
