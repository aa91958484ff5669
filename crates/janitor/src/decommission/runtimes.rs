//! Until when Lambda creates functions with each of its runtimes. A function whose runtime it no longer takes can't be
//! restored, however complete its archive is.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// When the table was last compared with <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>.
pub const TABLE_CHECKED: Date = date(2026, 11, 29);
/// How long before Lambda refuses a runtime a plan warns of it. AWS announces a deprecation at least 180 days ahead.
pub const TOLD_AHEAD: SignedDuration = SignedDuration::from_hours(24 * 183);

/// A runtime's dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuntimeDates {
    /// Its identifier: `nodejs22.x`.
    pub name: &'static str,
    /// When it is no longer maintained.
    pub deprecated: Date,
    /// From when on no function can be created with it.
    pub create_blocked: Date,
    /// From when on no function can be updated that has it; `None` if that isn't known, and creation was blocked earlier.
    pub update_blocked: Option<Date>,
}

const fn dated(name: &'static str, deprecated: Date, create_blocked: Date, update_blocked: Date) -> RuntimeDates {
    RuntimeDates { name, deprecated, create_blocked, update_blocked: Some(update_blocked) }
}

const fn blocked(name: &'static str, deprecated: Date, create_blocked: Date) -> RuntimeDates {
    RuntimeDates { name, deprecated, create_blocked, update_blocked: None }
}

/// AWS moved the blocks of these to the same days, in 2026.
const POSTPONED: (Date, Date) = (date(2027, 2, 1), date(2027, 3, 3));
/// The runtimes on Amazon Linux 2 that outlive it.
const AL2: (Date, Date, Date) = (date(2027, 6, 30), date(2027, 7, 31), date(2027, 8, 31));
/// The runtimes that last as long as Amazon Linux 2023.
const AL2023: (Date, Date, Date) = (date(2029, 6, 30), date(2029, 7, 31), date(2029, 8, 31));

/// All runtimes that AWS ever listed, except for previews and those that only images have.
pub const RUNTIMES: [RuntimeDates; 48] = [
    dated("nodejs24.x", date(2028, 4, 30), date(2028, 6, 1), date(2028, 7, 1)),
    dated("nodejs22.x", date(2027, 4, 30), date(2027, 6, 1), date(2027, 7, 1)),
    dated("nodejs20.x", date(2026, 4, 30), POSTPONED.0, POSTPONED.1),
    dated("nodejs18.x", date(2025, 9, 1), POSTPONED.0, POSTPONED.1),
    dated("nodejs16.x", date(2024, 6, 12), POSTPONED.0, POSTPONED.1),
    blocked("nodejs14.x", date(2023, 12, 4), date(2024, 1, 9)),
    blocked("nodejs12.x", date(2023, 3, 31), date(2023, 3, 31)),
    blocked("nodejs10.x", date(2021, 7, 30), date(2021, 7, 30)),
    blocked("nodejs8.10", date(2020, 3, 6), date(2020, 2, 4)),
    blocked("nodejs6.10", date(2019, 8, 12), date(2019, 7, 12)),
    blocked("nodejs4.3-edge", date(2019, 4, 30), date(2019, 3, 31)),
    blocked("nodejs4.3", date(2020, 3, 5), date(2020, 2, 3)),
    blocked("nodejs", date(2016, 10, 31), date(2016, 9, 30)),
    dated("python3.14", AL2023.0, AL2023.1, AL2023.2),
    dated("python3.13", AL2023.0, AL2023.1, AL2023.2),
    dated("python3.12", date(2028, 10, 31), date(2028, 11, 30), date(2029, 1, 10)),
    dated("python3.11", AL2.0, AL2.1, AL2.2),
    dated("python3.10", date(2026, 10, 31), POSTPONED.0, POSTPONED.1),
    dated("python3.9", date(2025, 12, 15), POSTPONED.0, POSTPONED.1),
    dated("python3.8", date(2024, 10, 14), POSTPONED.0, POSTPONED.1),
    blocked("python3.7", date(2023, 12, 4), date(2024, 1, 9)),
    blocked("python3.6", date(2022, 7, 18), date(2022, 7, 18)),
    blocked("python2.7", date(2021, 7, 15), date(2021, 7, 15)),
    dated("java25", AL2023.0, AL2023.1, AL2023.2),
    dated("java21", AL2023.0, AL2023.1, AL2023.2),
    dated("java17.al2023", AL2023.0, AL2023.1, AL2023.2),
    dated("java11.al2023", AL2023.0, AL2023.1, AL2023.2),
    dated("java8.al2023", AL2023.0, AL2023.1, AL2023.2),
    dated("java17", AL2.0, AL2.1, AL2.2),
    dated("java11", AL2.0, AL2.1, AL2.2),
    dated("java8.al2", AL2.0, AL2.1, AL2.2),
    blocked("java8", date(2024, 1, 8), date(2024, 2, 8)),
    dated("dotnet10", date(2028, 11, 14), date(2028, 12, 14), date(2029, 1, 15)),
    dated("dotnet8", date(2026, 11, 10), POSTPONED.0, POSTPONED.1),
    dated("dotnet6", date(2024, 12, 20), POSTPONED.0, POSTPONED.1),
    blocked("dotnetcore3.1", date(2023, 4, 3), date(2023, 4, 3)),
    blocked("dotnetcore2.1", date(2022, 1, 5), date(2022, 1, 5)),
    blocked("dotnetcore2.0", date(2019, 5, 30), date(2019, 4, 30)),
    blocked("dotnetcore1.0", date(2019, 7, 30), date(2019, 6, 27)),
    dated("ruby3.4", date(2028, 3, 31), date(2028, 4, 30), date(2028, 5, 31)),
    dated("ruby3.3", date(2027, 3, 31), date(2027, 4, 30), date(2027, 5, 31)),
    dated("ruby3.2", date(2026, 3, 31), POSTPONED.0, POSTPONED.1),
    blocked("ruby2.7", date(2023, 12, 7), date(2024, 1, 9)),
    blocked("ruby2.5", date(2021, 7, 30), date(2021, 7, 30)),
    blocked("go1.x", date(2024, 1, 8), date(2024, 2, 8)),
    dated("provided.al2023", AL2023.0, AL2023.1, AL2023.2),
    dated("provided.al2", date(2026, 7, 31), POSTPONED.0, POSTPONED.1),
    blocked("provided", date(2024, 1, 8), date(2024, 2, 8)),
];

