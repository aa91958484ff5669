//! Schedule expressions, checked by EventBridge's own rules, so that a mistake is found here and not by `PutRule`.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

use jiff::{SignedDuration, Timestamp};

use super::cron::CronExpression;
use super::{Flaw, ScheduleExpression};

const EXAMPLES: &str = "write a schedule such as rate(5 minutes) or cron(0/15 8-18 ? * MON-FRI *)";
/// The longest `ScheduleExpression` that EventBridge's `PutRule` accepts.
const MAX_LENGTH: usize = 256;

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
            return Ok(Self { expression: cron.to_expression(), interval_s: cron.shortest_interval_s() });
        }
        Err(explain_invalid_schedule(text))
    }

    /// When a rule with this schedule next fires after `now`. A rate counts from when the rule was enabled.
    pub fn next_after(&self, now: Timestamp, enabled: Timestamp) -> Option<Timestamp> {
        if let Some(inner) = self.expression.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')) {
            return CronExpression::parse_fields(inner, 0).ok()?.next_after(now);
        }
        let interval = i64::try_from(self.interval_s?).ok().filter(|seconds| *seconds > 0)?;
        let passed = (now.as_second() - enabled.as_second()).max(0) / interval;
        enabled.checked_add(SignedDuration::from_secs((passed + 1).checked_mul(interval)?)).ok()
    }

    /// Firings in the given number of hours, on average, in thousandths of a firing, rounded to the nearest.
    pub fn firings_in(&self, hours: u64) -> u64 {
        if let Some(inner) = self.expression.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')) {
            return CronExpression::parse_fields(inner, 0).map(|cron| cron.firings_in(hours)).unwrap_or_default();
        }
        let interval = self.interval_s.unwrap_or_default();
        let thousandths = u128::from(hours) * 3600 * 1000;
        let rounded = (thousandths + u128::from(interval / 2)).checked_div(u128::from(interval));
        u64::try_from(rounded.unwrap_or_default()).unwrap_or(u64::MAX)
    }

    /// How many of the given hours have at least one firing of a rule with this schedule, on average, in thousandths of
    /// an hour.
    pub fn busy_hours_in(&self, hours: u64) -> u64 {
        match self.expression.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')) {
            Some(inner) => {
                CronExpression::parse_fields(inner, 0).map(|cron| cron.busy_hours_in(hours)).unwrap_or_default()
            }
            None => self.firings_in(hours).min(hours.saturating_mul(1000)),
        }
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
    match trimmed.split_whitespace().count() {
        5 | 6 if !trimmed.contains('(') => {
            Flaw::new("a cron expression must be inside `cron(...)`", format!("write cron({trimmed})"))
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
    let seconds: u64 = match singular {
        "minute" | "min" => 60,
        "hour" | "hr" => 3600,
        "day" => 86_400,
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
    let singular = match seconds {
        60 => "minute",
        3600 => "hour",
        _ => "day",
    };
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
    Ok(ScheduleExpression { expression: right, interval_s: Some(count.saturating_mul(seconds)) })
}

/// The byte range of `part` in the expression. `part` is a slice of `inner`, which starts at `start`.
fn span_within(inner: &str, part: &str, start: usize) -> std::ops::Range<usize> {
    let offset = start + (part.as_ptr() as usize - inner.as_ptr() as usize);
    offset..offset + part.len()
}
