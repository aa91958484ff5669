//! Log events: written, read by stream, filtered.

use serde_json::{Value, json};

use super::super::{CloudContext, JsonBody, ListPage};
use super::filter::FilterPattern;
use super::{
    ApiError, LogsCall, LogsState, MAX_EVENTS, StoredLogEvent, StoredLogGroup, StoredLogStream, invalid_parameter,
    invalid_token, no_group, no_stream,
};

/// The maximum number of events in a response: `limit` of `GetLogEvents` and `FilterLogEvents`.
const MAX_LIMIT: usize = 10_000;
/// The maximum number of events in one `PutLogEvents`.
const MAX_BATCH: usize = 10_000;
/// How far in the past and in the future an event's time can be when it is written.
const OLDEST_MS: i64 = 14 * 24 * 3600 * 1000;
const YOUNGEST_MS: i64 = 2 * 3600 * 1000;

/// Writes lines (time in milliseconds since 1970, message) as Lambda does, and creates the stream if needed.
///
/// # Errors
/// The group doesn't exist. Lambda drops the lines in this case.
pub fn append_lines(
    cx: &mut CloudContext<'_>,
    group: &str,
    stream: &str,
    lines: &[(i64, String)],
) -> Result<(), ApiError> {
    let now = cx.epoch_ms();
    if !cx.region_state().logs.groups.contains_key(group) {
        return Err(no_group());
    }
    let logs = &mut cx.region_state_mut().logs;
    let found = logs.groups.get_mut(group).ok_or_else(no_group)?;
    let arn = found.arn.clone();
    found.streams.entry(stream.to_owned()).or_insert_with(|| StoredLogStream::new(&arn, stream, now));
    logs.ingest_lines(group, stream, lines, now)
}

/// The key of an event: its group, and its number there. No group's name has a line break.
pub(in super::super) fn event_key(group: &str, id: u64) -> String {
    format!("{group}\n{id:020}")
}

impl LogsState {
    /// The events of a group, in order of arrival.
    pub(super) fn group_events(&self, group: &str) -> impl Iterator<Item = &StoredLogEvent> {
        let prefix = format!("{group}\n");
        self.events.iter_from(&prefix).take_while(move |(key, _)| key.starts_with(&prefix)).map(|(_, event)| event)
    }

    fn ingest_lines(&mut self, name: &str, stream: &str, lines: &[(i64, String)], now: i64) -> Result<(), ApiError> {
        let group = self.groups.get_mut(name).ok_or_else(no_group)?;
        for (timestamp_ms, message) in lines {
            let (timestamp_ms, message) = (*timestamp_ms, message.clone());
            let id = group.ingested;
            let event = StoredLogEvent { id, stream: stream.to_owned(), timestamp_ms, ingested_ms: now, message };
            self.events.insert(event_key(name, id), event);
            if let Some(superseded) = id.checked_sub(MAX_EVENTS) {
                self.events.remove(&event_key(name, superseded));
            }
            group.ingested += 1;
            if let Some(stream) = group.streams.get_mut(stream) {
                stream.first_event_ms = stream.first_event_ms.or(Some(timestamp_ms));
                stream.last_event_ms = stream.last_event_ms.max(Some(timestamp_ms));
                stream.last_ingestion_ms = Some(now);
            }
        }
        Ok(())
    }

    /// A group's events within its retention period, in time order.
    fn retained_events(&self, group: &StoredLogGroup, now: i64) -> Vec<&StoredLogEvent> {
        let oldest = group.retention_days.map(|days| now - days * 24 * 3600 * 1000);
        let events = self.group_events(&group.name);
        let kept = events.filter(|event| oldest.is_none_or(|oldest| event.timestamp_ms >= oldest));
        let mut kept: Vec<_> = kept.collect();
        kept.sort_by_key(|event| (event.timestamp_ms, event.id));
        kept
    }
}

