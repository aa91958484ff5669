//! One line per venue. The columns that don't fit are left out, the least important first; `status VENUE` has them all.

use deployer_core::resource::Observed;
use deployer_health::status::{Overview, VenueDrift, VenueHealth, VenueOverview, VenueStanding};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::escape::one_line;
use super::StatusLook;
use super::lines::{StatusLine, Tone};
use super::spark::{HOURS, spark_pieces};

/// The longest name of a venue that is shown completely where the columns have the width.
const LONGEST_NAME: usize = 20;
/// What is shown of a longer name at least.
const SHORTEST_NAME: usize = 8;
/// The width of the picture of 24 hours, and where there is room for one character per hour.
const SPARK: usize = 12;
const WIDE_SPARK: usize = HOURS as usize;

/// A column beside the name and the picture.
struct Column {
    title: &'static str,
    width: usize,
    /// The lower, the later it is left out.
    rank: u8,
    cell: fn(&VenueOverview, &Overview) -> (Tone, String),
}

/// In the order on the screen.
const COLUMNS: [Column; 13] = [
    Column { title: "STATE", width: 8, rank: 0, cell: state_cell },
    Column { title: "LAST", width: 5, rank: 1, cell: last_cell },
    Column { title: "AGE", width: 3, rank: 2, cell: age_cell },
    Column { title: "NEXT", width: 5, rank: 5, cell: next_cell },
    Column { title: "SYNC", width: 4, rank: 3, cell: |status, _| run_count(status, |runs| runs.synced, Tone::Plain) },
    Column {
        title: "FAIL",
        width: 4,
        rank: 4,
        cell: |status, _| run_count(status, |runs| runs.failed, Tone::Doubtful),
    },
    Column {
        title: "REVW",
        width: 4,
        rank: 6,
        cell: |status, _| run_count(status, |runs| runs.needs_review, Tone::Doubtful),
    },
    Column { title: "WAIT", width: 4, rank: 7, cell: waiting_cell },
    Column { title: "FLAG", width: 4, rank: 8, cell: oldest_flag_cell },
    Column {
        title: "ERRS",
        width: 4,
        rank: 10,
        cell: |status, _| run_count(status, |runs| runs.failed_runs, Tone::Bad),
    },
    Column { title: "VERS", width: 4, rank: 9, cell: version_cell },
    Column { title: "ALARM", width: 5, rank: 11, cell: alarm_cell },
    Column { title: "DRIFT", width: 5, rank: 12, cell: drift_cell },
];

/// What the titles mean, as far as they aren't words.
const LEGEND: [(&str, &str); 5] = [
    ("SYNC", "SYNC, FAIL, REVW: contacts in these runs"),
    ("ERRS", "ERRS: failed runs"),
    ("WAIT", "WAIT: left for the next run"),
    ("FLAG", "FLAG: age of the oldest flag"),
    ("VERS", "VERS: `*` differs from the manifest, `?` not compared"),
];

/// The table, with its titles first and what they mean last.
pub(super) fn table_lines(overview: &Overview, look: &StatusLook) -> Vec<StatusLine> {
    let has_alarms = overview.venues.iter().any(|status| !matches!(status.alarms, Observed::Absent));
    let name = overview.venues.iter().map(|status| status.venue.name.chars().count()).max().unwrap_or_default();
    let name = name.clamp("VENUE".len(), LONGEST_NAME);
    let mut columns: Vec<&Column> = COLUMNS.iter().filter(|column| column.title != "ALARM" || has_alarms).collect();
    let needed = |columns: &[&Column]| columns.iter().map(|column| column.width + 1).sum::<usize>() + SPARK + 1;
    while needed(&columns) + name > look.width {
        let Some(rank) = columns.iter().map(|column| column.rank).max().filter(|rank| *rank > 0) else { break };
        columns.retain(|column| column.rank != rank);
    }
    let room = look.width.saturating_sub(needed(&columns));
    let name = name.min(room.max(SHORTEST_NAME));
    let spark = if room.saturating_sub(name) >= WIDE_SPARK - SPARK { WIDE_SPARK } else { SPARK };

    let mut title = format!("{:name$}", "VENUE");
    for column in &columns {
        title.push_str(&padded(column, column.title));
    }
    title.push_str(" 24 HOURS");
    let mut lines = vec![StatusLine::default().with(Tone::Bold, &title)];
    for status in &overview.venues {
        let shown = shortened(&one_line(&status.venue.name), name, look.unicode);
        let mut line = StatusLine::default().with(Tone::Plain, &format!("{shown:name$}"));
        for column in &columns {
            let (tone, text) = (column.cell)(status, overview);
            line = line.with(tone, &padded(column, &one_line(&text)));
        }
        line = line.with(Tone::Plain, " ");
        line.0.extend(spark_pieces(overview, status, spark as u32, look.unicode));
        lines.push(trimmed(line));
    }
    let meant = LEGEND.iter().filter(|(title, _)| columns.iter().any(|column| column.title == *title));
    let legend: Vec<&str> = meant.map(|(_, words)| *words).collect();
    let legend = super::lines::wrap_words(&format!("{}.", legend.join("; ")), look.width);
    lines.extend(legend.iter().map(|line| StatusLine::default().with(Tone::Dim, line)));
    lines
}

