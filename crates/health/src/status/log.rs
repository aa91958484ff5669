//! Reads a venue's log group in order of time, once or while it grows.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use deployer_aws::signed::{integer_of, list_of, text_of};
use deployer_aws::{CallError, SignedClient};

const FILTER: &str = "logs:FilterLogEvents";

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

impl LogEvent {
    /// # Errors
    /// The event has no time, or one that can't be.
    fn parse(event: &Value) -> Result<Self, CallError> {
        let at = integer_of(event, "timestamp").and_then(|at| at.ok_or_else(|| "an event has no timestamp".to_owned()));
        let at = at.and_then(|at| Timestamp::from_millisecond(at).map_err(|error| error.to_string()));
        let text = |name: &str| text_of(event, name).unwrap_or_default().to_owned();
        Ok(Self {
            at: at.map_err(|why| CallError::unexpected(FILTER, why))?,
            stream: text("logStreamName"),
            message: text("message").trim_end().to_owned(),
            id: text("eventId"),
        })
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
    aws: &SignedClient,
    query: LogQuery<'_>,
    mut on_page: impl FnMut(Vec<LogEvent>) -> bool,
) -> Result<(), CallError> {
    let pattern = (!query.pattern.is_empty()).then_some(query.pattern);
    let from = query.from.as_millisecond();
    let parameters = json!({ "logGroupName": query.group, "startTime": from, "filterPattern": pattern });
    let mut pages = aws.list_pages(FILTER, parameters);
    while let Some(page) = pages.next_page().await {
        let page = page?;
        let events: Result<Vec<LogEvent>, CallError> = list_of(&page, "events").iter().map(LogEvent::parse).collect();
        if !on_page(events?) {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads all events, then new ones as they arrive, each once. `pause` waits until the next read. Either callback ends
/// it by returning `false`: `on_event` when nobody reads the output any longer.
///
/// # Errors
/// The call fails. A missing log group is such a failure.
pub async fn follow_events(
    aws: &SignedClient,
    query: LogQuery<'_>,
    mut on_event: impl FnMut(&LogEvent) -> bool,
    mut pause: impl AsyncFnMut() -> bool,
) -> Result<(), CallError> {
    let mut from = query.from;
    let mut seen: BTreeMap<String, Timestamp> = BTreeMap::new();
    loop {
        let mut read_on = true;
        let mut newest = from;
        read_events(aws, LogQuery { from, ..query }, |events| {
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
