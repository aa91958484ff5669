//! Log streams.

use serde_json::{Value, json};

use super::super::Page;
use super::{ApiError, Call, Stream, exists, invalid, invalid_token, listed};

/// The maximum page size: `limit` of `DescribeLogStreams`.
const MAX_LIMIT: usize = 50;
/// The maximum length of `logStreamName`.
const MAX_NAME: usize = 512;

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let name = call.body.required("logStreamName")?.to_owned();
    if name.len() > MAX_NAME || name.contains([':', '*']) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'logStreamName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [^:*]*"
        )));
    }
    let now = call.cx.epoch_ms();
    if call.group()?.streams.contains_key(&name) {
        return Err(exists("log stream"));
    }
    let group = call.group_mut()?;
    let stream = Stream::new(&group.arn, &name, now);
    group.streams.insert(name, stream);
    Ok(json!({}))
}

pub(super) fn describe(call: &Call<'_, '_>) -> Result<Value, ApiError> {
    let prefix = call.body.text("logStreamNamePrefix");
    let by_time = call.body.text("orderBy") == Some("LastEventTime");
    if by_time && prefix.is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let descending = call.body.flag("descending");
    let streams = call.group()?.streams.iter();
    let streams = streams.filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)));
    let mut sorted: Vec<_> = streams
        .map(|(name, stream)| {
            let time = if by_time { stream.last_event_ms.unwrap_or_default() } else { 0 };
            (format!("{time:020} {name}"), name, stream)
        })
        .collect();
    sorted.sort_by(|one, other| one.0.cmp(&other.0));
    if descending {
        sorted.reverse();
    }
    // Page keys must ascend in either order, so number the entries.
    let numbered = sorted.iter().enumerate();
    let size = call.cx.page_size(call.body.integer("limit"), MAX_LIMIT);
    let page = Page::of(numbered, |(at, _)| format!("{at:010}"), call.body.text("nextToken"), size, invalid_token)?;
    let entries = page.items.iter().map(|(_, (_, name, stream))| entry(name, stream)).collect();
    Ok(listed("logStreams", entries, page.next))
}

impl Stream {
    pub(super) fn new(group_arn: &str, name: &str, now_ms: i64) -> Self {
        Self {
            arn: format!("{group_arn}:log-stream:{name}"),
            created_ms: now_ms,
            first_event_ms: None,
            last_event_ms: None,
            last_ingestion_ms: None,
        }
    }
}

fn entry(name: &str, stream: &Stream) -> Value {
    let mut entry = json!({
        "logStreamName": name,
        "creationTime": stream.created_ms,
        "arn": stream.arn,
        "storedBytes": 0,
    });
    let times = [
        ("firstEventTimestamp", stream.first_event_ms),
        ("lastEventTimestamp", stream.last_event_ms),
        ("lastIngestionTime", stream.last_ingestion_ms),
    ];
    for (member, time) in times {
        if let Some(time) = time {
            entry[member] = json!(time);
        }
    }
    entry
}
