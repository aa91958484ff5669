//! What makes a venue unhealthy, and in which time zone it is shown.

use deployer_core::manifest::Status;
use deployer_core::resource::Observed;
use deployer_health::status::{
    ContactCounts, Overview, RunFailure, StatusPeriod, StatusZone, Urgency, VenueDrift, VenueHealth, VenueReadings,
    VenueRun,
};

use super::{
    empty_readings, good_readings, sample_code, sample_manifest, sample_period, sample_rule, sample_run, sample_runs,
    time_of_day,
};

fn overview_of(status: Status, readings: VenueReadings) -> Overview {
    let manifest = sample_manifest().manifest;
    let mut venue = manifest.venues[0].clone();
    venue.status = status;
    Overview::from_readings(&manifest, Ok(String::new()), vec![(venue, readings)], sample_period())
}

fn flag_of(age_s: Option<u64>) -> VenueReadings {
    let run = VenueRun { oldest_flag_s: age_s, ..sample_run(time_of_day("14:05:02"), 0) };
    VenueReadings { runs: sample_runs([run]), ..good_readings() }
}

#[test]
fn an_active_venue_is_unhealthy_if_its_leads_may_not_arrive() {
    let failure = RunFailure { kind: "Credential".to_owned(), message: "refused".to_owned() };
    let failed = VenueRun { error: Some(failure), ..sample_run(time_of_day("14:05:02"), 0) };
    let failing = || VenueReadings { runs: sample_runs([failed.clone()]), ..good_readings() };
    let late = || VenueReadings { runs: sample_runs([sample_run(time_of_day("13:00:02"), 1)]), ..good_readings() };
    let disabled = || VenueReadings { rule: sample_rule("rate(5 minutes)", false), ..good_readings() };
    let dead = || {
        let mut code = sample_code();
        code.state = "Failed".to_owned();
        VenueReadings { function: Observed::Present(code), ..good_readings() }
    };
    let unread = || VenueReadings { runs: Observed::Unreadable("denied".to_owned()), ..good_readings() };
    let open = || VenueReadings { contacts: ContactCounts::Counted { needs_review: 3, failed: 2 }, ..good_readings() };
    let drifted = || VenueReadings { drift: VenueDrift::Differs(2), ..good_readings() };
    let alarmed = || VenueReadings { alarms: Observed::Present(vec!["failing".to_owned()]), ..good_readings() };
    let quiet = || VenueReadings { alarms: Observed::Present(Vec::new()), ..good_readings() };
    for (what, readings, expected) in [
        ("all is fine", good_readings(), VenueHealth::Healthy),
        ("people have work", open(), VenueHealth::Healthy),
        ("it differs", drifted(), VenueHealth::Healthy),
        ("no alarm is raised", quiet(), VenueHealth::Healthy),
        ("its flag is recent", flag_of(Some(600)), VenueHealth::Healthy),
        ("nobody knows its flags", flag_of(None), VenueHealth::Healthy),
        ("its last run failed", failing(), VenueHealth::Unhealthy),
        ("a run is missing", late(), VenueHealth::Unhealthy),
        ("its rule is disabled", disabled(), VenueHealth::Unhealthy),
        ("its function can't start", dead(), VenueHealth::Unhealthy),
        ("it isn't deployed", empty_readings(), VenueHealth::Unhealthy),
        ("a flag stays set", flag_of(Some(7200)), VenueHealth::Unhealthy),
        ("an alarm is raised", alarmed(), VenueHealth::Unhealthy),
        ("its log is unreadable", unread(), VenueHealth::Unknown),
    ] {
        let overview = overview_of(Status::Active, readings.clone());
        assert_eq!(overview.venues[0].health, expected, "{what}: {:#?}", overview.attention);
        assert_eq!(overview.has_unhealthy_venue(), expected == VenueHealth::Unhealthy, "{what}");
        for status in [Status::Paused, Status::Blocked] {
            assert_eq!(overview_of(status, readings.clone()).venues[0].health, VenueHealth::Idle, "{what}");
        }
    }
}

#[test]
fn every_unhealthy_venue_is_told_with_a_command() {
    for readings in
        [flag_of(Some(7200)), VenueReadings { alarms: Observed::Present(vec!["silent".to_owned()]), ..good_readings() }]
    {
        let overview = overview_of(Status::Active, readings);
        let told: Vec<_> = overview.attention.iter().filter(|one| one.unhealthy).collect();
        assert_eq!(told.len(), 1, "{:#?}", overview.attention);
        assert_eq!(told[0].urgency, Urgency::Now);
        assert!(told[0].next.contains("`deployer "), "{told:?}");
    }
    let differs = overview_of(Status::Active, VenueReadings { drift: VenueDrift::Differs(1), ..good_readings() });
    let differs: Vec<_> = differs.attention.iter().map(|one| (one.what.as_str(), one.unhealthy)).collect();
    assert_eq!(differs, [("1 resource of it differs from the manifest.", false)]);
}

/// The flag was set at 06:55 UTC, and the rule fires every hour: the times are told as the venue's staff reads them.
#[test]
fn tells_times_in_the_time_zone_of_the_venue() {
    let manifest = sample_manifest().manifest;
    let told = |now: &str, zone: StatusZone| {
        let now = now.parse().expect("a time");
        let mut venue = manifest.venues[0].clone();
        venue.timezone = Some("America/New_York".to_owned());
        let run = VenueRun { oldest_flag_s: Some(4 * 86_400), ..sample_run(now, 0) };
        let readings = VenueReadings { runs: sample_runs([run]), ..good_readings() };
        let period = StatusPeriod { now, zone, ..sample_period() };
        let overview = Overview::from_readings(&manifest, Ok(String::new()), vec![(venue, readings)], period);
        overview.attention.iter().map(|one| one.what.clone()).collect::<Vec<_>>().join(" ")
    };
    // Between setting the flag and now, the clocks changed: it was set in the other half of the year.
    let march = told("2026-03-10T12:00:00Z", StatusZone::OfVenue);
    assert!(march.contains("set since 2026-03-06 07:00 EST"), "{march}");
    let november = told("2026-11-03T12:00:00Z", StatusZone::OfVenue);
    assert!(november.contains("set since 2026-10-30 08:00 EDT"), "{november}");
    let utc = told("2026-11-03T12:00:00Z", StatusZone::Utc);
    assert!(utc.contains("set since 2026-10-30 12:00 UTC"), "{utc}");
}
