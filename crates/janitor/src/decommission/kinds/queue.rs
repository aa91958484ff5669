//! SQS queues: attributes and tags. Messages are never archived, so a queue that has any isn't deleted.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::ResourceParts;
use super::super::proof::RebuiltCall;
use super::super::{DecommissionContext, DecommissionTarget};
use super::{object_of, parse_time, tag_map};
use crate::audit::NodeKind;
use deployer_aws::signed::{text_of, texts_of};
use deployer_aws::{CallError, Found};
use deployer_core::arn::Arn;

/// The counts of messages: waiting, in flight, delayed.
const COUNTS: [&str; 3] =
    ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"];

const VOLATILE: &[&str] = &[
    "attributes.json/ApproximateNumberOfMessages",
    "attributes.json/ApproximateNumberOfMessagesNotVisible",
    "attributes.json/ApproximateNumberOfMessagesDelayed",
];

const NEW: &[&str] = &["attributes.json/CreatedTimestamp", "attributes.json/LastModifiedTimestamp"];

/// SQS queues.
pub struct Queue;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::Queue,
    deletion_stage: DeletionStage::Queue,
    restore_stage: RestoreStage::Queue,
    rule_target: true,
    volatile_attributes: VOLATILE,
    new_attributes: NEW,
};

impl ArchivableKind for Queue {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
    }

    fn usage_metrics<'t>(&self, target: &'t DecommissionTarget) -> Option<UsageMetrics<'t>> {
        Some(UsageMetrics {
            namespace: "AWS/SQS",
            metrics: &["NumberOfMessagesSent", "NumberOfMessagesReceived"],
            dimension: "QueueName",
            value: target.aws_identifier(),
        })
    }

    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>> {
        Box::pin(async move {
            let Some(url) = find_queue_url(cx, target).await? else { return Ok(None) };
            let aws = &cx.aws.signed;
            let parameters = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
            let Some(answer) = aws.call("sqs:GetQueueAttributes", parameters).await.found()? else { return Ok(None) };
            let mut attributes: Vec<(&str, &str)> = texts_of(&answer, "Attributes").collect();
            attributes.sort_unstable();
            let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
            let tags = aws.call("sqs:ListQueueTags", json!({ "QueueUrl": url })).await?;
            let mut parts = ResourceParts::default();
            parts.put_document("attributes.json", Value::Object(attributes.collect()));
            parts.put_document("tags.json", object_of(&tags, "Tags"));
            Ok(Some(parts))
        })
    }

    fn delete_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let Some(url) = find_queue_url(cx, target).await? else { return Ok(()) };
            cx.aws.signed.call("sqs:DeleteQueue", json!({ "QueueUrl": url })).await.found().map(drop)
        })
    }

    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource> {
        Box::pin(async move {
            let parameters = create_request(target, parts);
            cx.call_with_retry(async || cx.aws.signed.call("sqs:CreateQueue", parameters.clone()).await).await?;
            Ok(RestoredResource::default())
        })
    }

    fn rebuild_calls(&self, target: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        match parts.get("attributes.json").as_object() {
            Some(_) => Ok(vec![RebuiltCall::new("sqs:CreateQueue", create_request(target, parts))]),
            None => Err("the archive has no attributes of the queue".to_owned()),
        }
    }

    /// Turning a queue off would reject the messages that are sent to it, and lose them. So it is only tagged.
    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        tags: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let Some(url) = find_queue_url(cx, target).await? else { return Ok(()) };
            cx.aws.signed.call("sqs:TagQueue", json!({ "QueueUrl": url, "Tags": tag_map(tags) })).await.map(drop)
        })
    }

    fn enable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        keys: &'a [&'a str],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let Some(url) = find_queue_url(cx, target).await? else { return Ok(()) };
            cx.aws.signed.call("sqs:UntagQueue", json!({ "QueueUrl": url, "TagKeys": keys })).await.map(drop)
        })
    }

    /// Refuses a queue that has messages.
    fn find_objection(&self, _: &DecommissionTarget, parts: &ResourceParts, _: UseWindow<'_>) -> Option<String> {
        self.find_late_objection(parts)
    }

    /// Messages can arrive at any time, and they aren't archived.
    fn find_late_objection(&self, parts: &ResourceParts) -> Option<String> {
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

    /// A queue is also named by its URL.
    fn is_named_in(&self, text: &str, target: &DecommissionTarget) -> bool {
        let in_url =
            |arn: Arn<'_>| text.starts_with("http") && text.ends_with(&format!("/{}/{}", arn.account, arn.resource));
        text.contains(&target.id) || Arn::parse_arn(&target.id).is_ok_and(in_url)
    }

    /// SQS requires a queue for dead letters to exist before the queue that sends them there.
    fn restores_late(&self, parts: &ResourceParts) -> bool {
        parts.get("attributes.json").get("RedrivePolicy").is_some()
    }

    fn lost_parts(&self, parts: &ResourceParts) -> Vec<String> {
        let count = |name: &str| parts.get("attributes.json")[name].as_str()?.parse::<u64>().ok();
        match COUNTS.into_iter().filter_map(count).sum::<u64>() {
            0 => Vec::new(),
            count => vec![format!("its {count} messages")],
        }
    }

    fn changed_at(&self, parts: &ResourceParts) -> Option<Timestamp> {
        let seconds = parts.get("attributes.json")["LastModifiedTimestamp"].as_str()?.parse::<i64>().ok()?;
        parse_time(&json!(seconds))
    }
}

/// The parameters of `CreateQueue`.
fn create_request(target: &DecommissionTarget, parts: &ResourceParts) -> Value {
    // The attributes that SQS returns but doesn't accept.
    let own = ["QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"];
    let taken = |name: &str, value: &str| {
        let standard = name == "FifoQueue" && value == "false";
        !own.contains(&name) && !COUNTS.contains(&name) && !standard && !value.is_empty()
    };
    let attributes = parts.get("attributes.json").as_object().into_iter().flatten();
    let attributes: Map<String, Value> = attributes
        .filter_map(|(name, value)| Some((name, value.as_str()?)))
        .filter(|(name, value)| taken(name, value))
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let tags: Map<String, Value> =
        super::resource_tags(parts).into_iter().map(|(key, value)| (key, json!(value))).collect();
    // This is the only SQS request in which `tags` is lowercase.
    json!({ "QueueName": target.aws_identifier(), "Attributes": attributes, "tags": tags })
}

async fn find_queue_url(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<String>, CallError> {
    let answer =
        cx.aws.signed.call("sqs:GetQueueUrl", json!({ "QueueName": target.aws_identifier() })).await.found()?;
    Ok(answer.as_ref().and_then(|answer| text_of(answer, "QueueUrl")).map(ToOwned::to_owned))
}
