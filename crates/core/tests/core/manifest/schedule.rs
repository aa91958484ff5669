//! EventBridge schedules.

use deployer_core::manifest::ScheduleExpression;

#[test]
fn parses_schedules_with_their_shortest_interval() {
    const DAY: u64 = 86_400;
    let cases = [
        ("rate(1 minute)", Some(60)),
        ("rate(5 minutes)", Some(300)),
        ("rate(1 hour)", Some(3600)),
        ("rate(7 days)", Some(7 * DAY)),
        ("cron(* * * * ? *)", Some(60)),
        ("cron(0/15 8-18 ? * MON-FRI *)", Some(900)),
        ("cron(0,7,30 * * * ? *)", Some(420)),
        ("cron(50,5 23,0 * * ? *)", Some(900)),
        ("cron(0 0 * * ? *)", Some(DAY)),
        ("cron(0 12 ? * 2,4 *)", Some(2 * DAY)),
        ("cron(0 12 ? * L *)", Some(7 * DAY)),
        ("cron(0 12 L * ? *)", Some(28 * DAY)),
        ("cron(0 12 1 * ? *)", Some(28 * DAY)),
        ("cron(0 12 15W * ? *)", Some(28 * DAY)),
        ("cron(0 12 1W * ? *)", Some(28 * DAY)),
        ("cron(0 12 ? * 6L *)", Some(28 * DAY)),
        ("cron(0 12 ? * 3#2 *)", Some(28 * DAY)),
        ("cron(0 12 29 2 ? *)", Some(1461 * DAY)),
        ("cron(0 12 1/10 * ? *)", Some(DAY)),
        ("cron(0 12 1 JAN ? 2030)", None),
        ("cron(0 12 1 JAN ? 2030-2031)", Some(365 * DAY)),
        ("cron(10/20 9 31 1,3 ? *)", Some(1200)),
    ];
    for (expression, interval) in cases {
        let schedule =
            ScheduleExpression::parse_expression(expression).unwrap_or_else(|flaw| panic!("{expression}: {flaw}"));
        assert_eq!((schedule.expression.as_str(), schedule.interval_s), (expression, interval));
    }
}

#[test]
fn suggests_a_valid_schedule_for_each_invalid_one() {
    let cases = [
        ("rate(1 minutes)", "write rate(1 minute)"),
        ("rate(5 minute)", "write rate(5 minutes)"),
        ("rate(5  minutes)", "write rate(5 minutes)"),
        ("rate(05 minutes)", "write rate(5 minutes)"),
        ("rate(5 mins)", "write rate(5 minutes)"),
        ("Rate(5 minutes)", "write rate(5 minutes)"),
        (" rate(5 minutes)", "write rate(5 minutes)"),
        ("rate(0 minutes)", "the shortest is rate(1 minute)"),
        ("rate(-5 minutes)", "the shortest is rate(1 minute)"),
        ("rate(1.5 hours)", "the shortest is rate(1 hour)"),
        ("rate(30 seconds)", "the shortest is rate(1 minute)"),
        ("rate(1 week)", "rate(7 days)"),
        ("rate(5)", "rate(5 minutes)"),
        ("rate()", "rate(5 minutes)"),
        ("at(2030-01-01T00:00:00)", "rate(5 minutes)"),
        ("every 5 minutes", "rate(5 minutes)"),
        ("*/5 * * * *", "write cron(*/5 * * * ? *)"),
        ("cron(*/5 * * * *)", "write cron(*/5 * * * ? *)"),
        ("cron(0 8 * * 1)", "write cron(0 8 ? * MON *)"),
        ("cron(0 8 * * * *)", "write cron(0 8 * * ? *)"),
        ("cron(0 8 * * MON *)", "write cron(0 8 ? * MON *)"),
        ("cron(0 8 1 * MON *)", "write cron(0 8 1 * ? *), or cron(0 8 ? * MON *)"),
        ("cron(0 8 ? * ? *)", "write cron(0 8 * * ? *)"),
        ("cron(60 8 * * ? *)", "minutes must be from 0 to 59"),
        ("cron(0 24 * * ? *)", "hours must be from 0 to 23"),
        ("cron(0 8 0 * ? *)", "day-of-month must be from 1 to 31"),
        ("cron(0 8 * 13 ? *)", "month must be from 1 to 12 or JAN to DEC"),
        ("cron(0 8 ? * 0 *)", "day-of-week must be from 1 to 7 or SUN to SAT; 1 is Sunday"),
        ("cron(0 8 ? * MONDAY *)", "SUN to SAT"),
        ("cron(0 8 * * ? 1969)", "year must be from 1970 to 2199"),
        ("cron(0 8 * * ? 2200)", "year must be from 1970 to 2199"),
        ("cron(0/0 8 * * ? *)", "a whole number from 1 to 59"),
        ("cron(/5 8 * * ? *)", "write the first value or * before /"),
        ("cron(0 8 ? * SAT-SUN *)", "as a list"),
        ("cron(0 8 ? * 2/2 *)", "MON,WED,FRI"),
        ("cron(0 8 ? * 3#6 *)", "1 to 5"),
        ("cron(0 8 ? * 3#1,6#3 *)", "1 to 5"),
        ("cron(0 8 L,15 * ? *)", "can't be part of a list"),
        ("cron(0 8 1-15W * ? *)", "can't be part of a list"),
        ("cron(0 8 31 2 ? *)", "write L"),
        ("cron(0 8 29 2 ? 2031)", "write L"),
        ("cron(? 8 * * ? *)", "minutes must be from 0 to 59"),
        ("cron()", "six fields"),
        ("cron(0 8 * * ? * *)", "are minutes, hours"),
    ];
    for (expression, help) in cases {
        let flaw = ScheduleExpression::parse_expression(expression).expect_err(expression);
        assert!(flaw.to_string().contains(help), "{expression}: {flaw}");
    }
    let long = format!("cron(0 8 {} * ? *)", vec!["1"; 200].join(","));
    assert!(ScheduleExpression::parse_expression(&long).is_err());
}

