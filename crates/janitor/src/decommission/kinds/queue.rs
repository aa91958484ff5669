//! SQS queues: attributes and tags. Messages are never archived, so a queue that has any isn't deleted.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::parts::Parts;
use super::super::{Cx, Target};
use super::{Restored, time};
use deployer_aws::{Call, CallError, Found};

/// The counts of messages: waiting, in flight, delayed.
const COUNTS: [&str; 3] =
    ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"];

pub(super) const VOLATILE: &[&str] = &[
    "attributes.json/ApproximateNumberOfMessages",
    "attributes.json/ApproximateNumberOfMessagesNotVisible",
    "attributes.json/ApproximateNumberOfMessagesDelayed",
];

pub(super) const NEW: &[&str] = &["attributes.json/CreatedTimestamp", "attributes.json/LastModifiedTimestamp"];

pub(super) async fn read(cx: &Cx<'_>, target: &Target) -> Result<Option<Parts>, CallError> {
    let Some(url) = url(cx, target).await? else { return Ok(None) };
    let sqs = &cx.aws.sqs;
    let request = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
    let Some(answer) = request.send().await.call("sqs:GetQueueAttributes").found()? else { return Ok(None) };
    let attributes = answer.attributes().into_iter().flatten();
    let attributes = attributes.map(|(name, value)| (name.as_str().to_owned(), json!(value)));
    let mut attributes: Vec<(String, Value)> = attributes.collect();
    attributes.sort_by(|one, other| one.0.cmp(&other.0));
    let tags = sqs.list_queue_tags().queue_url(&url).send().await.call("sqs:ListQueueTags")?;
    let mut parts = Parts::default();
    parts.put("attributes.json", Value::Object(attributes.into_iter().collect()));
    parts.put("tags.json", json!(tags.tags().cloned().unwrap_or_default()));
    Ok(Some(parts))
}

/// Refuses a queue that has messages.
pub(super) fn objection(parts: &Parts) -> Option<String> {
    let attributes = parts.get("attributes.json");
    let mut counts = [0_u64; 3];
    for (count, name) in counts.iter_mut().zip(COUNTS) {
        match attributes[name].as_str().and_then(|count| count.parse().ok()) {
            Some(number) => *count = number,
            None => return Some("could not determine how many messages it has".to_owned()),
        }
    }
    let [waiting, in_flight, delayed] = counts;
    (waiting + in_flight + delayed > 0).then(|| {
        format!("it has messages ({waiting} waiting, {in_flight} in flight, {delayed} delayed): remove them first")
    })
}

pub(super) fn changed_at(parts: &Parts) -> Option<Timestamp> {
    let seconds = parts.get("attributes.json")["LastModifiedTimestamp"].as_str()?.parse::<i64>().ok()?;
    time(&json!(seconds))
}

pub(super) async fn delete(cx: &Cx<'_>, target: &Target, _: &Parts) -> Result<(), CallError> {
    let Some(url) = url(cx, target).await? else { return Ok(()) };
    cx.aws.sqs.delete_queue().queue_url(url).send().await.call("sqs:DeleteQueue").found().map(drop)
}

pub(super) async fn restore(cx: &Cx<'_>, target: &Target, parts: &Parts) -> Result<Restored, CallError> {
    // The attributes that SQS returns but doesn't accept.
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
    let request = cx.aws.sqs.create_queue().queue_name(target.key()).set_attributes(Some(attributes));
    let request = request.set_tags(Some(super::tags(parts).into_iter().collect()));
    cx.retried(async || request.clone().send().await.call("sqs:CreateQueue")).await?;
    Ok(Restored::default())
}

/// Turning a queue off would refuse what is sent to it, and lose it. So it is only tagged.
pub(super) async fn disable(cx: &Cx<'_>, target: &Target, _: &Parts, tags: &[(&str, String)]) -> Result<(), CallError> {
    let Some(url) = url(cx, target).await? else { return Ok(()) };
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    cx.aws.sqs.tag_queue().queue_url(url).set_tags(Some(tags)).send().await.call("sqs:TagQueue").map(drop)
}

pub(super) async fn enable(cx: &Cx<'_>, target: &Target, _: &Parts, keys: &[&str]) -> Result<(), CallError> {
    let Some(url) = url(cx, target).await? else { return Ok(()) };
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    cx.aws.sqs.untag_queue().queue_url(url).set_tag_keys(Some(keys)).send().await.call("sqs:UntagQueue").map(drop)
}

async fn url(cx: &Cx<'_>, target: &Target) -> Result<Option<String>, CallError> {
    let answer = cx.aws.sqs.get_queue_url().queue_name(target.key()).send().await.call("sqs:GetQueueUrl").found()?;
    Ok(answer.and_then(|answer| answer.queue_url))
}
