//! The conclusions from readings.

use deployer_core::manifest::Status;
use deployer_core::resource::Observed;
use deployer_health::status::{
    ContactCounts, LiveCode, Overview, RunFailure, Urgency, VenueDrift, VenueReadings, VenueRun, VenueStanding,
};
use jiff::Timestamp;

use super::{
    empty_readings, full_overview, good_readings, sample_code, sample_manifest, sample_period, sample_rule, sample_run,
    sample_runs, time_of_day,
};

/// The overview of one venue with this status in the manifest and these readings.
fn overview_of(status: Status, readings: VenueReadings) -> Overview {
    let manifest = sample_manifest().manifest;
    let mut venue = manifest.venues[0].clone();
    venue.status = status;
    Overview::from_readings(&manifest, Ok("123456789012".to_owned()), vec![(venue, readings)], sample_period())
}

fn standing_of(status: Status, readings: VenueReadings) -> VenueStanding {
    overview_of(status, readings).venues[0].standing
}

fn attention_texts(overview: &Overview) -> Vec<&str> {
    overview.attention.iter().map(|attention| attention.what.as_str()).collect()
}

fn with_code(change: impl FnOnce(&mut LiveCode)) -> VenueReadings {
    let mut code = sample_code();
    change(&mut code);
    VenueReadings { function: Observed::Present(code), ..good_readings() }
}

#[test]
fn derives_the_standing_from_manifest_and_cloud() {
    let off = || VenueReadings { rule: sample_rule("rate(5 minutes)", false), ..good_readings() };
    let unread = || VenueReadings { rule: Observed::Unreadable("denied".to_owned()), ..empty_readings() };
    for (status, readings, expected) in [
        (Status::Active, good_readings(), VenueStanding::Running),
        (Status::Active, off(), VenueStanding::Pending),
        (Status::Active, empty_readings(), VenueStanding::NotDeployed),
        (Status::Active, VenueReadings { rule: Observed::Absent, ..good_readings() }, VenueStanding::Pending),
        (Status::Active, with_code(|code| code.version = None), VenueStanding::Pending),
        (Status::Active, with_code(|code| code.state = "Failed".to_owned()), VenueStanding::Failing),
        (Status::Active, with_code(|code| code.owned = false), VenueStanding::NotDeployed),
        (Status::Active, unread(), VenueStanding::Unknown),
        (Status::Paused, off(), VenueStanding::Paused),
        (Status::Paused, good_readings(), VenueStanding::Pending),
        (Status::Blocked, empty_readings(), VenueStanding::Blocked),
        (Status::Blocked, good_readings(), VenueStanding::Pending),
        (Status::Blocked, unread(), VenueStanding::Unknown),
    ] {
        assert_eq!(standing_of(status, readings.clone()), expected, "{status:?} {readings:?}");
    }
}

#[test]
fn lists_the_most_urgent_first_and_nothing_that_is_fine() {
    assert_eq!(attention_texts(&overview_of(Status::Active, good_readings())), Vec::<&str>::new());
    let all = full_overview();
    assert!(all.attention.is_sorted_by_key(|attention| attention.urgency));
    let venues: Vec<_> = all.attention.iter().filter_map(|attention| attention.venue.as_deref()).collect();
    assert_eq!(
        venues,
        ["mill", "tower", "barn", "barn", "harbour", "harbour", "annexe", "marina"],
        "{:#?}",
        all.attention
    );
    assert_eq!(all.unreadable_reasons().len(), 2, "{:?}", all.unreadable_reasons());
}

