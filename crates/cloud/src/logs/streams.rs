//! Log streams.

use serde_json::{Value, json};

use super::super::ListPage;
use super::events::event_key;
use super::{
    ApiError, LogsCall, StoredLogStream, already_exists, invalid_parameter, invalid_token, list_answer, no_stream,
};

/// The maximum page size: `limit` of `DescribeLogStreams`.
const MAX_LIMIT: usize = 50;
/// The maximum length of `logStreamName`.
const MAX_NAME: usize = 512;

pub(super) fn create_log_stream(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.body.required_text("logStreamName")?.to_owned();
    if name.len() > MAX_NAME || name.contains([':', '*']) {
        return Err(invalid_parameter(format!(
            "1 validation error detected: Value '{name}' at 'logStreamName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [^:*]*"
        )));
    }
    let now = call.cx.epoch_ms();
    if call.find_group()?.streams.contains_key(&name) {
        return Err(already_exists("log stream"));
    }
    let group = call.find_group_mut()?;
    let stream = StoredLogStream::new(&group.arn, &name, now);
    group.streams.insert(name, stream);
    Ok(json!({}))
}

pub(super) fn delete_log_stream(call: &mut LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.body.required_text("logStreamName")?.to_owned();
    let group = call.find_group()?.name.clone();
    if !call.find_group()?.streams.contains_key(&name) {
        return Err(no_stream());
    }
    call.find_group_mut()?.streams.remove(&name);
    let logs = call.logs_state_mut();
    let of_stream = logs.group_events(&group).filter(|event| event.stream == name);
    for id in of_stream.map(|event| event.id).collect::<Vec<_>>() {
        logs.events.remove(&event_key(&group, id));
    }
    Ok(json!({}))
}

pub(super) fn describe_log_streams(call: &LogsCall<'_, '_>) -> Result<Value, ApiError> {
    let prefix = call.body.member_text("logStreamNamePrefix");
    let by_time = call.body.member_text("orderBy") == Some("LastEventTime");
    if by_time && prefix.is_some() {
        return Err(invalid_parameter("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let descending = call.body.member_flag("descending");
    let streams = call.find_group()?.streams.iter();
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
    let size = call.cx.page_size(call.body.member_integer("limit"), MAX_LIMIT);
    let page = ListPage::from_items(
        numbered,
        |(at, _)| format!("{at:010}"),
        call.body.member_text("nextToken"),
        size,
        invalid_token,
    )?;
    let entries = page.items.iter().map(|(_, (_, name, stream))| stream_json(name, stream)).collect();
    Ok(list_answer("logStreams", entries, page.next))
}

impl StoredLogStream {
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

fn stream_json(name: &str, stream: &StoredLogStream) -> Value {
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
