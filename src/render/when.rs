//! Times and schedules in words, for people who don't read `cron`. All in UTC, like the rules.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

/// `today 14:05`, `yesterday 23:10`, `23 Nov 14:05`; with the year if it isn't the current one.
pub(super) fn moment_text(at: Timestamp, now: Timestamp) -> String {
    let (at, today) = (at.to_zoned(TimeZone::UTC), now.to_zoned(TimeZone::UTC).date());
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
    let inner = |kind: &str| expression.strip_prefix(kind)?.strip_suffix(')');
    if let Some(rate) = inner("rate(") {
        return match rate.split_once(' ') {
            Some(("1", unit)) => format!("every {unit}"),
            _ => format!("every {rate}"),
        };
    }
    inner("cron(").and_then(cron_text).unwrap_or_else(|| format!("{expression} UTC"))
}

fn cron_text(fields: &str) -> Option<String> {
    let fields: Vec<&str> = fields.split(' ').collect();
    let [minutes, hours, day_of_month, "*", day_of_week, "*"] = fields.as_slice() else { return None };
    let days = match (*day_of_month, *day_of_week) {
        ("*", "?") | ("?", "*") => "every day".to_owned(),
        ("?", days) => weekday_names(days)?,
        ("L", "?") => "on the last day of the month".to_owned(),
        (day, "?") => format!("on day {} of the month", day.parse::<u8>().ok()?),
        _ => return None,
    };
    if let (Ok(minute), Ok(hour)) = (minutes.parse::<u8>(), hours.parse::<u8>()) {
        return Some(format!("{days} at {hour:02}:{minute:02} UTC"));
    }
    let often = match minutes.strip_prefix("0/").or_else(|| minutes.strip_prefix("*/")) {
        Some(step) => format!("every {} minutes", step.parse::<u8>().ok().filter(|step| *step > 1 && 60 % step == 0)?),
        None if *minutes == "*" => "every minute".to_owned(),
        None => format!("at minute {} of every hour", minutes.parse::<u8>().ok()?),
    };
    let hours = match hours.split_once('-') {
        _ if *hours == "*" => String::new(),
        Some((from, to)) => {
            format!(" from {:02}:00 to {:02}:59 UTC", from.parse::<u8>().ok()?, to.parse::<u8>().ok()?)
        }
        None => return None,
    };
    let days = if days == "every day" { String::new() } else { format!(", {days}") };
    Some(format!("{often}{hours}{days}"))
}

fn weekday_names(words: &str) -> Option<String> {
    const NAMES: [(&str, &str); 7] = [
        ("SUN", "Sunday"),
        ("MON", "Monday"),
        ("TUE", "Tuesday"),
        ("WED", "Wednesday"),
        ("THU", "Thursday"),
        ("FRI", "Friday"),
        ("SAT", "Saturday"),
    ];
    let name = |word: &str| {
        let by_name = NAMES.iter().find(|(short, _)| *short == word);
        let by_number = || NAMES.get(word.parse::<usize>().ok()?.checked_sub(1)?);
        by_name.or_else(by_number).map(|(_, long)| *long)
    };
    match words.split_once('-') {
        Some((from, to)) => Some(format!("{} to {}", name(from)?, name(to)?)),
        None => {
            let names: Option<Vec<&str>> = words.split(',').map(name).collect();
            Some(format!("every {}", names?.join(", ")))
        }
    }
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
            assert_eq!(moment_text(at.parse().expect("a time"), now), words);
        }
    }
}
