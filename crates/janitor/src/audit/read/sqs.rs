//! Queues, how many messages wait, where failed ones go.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use jiff::Timestamp;
use serde_json::Value;

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use deployer_aws::{CallError, FailureKind};

/// Without it the list isn't paged, and ends at 1,000
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>).
const PAGE: i32 = 1000;

pub(super) async fn read(sqs: &Client, collector: &Collector<'_>) {
    let mut pages = sqs.list_queues().max_results(PAGE).into_paginator().send();
    let mut urls = Vec::new();
    while let Some(page) = collector.page("sqs:ListQueues", pages.next()).await {
        match page {
            Ok(page) => urls.extend(page.queue_urls().to_vec()),
            Err(error) => {
                collector.unread(&error, None, "queues");
                break;
            }
        }
    }
    collector.each(urls, |url| queue(sqs, collector, url)).await;
}

async fn queue(sqs: &Client, collector: &Collector<'_>, url: String) {
    let name = url.rsplit('/').next().unwrap_or_default().to_owned();
    let arn = collector.scope.regional_arn("sqs", &name);
    let request = sqs.get_queue_attributes().queue_url(&url).attribute_names(Name::All).send();
    let answer = match collector.call("sqs:GetQueueAttributes", request).await {
        Ok(answer) => answer,
        Err(error) if gone(&error) => return,
        Err(error) => {
            collector.node(Node::new(NodeKind::Queue, &arn, &name));
            return collector.unread(&error, Some(&arn), format!("the attributes of queue {name}"));
        }
    };
    let attribute = |wanted: Name| answer.attributes().and_then(|attributes| attributes.get(&wanted)).cloned();
    let number = |wanted: Name| attribute(wanted).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let messages = number(Name::ApproximateNumberOfMessages)
        + number(Name::ApproximateNumberOfMessagesNotVisible)
        + number(Name::ApproximateNumberOfMessagesDelayed);
    let mut node = Node::new(NodeKind::Queue, &arn, &name)
        .with_attribute("url", Some(&url))
        .with_attribute("messages", Some(messages))
        .with_attribute("fifo", attribute(Name::FifoQueue).filter(|text| text == "true"));
    let changed = attribute(Name::LastModifiedTimestamp).or_else(|| attribute(Name::CreatedTimestamp));
    // Seconds; some servers give fractions.
    node.changed_at = changed.and_then(|text| Timestamp::from_second(text.split('.').next()?.parse().ok()?).ok());
    collector.node(node);
    let redrive: Value =
        attribute(Name::RedrivePolicy).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    if let Some(target) = redrive["deadLetterTargetArn"].as_str() {
        collector.edge(&arn, target, EdgeKind::DeadLetter, true, None);
    }
}

/// A queue shows in the list for a minute after its deletion.
fn gone(error: &CallError) -> bool {
    error.kind == FailureKind::NotFound || error.code.ends_with("NonExistentQueue") || error.code == "QueueDoesNotExist"
}
