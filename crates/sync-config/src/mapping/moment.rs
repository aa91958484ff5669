//! Dates and times: as HubSpot stores them, and as leads have them.
//!
//! HubSpot's `date` properties are `2026-06-01`, its `datetime` properties UTC in ISO 8601 or milliseconds since 1970.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

const DAY_MS: i64 = 86_400_000;
/// Shorter numbers are years or counts, not milliseconds since 1970.
const SHORTEST_MS: usize = 11;

/// A point in time, as exactly as a property says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Day(Date),
    Clock(Time),
    Instant(Timestamp),
}

/// What a filter shows of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Date,
    Time,
    Both,
}

/// The zone that the time of an event is in. Zones are IANA's (`America/New_York`).
///
/// # Errors
/// The name isn't in the database.
pub fn find_timezone(name: &str) -> Result<TimeZone, jiff::Error> {
    TimeZone::get(name)
}

/// Parses HubSpot's dates and times, and a time of day such as `18:30`.
fn parse_moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() >= SHORTEST_MS && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let at = Timestamp::from_millisecond(text.parse().ok()?).ok()?;
        let is_day = at.as_millisecond() % DAY_MS == 0;
        return Some(if is_day { Moment::Day(at.to_zoned(TimeZone::UTC).date()) } else { Moment::Instant(at) });
    }
    if let Some((hour, minute)) = text.split_once(':')
        && hour.len() <= 2
        && minute.len() >= 2
    {
        return format!("{hour:0>2}:{minute}").parse().ok().map(Moment::Clock);
    }
    if text.len() == "2026-06-01".len() {
        return text.parse().ok().map(Moment::Day);
    }
    let instant = text.parse::<Timestamp>().ok();
    // HubSpot's times are UTC even where they don't say so.
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    instant.or_else(civil).map(Moment::Instant)
}

/// `text` in the venue's time, by `format` (strftime) or in the default form; `None` if it isn't a date or time.
pub(super) fn format_moment(text: &str, shown: Shown, format: Option<&str>, zone: &TimeZone) -> Option<String> {
    let local = match (parse_moment(text)?, shown) {
        (Moment::Instant(at), _) => at.to_zoned(zone.clone()).datetime(),
        (Moment::Day(date), Shown::Date) => date.to_datetime(Time::midnight()),
        (Moment::Clock(time), Shown::Time) => Date::new(2000, 1, 1).ok()?.to_datetime(time),
        // A date has no time, and a time of day no date.
        (Moment::Day(_), Shown::Time | Shown::Both) | (Moment::Clock(_), Shown::Date | Shown::Both) => return None,
    };
    let format = format.map_or_else(|| default_format(shown, local), str::to_owned);
    strtime::format(&format, local).ok()
}

/// `2026-06-01` is what the date field of Tripleseat's own form sends, and `12pm` is how its page writes times.
fn default_format(shown: Shown, local: DateTime) -> String {
    let time = if local.minute() == 0 { "%-I%P" } else { "%-I:%M%P" };
    match shown {
        Shown::Date => "%Y-%m-%d".to_owned(),
        Shown::Time => time.to_owned(),
        Shown::Both => format!("%Y-%m-%d {time}"),
    }
}

/// Whether dates and times can be written by this format.
pub(super) fn is_valid_format(format: &str) -> bool {
    strtime::format(format, DateTime::constant(2026, 6, 1, 18, 30, 0, 0)).is_ok_and(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_and_times_in_the_venues_zone() {
        let zone = find_timezone("America/New_York").expect("a zone");
        for (text, shown, format, expected) in [
            ("2026-06-01", Shown::Date, None, Some("2026-06-01")),
            ("2026-06-01", Shown::Date, Some("%m/%d/%Y"), Some("06/01/2026")),
            // 11 p.m. on the day before.
            ("2026-06-02T03:00:00Z", Shown::Date, None, Some("2026-06-01")),
            ("2026-06-02T03:00:00Z", Shown::Time, None, Some("11pm")),
            ("2026-06-01T16:00:00.000Z", Shown::Time, None, Some("12pm")),
            ("2026-06-01T22:30:00Z", Shown::Time, None, Some("6:30pm")),
            ("2026-12-01T22:30:00Z", Shown::Time, None, Some("5:30pm")),
            ("2026-06-01T22:30:00", Shown::Both, None, Some("2026-06-01 6:30pm")),
            ("2026-06-01T22:30:00Z", Shown::Both, Some("%d.%m.%Y %H:%M"), Some("01.06.2026 18:30")),
            ("1780351800000", Shown::Both, None, Some("2026-06-01 6:10pm")),
            ("1780272000000", Shown::Date, None, Some("2026-06-01")),
            ("18:30", Shown::Time, None, Some("6:30pm")),
            ("9:00", Shown::Time, Some("%H:%M"), Some("09:00")),
            ("18:30", Shown::Date, None, None),
            ("2026-06-01", Shown::Time, None, None),
            ("next June", Shown::Date, None, None),
            ("2026", Shown::Date, None, None),
            ("", Shown::Both, None, None),
            ("99999999999999999999", Shown::Date, None, None),
        ] {
            assert_eq!(format_moment(text, shown, format, &zone).as_deref(), expected, "{text} {shown:?} {format:?}");
        }
    }

    #[test]
    fn recognizes_unusable_formats() {
        for format in ["%m/%d/%Y", "%-I%P", "%A, %B %e"] {
            assert!(is_valid_format(format), "{format}");
        }
        for format in ["%", "%&", "", " ", "%Z"] {
            assert!(!is_valid_format(format), "{format}");
        }
    }

    #[test]
    fn zones_are_known_without_any_being_installed() {
        for name in ["Europe/Berlin", "America/Los_Angeles", "Africa/Casablanca", "Asia/Kolkata", "UTC"] {
            assert!(find_timezone(name).is_ok(), "{name}");
        }
        assert!(find_timezone("Mars/Olympus").is_err());
    }
}
