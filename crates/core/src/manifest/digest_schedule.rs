//! `digest` in `[alarms]`: when a digest is sent, and how much time each is about.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Flaw, ScheduleExpression, SchedulePattern};

const EXAMPLES: &str = "write \"daily\", \"weekly\", or a schedule in UTC such as cron(0 7 ? * MON-FRI *)";
const DAY_S: u64 = 24 * 3600;
const WEEK_S: u64 = 7 * DAY_S;
/// Every day at 7:00 UTC. A rule knows no time zone, so its hour moves with summer time.
const DAILY: &str = "cron(0 7 * * ? *)";
/// On Monday at 7:00 UTC.
const WEEKLY: &str = "cron(0 7 ? * MON *)";
/// For how many weeks a schedule is looked at, to see whether they are the same.
const WEEKS: usize = 10;

/// When a digest is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestSchedule {
    /// When the rule fires.
    pub schedule: ScheduleExpression,
    /// How many hours each digest is about, by the weekday in UTC on which it is sent, from Monday on: the time since the one
    /// before, so that nothing is missed over a weekend and nothing told twice. 0 where none is due.
    pub hours: [u32; 7],
}

impl DigestSchedule {
    /// Parses `daily`, `weekly` or a schedule that fires at the same times every week, at most once a day.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_digest(text: &str) -> Result<Self, Flaw> {
        let expression = match text {
            "daily" => DAILY,
            "weekly" => WEEKLY,
            other => other,
        };
        let named = expression.starts_with("rate(") || expression.starts_with("cron(");
        let schedule = ScheduleExpression::parse_expression(expression)
            .map_err(|flaw| if named { flaw } else { Flaw::new("this is not a time for a digest", EXAMPLES) })?;
        let hours = hours_between(&schedule)?;
        Ok(Self { schedule, hours })
    }

    /// The longest time between two digests, in seconds.
    pub fn longest_gap_s(&self) -> u64 {
        u64::from(self.hours.into_iter().max().unwrap_or_default()) * 3600
    }
}

fn hours_between(schedule: &ScheduleExpression) -> Result<[u32; 7], Flaw> {
    let shortest = schedule.interval_s.unwrap_or_default();
    if shortest < DAY_S {
        return Err(Flaw::new("a digest is sent at most once a day, at one time of the day", EXAMPLES));
    }
    if schedule.longest_gap_s().is_none_or(|gap| gap > WEEK_S) {
        return Err(Flaw::new("a digest is about a week at most, and this leaves more between two", EXAMPLES));
    }
    let whole_hours = |seconds: u64| u32::try_from(seconds / 3600).unwrap_or_default();
    match schedule.pattern() {
        // Which weekdays those are follows from when the rule is created.
        SchedulePattern::Rate(_) => Ok([whole_hours(shortest); 7]),
        SchedulePattern::Cron(_) => hours_by_weekday(schedule)
            .ok_or_else(|| Flaw::new("a digest is sent on the same days of every week", EXAMPLES)),
    }
}

/// The time before each firing; `None` if the weeks differ.
fn hours_by_weekday(schedule: &ScheduleExpression) -> Option<[u32; 7]> {
    let monday: Timestamp = "2026-01-04T23:59:59Z".parse().ok()?;
    let end = monday.checked_add(SignedDuration::from_hours(i64::try_from(WEEKS).ok()? * 7 * 24)).ok()?;
    let next = |at: &Timestamp| schedule.next_after(*at, *at).filter(|at| *at <= end);
    let firings: Vec<Timestamp> = std::iter::successors(next(&monday), next).collect();
    let mut hours = [None; 7];
    for pair in firings.windows(2) {
        let [before, at] = pair else { continue };
        let weekday = at.to_zoned(TimeZone::UTC).weekday().to_monday_zero_offset();
        let known = hours.get_mut(usize::try_from(weekday).ok()?)?;
        let since = u32::try_from(at.duration_since(*before).as_hours()).ok()?;
        if known.replace(since).is_some_and(|known| known != since) {
            return None;
        }
    }
    // Together, they fill the week.
    let hours = hours.map(Option::unwrap_or_default);
    (hours.iter().sum::<u32>() == 7 * 24).then_some(hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_digest_is_about_the_time_since_the_one_before() {
        let hours =
            |text: &str| DigestSchedule::parse_digest(text).map(|digest| digest.hours).map_err(|flaw| flaw.message);
        assert_eq!(hours("daily"), Ok([24; 7]));
        assert_eq!(hours("weekly"), Ok([168, 0, 0, 0, 0, 0, 0]));
        assert_eq!(hours("cron(30 6 ? * MON-FRI *)"), Ok([72, 24, 24, 24, 24, 0, 0]));
        assert_eq!(hours("cron(0 7 ? * TUE,FRI *)"), Ok([0, 96, 0, 0, 72, 0, 0]));
        assert_eq!(hours("rate(1 day)"), Ok([24; 7]));
        assert_eq!(hours("rate(2 days)"), Ok([48; 7]));
        assert_eq!(DigestSchedule::parse_digest("weekly").expect("valid").longest_gap_s(), WEEK_S);
    }

    #[test]
    fn other_times_are_refused_with_what_to_write() {
        for (text, words) in [
            ("monthly", "not a time for a digest"),
            ("cron(0 7 * * *)", "field"),
            ("cron(0 7,19 * * ? *)", "once a day"),
            ("rate(6 hours)", "once a day"),
            ("rate(8 days)", "a week at most"),
            ("cron(0 7 1 * ? *)", "a week at most"),
            ("cron(0 7 1,8,15,22,29 * ? *)", "the same days of every week"),
            ("cron(0 7 * * ? 2031)", "every week"),
        ] {
            let flaw = DigestSchedule::parse_digest(text).expect_err(text);
            assert!(flaw.message.contains(words), "{text}: {}", flaw.message);
        }
    }
}
