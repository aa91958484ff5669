//! Log events: written, read by stream, filtered.

use serde_json::{Value, json};

use super::super::{Context, Json, Page};
use super::filter::Pattern;
use super::{ApiError, Call, Event, Group, MAX_EVENTS, Stream, invalid, invalid_token, no_group, no_stream};

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
pub fn append(cx: &mut Context<'_>, group: &str, stream: &str, lines: &[(i64, String)]) -> Result<(), ApiError> {
    let now = cx.epoch_ms();
    if !cx.regional().logs.groups.contains_key(group) {
        return Err(no_group());
    }
    let group = cx.regional_mut().logs.groups.get_mut(group).ok_or_else(no_group)?;
    let arn = group.arn.clone();
    group.streams.entry(stream.to_owned()).or_insert_with(|| Stream::new(&arn, stream, now));
    group.ingest(stream, lines, now);
    Ok(())
}

impl Group {
    fn ingest(&mut self, stream: &str, lines: &[(i64, String)], now: i64) {
        for (timestamp_ms, message) in lines {
            let (timestamp_ms, message) = (*timestamp_ms, message.clone());
            let event = Event { id: self.ingested, stream: stream.to_owned(), timestamp_ms, ingested_ms: now, message };
            self.events.push_back(event);
            self.ingested += 1;
            if let Some(stream) = self.streams.get_mut(stream) {
                stream.first_event_ms = stream.first_event_ms.or(Some(timestamp_ms));
                stream.last_event_ms = stream.last_event_ms.max(Some(timestamp_ms));
                stream.last_ingestion_ms = Some(now);
            }
        }
        while self.events.len() > MAX_EVENTS {
            self.events.pop_front();
        }
    }

    /// Events within the retention period, in time order.
    fn events(&self, now: i64) -> Vec<&Event> {
        let oldest = self.retention_days.map(|days| now - days * 24 * 3600 * 1000);
        let kept = self.events.iter().filter(|event| oldest.is_none_or(|oldest| event.timestamp_ms >= oldest));
        let mut kept: Vec<_> = kept.collect();
        kept.sort_by_key(|event| (event.timestamp_ms, event.id));
        kept
    }
}

pub(super) fn put(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let stream = call.body.required("logStreamName")?.to_owned();
    let given: Vec<(i64, String)> = call
        .body
        .list("logEvents")
        .iter()
        .map(Json::of)
        .filter_map(|event| Some((event.integer("timestamp")?, event.text("message")?.to_owned())))
        .collect();
    if given.is_empty() || given.len() > MAX_BATCH {
        return Err(invalid(format!("A batch must have from 1 to {MAX_BATCH} log events.")));
    }
    if !given.is_sorted_by_key(|(time, _)| *time) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    if !call.group()?.streams.contains_key(&stream) {
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
    call.group_mut()?.ingest(&stream, taken, now);
    Ok(answer)
}

/// Returns tokens for both directions. A backward token returns the events before the page.
pub(super) fn get(call: &Call<'_, '_>) -> Result<Value, ApiError> {
    let stream = call.body.required("logStreamName")?;
    let group = call.group()?;
    if !group.streams.contains_key(stream) {
        return Err(no_stream());
    }
    let events = group.events(call.cx.epoch_ms());
    let events: Vec<_> =
        events.into_iter().filter(|event| event.stream == stream && in_time(call.body, event)).collect();
    let size = call.cx.page_size(call.body.integer("limit"), MAX_LIMIT);
    let (from, until) = match call.body.text("nextToken") {
        None if call.body.flag("startFromHead") => (0, size),
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

pub(super) fn filter(call: &Call<'_, '_>) -> Result<Value, ApiError> {
    let group = call.group()?;
    let pattern = Pattern::parse(call.body.text("filterPattern").unwrap_or_default())?;
    let streams = call.body.texts("logStreamNames");
    let prefix = call.body.text("logStreamNamePrefix").unwrap_or_default();
    if let Some(missing) = streams.iter().find(|stream| !group.streams.contains_key(*stream)) {
        return Err(ApiError::bad(
            "ResourceNotFoundException",
            format!("The specified log stream {missing} does not exist."),
        ));
    }
    let events = group.events(call.cx.epoch_ms()).into_iter().filter(|event| {
        (streams.is_empty() || streams.contains(&event.stream))
            && event.stream.starts_with(prefix)
            && in_time(call.body, event)
            && pattern.matches(&event.message)
    });
    let size = call.cx.page_size(call.body.integer("limit"), MAX_LIMIT);
    let key = |event: &&Event| format!("{:020} {:020}", event.timestamp_ms, event.id);
    let page = Page::of(events, key, call.body.text("nextToken"), size, invalid_token)?;
    let entries = page.items.iter().map(|event| {
        json!({
            "eventId": format!("{:056}", event.id),
            "logStreamName": event.stream,
            "timestamp": event.timestamp_ms,
            "ingestionTime": event.ingested_ms,
            "message": event.message,
        })
    });
    let mut answer = super::listed("events", entries.collect(), page.next);
    answer["searchedLogStreams"] = json!([]);
    Ok(answer)
}

/// Whether the event is at or after `startTime` and before `endTime`.
fn in_time(body: &Json, event: &Event) -> bool {
    body.integer("startTime").is_none_or(|start| event.timestamp_ms >= start)
        && body.integer("endTime").is_none_or(|end| event.timestamp_ms < end)
}