#[test]
fn reports_problems_that_did_not_end_a_run() {
    let problem = |kind: &str, message: &str| RunFailure { kind: kind.to_owned(), message: message.to_owned() };
    let refused = VenueRun {
        problems: vec![problem("look_up_refused", "leads can't be looked up: 401")],
        ..sample_run(time_of_day("14:00:02"), 3)
    };
    let unchecked = |at| VenueRun {
        problems: vec![problem("account_unchecked", "the site is unknown")],
        ..sample_run(time_of_day(at), 3)
    };
    let told = |runs: [VenueRun; 2]| {
        let overview = overview_of(Status::Active, VenueReadings { runs: sample_runs(runs), ..good_readings() });
        assert_eq!(overview.venues[0].standing, VenueStanding::Running, "leads are sent");
        overview.attention.iter().map(|one| format!("{} {}", one.what, one.next)).collect::<Vec<_>>()
    };
    let later = told([refused.clone(), sample_run(time_of_day("14:05:02"), 3)]);
    assert_eq!(
        later,
        ["In its run of 2026-03-02 14:00 UTC, leads can't be looked up: 401. Leads are still sent, but one whose \
          response is lost is left for review. `deployer doctor harbour` tests the credentials."],
        "a later run may not have needed a lookup"
    );
    let last = told([refused, unchecked("14:05:02")]);
    assert!(last.len() == 2 && last[1].starts_with("In its last run, the site is unknown."), "{last:?}");
    let past = told([unchecked("14:00:02"), sample_run(time_of_day("14:05:02"), 3)]);
    assert_eq!(past, Vec::<String>::new(), "every run checks the account again");
}

#[test]
fn reports_a_wrong_setting_with_what_to_change() {
    let error = sync_lambda::error::RunError::WrongSetting {
        refusal: "Lead form is invalid".to_owned(),
        advice: "Set `lead_form_id` in [venues.harbour.destination]".to_owned(),
    };
    let failure = RunFailure { kind: error.kind_name().to_owned(), message: error.to_string() };
    let run = VenueRun { error: Some(failure), ..sample_run(time_of_day("14:05:02"), 0) };
    let overview = overview_of(Status::Active, VenueReadings { runs: sample_runs([run]), ..good_readings() });
    assert_eq!(overview.venues[0].standing, VenueStanding::Failing);
    assert_eq!(
        overview.attention[0].what,
        "Its last run failed: the destination rejects every lead because of a setting: Lead form is invalid. Set \
         `lead_form_id` in [venues.harbour.destination]. All flags stay set."
    );
    assert!(overview.attention[0].next.contains("`deployer invoke harbour --dry-run`"), "{:?}", overview.attention[0]);
}

#[test]
fn reports_overdue_runs() {
    let overdue = |last: Timestamp| {
        let overview =
            overview_of(Status::Active, VenueReadings { runs: sample_runs([sample_run(last, 0)]), ..good_readings() });
        attention_texts(&overview).iter().any(|what| what.starts_with("Its last run was"))
    };
    // The rule fires every five minutes, a run may take four, and five more are tolerated.
    assert!(!overdue(time_of_day("13:53:03")));
    assert!(overdue(time_of_day("13:52:00")));
    // It is Monday, two in the afternoon, after a weekend.
    let weekly = |last: &str, schedule: &str| {
        let readings = VenueReadings {
            rule: sample_rule(schedule, true),
            runs: sample_runs([sample_run(last.parse().expect("it is a valid time"), 0)]),
            ..good_readings()
        };
        attention_texts(&overview_of(Status::Active, readings)).iter().any(|what| what.contains("should have fired"))
    };
    assert!(!weekly("2026-02-27T18:45:03Z", "cron(45 18 ? * MON-FRI *)"));
    assert!(weekly("2026-02-27T18:45:03Z", "cron(0 8 ? * MON-FRI *)"));
    // A venue that never ran in this period, and one that was just deployed.
    let never = |changed: Timestamp| {
        let readings = VenueReadings { runs: sample_runs([]), ..with_code(|code| code.changed_at = Some(changed)) };
        attention_texts(&overview_of(Status::Active, readings))
            .iter()
            .any(|what| what.starts_with("It hasn't run since"))
    };
    assert!(never("2026-02-20T09:12:00Z".parse().expect("it is a valid time")));
    assert!(!never(time_of_day("14:06:00")));
    // A paused venue isn't expected to run.
    let paused =
        VenueReadings { rule: sample_rule("rate(5 minutes)", false), runs: sample_runs([]), ..good_readings() };
    assert_eq!(attention_texts(&overview_of(Status::Paused, paused)), Vec::<&str>::new());
}

