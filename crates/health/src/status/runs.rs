//! The results of a venue's runs, from the lines of its log group: `sync-lambda` writes one for each run, and Lambda
//! one for each run that it had to end.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::hours::{HourCounts, add_to_hour};
use super::log::{LogEvent, LogQuery, read_events};
use deployer_aws::{Aws, FailureKind};
use deployer_core::resource::Observed;
use sync_config::metrics::{METRIC_DIMENSION, OLDEST_FLAG_AGE};
use sync_config::text::name_venue;
use sync_lambda::digest::runs::RunLine;
pub use sync_lambda::digest::runs::{BROKEN_OFF_PATTERN, ENDED_PATTERN};
use sync_lambda::report::ProblemKind;

/// Most pages of one search. AWS searches about a megabyte for each.
const MOST_PAGES: u32 = 200;

/// One run that isn't a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VenueRun {
    /// When it ended.
    pub ended_at: Timestamp,
    /// How long it took, in milliseconds; unknown if Lambda had to end it.
    pub duration_ms: Option<u64>,
    /// Contacts that the search found.
    pub searched: u64,
    /// Contacts that became leads.
    pub synced: u64,
    /// Contacts that were refused because of their data.
    pub failed: u64,
    /// Contacts that need review.
    pub needs_review: u64,
    /// Contacts that are deferred to the next run.
    pub backlog: u64,
    /// How long the oldest flag that is still set had been set when it ended, in seconds; 0 if none is, and unknown if
    /// the run couldn't find out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_flag_s: Option<u64>,
    /// Why it ended before its work was done.
    pub error: Option<RunFailure>,
    /// What went wrong without ending it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<RunFailure>,
}

/// Why a run failed, or what went wrong in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunFailure {
    /// `Credential`, `Unavailable` and so on; `Timeout` and `Crash` are Lambda's. Of a problem: `look_up_refused` and
    /// so on.
    pub kind: String,
    /// What happened, and what to do.
    pub message: String,
}

impl VenueRun {
    /// When it began; when it ended, if its duration is unknown.
    pub fn began_at(&self) -> Timestamp {
        let took = self.duration_ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or_default();
        self.ended_at.checked_sub(SignedDuration::from_millis(took)).unwrap_or(self.ended_at)
    }

    /// When the oldest flag that is still set was set, as far as this run knows; `None` if none is, or if it doesn't.
    pub fn oldest_flag_set_at(&self) -> Option<Timestamp> {
        let age = self.oldest_flag_s.filter(|seconds| *seconds > 0)?;
        self.ended_at.checked_sub(SignedDuration::from_secs(i64::try_from(age).ok()?)).ok()
    }

    /// Parses the line that a run ends with; `None` for any other line.
    pub fn from_log_event(event: &LogEvent) -> Option<Self> {
        let line = match RunLine::from_message(&event.message)? {
            RunLine::BrokenOff { kind, message } => {
                let error = RunFailure { kind: kind.to_owned(), message };
                return Some(Self { error: Some(error), ..Self::new_ended(event.at) });
            }
            RunLine::Ended(line) => line,
        };
        let count = |key: &str| line[key].as_u64().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let venue = line[METRIC_DIMENSION].as_str().unwrap_or_default();
        let failure = |value: &Value| RunFailure {
            kind: text(&value["kind"]),
            message: name_venue(value["message"].as_str().unwrap_or_default(), venue),
        };
        Some(Self {
            duration_ms: line["Duration"].as_u64(),
            searched: count("searched"),
            synced: count("Synced"),
            failed: count("Failed"),
            needs_review: count("NeedsReview"),
            backlog: count("Backlog"),
            oldest_flag_s: line[OLDEST_FLAG_AGE.name].as_u64(),
            error: line.get("error").map(failure),
            problems: line["problems"].as_array().map(|all| all.iter().map(failure).collect()).unwrap_or_default(),
            ..Self::new_ended(event.at)
        })
    }

