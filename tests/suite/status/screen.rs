//! The screen of `status`: its width, its columns, its picture of 24 hours.

use deployer::render::{StatusLine, StatusLook, status_lines};
use deployer_core::manifest::Status;
use deployer_core::resource::Observed;
use deployer_health::status::{Overview, RunFailure, StatusPeriod, StatusZone, VenueReadings, VenueRun};
use jiff::{SignedDuration, Timestamp};

use super::{full_overview, good_readings, sample_manifest, sample_now, sample_period, sample_run, sample_runs};

/// `count` venues with names as long as these.
pub(super) fn overview_of(count: usize, name: &str) -> Overview {
    let manifest = sample_manifest().manifest;
    let readings = (0..count).map(|number| {
        let mut venue = manifest.venues[0].clone();
        venue.name = format!("{name}{number}");
        venue.status = Status::Active;
        let hour = |back: i64| sample_now().checked_sub(SignedDuration::from_hours(back)).expect("a time");
        let all = (0..24).map(|back| sample_run(hour(back), (back.unsigned_abs() * 7) % 5));
        (venue, VenueReadings { runs: sample_runs(all), ..good_readings() })
    });
    Overview::from_readings(&manifest, Ok("123456789012".to_owned()), readings.collect(), sample_period())
}

fn look(width: usize) -> StatusLook {
    StatusLook { width, unicode: true, details: false }
}

fn plain_lines(overview: &Overview, look: &StatusLook) -> Vec<String> {
    status_lines(overview, look).iter().map(StatusLine::plain_text).collect()
}

#[test]
fn fits_any_width_with_one_line_per_venue() {
    for width in [60, 80, 100, 132, 250] {
        for (count, name) in [(3, "harbour-"), (30, "v"), (30, "a-venue-with-a-name-that-is-long-")] {
            let overview = overview_of(count, name);
            let lines = plain_lines(&overview, &look(width));
            for line in &lines {
                assert!(line.chars().count() <= width, "{width}: {} {line:?}", line.chars().count());
            }
            let rows = lines.iter().filter(|line| line.contains(" running ")).count();
            assert_eq!(rows, count, "{width}\n{}", lines.join("\n"));
        }
        // Commands stay whole, so that they can be copied.
        for line in plain_lines(&full_overview(), &look(width)) {
            let whole = line.contains('`') || line.chars().count() <= width;
            assert!(whole, "{width}: {line:?}");
            assert!(line.matches('`').count().is_multiple_of(2), "{line:?}");
        }
    }
}

#[test]
fn the_least_important_columns_are_left_out_first() {
    let titles = |width| plain_lines(&overview_of(3, "harbour-"), &look(width))[3].clone();
    assert!(titles(80).starts_with("VENUE") && titles(80).ends_with(" 24 HOURS"), "{}", titles(80));
    for (width, shown, left_out) in [
        (60, &["STATE", "LAST", "AGE", "SYNC"][..], &["ERRS", "DRIFT"][..]),
        (80, &["STATE", "LAST", "AGE", "NEXT", "SYNC", "FAIL", "REVW", "WAIT", "FLAG"], &["DRIFT", "ALARM"]),
        (132, &["STATE", "NEXT", "ERRS", "VERS", "DRIFT"], &["ALARM"]),
    ] {
        let titles = titles(width);
        assert!(shown.iter().all(|title| titles.contains(title)), "{width}: {titles}");
        assert!(!left_out.iter().any(|title| titles.contains(title)), "{width}: {titles}");
    }
    let mut overview = overview_of(3, "harbour-");
    overview.venues[0].alarms = Observed::Present(vec!["failing".to_owned()]);
    let lines = plain_lines(&overview, &look(132));
    assert!(lines[3].contains("ALARM") && lines[4].contains("1 on") && lines[5].contains("    -"), "{lines:#?}");
}

#[test]
fn draws_the_day_with_a_mark_for_hours_that_failed() {
    let at = |hour: i64, minute: i64| {
        let start: Timestamp = "2026-03-01T15:00:00Z".parse().expect("a time");
        start.checked_add(SignedDuration::from_mins(hour * 60 + minute)).expect("a time")
    };
    let failure = RunFailure { kind: "Limit".to_owned(), message: String::new() };
    let failed = VenueRun { error: Some(failure), ..sample_run(at(4, 10), 0) };
    let all =
        [sample_run(at(0, 1), 8), sample_run(at(2, 0), 0), failed, sample_run(at(4, 30), 4), sample_run(at(23, 5), 1)];
    let manifest = sample_manifest().manifest;
    let row = |unicode, width| {
        let readings = VenueReadings { runs: sample_runs(all.clone()), ..good_readings() };
        let venues = vec![(manifest.venues[0].clone(), readings)];
        let overview = Overview::from_readings(&manifest, Ok(String::new()), venues, sample_period());
        let look = StatusLook { width, unicode, details: false };
        plain_lines(&overview, &look).into_iter().find(|line| line.starts_with("harbour")).expect("a row")
    };
    assert!(row(true, 132).ends_with(" █ ▁ ×                  ▂"), "{:?}", row(true, 132));
    assert!(row(true, 80).ends_with(" █▁×        ▂"), "{:?}", row(true, 80));
    assert!(row(false, 132).ends_with(" # _ !                  ."), "{:?}", row(false, 132));
    assert!(row(false, 80).is_ascii());
}

#[test]
fn what_is_unreadable_is_a_question_mark_and_never_a_zero() {
    let mut overview = overview_of(1, "harbour-");
    overview.venues[0].runs = Observed::Unreadable("denied".to_owned());
    let row = plain_lines(&overview, &look(80)).into_iter().find(|line| line.starts_with("harbour-0")).expect("a row");
    assert!(!row.contains(" 0 ") && row.ends_with(" unreadable"), "{row}");
}

#[test]
fn heads_the_screen_with_the_common_time_zone() {
    let manifest = sample_manifest().manifest;
    let head = |zones: [Option<&str>; 2], zone: StatusZone| {
        let venues = zones.iter().zip(&manifest.venues).map(|(zone, venue)| {
            let mut venue = venue.clone();
            venue.timezone = zone.map(ToOwned::to_owned);
            (venue, good_readings())
        });
        let period = StatusPeriod { zone, ..sample_period() };
        let overview = Overview::from_readings(&manifest, Ok(String::new()), venues.collect(), period);
        plain_lines(&overview, &look(120))[1].clone()
    };
    let (york, berlin) = (Some("America/New_York"), Some("Europe/Berlin"));
    assert_eq!(head([york, york], StatusZone::OfVenue), "2026-03-02 09:07 EST; runs of the last 24 hours");
    assert_eq!(head([york, york], StatusZone::Utc), "2026-03-02 14:07 UTC; runs of the last 24 hours");
    assert_eq!(head([None, None], StatusZone::OfVenue), "2026-03-02 14:07 UTC; runs of the last 24 hours");
    assert_eq!(
        head([york, berlin], StatusZone::OfVenue),
        "2026-03-02 14:07 UTC; runs of the last 24 hours; the times below are each venue's own"
    );
}