pub(super) fn put_log_events(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let stream = call.body.required_text("logStreamName")?.to_owned();
    let given: Vec<(i64, String)> = call
        .body
        .member_list("logEvents")
        .iter()
        .map(JsonBody::from_value)
        .filter_map(|event| Some((event.member_integer("timestamp")?, event.member_text("message")?.to_owned())))
        .collect();
    if given.is_empty() || given.len() > MAX_BATCH {
        return Err(invalid_parameter(format!("A batch must have from 1 to {MAX_BATCH} log events.")));
    }
    if !given.is_sorted_by_key(|(time, _)| *time) {
        return Err(invalid_parameter("Log events in a single PutLogEvents request must be in chronological order."));
    }
    if !call.find_group()?.streams.contains_key(&stream) {
        return Err(no_stream());
    }
    let now = call.cx.epoch_ms();
    let old = given.iter().take_while(|(time, _)| *time < now - OLDEST_MS).count();
    let new = given.iter().rev().take_while(|(time, _)| *time > now + YOUNGEST_MS).count();
    let mut answer = json!({ "nextSequenceToken": "0" });
    if old > 0 {
        answer["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"] = json!(old);
    }
    if new > 0 {
        answer["rejectedLogEventsInfo"]["tooNewLogEventStartIndex"] = json!(given.len() - new);
    }
    let taken = given.get(old..given.len() - new).unwrap_or_default();
    let name = call.find_group()?.name.clone();
    call.logs_state_mut().ingest_lines(&name, &stream, taken, now)?;
    Ok(answer)
}

/// Returns tokens for both directions. A backward token returns the events before the page.
pub(super) fn get_log_events(call: &LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let stream = call.body.required_text("logStreamName")?;
    let group = call.find_group()?;
    if !group.streams.contains_key(stream) {
        return Err(no_stream());
    }
    let events = call.logs_state().retained_events(group, call.cx.epoch_ms());
    let events: Vec<_> =
        events.into_iter().filter(|event| event.stream == stream && is_in_time_range(call.body, event)).collect();
    let size = call.cx.page_size(call.body.member_integer("limit"), MAX_LIMIT);
    let (from, until) = match call.body.member_text("nextToken") {
        None if call.body.member_flag("startFromHead") => (0, size),
        None => (events.len().saturating_sub(size), events.len()),
        Some(token) => {
            let (direction, at) = token.split_once('/').ok_or_else(invalid_token)?;
            let at: usize = at.parse().map_err(|_| invalid_token())?;
            match direction {
                "f" => (at, at.saturating_add(size)),
                "b" => (at.saturating_sub(size), at),
                _ => return Err(invalid_token()),
            }
        }
    };
    let until = until.min(events.len());
    let from = from.min(until);
    let page: Vec<Value> = events
        .get(from..until)
        .unwrap_or_default()
        .iter()
        .map(|event| json!({ "timestamp": event.timestamp_ms, "message": event.message, "ingestionTime": event.ingested_ms }))
        .collect();
    // At the end the forward token no longer changes, which tells a reader to stop.
    Ok(json!({
        "events": page,
        "nextForwardToken": format!("f/{until}"),
        "nextBackwardToken": format!("b/{from}"),
    }))
}

pub(super) fn filter_log_events(call: &LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let group = call.find_group()?;
    let pattern = FilterPattern::parse_pattern(call.body.member_text("filterPattern").unwrap_or_default())?;
    let streams = call.body.member_texts("logStreamNames");
    let prefix = call.body.member_text("logStreamNamePrefix").unwrap_or_default();
    if let Some(missing) = streams.iter().find(|stream| !group.streams.contains_key(*stream)) {
        return Err(ApiError::bad_request(
            "ResourceNotFoundException",
            format!("The specified log stream {missing} does not exist."),
        ));
    }
    let events = call.logs_state().retained_events(group, call.cx.epoch_ms()).into_iter().filter(|event| {
        (streams.is_empty() || streams.contains(&event.stream))
            && event.stream.starts_with(prefix)
            && is_in_time_range(call.body, event)
            && pattern.matches_message(&event.message)
    });
    let size = call.cx.page_size(call.body.member_integer("limit"), MAX_LIMIT);
    let key = |event: &&StoredLogEvent| format!("{:020} {:020}", event.timestamp_ms, event.id);
    let page = ListPage::from_items(events, key, call.body.member_text("nextToken"), size, invalid_token)?;
    let entries = page.items.iter().map(|event| {
        json!({
            "eventId": format!("{:056}", event.id),
            "logStreamName": event.stream,
            "timestamp": event.timestamp_ms,
            "ingestionTime": event.ingested_ms,
            "message": event.message,
        })
    });
    let mut answer = super::list_answer("events", entries.collect(), page.next);
    answer["searchedLogStreams"] = json!([]);
    Ok(answer)
}

/// Whether the event is at or after `startTime` and before `endTime`.
fn is_in_time_range(body: &JsonBody, event: &StoredLogEvent) -> bool {
    body.member_integer("startTime").is_none_or(|start| event.timestamp_ms >= start)
        && body.member_integer("endTime").is_none_or(|end| event.timestamp_ms < end)
}
