//! Reads a venue's log group in order of time, once or while it grows.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use deployer_aws::{Call, CallError};

/// How far back a followed log is read again, because each stream's events may arrive late.
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// One event of a log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEvent {
    /// When it was written.
    pub at: Timestamp,
    /// The stream; each process of the function has its own.
    pub stream: String,
    /// The line, without the line break at its end.
    pub message: String,
    /// Unique in the group.
    #[serde(skip)]
    pub id: String,
}

impl From<FilteredLogEvent> for LogEvent {
    fn from(event: FilteredLogEvent) -> Self {
        Self {
            at: Timestamp::from_millisecond(event.timestamp.unwrap_or_default()).unwrap_or_default(),
            stream: event.log_stream_name.unwrap_or_default(),
            message: event.message.unwrap_or_default().trim_end().to_owned(),
            id: event.event_id.unwrap_or_default(),
        }
    }
}

/// Which events are read.
#[derive(Debug, Clone, Copy)]
pub struct LogQuery<'q> {
    /// The log group.
    pub group: &'q str,
    /// The time from which on events are read.
    pub from: Timestamp,
    /// CloudWatch's filter pattern; an empty one matches everything. A cloud may return more than what matches.
    pub pattern: &'q str,
}

/// Reads page after page, oldest first, until `on_page` returns `false`. AWS returns empty pages too.
///
/// # Errors
/// The call fails. A missing log group is such a failure.
pub async fn read_events(
    logs: &Client,
    query: LogQuery<'_>,
    mut on_page: impl FnMut(Vec<LogEvent>) -> bool,
) -> Result<(), CallError> {
    let mut token = None;
    loop {
        let mut request = logs.filter_log_events().log_group_name(query.group).set_next_token(token);
        request = request.start_time(query.from.as_millisecond());
        if !query.pattern.is_empty() {
            request = request.filter_pattern(query.pattern);
        }
        let page = request.send().await.call("logs:FilterLogEvents")?;
        let goes_on = on_page(page.events.unwrap_or_default().into_iter().map(LogEvent::from).collect());
        token = page.next_token;
        if !goes_on || token.is_none() {
            return Ok(());
        }
    }
}

/// Reads all events, then new ones as they arrive, each once. `pause` waits until the next read. Either callback ends
/// it by returning `false`: `on_event` when nobody reads the output any longer.
///
/// # Errors
/// The call fails. A missing log group is such a failure.
pub async fn follow_events(
    logs: &Client,
    query: LogQuery<'_>,
    mut on_event: impl FnMut(&LogEvent) -> bool,
    mut pause: impl AsyncFnMut() -> bool,
) -> Result<(), CallError> {
    let mut from = query.from;
    let mut seen: BTreeMap<String, Timestamp> = BTreeMap::new();
    loop {
        let mut read_on = true;
        let mut newest = from;
        read_events(logs, LogQuery { from, ..query }, |events| {
            for event in events {
                newest = newest.max(event.at);
                if read_on && seen.insert(event.id.clone(), event.at).is_none() {
                    read_on = on_event(&event);
                }
            }
            read_on
        })
        .await?;
        from = query.from.max(newest.checked_sub(LATE).unwrap_or(newest));
        seen.retain(|_, at| *at >= from);
        if !read_on || !pause().await {
            return Ok(());
        }
    }
}