    pub(super) fn new_ended(ended_at: Timestamp) -> Self {
        Self {
            ended_at,
            duration_ms: None,
            searched: 0,
            synced: 0,
            failed: 0,
            needs_review: 0,
            backlog: 0,
            oldest_flag_s: None,
            error: None,
            problems: Vec::new(),
        }
    }
}

/// The runs of a period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunHistory {
    /// How many there were.
    pub count: u64,
    /// How many of them failed.
    pub failed_runs: u64,
    /// Contacts that became leads.
    pub synced: u64,
    /// Contacts that were refused because of their data.
    pub failed: u64,
    /// Contacts that need review.
    pub needs_review: u64,
    /// The newest run.
    pub last: Option<VenueRun>,
    /// The newest run that succeeded.
    pub last_good: Option<VenueRun>,
    /// When lookups were last refused, and why. Later runs may not have needed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_look_up: Option<(Timestamp, RunFailure)>,
    /// The runs of each hour in which there was one, oldest first.
    pub hours: Vec<HourCounts>,
}

impl RunHistory {
    /// Counts a run. The order of the runs doesn't matter.
    pub fn add_run(&mut self, run: VenueRun) {
        self.count += 1;
        self.failed_runs += u64::from(run.error.is_some());
        self.synced += run.synced;
        self.failed += run.failed;
        self.needs_review += run.needs_review;
        add_to_hour(&mut self.hours, &run);
        let newer = |kept: &Option<VenueRun>| kept.as_ref().is_none_or(|kept| kept.ended_at <= run.ended_at);
        let refused = ProblemKind::LookupRefused.kind_name();
        if let Some(problem) = run.problems.iter().find(|problem| problem.kind == refused)
            && self.refused_look_up.as_ref().is_none_or(|(at, _)| *at <= run.ended_at)
        {
            self.refused_look_up = Some((run.ended_at, problem.clone()));
        }
        if run.error.is_none() && newer(&self.last_good) {
            self.last_good = Some(run.clone());
        }
        if newer(&self.last) {
            self.last = Some(run);
        }
    }
}

/// The runs of a log group since `from`; absent without the group, because then nothing ever ran.
pub(super) async fn read_runs(aws: &Aws, group: &str, from: Timestamp) -> Observed<RunHistory> {
    let (ended, broken_off) = tokio::join!(
        read_matching_events(aws, group, from, ENDED_PATTERN),
        read_matching_events(aws, group, from, BROKEN_OFF_PATTERN)
    );
    match (ended, broken_off) {
        (Observed::Present(ended), Observed::Present(broken_off)) => {
            let mut events: Vec<LogEvent> = ended.into_iter().chain(broken_off).collect();
            // A cloud that ignores filter patterns returns every line twice.
            events.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
            events.dedup();
            let mut runs = RunHistory::default();
            events.iter().filter_map(VenueRun::from_log_event).for_each(|run| runs.add_run(run));
            Observed::Present(runs)
        }
        (Observed::Unreadable(reason), _) | (_, Observed::Unreadable(reason)) => Observed::Unreadable(reason),
        _ => Observed::Absent,
    }
}