proptest::proptest! {
    #[test]
    fn never_panics_on_arbitrary_text(text in "(rate|cron)?\\(?[ -~]{0,40}\\)?") {
        let _ = ScheduleExpression::parse_expression(&text);
    }

    #[test]
    fn accepted_schedules_round_trip(
        minute in "[0-9*]{1,2}(/[0-9]{1,2})?", hour in "[0-9*]{1,2}(-[0-9]{1,2})?", day in "([0-9]{1,2}W?|L|\\*|\\?)",
        month in "([0-9]{1,2}|\\*|jan|FEB-MAY)", weekday in "(\\?|[1-7](#[1-6]|L)?|mon-fri)", year in "(\\*|20[0-9]{2})",
    ) {
        let text = format!("cron({minute}  {hour} {day} {month} {weekday} {year})");
        if let Ok(schedule) = ScheduleExpression::parse_expression(&text) {
            proptest::prop_assert_eq!(ScheduleExpression::parse_expression(&schedule.expression), Ok(schedule.clone()));
            proptest::prop_assert!(schedule.interval_s.is_none_or(|seconds| seconds >= 60 && seconds % 60 == 0));
        }
    }

    /// The interval matches a brute-force list of all firings in a day.
    #[test]
    fn interval_is_the_shortest_within_a_day(step in 1_u64..=59, from in 0_u64..=23, to in 0_u64..=23) {
        proptest::prop_assume!(from <= to);
        let minutes: Vec<u64> = (from..=to).flat_map(|hour| (0..60).step_by(step as usize).map(move |m| hour * 60 + m)).collect();
        let mut shortest = 24 * 60 - minutes[minutes.len() - 1] + minutes[0];
        for pair in minutes.windows(2) {
            shortest = shortest.min(pair[1] - pair[0]);
        }
        let schedule = ScheduleExpression::parse_expression(&format!("cron(0/{step} {from}-{to} * * ? *)")).unwrap();
        proptest::prop_assert_eq!(schedule.interval_s, Some(shortest * 60));
    }

    #[test]
    fn rate_unit_is_singular_only_for_one(count in 1_u64..100_000) {
        let right = if count == 1 { "rate(1 hour)".to_owned() } else { format!("rate({count} hours)") };
        let wrong = if count == 1 { "rate(1 hours)".to_owned() } else { format!("rate({count} hour)") };
        proptest::prop_assert_eq!(ScheduleExpression::parse_expression(&right).unwrap().interval_s, Some(count * 3600));
        proptest::prop_assert!(ScheduleExpression::parse_expression(&wrong).unwrap_err().help.contains(&right));
    }
}