/// Words to the left, as the state; numbers and times to the right.
fn padded(column: &Column, text: &str) -> String {
    let width = column.width;
    let text = shortened(text, width, false);
    if column.rank == 0 { format!(" {text:width$}") } else { format!(" {text:>width$}") }
}

fn shortened(text: &str, width: usize, unicode: bool) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}{}", if unicode { '…' } else { '~' })
}

/// Without the spaces at its end.
fn trimmed(mut line: StatusLine) -> StatusLine {
    while let Some((_, text)) = line.0.last_mut() {
        text.truncate(text.trim_end().len());
        if !text.is_empty() {
            break;
        }
        line.0.pop();
    }
    line
}

/// The tone of a venue's state.
pub(super) fn standing_tone(status: &VenueOverview) -> Tone {
    match (status.standing, status.health) {
        (VenueStanding::Running, VenueHealth::Healthy) => Tone::Good,
        (VenueStanding::Failing, _) | (_, VenueHealth::Unhealthy) => Tone::Bad,
        (VenueStanding::Paused | VenueStanding::Blocked, _) => Tone::Dim,
        _ => Tone::Doubtful,
    }
}

fn state_cell(status: &VenueOverview, _: &Overview) -> (Tone, String) {
    let word = match (status.standing, status.health) {
        (VenueStanding::Running, VenueHealth::Unhealthy) => "stuck",
        (VenueStanding::Running, _) => "running",
        (VenueStanding::Failing, _) => "failing",
        (VenueStanding::Paused, _) => "paused",
        (VenueStanding::Blocked, _) => "blocked",
        (VenueStanding::NotDeployed, _) => "missing",
        (VenueStanding::Pending, _) => "pending",
        (VenueStanding::Unknown, _) => "unknown",
    };
    (standing_tone(status), word.to_owned())
}

fn last_cell(status: &VenueOverview, overview: &Overview) -> (Tone, String) {
    match (status.runs.unreadable_reason(), status.last_run()) {
        (Some(_), _) => (Tone::Doubtful, "?".to_owned()),
        (None, Some(run)) => (Tone::Plain, clock_text(run.ended_at, overview.made_at, &overview.zone_of(status))),
        (None, None) => (Tone::Dim, "none".to_owned()),
    }
}

fn age_cell(status: &VenueOverview, overview: &Overview) -> (Tone, String) {
    let age = status.last_run().map(|run| age_text(overview.made_at.duration_since(run.ended_at)));
    (Tone::Dim, age.unwrap_or_else(|| "-".to_owned()))
}

fn next_cell(status: &VenueOverview, overview: &Overview) -> (Tone, String) {
    match (status.rule.unreadable_reason(), status.next_run) {
        (Some(_), _) => (Tone::Doubtful, "?".to_owned()),
        (None, Some(at)) => (Tone::Plain, clock_text(at, overview.made_at, &overview.zone_of(status))),
        (None, None) => (Tone::Dim, "-".to_owned()),
    }
}

/// A count of the period's runs. `tone` is for a count that isn't zero.
fn run_count(
    status: &VenueOverview,
    count: fn(&deployer_health::status::RunHistory) -> u64,
    tone: Tone,
) -> (Tone, String) {
    match (status.runs.unreadable_reason(), status.runs.as_present()) {
        (Some(_), _) => (Tone::Doubtful, "?".to_owned()),
        (None, None) => (Tone::Dim, "-".to_owned()),
        (None, Some(runs)) => match count(runs) {
            0 => (Tone::Dim, "0".to_owned()),
            count => (tone, count_text(count)),
        },
    }
}

