//! Schedule expressions, checked by EventBridge's own rules, so that a mistake is found here and not by `PutRule`.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sync_config::mapping::find_timezone;

use super::cron::{CronExpression, suggest_expression};
use super::{Flaw, ScheduleExpression};

const EXAMPLES: &str = "write a schedule such as rate(5 minutes) or cron(0/15 8-18 ? * MON-FRI *)";
/// The longest `ScheduleExpression` that EventBridge's `PutRule` accepts.
const MAX_LENGTH: usize = 256;
/// How many firings a change of clocks can repeat: those of two hours, each minute.
const MOST_REPEATED: usize = 120;

impl ScheduleExpression {
    /// Parses `rate(...)` or `cron(...)`. White space between the fields of `cron` becomes a single space and names
    /// become uppercase, so that the same schedule always has the same text.
    pub fn parse_expression(text: &str) -> Result<Self, Flaw> {
        if text.len() > MAX_LENGTH {
            return Err(Flaw::new(
                format!("this schedule has {} characters", text.len()),
                format!("EventBridge accepts at most {MAX_LENGTH}"),
            ));
        }
        if let Some(inner) = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')) {
            return parse_rate(text, inner);
        }
        if let Some(inner) = text.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')) {
            let cron = CronExpression::parse_fields(inner, "cron(".len())?;
            let (expression, interval_s) = (cron.to_expression(), cron.shortest_interval_s());
            return Ok(Self { expression, interval_s, pattern: SchedulePattern::Cron(Box::new(cron)), zone: None });
        }
        Err(explain_invalid_schedule(text))
    }

    /// The same schedule, in a time zone. One that isn't known is UTC, as an interval always is.
    #[must_use]
    pub fn in_zone(self, zone: &str) -> Self {
        let is_cron = matches!(self.pattern, SchedulePattern::Cron(_));
        let zone = find_timezone(zone).ok().filter(|zone| is_cron && *zone != TimeZone::UTC);
        Self { zone, ..self }
    }

    /// What the expression says.
    pub fn pattern(&self) -> &SchedulePattern {
        &self.pattern
    }

    /// When a rule with this schedule next fires after `now`. A rate counts from when the rule was enabled.
    pub fn next_after(&self, now: Timestamp, enabled: Timestamp) -> Option<Timestamp> {
        match &self.pattern {
            SchedulePattern::Cron(cron) => match &self.zone {
                Some(zone) => next_in_zone(cron, now, zone),
                None => cron.next_after(now),
            },
            SchedulePattern::Rate(rate) => {
                let interval = i64::try_from(rate.interval_s()).ok()?;
                let passed = (now.as_second() - enabled.as_second()).max(0) / interval;
                enabled.checked_add(SignedDuration::from_secs((passed + 1).checked_mul(interval)?)).ok()
            }
        }
    }

    /// Firings in the given number of hours, on average, in thousandths of a firing, rounded to the nearest.
    pub fn firings_in(&self, hours: u64) -> u64 {
        match &self.pattern {
            SchedulePattern::Cron(cron) => cron.firings_in(hours),
            SchedulePattern::Rate(rate) => {
                let interval = u128::from(rate.interval_s());
                let thousandths = u128::from(hours) * 3600 * 1000;
                u64::try_from((thousandths + interval / 2) / interval).unwrap_or(u64::MAX)
            }
        }
    }

    /// The longest time between two firings, in seconds; `None` if it fires only once.
    pub fn longest_gap_s(&self) -> Option<u64> {
        match &self.pattern {
            // When clocks go back, the next day comes an hour later.
            SchedulePattern::Cron(cron) => {
                cron.longest_gap_s().map(|gap| gap + self.zone.as_ref().map_or(0, |_| RateUnit::Hour.seconds()))
            }
            SchedulePattern::Rate(rate) => Some(rate.interval_s()),
        }
    }

    /// How many of the given hours have at least one firing of a rule with this schedule, on average, in thousandths of
    /// an hour.
    pub fn busy_hours_in(&self, hours: u64) -> u64 {
        match &self.pattern {
            SchedulePattern::Cron(cron) => cron.busy_hours_in(hours),
            SchedulePattern::Rate(_) => self.firings_in(hours).min(hours.saturating_mul(1000)),
        }
    }
}

/// When a cron expression fires next in a time zone: the wall clock there decides. A time that a change of clocks skips comes
/// right after it, and one that comes twice counts the first time
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>).
fn next_in_zone(cron: &CronExpression, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let mut wall = zone.to_datetime(now);
    // More than one turn is only needed where clocks have just gone back.
    for _ in 0..MOST_REPEATED {
        let next = cron.next_after(TimeZone::UTC.to_timestamp(wall).ok()?)?;
        wall = TimeZone::UTC.to_datetime(next);
        let at = zone.to_timestamp(wall).ok()?;
        if at > now {
            return Some(at);
        }
    }
    None
}

