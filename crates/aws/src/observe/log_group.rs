//! CloudWatch log groups: one paged list has everything except the tags.

use std::collections::BTreeMap;

use serde_json::json;

use super::tags::KnownTags;
use super::{ResourceList, to_unreadable};
use crate::signed::{integer_of, list_of, text_of, texts_of};
use crate::{CallError, Found, SignedClient};
use deployer_core::naming::log_group_prefix;
use deployer_core::resource::{LiveLogGroup, Observed, StringMap};

/// Reads `DescribeLogGroups` for the deployment's names.
pub(super) async fn list_log_groups(aws: &SignedClient, deployment: &str) -> ResourceList<LiveLogGroup> {
    const CALL: &str = "logs:DescribeLogGroups";
    let mut found = BTreeMap::new();
    let parameters = json!({ "logGroupNamePrefix": log_group_prefix(deployment), "limit": 50 });
    let mut pages = aws.list_pages(CALL, parameters);
    while let Some(page) = pages.next_page().await {
        for group in list_of(&page?, "logGroups") {
            let name = text_of(group, "logGroupName").unwrap_or_default().to_owned();
            let arn = text_of(group, "logGroupArn").or(text_of(group, "arn")).unwrap_or_default();
            let arn = arn.trim_end_matches(":*").to_owned();
            let days = integer_of(group, "retentionInDays").map_err(|why| CallError::unexpected(CALL, why))?;
            let retention_days = days.and_then(|days| u32::try_from(days).ok());
            found.insert(name.clone(), LiveLogGroup { name, arn, retention_days, tags: StringMap::new() });
        }
    }
    Ok(found)
}

pub(super) async fn observe_log_group(
    aws: &SignedClient,
    list: &ResourceList<LiveLogGroup>,
    name: &str,
    known: &KnownTags,
    confirm: bool,
) -> Observed<LiveLogGroup> {
    let group = match list {
        Err(error) => return to_unreadable(error),
        Ok(groups) => match groups.get(name) {
            Some(group) => group,
            None if confirm => return observe_unlisted(aws, name).await,
            None => return Observed::Absent,
        },
    };
    let tags = match known.tags_of(&group.arn) {
        Some(tags) => Ok(Some(tags)),
        None => read_log_group_tags(aws, &group.arn).await.found(),
    };
    match tags {
        Ok(Some(tags)) => Observed::Present(LiveLogGroup { tags, ..group.clone() }),
        Ok(None) => Observed::Absent,
        Err(error) => to_unreadable(&error),
    }
}

/// Looks for a group that no list shows. Only the list contains the retention, so a group that exists is unreadable.
async fn observe_unlisted(aws: &SignedClient, name: &str) -> Observed<LiveLogGroup> {
    let streams = aws.call("logs:DescribeLogStreams", json!({ "logGroupName": name, "limit": 1 })).await;
    match streams.found() {
        Ok(Some(_)) => Observed::Unreadable(format!(
            "{name} exists, but logs:DescribeLogGroups doesn't show it yet; run the same command again"
        )),
        Ok(None) => Observed::Absent,
        Err(error) => to_unreadable(&error),
    }
}

pub(super) async fn read_log_group_tags(aws: &SignedClient, arn: &str) -> Result<StringMap, CallError> {
    let answer = aws.call("logs:ListTagsForResource", json!({ "resourceArn": arn })).await?;
    Ok(texts_of(&answer, "tags").map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}
