//! SQS queues: attributes and tags. Messages are never archived: a queue that has any isn't deleted.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::parts::ResourceParts;
use super::super::{DecommissionContext, DecommissionTarget};
use super::{RestoredResource, parse_time};
use deployer_aws::{Call, CallError, Found};

/// Waiting, in flight, delayed.
const COUNTS: [&str; 3] =
    ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"];

pub(super) const VOLATILE: &[&str] = &[
    "attributes.json/ApproximateNumberOfMessages",
    "attributes.json/ApproximateNumberOfMessagesNotVisible",
    "attributes.json/ApproximateNumberOfMessagesDelayed",
];

pub(super) const NEW: &[&str] = &["attributes.json/CreatedTimestamp", "attributes.json/LastModifiedTimestamp"];

pub(super) async fn read(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<ResourceParts>, CallError> {
    let Some(url) = find_queue_url(cx, target).await? else { return Ok(None) };
    let sqs = &cx.aws.sqs;
    let request = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
    let Some(answer) = request.send().await.call("sqs:GetQueueAttributes").found()? else { return Ok(None) };
    let attributes = answer.attributes().into_iter().flatten();
    let attributes = attributes.map(|(name, value)| (name.as_str().to_owned(), json!(value)));
    let mut attributes: Vec<(String, Value)> = attributes.collect();
    attributes.sort_by(|one, other| one.0.cmp(&other.0));
    let tags = sqs.list_queue_tags().queue_url(&url).send().await.call("sqs:ListQueueTags")?;
    let mut parts = ResourceParts::default();
    parts.put_document("attributes.json", Value::Object(attributes.into_iter().collect()));
    parts.put_document("tags.json", json!(tags.tags().cloned().unwrap_or_default()));
    Ok(Some(parts))
}

/// Messages in the queue.
pub(super) fn objection(parts: &ResourceParts) -> Option<String> {
    let attributes = parts.get("attributes.json");
    let mut counts = [0_u64; 3];
    for (count, name) in counts.iter_mut().zip(COUNTS) {
        match attributes[name].as_str().and_then(|count| count.parse().ok()) {
            Some(number) => *count = number,
            None => return Some("SQS doesn't say how many messages it has".to_owned()),
        }
    }
    let [waiting, in_flight, delayed] = counts;
    (waiting + in_flight + delayed > 0).then(|| {
        format!("{waiting} messages wait in it, {in_flight} are in flight, {delayed} are delayed: take them out first")
    })
}

pub(super) fn changed_at(parts: &ResourceParts) -> Option<Timestamp> {
    let seconds = parts.get("attributes.json")["LastModifiedTimestamp"].as_str()?.parse::<i64>().ok()?;
    parse_time(&json!(seconds))
}

pub(super) async fn delete(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
) -> Result<(), CallError> {
    let Some(url) = find_queue_url(cx, target).await? else { return Ok(()) };
    cx.aws.sqs.delete_queue().queue_url(url).send().await.call("sqs:DeleteQueue").found().map(drop)
}

pub(super) async fn restore(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<RestoredResource, CallError> {
    // What SQS says of a queue and doesn't take.
    let own = ["QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"];
    let taken = |name: &str, value: &str| {
        let standard = name == "FifoQueue" && value == "false";
        !own.contains(&name) && !COUNTS.contains(&name) && !standard && !value.is_empty()
    };
    let attributes = parts.get("attributes.json").as_object().into_iter().flatten();
    let attributes: HashMap<QueueAttributeName, String> = attributes
        .filter_map(|(name, value)| Some((name, value.as_str()?)))
        .filter(|(name, value)| taken(name, value))
        .map(|(name, value)| (QueueAttributeName::from(name.as_str()), value.to_owned()))
        .collect();
    let request = cx.aws.sqs.create_queue().queue_name(target.aws_identifier()).set_attributes(Some(attributes));
    let request = request.set_tags(Some(super::resource_tags(parts).into_iter().collect()));
    cx.call_with_retry(async || request.clone().send().await.call("sqs:CreateQueue")).await?;
    Ok(RestoredResource::default())
}

/// A queue can't be turned off without turning away whoever sends to it, and losing what is sent: it is only tagged.
pub(super) async fn disable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
    tags: &[(&str, String)],
) -> Result<(), CallError> {
    let Some(url) = find_queue_url(cx, target).await? else { return Ok(()) };
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    cx.aws.sqs.tag_queue().queue_url(url).set_tags(Some(tags)).send().await.call("sqs:TagQueue").map(drop)
}

pub(super) async fn enable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
    keys: &[&str],
) -> Result<(), CallError> {
    let Some(url) = find_queue_url(cx, target).await? else { return Ok(()) };
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    cx.aws.sqs.untag_queue().queue_url(url).set_tag_keys(Some(keys)).send().await.call("sqs:UntagQueue").map(drop)
}

async fn find_queue_url(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<String>, CallError> {
    let answer =
        cx.aws.sqs.get_queue_url().queue_name(target.aws_identifier()).send().await.call("sqs:GetQueueUrl").found()?;
    Ok(answer.and_then(|answer| answer.queue_url))
}
