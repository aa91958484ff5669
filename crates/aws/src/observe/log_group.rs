//! CloudWatch log groups: one paged list has everything except the tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::PartRead;
use super::tags::KnownTags;
use super::{Listed, ResourceList, to_unreadable};
use crate::signed::{integer_of, list_of, text_of, texts_of};
use crate::{CallError, Found, SignedClient};
use deployer_core::naming::log_group_prefix;
use deployer_core::resource::members::{AnswerKind, UnmodeledPart};
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
            let unmodeled = unmodeled_part(&name, group, Vec::new());
            let listed = LiveLogGroup { name: name.clone(), arn, retention_days, tags: StringMap::new(), unmodeled };
            found.insert(name, listed);
        }
    }
    Ok(found)
}

pub(super) async fn observe_log_group(
    aws: &SignedClient,
    listed: Listed<LiveLogGroup>,
    name: &str,
    known: &KnownTags,
    confirm: bool,
) -> Observed<LiveLogGroup> {
    let group = match listed {
        Err(error) => return to_unreadable(&error),
        Ok(Some(group)) => group,
        Ok(None) if confirm => return observe_unlisted(aws, name).await,
        Ok(None) => return Observed::Absent,
    };
    let tags = async {
        match known.tags_of(&group.arn) {
            Some(tags) => Ok(Some(tags)),
            None => read_log_group_tags(aws, &group.arn).await.found(),
        }
    };
    let (tags, filters) = tokio::join!(tags, read_subscription_filters(aws, name));
    match tags {
        Ok(Some(tags)) => {
            let (mut answer, mut unread) = (json!({}), Vec::new());
            PartRead::of_call(filters.map(Some)).add_to(&mut answer, "SubscriptionFilters", &mut unread);
            // What the entry of the list has besides is known already.
            let mut live = LiveLogGroup { tags, ..group };
            live.unmodeled.add_part(unmodeled_part(name, &answer, unread));
            Observed::Present(live)
        }
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

/// The subscription filters of a group, by name. A group has at most two.
async fn read_subscription_filters(aws: &SignedClient, name: &str) -> Result<Value, CallError> {
    let answer = aws.call("logs:DescribeSubscriptionFilters", json!({ "logGroupName": name })).await?;
    let mut filters = json!({});
    for filter in list_of(&answer, "subscriptionFilters") {
        filters[text_of(filter, "filterName").unwrap_or_default()] = filter.clone();
    }
    Ok(filters)
}

fn unmodeled_part(name: &str, answer: &Value, unread: Vec<String>) -> UnmodeledPart {
    UnmodeledPart { members: AnswerKind::LogGroup.find_unmodeled(name, answer), unread }
}
