//! Times and schedules in words, for people who don't read `cron`. Schedules are in UTC, like the rules.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use deployer_core::manifest::{CronBase, CronDays, CronExpression, CronItem, ScheduleExpression, SchedulePattern};

/// `today 14:05`, `yesterday 23:10`, `23 Nov 14:05`; with the year if it isn't the current one.
pub(super) fn zoned_moment_text(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()).date());
    let time = at.strftime("%H:%M");
    match days_between(today, at.date()) {
        0 => format!("today {time}"),
        -1 => format!("yesterday {time}"),
        1 => format!("tomorrow {time}"),
        _ if at.year() == today.year() => format!("{} {time}", at.strftime("%-d %b")),
        _ => format!("{} {time}", at.strftime("%-d %b %Y")),
    }
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until((Unit::Day, to)).map(|span| span.get_days()).unwrap_or(i32::MAX)
}

/// `every 5 minutes`, `every day at 08:00 UTC`, `Monday to Friday at 08:00 UTC`. An expression that can't be put into
/// such words is returned unchanged.
pub(super) fn schedule_text(expression: &str) -> String {
    let schedule = ScheduleExpression::parse_expression(expression).ok();
    let words = schedule.and_then(|schedule| match schedule.pattern() {
        SchedulePattern::Rate(rate) => Some(match rate.count_and_unit() {
            (1, unit) => format!("every {unit}"),
            (count, unit) => format!("every {count} {unit}s"),
        }),
        SchedulePattern::Cron(cron) => cron_text(cron),
    });
    words.unwrap_or_else(|| format!("{expression} UTC"))
}

fn cron_text(cron: &CronExpression) -> Option<String> {
    if cron.months.items != [CronItem::ALL] || cron.years.items != [CronItem::ALL] {
        return None;
    }
    let days = match (&cron.day_of_month, &cron.day_of_week) {
        (CronDays::List(days), CronDays::Any) if days.items == [CronItem::ALL] => "every day".to_owned(),
        (CronDays::Any, CronDays::List(days)) if days.items == [CronItem::ALL] => "every day".to_owned(),
        (CronDays::Any, CronDays::List(days)) => weekday_names(&days.items)?,
        (CronDays::LastOfMonth, CronDays::Any) => "on the last day of the month".to_owned(),
        (CronDays::List(days), CronDays::Any) => format!("on day {} of the month", single_value(&days.items)?),
        _ => return None,
    };
    let (minutes, hours) = (&cron.minutes.items, &cron.hours.items);
    if let (Some(minute), Some(hour)) = (single_value(minutes), single_value(hours)) {
        return Some(format!("{days} at {hour:02}:{minute:02} UTC"));
    }
    let often = match minutes[..] {
        [CronItem::ALL] => "every minute".to_owned(),
        [CronItem { base: CronBase::All, step: Some(step) }] if step > 1 && 60 % step == 0 => {
            format!("every {step} minutes")
        }
        // From whichever minute on, if it comes before the first increment: nothing is left out then.
        [CronItem { base: CronBase::One(first), step: Some(step) }] if first < step && 60 % step == 0 => {
            format!("every {step} minutes")
        }
        [CronItem { base: CronBase::One(minute), step: None }] => format!("at minute {minute} of every hour"),
        _ => return None,
    };
    let hours = match hours[..] {
        [CronItem::ALL] => String::new(),
        [CronItem { base: CronBase::Range(from, to), step: None }] => format!(" from {from:02}:00 to {to:02}:59 UTC"),
        _ => return None,
    };
    let days = if days == "every day" { String::new() } else { format!(", {days}") };
    Some(format!("{often}{hours}{days}"))
}

fn single_value(items: &[CronItem]) -> Option<u16> {
    match items {
        [CronItem { base: CronBase::One(value), step: None }] => Some(*value),
        _ => None,
    }
}

fn weekday_names(items: &[CronItem]) -> Option<String> {
    const NAMES: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let name = |day: u16| NAMES.get(usize::from(day).checked_sub(1)?).copied();
    if let [CronItem { base: CronBase::Range(from, to), step: None }] = *items {
        return Some(format!("{} to {}", name(from)?, name(to)?));
    }
    let names: Option<Vec<&str>> = items.iter().map(|item| name(single_value(&[*item])?)).collect();
    Some(format!("every {}", names?.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_schedules_or_returns_the_expression() {
        for (expression, words) in [
            ("rate(5 minutes)", "every 5 minutes"),
            ("rate(1 hour)", "every hour"),
            ("cron(0 8 * * ? *)", "every day at 08:00 UTC"),
            ("cron(30 6 ? * MON-FRI *)", "Monday to Friday at 06:30 UTC"),
            ("cron(0/15 8-18 ? * MON-FRI *)", "every 15 minutes from 08:00 to 18:59 UTC, Monday to Friday"),
            ("cron(0/10 * * * ? *)", "every 10 minutes"),
            ("cron(7/10 * * * ? *)", "every 10 minutes"),
            ("cron(12/10 * * * ? *)", "cron(12/10 * * * ? *) UTC"),
            ("cron(5 * ? * 1,7 *)", "at minute 5 of every hour, every Sunday, Saturday"),
            ("cron(0 8 L * ? *)", "on the last day of the month at 08:00 UTC"),
            ("cron(0 8 ? * 6L *)", "cron(0 8 ? * 6L *) UTC"),
            ("cron(0/7 * * * ? *)", "cron(0/7 * * * ? *) UTC"),
            ("cron(0 8 15W * ? *)", "cron(0 8 15W * ? *) UTC"),
            ("cron(0 8 * 1 ? *)", "cron(0 8 * 1 ? *) UTC"),
        ] {
            assert_eq!(schedule_text(expression), words);
        }
    }

    #[test]
    fn words_moments_relative_to_now() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
        for (at, words) in [
            ("2026-03-01T00:00:00Z", "today 00:00"),
            ("2026-02-28T23:59:59Z", "yesterday 23:59"),
            ("2026-03-02T08:00:00Z", "tomorrow 08:00"),
            ("2026-02-03T08:00:00Z", "3 Feb 08:00"),
            ("2025-12-31T08:00:00Z", "31 Dec 2025 08:00"),
        ] {
            assert_eq!(zoned_moment_text(at.parse().expect("a time"), now, &TimeZone::UTC), words);
        }
    }
}
