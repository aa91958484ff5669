//! Runs by the hour, for a picture of the last day.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::VenueRun;

/// Seconds of an hour.
const HOUR_S: i64 = 3600;

/// The runs that ended in one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HourCounts {
    /// When the hour began: a full hour in UTC.
    pub from: Timestamp,
    /// How many runs ended in it.
    pub runs: u64,
    /// How many of them failed.
    pub failed_runs: u64,
    /// Contacts that became leads.
    pub synced: u64,
}

/// What is known about one hour of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HourCell {
    /// It is before the period that was read.
    NotRead,
    /// It was read. Without a run, all counts are zero.
    Read(HourCounts),
}

/// Counts a run in its hour. `hours` stays sorted.
pub(super) fn add_to_hour(hours: &mut Vec<HourCounts>, run: &VenueRun) {
    let from = start_of_hour(run.ended_at);
    let index = match hours.binary_search_by_key(&from, |hour| hour.from) {
        Ok(index) => index,
        Err(index) => {
            hours.insert(index, empty_hour(from));
            index
        }
    };
    let hour = &mut hours[index];
    hour.runs += 1;
    hour.failed_runs += u64::from(run.error.is_some());
    hour.synced += run.synced;
}

/// The `count` hours up to the one of `now`, oldest first. An hour that began before `since` wasn't read completely,
/// and counts as not read unless a run of it is known.
pub(super) fn last_hours(hours: &[HourCounts], count: u32, since: Timestamp, now: Timestamp) -> Vec<HourCell> {
    let newest = start_of_hour(now);
    let start = |back: u32| newest.checked_sub(SignedDuration::from_hours(i64::from(back))).unwrap_or(Timestamp::MIN);
    let cell = |from: Timestamp| match hours.binary_search_by_key(&from, |hour| hour.from) {
        Ok(index) => HourCell::Read(hours[index].clone()),
        Err(_) if from < start_of_hour(since) => HourCell::NotRead,
        Err(_) => HourCell::Read(empty_hour(from)),
    };
    (0..count).rev().map(|back| cell(start(back))).collect()
}

fn empty_hour(from: Timestamp) -> HourCounts {
    HourCounts { from, runs: 0, failed_runs: 0, synced: 0 }
}

fn start_of_hour(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(HOUR_S) * HOUR_S).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::super::RunHistory;
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn counts_by_the_hour_in_any_order_and_tells_silence_from_unread() {
        let mut runs = RunHistory::default();
        for (at, synced) in [("2026-03-08T07:59:59Z", 2), ("2026-03-08T06:00:00Z", 5), ("2026-03-08T07:00:00Z", 1)] {
            runs.add_run(VenueRun { synced, ..VenueRun::new_ended(time(at)) });
        }
        assert_eq!(runs.hours.iter().map(|hour| (hour.runs, hour.synced)).collect::<Vec<_>>(), [(1, 5), (2, 3)]);
        let cells = last_hours(&runs.hours, 5, time("2026-03-08T05:30:00Z"), time("2026-03-08T08:10:00Z"));
        let counts = |cell: &HourCell| match cell {
            HourCell::NotRead => None,
            HourCell::Read(hour) => Some((hour.runs, hour.synced)),
        };
        assert_eq!(
            cells.iter().map(counts).collect::<Vec<_>>(),
            [None, Some((0, 0)), Some((1, 5)), Some((2, 3)), Some((0, 0))]
        );
    }

    #[test]
    fn has_as_many_hours_on_days_of_23_and_25() {
        // In New York, 2026-03-08 has 23 hours and 2026-11-01 has 25; an hour is an hour.
        for now in ["2026-03-09T04:00:00Z", "2026-11-02T05:00:00Z"] {
            let cells = last_hours(&[], 24, Timestamp::MIN, time(now));
            let starts: Vec<Timestamp> = cells
                .iter()
                .filter_map(|cell| match cell {
                    HourCell::Read(hour) => Some(hour.from),
                    HourCell::NotRead => None,
                })
                .collect();
            assert_eq!(starts.len(), 24);
            assert!(starts.windows(2).all(|pair| pair[1].duration_since(pair[0]) == SignedDuration::from_hours(1)));
        }
    }
}
