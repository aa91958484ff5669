//! CloudWatch log groups: one paged list has everything except the tags.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client;

use super::tags::KnownTags;
use super::{ResourceList, to_unreadable};
use crate::{Call, CallError, Found};
use deployer_core::naming::log_group_prefix;
use deployer_core::resource::{LiveLogGroup, Observed, StringMap};

/// Reads `DescribeLogGroups` for the deployment's names.
pub(super) async fn list_log_groups(logs: &Client, deployment: &str) -> ResourceList<LiveLogGroup> {
    let mut found = BTreeMap::new();
    let mut pages = logs
        .describe_log_groups()
        .log_group_name_prefix(log_group_prefix(deployment))
        .limit(50)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        for group in page.call("logs:DescribeLogGroups")?.log_groups() {
            let name = group.log_group_name().unwrap_or_default().to_owned();
            let arn = group.log_group_arn().or(group.arn()).unwrap_or_default().trim_end_matches(":*").to_owned();
            let retention_days = group.retention_in_days().and_then(|days| u32::try_from(days).ok());
            found.insert(name.clone(), LiveLogGroup { name, arn, retention_days, tags: StringMap::new() });
        }
    }
    Ok(found)
}

pub(super) async fn observe_log_group(
    logs: &Client,
    list: &ResourceList<LiveLogGroup>,
    name: &str,
    known: &KnownTags,
    confirm: bool,
) -> Observed<LiveLogGroup> {
    let group = match list {
        Err(error) => return to_unreadable(error),
        Ok(groups) => match groups.get(name) {
            Some(group) => group,
            None if confirm => return observe_unlisted(logs, name).await,
            None => return Observed::Absent,
        },
    };
    let tags = match known.tags_of(&group.arn) {
        Some(tags) => Ok(Some(tags)),
        None => read_log_group_tags(logs, &group.arn).await.found(),
    };
    match tags {
        Ok(Some(tags)) => Observed::Present(LiveLogGroup { tags, ..group.clone() }),
        Ok(None) => Observed::Absent,
        Err(error) => to_unreadable(&error),
    }
}

/// Looks for a group that no list shows. Only the list contains the retention, so a group that exists is unreadable.
async fn observe_unlisted(logs: &Client, name: &str) -> Observed<LiveLogGroup> {
    let streams = logs.describe_log_streams().log_group_name(name).limit(1).send().await;
    match streams.call("logs:DescribeLogStreams").found() {
        Ok(Some(_)) => Observed::Unreadable(format!(
            "{name} exists, but logs:DescribeLogGroups doesn't show it yet; run the same command again"
        )),
        Ok(None) => Observed::Absent,
        Err(error) => to_unreadable(&error),
    }
}

pub(super) async fn read_log_group_tags(logs: &Client, arn: &str) -> Result<StringMap, CallError> {
    let answer = logs.list_tags_for_resource().resource_arn(arn).send().await.call("logs:ListTagsForResource")?;
    Ok(answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect())
}