async fn read_matching_events(aws: &Aws, group: &str, from: Timestamp, pattern: &str) -> Observed<Vec<LogEvent>> {
    let mut found = Vec::new();
    let mut pages = 0;
    let keep = |events: Vec<LogEvent>| {
        found.extend(events.into_iter().filter(|event| VenueRun::from_log_event(event).is_some()));
        pages += 1;
        pages < MOST_PAGES
    };
    match read_events(&aws.signed, LogQuery { group, from, pattern }, keep).await {
        // The newest events come last, so a part of them would show old runs as the newest.
        Ok(()) if pages >= MOST_PAGES => {
            Observed::Unreadable(format!("{group} has too many events in this period; use a shorter --since"))
        }
        Ok(()) => Observed::Present(found),
        Err(error) if error.kind == FailureKind::NotFound => Observed::Absent,
        Err(error) => Observed::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use sync_config::metrics::MetricsLevel;

    fn parse_run(message: &str) -> Option<VenueRun> {
        let at = "2026-03-01T12:00:02Z".parse().expect("a time");
        VenueRun::from_log_event(&LogEvent {
            at,
            stream: String::new(),
            message: message.to_owned(),
            id: String::new(),
        })
    }

    #[test]
    fn parses_the_line_that_sync_lambda_writes() {
        let report = sync_lambda::report::RunReport {
            venue: "a".to_owned(),
            searched: 7,
            synced: 3,
            failed: 2,
            needs_review: 1,
            retried: 1,
            ..Default::default()
        };
        let took = std::time::Duration::from_millis(1500);
        let error = sync_lambda::error::RunError::WrongAccount("another account".to_owned());
        let run = sync_lambda::report::LoggedRun {
            request_id: "id",
            took,
            ended: Timestamp::UNIX_EPOCH,
            deployment: None,
            metrics: MetricsLevel::Off,
        };
        let line = report.log_line(&run, Some(&error)).to_string();
        let logged = run;
        let run = parse_run(&line).expect("a run");
        assert_eq!((run.searched, run.synced, run.failed, run.needs_review, run.backlog), (7, 3, 2, 1, 1));
        assert_eq!(run.began_at().to_string(), "2026-03-01T12:00:00.5Z");
        let error = run.error.expect("it failed");
        assert_eq!((error.kind.as_str(), error.message.as_str()), ("WrongAccount", "another account"));
        let mut doubtful = report.clone();
        doubtful.add_problem(ProblemKind::LookupRefused, "leads can't be looked up: 401".to_owned());
        let run = parse_run(&doubtful.log_line(&logged, None).to_string()).expect("a run");
        let problem =
            RunFailure { kind: "look_up_refused".to_owned(), message: "leads can't be looked up: 401".to_owned() };
        assert_eq!((run.error, run.problems), (None, vec![problem]));
        let dry = sync_lambda::report::RunReport { would: Some(Vec::new()), ..report };
        assert_eq!(parse_run(&dry.log_line(&logged, None).to_string()), None);
    }

    #[test]
    fn counts_runs_that_lambda_ended_as_failures_and_ignores_other_lines() {
        let kind = |message: &str| parse_run(message)?.error.map(|error| (error.kind, error.message));
        let both = |kind: &str, message: &str| Some((kind.to_owned(), message.to_owned()));
        let timeout = "2026-03-01T12:00:00.000Z 1b-2c Task timed out after 240.00 seconds";
        assert_eq!(kind(timeout), both("Timeout", "Task timed out after 240.00 seconds"));
        let crash = "RequestId: 1b-2c Error: Runtime exited with error: signal: killed";
        assert_eq!(kind(crash), both("Crash", "Runtime exited with error: signal: killed"));
        for line in ["START RequestId: 1", "{\"event\":\"contact\"}", "{\"event\":\"run\"", "{}", ""] {
            assert_eq!(parse_run(line), None, "{line}");
        }
    }

    #[test]
    fn finds_the_newest_run_in_any_order() {
        let at = |second: i64| VenueRun::new_ended(Timestamp::from_second(second).expect("a time"));
        let failed = |second| VenueRun {
            error: Some(RunFailure { kind: "Limit".to_owned(), message: String::new() }),
            ..at(second)
        };
        let mut runs = RunHistory::default();
        for run in [failed(30), VenueRun { synced: 2, ..at(10) }, VenueRun { synced: 3, ..at(20) }] {
            runs.add_run(run);
        }
        assert_eq!((runs.count, runs.failed_runs, runs.synced), (3, 1, 5));
        assert_eq!(runs.last, Some(failed(30)));
        assert_eq!(runs.last_good, Some(VenueRun { synced: 3, ..at(20) }));
    }
}
