//! When in its interval each venue's rule fires.
//!
//! `rate(5 minutes)` counts from when its rule was made. Venues that were made by one apply would search HubSpot together
//! from then on, and a portal allows five searches a second for everybody. So a rule gets a `cron(...)` with the same
//! interval and a minute of its own, by a hash of deployment and venue: it stays where it is whenever it is applied again,
//! and it doesn't depend on other venues.
//!
//! - `cron` can keep an interval that divides an hour or a day evenly. Any other rate (`rate(7 minutes)`, `rate(2 days)`)
//!   stays a rate. A rate of one minute has nothing to spread.
//! - A schedule that is a `cron(...)` in the manifest is left alone: somebody chose these times.
//! - If the interval changes to a multiple, or the other way around, the new firings are a selection of the old ones, or
//!   they include them, so no pause is longer than the longer of the two intervals.
//! - A rule's resolution is a minute, in which EventBridge chooses the second. A schedule of EventBridge Scheduler has a flexible
//!   window of a minute there, if many venues have the same one. What still meets is spread by the function, and only if
//!   HubSpot's limit is reached (`sync-lambda/src/hubspot/request.rs`).
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

use std::collections::BTreeMap;

use sync_config::config::FEW_STARTS;
use sync_config::spread::{mix_place, stable_hash};

use crate::manifest::{ScheduleExpression, SchedulePattern};

/// The zone of rules, and of schedules without another one.
pub const UTC: &str = "UTC";

const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;

/// The schedule that the rule of a venue gets in AWS.
pub fn rule_schedule(schedule: &ScheduleExpression, deployment: &str, venue: &str) -> String {
    match even_interval(schedule) {
        Some(minutes) => firing_at(minutes, mix_place(stable_hash(&format!("{deployment}/{venue}")), 0) % minutes),
        None => schedule.expression.clone(),
    }
}

/// The time zone in which a schedule of EventBridge Scheduler counts: the venue's, if people chose the times. An interval has
/// none: in a zone whose clocks change, one firing would come an hour late.
pub fn schedule_timezone<'z>(schedule: &ScheduleExpression, timezone: Option<&'z str>) -> &'z str {
    match schedule.pattern() {
        SchedulePattern::Cron(_) => timezone.unwrap_or(UTC),
        SchedulePattern::Rate(_) => UTC,
    }
}

/// The minutes of the flexible window of a schedule whose minute is by hash, where many venues have the same one: the shortest that
/// Scheduler has. In it, AWS chooses a moment for each schedule, instead of starting all of them at once
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-flexible-time-windows.html>). `None` for times that
/// people chose.
pub fn schedule_window(schedule: &ScheduleExpression) -> Option<i64> {
    even_interval(schedule).map(|_| 1)
}

/// How many venues start in the same minute: on average of those whose minute is by hash, and the most of those whose
/// schedules people chose. In a power of two, so that it rarely changes; `None` up to [`FEW_STARTS`].
pub fn count_starting_together<'a>(schedules: impl Iterator<Item = &'a ScheduleExpression>) -> Option<u32> {
    let mut spread_thousandths = 0;
    let mut chosen: BTreeMap<&str, u64> = BTreeMap::new();
    for schedule in schedules {
        match even_interval(schedule) {
            Some(minutes) => spread_thousandths += 1000 / minutes,
            None => *chosen.entry(&schedule.expression).or_default() += 1,
        }
    }
    let most = spread_thousandths / 1000 + chosen.into_values().max().unwrap_or_default();
    let most = u32::try_from(most).ok().filter(|most| *most > FEW_STARTS)?;
    most.checked_next_power_of_two()
}

/// Whether a rule with this expression fires as often as `schedule` says, in whichever minute of its interval.
pub fn keeps_schedule(expression: &str, schedule: &ScheduleExpression) -> bool {
    expression == schedule.expression
        || even_interval(schedule)
            .is_some_and(|minutes| (0..minutes).any(|offset| firing_at(minutes, offset) == expression))
}

/// The interval in minutes, if `cron` can keep it and there is more than one minute to choose from.
fn even_interval(schedule: &ScheduleExpression) -> Option<u64> {
    let SchedulePattern::Rate(_) = schedule.pattern() else { return None };
    let minutes = schedule.interval_s? / 60;
    let divides_hour = minutes > 1 && HOUR.is_multiple_of(minutes);
    let divides_day = minutes > HOUR && minutes.is_multiple_of(HOUR) && DAY.is_multiple_of(minutes);
    (divides_hour || divides_day).then_some(minutes)
}