#[test]
fn derives_the_next_run_from_the_rule_and_the_last_run() {
    let next = |readings| overview_of(Status::Active, readings).venues[0].next_run;
    assert_eq!(next(good_readings()), Some(time_of_day("14:10:00")), "five minutes after the last began");
    assert_eq!(
        next(VenueReadings { runs: sample_runs([]), ..good_readings() }),
        None,
        "when the rule was enabled is unknown"
    );
    let cron = |enabled| VenueReadings {
        rule: sample_rule("cron(0/15 8-18 ? * MON-FRI *)", enabled),
        runs: sample_runs([]),
        ..good_readings()
    };
    assert_eq!(next(cron(true)), Some(time_of_day("14:15:00")));
    assert_eq!(next(cron(false)), None);
    assert_eq!(next(VenueReadings { rule: sample_rule("", true), ..good_readings() }), None);
}

#[test]
fn reports_differences_from_the_manifest_with_the_command_that_fixes_them() {
    let readings = VenueReadings {
        rule: sample_rule("rate(1 hour)", true),
        runs: sample_runs([sample_run(time_of_day("13:30:00"), 0)]),
        ..good_readings()
    };
    let overview = overview_of(Status::Active, readings);
    assert_eq!(
        attention_texts(&overview),
        ["Its rule has the schedule rate(1 hour), but the manifest says rate(5 minutes)."]
    );
    assert_eq!(overview.attention[0].next, "Run `deployer apply --target harbour`.");
    let foreign = overview_of(Status::Active, with_code(|code| code.owned = false));
    assert_eq!(attention_texts(&foreign), ["A function sync-harbour exists, but this deployment doesn't own it."]);
    let pinned = overview_of(Status::Active, with_code(|code| code.pinned = Some("2".to_owned())));
    assert_eq!(attention_texts(&pinned), ["It was rolled back to version 2 and is pinned there."]);
    assert_eq!(pinned.attention[0].urgency, Urgency::Ask);
}

#[test]
fn reports_many_missing_venues_together() {
    let manifest = sample_manifest().manifest;
    let readings = |count| manifest.venues.iter().take(count).map(|venue| (venue.clone(), empty_readings())).collect();
    let overview = |count| Overview::from_readings(&manifest, Ok(String::new()), readings(count), sample_period());
    assert_eq!(attention_texts(&overview(3)).iter().filter(|what| what.contains("not in AWS")).count(), 3);
    let told = overview(7).attention;
    let missing: Vec<_> = told.iter().filter(|attention| attention.what.contains("not in AWS")).collect();
    assert_eq!(missing.len(), 1, "{told:?}");
}

#[test]
fn without_aws_reports_only_what_the_manifest_says() {
    let manifest = sample_manifest().manifest;
    let unread = || Observed::Unreadable("AWS can't be reached".to_owned());
    let readings = VenueReadings {
        function: Observed::Unreadable("AWS can't be reached".to_owned()),
        rule: Observed::Unreadable("AWS can't be reached".to_owned()),
        runs: unread(),
        contacts: ContactCounts::NotAsked("no token".to_owned()),
        drift: VenueDrift::Unknown("AWS can't be reached".to_owned()),
        alarms: Observed::Absent,
    };
    let venues = manifest.venues.iter().map(|venue| (venue.clone(), readings.clone())).collect();
    let overview = Overview::from_readings(&manifest, Err("no credentials".to_owned()), venues, sample_period());
    assert!(overview.venues.iter().all(|status| status.standing == VenueStanding::Unknown));
    assert_eq!(
        overview.unreadable_reasons(),
        ["AWS can't be reached: no credentials"],
        "the reason must be given once, not for each venue"
    );
    assert_eq!(overview.attention[0].urgency, Urgency::Now);
    let blocked = overview.attention.iter().filter(|attention| attention.venue.as_deref() == Some("marina"));
    assert_eq!(blocked.count(), 1, "its blocker has no owner");
}