/// Whether Lambda still creates functions with a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeStanding {
    /// It does, for at least [`TOLD_AHEAD`].
    Creatable,
    /// It does, but not for long. In words.
    Ending(String),
    /// It doesn't. In words.
    Blocked(String),
    /// The table doesn't have it. In words.
    Unlisted(String),
}

/// Judges a runtime on a day.
pub fn judge_runtime(name: &str, now: Timestamp) -> RuntimeStanding {
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let Some(dates) = RUNTIMES.iter().find(|dates| dates.name == name) else {
        return RuntimeStanding::Unlisted(format!(
            "whether Lambda still creates functions with {name} isn't known: AWS's list, as of {TABLE_CHECKED}, doesn't have it"
        ));
    };
    let RuntimeDates { deprecated, create_blocked, .. } = dates;
    if *create_blocked <= day(now) {
        return RuntimeStanding::Blocked(format!(
            "Lambda creates no functions with {name} since {create_blocked}, so it could be restored only with another runtime"
        ));
    }
    if *create_blocked <= day(now.saturating_add(TOLD_AHEAD).unwrap_or(Timestamp::MAX)) {
        return RuntimeStanding::Ending(format!(
            "it can be restored until {create_blocked}: from then on, Lambda creates no functions with {name} (deprecated \
             {deprecated}; AWS's list as of {TABLE_CHECKED})"
        ));
    }
    RuntimeStanding::Creatable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(name: &str, day: &str) -> RuntimeStanding {
        judge_runtime(name, format!("{day}T12:00:00Z").parse().expect("a time"))
    }

    #[test]
    fn a_runtime_ends_as_aws_says() {
        assert_eq!(standing("nodejs22.x", "2026-11-29"), RuntimeStanding::Creatable);
        let RuntimeStanding::Ending(why) = standing("nodejs22.x", "2026-12-15") else { panic!("it ends in 2027-06") };
        assert!(why.contains("it can be restored until 2027-06-01"), "{why}");
        assert!(matches!(standing("nodejs22.x", "2027-05-31"), RuntimeStanding::Ending(_)));
        let RuntimeStanding::Blocked(why) = standing("nodejs22.x", "2027-06-01") else { panic!("it is blocked") };
        assert!(why.starts_with("Lambda creates no functions with nodejs22.x since 2027-06-01"), "{why}");
        assert!(matches!(standing("python3.7", "2026-11-29"), RuntimeStanding::Blocked(_)));
        let RuntimeStanding::Unlisted(why) = standing("cobol85", "2026-11-29") else { panic!("it isn't listed") };
        assert!(why.contains("as of 2026-11-29"), "{why}");
    }

    #[test]
    fn the_table_has_each_runtime_once_and_its_dates_in_order() {
        for (at, dates) in RUNTIMES.iter().enumerate() {
            assert!(RUNTIMES[at + 1..].iter().all(|other| other.name != dates.name), "{}", dates.name);
            assert!(dates.update_blocked.is_none_or(|update| update > dates.create_blocked), "{}", dates.name);
            if dates.update_blocked.is_some() {
                assert!(dates.create_blocked >= dates.deprecated, "{}", dates.name);
            }
        }
    }
}