fn waiting_cell(status: &VenueOverview, _: &Overview) -> (Tone, String) {
    match (status.runs.unreadable_reason(), status.last_run()) {
        (Some(_), _) => (Tone::Doubtful, "?".to_owned()),
        (None, None) => (Tone::Dim, "-".to_owned()),
        (None, Some(run)) if run.backlog == 0 => (Tone::Dim, "0".to_owned()),
        (None, Some(run)) => (Tone::Doubtful, count_text(run.backlog)),
    }
}

fn oldest_flag_cell(status: &VenueOverview, overview: &Overview) -> (Tone, String) {
    match (status.runs.unreadable_reason(), status.last_run()) {
        (Some(_), _) => (Tone::Doubtful, "?".to_owned()),
        (None, None) => (Tone::Dim, "-".to_owned()),
        (None, Some(run)) => match (run.oldest_flag_s, run.oldest_flag_set_at()) {
            (None, _) => (Tone::Doubtful, "?".to_owned()),
            (Some(_), None) => (Tone::Dim, "-".to_owned()),
            (Some(_), Some(at)) => (Tone::Doubtful, age_text(overview.made_at.duration_since(at))),
        },
    }
}

fn version_cell(status: &VenueOverview, _: &Overview) -> (Tone, String) {
    let version = match status.function.as_present() {
        None if status.function.unreadable_reason().is_some() => return (Tone::Doubtful, "?".to_owned()),
        None => return (Tone::Dim, "-".to_owned()),
        Some(function) => function.version.as_deref().unwrap_or("none"),
    };
    match &status.drift {
        VenueDrift::Matches => (Tone::Plain, version.to_owned()),
        VenueDrift::Differs(_) => (Tone::Doubtful, format!("{version}*")),
        VenueDrift::Unknown(_) => (Tone::Plain, format!("{version}?")),
    }
}

fn drift_cell(status: &VenueOverview, _: &Overview) -> (Tone, String) {
    match &status.drift {
        VenueDrift::Matches => (Tone::Dim, "no".to_owned()),
        VenueDrift::Differs(count) => (Tone::Doubtful, count_text(*count)),
        VenueDrift::Unknown(_) => (Tone::Dim, "?".to_owned()),
    }
}

fn alarm_cell(status: &VenueOverview, _: &Overview) -> (Tone, String) {
    match &status.alarms {
        Observed::Absent => (Tone::Dim, "-".to_owned()),
        Observed::Unreadable(_) => (Tone::Dim, "?".to_owned()),
        Observed::Present(raised) | Observed::PendingDeletion(raised) => match raised.len() {
            0 => (Tone::Dim, "ok".to_owned()),
            count => (Tone::Bad, format!("{count} on")),
        },
    }
}

/// Four digits at most: `1234`, `12k`.
fn count_text(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// The time of day, or the date of another day: `14:05`, `11-29`.
fn clock_text(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()).date());
    if at.date() == today { at.strftime("%H:%M").to_string() } else { at.strftime("%m-%d").to_string() }
}

/// An age in its largest unit: `40s`, `2m`, `13h`, `5d`.
pub(super) fn age_text(age: SignedDuration) -> String {
    match age.as_secs().max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", (seconds / 86_400).min(999)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn tells_times_of_the_venues_day_across_the_change_of_the_clock() {
        let zone = TimeZone::get("America/New_York").expect("it is known");
        for (at, now, words) in [
            // The night of 2026-11-01 has the hour from 01:00 twice.
            ("2026-11-01T05:30:00Z", "2026-11-01T07:00:00Z", "01:30"),
            ("2026-11-01T06:30:00Z", "2026-11-01T07:00:00Z", "01:30"),
            // On 2026-03-08, 02:30 doesn't exist.
            ("2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z", "01:30"),
            ("2026-03-08T07:30:00Z", "2026-03-08T07:30:00Z", "03:30"),
            // Yesterday in New York, although today in UTC.
            ("2026-03-08T04:59:00Z", "2026-03-08T07:30:00Z", "03-07"),
        ] {
            assert_eq!(clock_text(time(at), time(now), &zone), words, "{at}");
        }
    }

    #[test]
    fn words_ages_and_counts_in_their_columns() {
        let age = |seconds| age_text(SignedDuration::from_secs(seconds));
        assert_eq!([age(-5), age(59), age(60), age(7199), age(86_400)].join(" "), "0s 59s 1m 1h 1d");
        assert_eq!([9999, 10_000, 2_000_000].map(count_text).join(" "), "9999 10k 2M");
    }
}