/// A firing every `minutes`, an interval that is even, and the first `offset` minutes after midnight.
fn firing_at(minutes: u64, offset: u64) -> String {
    let (hour, minute) = (offset / HOUR, offset % HOUR);
    match minutes {
        HOUR => format!("cron({minute} * * * ? *)"),
        DAY => format!("cron({minute} {hour} * * ? *)"),
        minutes if minutes < HOUR => format!("cron({minute}/{minutes} * * * ? *)"),
        _ => format!("cron({minute} {hour}/{} * * ? *)", minutes / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    const EVEN: [&str; 20] = [
        "rate(2 minutes)",
        "rate(3 minutes)",
        "rate(4 minutes)",
        "rate(5 minutes)",
        "rate(6 minutes)",
        "rate(10 minutes)",
        "rate(12 minutes)",
        "rate(15 minutes)",
        "rate(20 minutes)",
        "rate(30 minutes)",
        "rate(60 minutes)",
        "rate(1 hour)",
        "rate(120 minutes)",
        "rate(2 hours)",
        "rate(3 hours)",
        "rate(4 hours)",
        "rate(6 hours)",
        "rate(8 hours)",
        "rate(12 hours)",
        "rate(1 day)",
    ];

    fn schedule(text: &str) -> ScheduleExpression {
        ScheduleExpression::parse_expression(text).unwrap_or_else(|_| panic!("{text}: a schedule"))
    }

    fn firings(expression: &str, count: usize) -> Vec<Timestamp> {
        let schedule = schedule(expression);
        let first = Timestamp::UNIX_EPOCH;
        std::iter::successors(schedule.next_after(first, first), |at| schedule.next_after(*at, *at))
            .take(count)
            .collect()
    }

    #[test]
    fn rules_keep_the_interval_across_hours_and_days() {
        for text in EVEN {
            for venue in ["venue-a", "venue-b", "the-old-mill", "v-17"] {
                let rule = rule_schedule(&schedule(text), "prod", venue);
                let interval = SignedDuration::from_secs(schedule(text).interval_s.expect("an interval") as i64);
                let firings = firings(&rule, 60);
                assert!(
                    firings.windows(2).all(|pair| pair[1].duration_since(pair[0]) == interval),
                    "{text} as {rule}: {firings:?}"
                );
                assert!(keeps_schedule(&rule, &schedule(text)), "{rule}");
                assert_eq!(schedule(&rule).firings_in(730), schedule(text).firings_in(730), "{text} costs what it did");
                assert_eq!(schedule(&rule).longest_gap_s(), schedule(text).longest_gap_s());
            }
        }
    }

    #[test]
    fn what_cron_cannot_keep_and_what_people_chose_stays() {
        for text in [
            "rate(1 minute)",
            "rate(7 minutes)",
            "rate(45 minutes)",
            "rate(90 minutes)",
            "rate(5 hours)",
            "rate(2 days)",
            "rate(7 days)",
            "cron(0/5 * * * ? *)",
            "cron(0 8 ? * MON-FRI *)",
        ] {
            assert_eq!(rule_schedule(&schedule(text), "prod", "venue-a"), text);
            assert!(keeps_schedule(text, &schedule(text)));
        }
        assert!(!keeps_schedule("cron(0/10 * * * ? *)", &schedule("rate(5 minutes)")));
        assert!(!keeps_schedule("rate(10 minutes)", &schedule("rate(5 minutes)")));
        assert!(!keeps_schedule("cron(1/5 * * * ? *)", &schedule("cron(0/5 * * * ? *)")));
    }

    #[test]
    fn a_place_depends_on_deployment_and_venue_alone_and_never_changes() {
        let five = schedule("rate(5 minutes)");
        assert_eq!(rule_schedule(&five, "prod", "venue-a"), rule_schedule(&five, "prod", "venue-a"));
        let places = ["prod", "test", "a", "b", "c", "d"].map(|deployment| rule_schedule(&five, deployment, "venue-a"));
        assert!(places.iter().any(|place| *place != places[0]), "{places:?}");
        assert_eq!(
            ["rate(5 minutes)", "rate(1 hour)", "rate(6 hours)", "rate(1 day)"].map(|text| rule_schedule(
                &schedule(text),
                "prod",
                "venue-a"
            )),
            ["cron(2/5 * * * ? *)", "cron(22 * * * ? *)", "cron(22 5/6 * * ? *)", "cron(22 17 * * ? *)"]
        );
    }

    #[test]
    fn a_thousand_venues_are_spread_evenly() {
        for (text, minutes) in [("rate(5 minutes)", 5), ("rate(15 minutes)", 15), ("rate(1 hour)", 60)] {
            let mut starts: BTreeMap<String, usize> = BTreeMap::new();
            for number in 0..1_000 {
                *starts.entry(rule_schedule(&schedule(text), "prod", &format!("venue-{number:04}"))).or_default() += 1;
            }
            let even = 1_000 / minutes;
            assert_eq!(starts.len(), minutes);
            // Five standard deviations of a fair choice.
            let most = even + (5.0 * (even as f64).sqrt()) as usize;
            assert!(starts.values().all(|count| *count <= most), "{text}: {starts:?}");
        }
    }

    #[test]
    fn counts_venues_that_start_together_in_steps() {
        let count = |all: &[(&str, usize)]| {
            let schedules: Vec<ScheduleExpression> =
                all.iter().flat_map(|(text, count)| std::iter::repeat_n(schedule(text), *count)).collect();
            count_starting_together(schedules.iter())
        };
        assert_eq!(count(&[("rate(5 minutes)", 160)]), None, "few, as in every small deployment");
        assert_eq!(count(&[("rate(5 minutes)", 165)]), Some(64));
        assert_eq!(count(&[("rate(5 minutes)", 1_000)]), Some(256));
        assert_eq!(count(&[("rate(5 minutes)", 1_200)]), Some(256), "other venues rarely change it");
        assert_eq!(count(&[("rate(1 minute)", 40), ("cron(0 8 * * ? *)", 30)]), Some(64));
        assert_eq!(count(&[("cron(0 8 * * ? *)", 30), ("cron(0 9 * * ? *)", 30)]), None, "not in the same minute");
    }

    #[test]
    fn another_interval_leaves_no_pause_longer_than_both() {
        for (before, after) in [("rate(5 minutes)", "rate(15 minutes)"), ("rate(1 hour)", "rate(10 minutes)")] {
            for number in 0..50 {
                let venue = format!("venue-{number}");
                let [long, short] = match schedule(before).interval_s < schedule(after).interval_s {
                    true => [after, before],
                    false => [before, after],
                };
                let short = firings(&rule_schedule(&schedule(short), "prod", &venue), 100);
                let long = firings(&rule_schedule(&schedule(long), "prod", &venue), 5);
                assert!(long.iter().all(|at| short.contains(at)), "{venue}: {before} to {after}");
            }
        }
    }
}