#[test]
fn next_firing_matches_eventbridge() {
    let enabled = "2026-01-01T00:00:30Z";
    for (schedule, now, next) in [
        ("rate(5 minutes)", "2026-01-01T00:00:30Z", Some("2026-01-01T00:05:30Z")),
        ("rate(5 minutes)", "2026-01-01T00:05:29Z", Some("2026-01-01T00:05:30Z")),
        ("rate(5 minutes)", "2026-01-01T00:05:30Z", Some("2026-01-01T00:10:30Z")),
        ("cron(0/10 8-23 ? * * *)", "2026-03-04T07:00:00Z", Some("2026-03-04T08:00:00Z")),
        ("cron(0/10 8-23 ? * * *)", "2026-03-04T08:00:00Z", Some("2026-03-04T08:10:00Z")),
        ("cron(0/10 8-23 ? * * *)", "2026-03-04T23:55:00Z", Some("2026-03-05T08:00:00Z")),
        ("cron(0 9 ? * MON-FRI *)", "2026-11-27T09:00:00Z", Some("2026-11-30T09:00:00Z")),
        ("cron(0 0 L * ? *)", "2027-02-01T00:00:00Z", Some("2027-02-28T00:00:00Z")),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00:00Z", Some("2028-02-29T00:00:00Z")),
        ("cron(15 10 ? * 6L 2022-2023)", "2026-01-01T00:00:00Z", None),
    ] {
        let time = |text: &str| text.parse::<jiff::Timestamp>().expect("it is a valid time");
        let parsed = ScheduleExpression::parse_expression(schedule).expect(schedule);
        assert_eq!(parsed.next_after(time(now), time(enabled)), next.map(time), "{schedule} after {now}");
    }
}

/// The manifest has no clock, so `now` is given.
#[test]
fn a_schedule_whose_years_are_over_is_refused() {
    let venue = |name: &str, schedule: &str| {
        format!(
            "[venues.{name}]\ndisplay_name = \"{name}\"\n{schedule}[venues.{name}.secrets]\n\
             hubspot_token = \"env:T_{name}\"\ntripleseat_public_key = \"env:K_{name}\"\n\
             [venues.{name}.destination]\nkind = \"tripleseat\"\n"
        )
    };
    let check = |schedule: &str, own: &str, now: &str| {
        let text = format!(
            "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n[defaults]\nschedule = \"{schedule}\"\n\n{}{}{}",
            venue("a", ""),
            venue("b", ""),
            venue("c", own)
        );
        let loaded = deployer_core::manifest::parse_manifest(&text, "venues.toml").expect("it has no other mistake");
        loaded.check_schedules(now.parse().expect("a time")).map_err(|errors| errors.list_findings()).err()
    };
    let in_2030 = "cron(0 12 1 JAN ? 2029-2030)";
    assert_eq!(check(in_2030, "", "2030-01-01T11:59:00Z"), None, "once more");
    let found = check(in_2030, "", "2030-01-01T12:00:00Z").expect("never again");
    assert_eq!(found.len(), 1, "inherited by three venues, written once");
    assert_eq!((found[0].code, found[0].line), ("schedule_ended", Some(6)));
    assert!(
        found[0].message.contains("`a` never runs") && found[0].help.as_deref().is_some_and(|help| help.contains('*'))
    );
    let own = "schedule = \"cron(0 12 * * ? 1970-2020)\"\n";
    let found = check("rate(5 minutes)", own, "2026-01-01T00:00:00Z").expect("never again");
    assert!(found.len() == 1 && found[0].message.contains("`c` never runs"), "{found:?}");
    assert_eq!(check("rate(5 minutes)", own, "2020-12-31T11:00:00Z"), None);
}

/// Clocks in London go forward on 29 March 2026 at 1:00 UTC, and back on 25 October at 1:00 UTC.
#[test]
fn a_schedule_in_a_zone_follows_its_wall_clock() {
    let time = |text: &str| text.parse::<jiff::Timestamp>().expect("a time");
    let schedule = |text: &str| ScheduleExpression::parse_expression(text).expect("valid").in_zone("Europe/London");
    for (text, now, next) in [
        ("cron(0 8 * * ? *)", "2026-03-28T07:59:59Z", "2026-03-28T08:00:00Z"),
        ("cron(0 8 * * ? *)", "2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"),
        ("cron(0 8 * * ? *)", "2026-10-24T12:00:00Z", "2026-10-25T08:00:00Z"),
        ("cron(0/15 * * * ? *)", "2026-10-25T00:50:00Z", "2026-10-25T02:00:00Z"),
        // An interval counts in none.
        ("rate(1 day)", "2026-03-28T08:00:00Z", "2026-03-29T08:00:00Z"),
    ] {
        assert_eq!(
            schedule(text).next_after(time(now), time("2026-03-28T08:00:00Z")),
            Some(time(next)),
            "{text} {now}"
        );
    }
    assert_eq!(schedule("cron(0 8 * * ? *)").longest_gap_s(), Some(25 * 3600));
    let unknown = ScheduleExpression::parse_expression("cron(0 8 * * ? *)").expect("valid").in_zone("Mars/Olympus");
    assert_eq!(unknown.longest_gap_s(), Some(24 * 3600));
}
