//! What the log of a venue says about its runs: `sync-lambda` writes one line for each, and Lambda one for each that it had to
//! end.

use std::collections::BTreeSet;
use std::time::Duration;

use backon::Retryable;
use serde_json::{Value, json};
use sync_config::digest::{DigestRuns, DigestWaiting};

use crate::retry::retry_pauses;
use crate::signed::{AwsCaller, FailedAwsCall, LOGS};

/// Matches the line that a run ends with, which has its results.
pub const ENDED_PATTERN: &str = r#"{ $.event = "run" }"#;
/// Matches the lines that Lambda writes for runs that it had to end.
pub const BROKEN_OFF_PATTERN: &str = r#"?"Task timed out" ?"Runtime exited""#;

const TRIES: usize = 4;
/// The pause before the first retry; it doubles each time. CloudWatch allows ten calls a second in most regions.
const FIRST_PAUSE: Duration = Duration::from_millis(800);
/// Most pages of one search. AWS searches about a megabyte for each.
const MOST_PAGES: usize = 200;

/// A line about the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunLine {
    /// Lambda ended it.
    BrokenOff {
        /// `Timeout` or `Crash`.
        kind: &'static str,
        /// Lambda's words.
        message: String,
    },
    /// It ended by itself: its line, which isn't that of a dry run.
    Ended(Value),
}

impl RunLine {
    /// Reads a line of a venue's log; `None` for any other line.
    pub fn from_message(message: &str) -> Option<Self> {
        let message = message.trim_end();
        if message.starts_with('{') {
            let line: Value = serde_json::from_str(message).ok()?;
            return (line["event"] == "run" && line["dry_run"] != true).then_some(Self::Ended(line));
        }
        [("Timeout", "Task timed out"), ("Crash", "Runtime exited")].into_iter().find_map(|(kind, words)| {
            Some(Self::BrokenOff { kind, message: message.get(message.find(words)?..)?.to_owned() })
        })
    }
}

/// What the runs of a period did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunTally {
    /// Of all of them.
    pub runs: DigestRuns,
    /// What came to wait for a person.
    pub waiting: DigestWaiting,
}

impl RunTally {
    /// Counts a run.
    pub fn add_run(&mut self, line: &RunLine) {
        let (failed, line) = match line {
            RunLine::BrokenOff { .. } => (true, &Value::Null),
            RunLine::Ended(line) => (line.get("error").is_some(), line),
        };
        let count = |name: &str| line[name].as_u64().unwrap_or_default();
        self.runs.failed_runs += u64::from(failed);
        self.runs.synced += count("Synced");
        self.waiting.needs_review += count("NeedsReview");
        self.waiting.failed += count("Failed");
    }
}

/// Which part of which log is read.
#[derive(Debug, Clone, Copy)]
pub struct LogPeriod<'p> {
    /// The log group.
    pub group: &'p str,
    /// From when on, and until when, in milliseconds since 1970.
    pub from_ms: i64,
    pub until_ms: i64,
}

/// The runs in a log; `None` if there is no such log, because then nothing ever ran.
///
/// # Errors
/// Why it can't be read.
pub async fn read_runs(
    caller: &AwsCaller,
    place: (&str, &str),
    period: LogPeriod<'_>,
) -> Result<Option<RunTally>, String> {
    let mut tally = RunTally::default();
    // A cloud that ignores patterns returns each line for both.
    let mut counted = BTreeSet::new();
    for pattern in [ENDED_PATTERN, BROKEN_OFF_PATTERN] {
        let mut body = json!({
            "logGroupName": period.group, "startTime": period.from_ms, "endTime": period.until_ms, "filterPattern": pattern,
        });
        for page in 1.. {
            if page > MOST_PAGES {
                return Err("its log has too many events in this time".to_owned());
            }
            let text = body.to_string();
            let answer = (|| caller.attempt_call(&LOGS, place, "FilterLogEvents", &text))
                .retry(retry_pauses(FIRST_PAUSE, TRIES))
                .when(FailedAwsCall::is_temporary)
                .await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(FailedAwsCall::Refused(code)) if code == "ResourceNotFoundException" => return Ok(None),
                Err(failed) => return Err(format!("its log can't be read: {}", failed.reason())),
            };
            for event in answer["events"].as_array().into_iter().flatten() {
                let text = |name: &str| event[name].as_str().unwrap_or_default();
                if let Some(line) = RunLine::from_message(text("message"))
                    && counted.insert(text("eventId").to_owned())
                {
                    tally.add_run(&line);
                }
            }
            match answer.get("nextToken").filter(|token| token.is_string()) {
                Some(token) => body["nextToken"] = token.clone(),
                None => break,
            }
        }
    }
    Ok(Some(tally))
}