/// The two kinds of schedules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchedulePattern {
    /// `rate(...)`: at an interval that starts when the rule is enabled.
    Rate(ScheduleRate),
    /// `cron(...)`: at times of the day, in UTC or in the zone of a schedule of EventBridge Scheduler.
    Cron(Box<CronExpression>),
}

/// An interval, such as `5 minutes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleRate {
    /// How many units. Never 0.
    count: u64,
    unit: RateUnit,
}

/// The units of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RateUnit {
    Minute,
    Hour,
    Day,
}

impl RateUnit {
    fn seconds(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }

    /// The unit in the singular.
    fn unit_word(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl ScheduleRate {
    /// How many units it has, and the unit's name in the singular.
    pub fn count_and_unit(self) -> (u64, &'static str) {
        (self.count, self.unit.unit_word())
    }

    /// The interval in seconds. Never 0.
    fn interval_s(self) -> u64 {
        self.count.saturating_mul(self.unit.seconds())
    }
}

fn explain_invalid_schedule(text: &str) -> Flaw {
    let trimmed = text.trim();
    let lower = trimmed.to_ascii_lowercase();
    if trimmed != text || lower != trimmed {
        for candidate in [trimmed, &lower].into_iter().filter(|candidate| *candidate != text) {
            if let Ok(schedule) = ScheduleExpression::parse_expression(candidate) {
                let message = "EventBridge accepts this only in lowercase and without surrounding spaces";
                return Flaw::new(message, format!("write {}", schedule.expression));
            }
        }
    }
    if lower.starts_with("at(") {
        return Flaw::new("`at(...)` runs only once and works in EventBridge Scheduler, not in rules", EXAMPLES);
    }
    let words: Vec<&str> = trimmed.split_whitespace().collect();
    match words.len() {
        5 | 6 if !trimmed.contains('(') => {
            let help = suggest_expression(&words).map_or_else(|| EXAMPLES.to_owned(), |fixed| format!("write {fixed}"));
            Flaw::new("a cron expression must be inside `cron(...)`, with six fields", help)
        }
        _ => Flaw::new("this is not a schedule: it must be rate(...) or cron(...)", EXAMPLES),
    }
}

fn parse_rate(text: &str, inner: &str) -> Result<ScheduleExpression, Flaw> {
    let start = "rate(".len();
    let whole = start..start + inner.len();
    let mut words = inner.split_whitespace();
    let (Some(number), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return Err(Flaw::new("rate(...) takes a number and a unit", "write it like rate(5 minutes)").at_span(whole));
    };
    let singular = unit.to_ascii_lowercase();
    let singular = singular.strip_suffix('s').unwrap_or(&singular);
    let rate_unit = match singular {
        "minute" | "min" => RateUnit::Minute,
        "hour" | "hr" => RateUnit::Hour,
        "day" => RateUnit::Day,
        _ => {
            let help = match singular {
                "second" | "sec" => "the shortest is rate(1 minute)".to_owned(),
                "week" => "write it in days, such as rate(7 days)".to_owned(),
                _ => format!("write it like rate({number} minutes)"),
            };
            let at = span_within(inner, unit, start);
            return Err(Flaw::new("the unit of a rate must be minutes, hours or days", help).at_span(at));
        }
    };
    let singular = rate_unit.unit_word();
    let count = number.parse::<u64>().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(count) = count.filter(|count| *count > 0) else {
        return Err(Flaw::new(
            "the number of a rate must be a whole number of 1 or more",
            format!("the shortest is rate(1 {singular}); to stop the rule, set status = \"paused\""),
        )
        .at_span(span_within(inner, number, start)));
    };
    let plural = if count == 1 { "" } else { "s" };
    let right = format!("rate({count} {singular}{plural})");
    if right != text {
        let (message, at) = if unit == format!("{singular}{plural}") {
            ("EventBridge accepts a rate only in its plain form", whole)
        } else if count == 1 {
            ("EventBridge requires the singular with 1", span_within(inner, unit, start))
        } else {
            ("EventBridge requires the plural with a number above 1", span_within(inner, unit, start))
        };
        return Err(Flaw::new(message, format!("write {right}")).at_span(at));
    }
    let rate = ScheduleRate { count, unit: rate_unit };
    let interval_s = Some(rate.interval_s());
    Ok(ScheduleExpression { expression: right, interval_s, pattern: SchedulePattern::Rate(rate), zone: None })
}

/// The byte range of `part` in the expression. `part` is a slice of `inner`, which starts at `start`.
fn span_within(inner: &str, part: &str, start: usize) -> std::ops::Range<usize> {
    let offset = start + (part.as_ptr() as usize - inner.as_ptr() as usize);
    offset..offset + part.len()
}
