//! The conclusions from readings.

use deployer_core::manifest::Status;
use deployer_core::resource::Observed;
use deployer_health::status::{Contacts, LiveCode, Overview, Readings, Standing, Urgency};
use jiff::Timestamp;

use super::{at, code, everything, good, manifest, nothing, now, rule, run, runs, since};

/// The overview of one venue with this status in the manifest and these readings.
fn overview_of(status: Status, readings: Readings) -> Overview {
    let manifest = manifest().manifest;
    let mut venue = manifest.venues[0].clone();
    venue.status = status;
    Overview::of(&manifest, Ok("123456789012".to_owned()), vec![(venue, readings)], (since(), now()))
}

fn standing_of(status: Status, readings: Readings) -> Standing {
    weighed(status, readings).venues[0].standing
}

fn attention_texts(overview: &Overview) -> Vec<&str> {
    overview.attention.iter().map(|attention| attention.what.as_str()).collect()
}

fn with_code(change: impl FnOnce(&mut LiveCode)) -> Readings {
    let mut code = code();
    change(&mut code);
    Readings { function: Observed::Present(code), ..good() }
}

#[test]
fn derives_the_standing_from_manifest_and_cloud() {
    let off = || Readings { rule: rule("rate(5 minutes)", false), ..good() };
    let unread = || Readings { rule: Observed::Unreadable("denied".to_owned()), ..nothing() };
    for (status, readings, expected) in [
        (Status::Active, good(), Standing::Running),
        (Status::Active, off(), Standing::Pending),
        (Status::Active, nothing(), Standing::NotDeployed),
        (Status::Active, Readings { rule: Observed::Absent, ..good() }, Standing::Pending),
        (Status::Active, with_code(|code| code.version = None), Standing::Pending),
        (Status::Active, with_code(|code| code.state = "Failed".to_owned()), Standing::Failing),
        (Status::Active, with_code(|code| code.owned = false), Standing::NotDeployed),
        (Status::Active, unread(), Standing::Unknown),
        (Status::Paused, off(), Standing::Paused),
        (Status::Paused, good(), Standing::Pending),
        (Status::Blocked, nothing(), Standing::Blocked),
        (Status::Blocked, good(), Standing::Pending),
        (Status::Blocked, unread(), Standing::Unknown),
    ] {
        assert_eq!(standing(status, readings.clone()), expected, "{status:?} {readings:?}");
    }
}

#[test]
fn lists_the_most_urgent_first_and_nothing_that_is_fine() {
    assert_eq!(told(&weighed(Status::Active, good())), Vec::<&str>::new());
    let all = everything();
    assert!(all.attention.is_sorted_by_key(|attention| attention.urgency));
    let venues: Vec<_> = all.attention.iter().filter_map(|attention| attention.venue.as_deref()).collect();
    assert_eq!(
        venues,
        ["mill", "tower", "barn", "barn", "harbour", "harbour", "annexe", "marina"],
        "{:#?}",
        all.attention
    );
    assert_eq!(all.unreadable().len(), 2, "{:?}", all.unreadable());
}

#[test]
fn reports_overdue_runs() {
    let overdue = |last: Timestamp| {
        let overview = weighed(Status::Active, Readings { runs: runs([run(last, 0)]), ..good() });
        told(&overview).iter().any(|what| what.starts_with("Its last run was"))
    };
    // The rule fires every five minutes, a run may take four, and five more are tolerated.
    assert!(!overdue(at("13:53:03")));
    assert!(overdue(at("13:52:00")));
    // It is Monday, two in the afternoon, after a weekend.
    let weekly = |last: &str, schedule: &str| {
        let readings =
            Readings { rule: rule(schedule, true), runs: runs([run(last.parse().expect("a time"), 0)]), ..good() };
        told(&weighed(Status::Active, readings)).iter().any(|what| what.contains("should have fired"))
    };
    assert!(!weekly("2026-02-27T18:45:03Z", "cron(45 18 ? * MON-FRI *)"));
    assert!(weekly("2026-02-27T18:45:03Z", "cron(0 8 ? * MON-FRI *)"));
    // A venue that never ran in this period, and one that was just deployed.
    let never = |changed: Timestamp| {
        let readings = Readings { runs: runs([]), ..with_code(|code| code.changed_at = Some(changed)) };
        told(&weighed(Status::Active, readings)).iter().any(|what| what.starts_with("It hasn't run since"))
    };
    assert!(never("2026-02-20T09:12:00Z".parse().expect("a time")));
    assert!(!never(at("14:06:00")));
    // A paused venue isn't expected to run.
    let paused = Readings { rule: rule("rate(5 minutes)", false), runs: runs([]), ..good() };
    assert_eq!(told(&weighed(Status::Paused, paused)), Vec::<&str>::new());
}

