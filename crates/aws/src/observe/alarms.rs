//! CloudWatch alarms and their topic: one paged list has everything of the alarms except the tags.

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::tags::KnownTags;
use super::to_unreadable;
use crate::signed::{list_of, tags_of, text_of, texts_of};
use crate::{CallError, FailureKind, Found, SignedClient};
use deployer_core::naming::{VenueNames, alarm_topic_name};
use deployer_core::resource::alarm::{LiveAlarm, LiveAlarms, LiveSubscription, LiveTopic};
use deployer_core::resource::{Observed, StringMap};
use deployer_core::scope::Scope;

/// How many alarms' tags are read concurrently.
const ALARMS_AT_ONCE: usize = 8;

/// Reads what the list of alarms doesn't have, and the topic. The topic is only looked for where there may be one: if the manifest
/// declares it, or alarms or tags show that an earlier one did. Tags are left out if `known` is `None`: the plan assumes them.
pub(super) async fn observe_alarms(
    aws: &SignedClient,
    scope: &Scope,
    deployment: &str,
    (alarms, declared): (Result<Vec<LiveAlarm>, CallError>, bool),
    known: Option<&KnownTags>,
) -> LiveAlarms {
    let arn = scope.regional_arn("sns", &alarm_topic_name(deployment));
    let may_have_topic = declared
        || alarms.as_ref().is_ok_and(|alarms| !alarms.is_empty())
        || known.is_some_and(|known| known.tags_of(&arn).is_some());
    let tagged = async {
        match (alarms, known) {
            (Ok(alarms), Some(known)) => read_tags(aws, alarms, known).await,
            (alarms, _) => alarms,
        }
    };
    let topic = async {
        match may_have_topic {
            true => read_topic(aws, &arn, known).await.unwrap_or_else(|error| to_unreadable(&error)),
            false => Observed::Absent,
        }
    };
    let (alarms, topic) = tokio::join!(tagged, topic);
    LiveAlarms { alarms: alarms.map_or_else(|error| to_unreadable(&error), Observed::Present), topic }
}

/// The alarms whose names start as those of the deployment do, without their tags.
///
/// # Errors
/// The list can't be read.
pub async fn list_alarms(aws: &SignedClient, deployment: &str) -> Result<Vec<LiveAlarm>, CallError> {
    let mut found = Vec::new();
    let answers = list_alarm_answers(aws, deployment).await?;
    found.extend(answers.iter().filter_map(|(answer, composite)| LiveAlarm::from_answer(answer, *composite)));
    Ok(found)
}

/// The entries of `DescribeAlarms` for the deployment's names, and whether each is a composite one.
///
/// # Errors
/// The list can't be read.
pub async fn list_alarm_answers(aws: &SignedClient, deployment: &str) -> Result<Vec<(Value, bool)>, CallError> {
    let parameters = json!({
        "AlarmNamePrefix": VenueNames::alarm_prefix(deployment),
        "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
        "MaxRecords": 100,
    });
    let mut found = Vec::new();
    let mut pages = aws.list_pages("cloudwatch:DescribeAlarms", parameters);
    while let Some(page) = pages.next_page().await {
        let page = page?;
        for (list, composite) in [("MetricAlarms", false), ("CompositeAlarms", true)] {
            found.extend(list_of(&page, list).iter().map(|answer| (answer.clone(), composite)));
        }
    }
    found.sort_by(|(one, _), (other, _)| one["AlarmName"].as_str().cmp(&other["AlarmName"].as_str()));
    Ok(found)
}

async fn read_tags(aws: &SignedClient, alarms: Vec<LiveAlarm>, known: &KnownTags) -> Result<Vec<LiveAlarm>, CallError> {
    let read: Vec<Result<Option<LiveAlarm>, CallError>> = stream::iter(alarms)
        .map(async |alarm| {
            let tags = match known.tags_of(&alarm.arn) {
                Some(tags) => Some(tags),
                None => read_alarm_tags(aws, &alarm.arn).await.found()?,
            };
            Ok(tags.map(|tags| LiveAlarm { tags: Some(tags), ..alarm }))
        })
        .buffered(ALARMS_AT_ONCE)
        .collect()
        .await;
    read.into_iter().filter_map(Result::transpose).collect()
}

async fn read_alarm_tags(aws: &SignedClient, arn: &str) -> Result<StringMap, CallError> {
    let answer = aws.call("cloudwatch:ListTagsForResource", json!({ "ResourceARN": arn })).await?;
    Ok(collect_tags(&answer))
}

fn collect_tags(answer: &Value) -> StringMap {
    tags_of(answer, "Tags", "Key", "Value").map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

async fn read_topic(
    aws: &SignedClient,
    arn: &str,
    known: Option<&KnownTags>,
) -> Result<Observed<LiveTopic>, CallError> {
    const CALL: &str = "sns:GetTopicAttributes";
    let Some(answer) = aws.call(CALL, json!({ "TopicArn": arn })).await.found()? else { return Ok(Observed::Absent) };
    let policy = texts_of(&answer, "Attributes").find(|(name, _)| *name == "Policy").map_or("{}", |(_, policy)| policy);
    let policy = serde_json::from_str(policy)
        .map_err(|error| CallError::unexpected(CALL, format!("the topic's policy isn't JSON: {error}")))?;
    let tags = async {
        match known.map(|known| known.tags_of(arn)) {
            None => Ok(None),
            Some(Some(tags)) => Ok(Some(tags)),
            Some(None) => {
                let answer = aws.call("sns:ListTagsForResource", json!({ "ResourceArn": arn })).await?;
                Ok(Some(collect_tags(&answer)))
            }
        }
    };
    let (tags, subscriptions) = tokio::join!(tags, list_subscriptions(aws, arn));
    match (tags, subscriptions) {
        (Ok(tags), Ok(subscriptions)) => {
            Ok(Observed::Present(LiveTopic { arn: arn.to_owned(), policy, subscriptions, tags, unmodeled: Vec::new() }))
        }
        // Deleted in between.
        (Err(error), _) | (_, Err(error)) if error.kind == FailureKind::NotFound => Ok(Observed::Absent),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

async fn list_subscriptions(aws: &SignedClient, topic: &str) -> Result<Vec<LiveSubscription>, CallError> {
    let mut found = Vec::new();
    let mut pages = aws.list_pages("sns:ListSubscriptionsByTopic", json!({ "TopicArn": topic }));
    while let Some(page) = pages.next_page().await {
        for subscription in list_of(&page?, "Subscriptions") {
            let text = |member: &str| text_of(subscription, member).unwrap_or_default().to_owned();
            found.push(LiveSubscription {
                // Instead of an ARN, it can be `PendingConfirmation` or `Deleted`.
                arn: text_of(subscription, "SubscriptionArn")
                    .filter(|arn| arn.starts_with("arn:"))
                    .map(ToOwned::to_owned),
                protocol: text("Protocol"),
                endpoint: text("Endpoint"),
            });
        }
    }
    found.sort_by(|one, other| (&one.protocol, &one.endpoint).cmp(&(&other.protocol, &other.endpoint)));
    Ok(found)
}
