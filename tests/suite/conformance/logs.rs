//! Log groups.

use std::collections::HashMap;

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use deployer_aws::{Call, CallError, FailureKind};
use deployer_health::status::log::{LogEvent, LogQuery, read_events};
use deployer_health::status::{BROKEN_OFF_PATTERN, ENDED_PATTERN};

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same};

use crate::sdk::GeneratedClients as _;

async fn create_group(place: &ProbePlace, name: &str) -> Result<(), CallError> {
    let tags: HashMap<String, String> = TAGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let request = place.aws.sdk().logs.create_log_group().log_group_name(name).set_tags(Some(tags));
    request.send().await.call("logs:CreateLogGroup").map(drop)
}

async fn delete_group(place: &ProbePlace, name: &str) {
    let _ = place.aws.sdk().logs.delete_log_group().log_group_name(name).send().await;
}

pub async fn keeps_log_group_tags_and_retention(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("group");
    let logs = &place.aws.sdk().logs;
    create_group(&place, &name).await.map_err(error_text)?;
    let request = logs.put_retention_policy().log_group_name(&name).retention_in_days(30);
    request.send().await.call("logs:PutRetentionPolicy").map_err(error_text)?;
    let answer = logs.describe_log_groups().log_group_name_prefix(&name).send().await;
    let answer = answer.call("logs:DescribeLogGroups").map_err(error_text)?;
    let group = answer.log_groups().first().ok_or("not listed")?;
    expect_same(group.retention_in_days(), Some(30), "retention")?;
    let arn = group.log_group_arn().or(group.arn()).unwrap_or_default().trim_end_matches(":*").to_owned();
    let tags = logs.list_tags_for_resource().resource_arn(arn).send().await;
    let tags = tags.call("logs:ListTagsForResource").map_err(error_text)?;
    let mut tags: Vec<_> =
        tags.tags().into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    tags.sort_unstable();
    delete_group(&place, &name).await;
    expect_same(tags, TAGS.to_vec(), "tags")
}

pub async fn rejects_duplicate_log_group_name(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("group");
    create_group(&place, &name).await.map_err(error_text)?;
    let second = create_group(&place, &name).await;
    delete_group(&place, &name).await;
    expect_refused(second, FailureKind::AlreadyExists)
}

/// Writes lines to a stream, a millisecond apart.
async fn write_lines(place: &ProbePlace, name: &str, lines: &[&str]) -> Result<(), CallError> {
    let logs = &place.aws.sdk().logs;
    let request = logs.create_log_stream().log_group_name(name).log_stream_name("stream");
    request.send().await.call("logs:CreateLogStream")?;
    let now = jiff::Timestamp::now().as_millisecond() - 1000;
    let event = |(at, line): (i64, &&str)| InputLogEvent::builder().timestamp(now + at).message(*line).build();
    let events: Result<Vec<_>, _> = (0..).zip(lines).map(event).collect();
    let request = logs.put_log_events().log_group_name(name).log_stream_name("stream");
    request.set_log_events(events.ok()).send().await.call("logs:PutLogEvents").map(drop)
}

/// The messages that match a pattern, from all pages.
async fn find_messages(place: &ProbePlace, name: &str, pattern: &str) -> Result<Vec<String>, String> {
    let mut messages = Vec::new();
    let query = LogQuery { group: name, from: jiff::Timestamp::UNIX_EPOCH, pattern };
    let keep = |events: Vec<LogEvent>| {
        messages.extend(events.into_iter().map(|event| event.message));
        true
    };
    read_events(&place.aws.signed, query, keep).await.map_err(error_text)?;
    Ok(messages)
}

const LINES: [&str; 5] = [
    "START RequestId: 1 Version: 1",
    r#"{"level":"info","event":"contact","outcome":"synced"}"#,
    r#"{"level":"info","event":"run","Synced":1}"#,
    "2026-03-01T12:00:00.000Z 1 Task timed out after 240.00 seconds",
    "RequestId: 1 Error: Runtime exited with error: exit status 1",
];

pub async fn returns_events_in_time_order(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("group");
    create_group(&place, &name).await.map_err(error_text)?;
    write_lines(&place, &name, &LINES).await.map_err(error_text)?;
    let all = find_messages(&place, &name, "").await;
    delete_group(&place, &name).await;
    expect_same(all?, LINES.map(ToOwned::to_owned).to_vec(), "events")
}

pub async fn filter_patterns_find_final_lines_of_runs(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("group");
    create_group(&place, &name).await.map_err(error_text)?;
    write_lines(&place, &name, &LINES).await.map_err(error_text)?;
    let (ended, broken_off) =
        (find_messages(&place, &name, ENDED_PATTERN).await, find_messages(&place, &name, BROKEN_OFF_PATTERN).await);
    delete_group(&place, &name).await;
    expect_same(ended?, vec![LINES[2].to_owned()], "lines of runs that ended by themselves")?;
    expect_same(
        broken_off?,
        LINES[3..].iter().map(|line| (*line).to_owned()).collect(),
        "lines of runs that Lambda ended",
    )
}

pub async fn reports_missing_log_groups_as_not_found(place: ProbePlace) -> ProbeResult {
    let request = place.aws.sdk().logs.delete_log_group().log_group_name(place.resource_name("group"));
    expect_refused(request.send().await.call("logs:DeleteLogGroup"), FailureKind::NotFound)?;
    let request = place.aws.sdk().logs.filter_log_events().log_group_name(place.resource_name("group"));
    expect_refused(request.send().await.call("logs:FilterLogEvents"), FailureKind::NotFound)
}