#[test]
fn derives_the_next_run_from_the_rule_and_the_last_run() {
    let next = |readings| weighed(Status::Active, readings).venues[0].next_run;
    assert_eq!(next(good()), Some(at("14:10:00")), "five minutes after the last began");
    assert_eq!(next(Readings { runs: runs([]), ..good() }), None, "when the rule was enabled is unknown");
    let cron = |enabled| Readings { rule: rule("cron(0/15 8-18 ? * MON-FRI *)", enabled), runs: runs([]), ..good() };
    assert_eq!(next(cron(true)), Some(at("14:15:00")));
    assert_eq!(next(cron(false)), None);
    assert_eq!(next(Readings { rule: rule("", true), ..good() }), None);
}

#[test]
fn reports_differences_from_the_manifest_with_the_command_that_fixes_them() {
    let readings = Readings { rule: rule("rate(1 hour)", true), runs: runs([run(at("13:30:00"), 0)]), ..good() };
    let overview = weighed(Status::Active, readings);
    assert_eq!(told(&overview), ["Its rule has the schedule rate(1 hour), but the manifest says rate(5 minutes)."]);
    assert_eq!(overview.attention[0].next, "Run `deployer apply --target harbour`.");
    let foreign = weighed(Status::Active, with_code(|code| code.owned = false));
    assert_eq!(told(&foreign), ["A function sync-harbour exists, but this deployment doesn't own it."]);
    let pinned = weighed(Status::Active, with_code(|code| code.pinned = Some("2".to_owned())));
    assert_eq!(told(&pinned), ["It was rolled back to version 2 and is pinned there."]);
    assert_eq!(pinned.attention[0].urgency, Urgency::Ask);
}

#[test]
fn reports_many_missing_venues_together() {
    let manifest = manifest().manifest;
    let readings = |count| manifest.venues.iter().take(count).map(|venue| (venue.clone(), nothing())).collect();
    let overview = |count| Overview::of(&manifest, Ok(String::new()), readings(count), (since(), now()));
    assert_eq!(told(&overview(3)).iter().filter(|what| what.contains("not in AWS")).count(), 3);
    let told = overview(7).attention;
    let missing: Vec<_> = told.iter().filter(|attention| attention.what.contains("not in AWS")).collect();
    assert_eq!(missing.len(), 1, "{told:?}");
}

#[test]
fn without_aws_reports_only_what_the_manifest_says() {
    let manifest = manifest().manifest;
    let unread = || Observed::Unreadable("AWS can't be reached".to_owned());
    let readings = Readings {
        function: Observed::Unreadable("AWS can't be reached".to_owned()),
        rule: Observed::Unreadable("AWS can't be reached".to_owned()),
        runs: unread(),
        contacts: Contacts::NotAsked("no token".to_owned()),
    };
    let venues = manifest.venues.iter().map(|venue| (venue.clone(), readings.clone())).collect();
    let overview = Overview::of(&manifest, Err("no credentials".to_owned()), venues, (since(), now()));
    assert!(overview.venues.iter().all(|status| status.standing == Standing::Unknown));
    assert_eq!(
        overview.unreadable(),
        ["AWS can't be reached: no credentials"],
        "the reason must be given once, not for each venue"
    );
    assert_eq!(overview.attention[0].urgency, Urgency::Now);
    let blocked = overview.attention.iter().filter(|attention| attention.venue.as_deref() == Some("marina"));
    assert_eq!(blocked.count(), 1, "its blocker has no owner");
}
