//! Queues: how many messages they hold, and where failed messages go.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use super::dead_letter_queue;
use super::policy::add_permissions;
use deployer_aws::signed::{integer_of, text_of};
use deployer_aws::{CallError, FailureKind, SignedClient};

/// Without a page size the list has no further pages, and ends at 1,000 queues
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>).
const PAGE_SIZE: u32 = 1000;

/// Waiting, in flight, delayed.
const MESSAGE_COUNTS: [&str; 3] =
    ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"];

pub(super) async fn read_queues(aws: &SignedClient, collector: &Collector<'_>) {
    let pages = aws.list_pages("sqs:ListQueues", json!({ "MaxResults": PAGE_SIZE }));
    let mut urls = Vec::new();
    let add = |url: &Value| {
        urls.push(url.as_str().ok_or_else(|| format!("the URL of a queue is not a text: {url}"))?.to_owned());
        Ok(())
    };
    collector.list_items(pages, "QueueUrls", "queues", add).await;
    collector.for_each(urls, &["sqs:GetQueueAttributes"], |url| read_queue(aws, collector, url)).await;
}

async fn read_queue(aws: &SignedClient, collector: &Collector<'_>, url: String) {
    const CALL: &str = "sqs:GetQueueAttributes";
    let name = url.rsplit('/').next().unwrap_or_default().to_owned();
    let arn = collector.scope.regional_arn("sqs", &name);
    let what = format!("the attributes of queue {name}");
    let request = aws.call(CALL, json!({ "QueueUrl": url, "AttributeNames": ["All"] }));
    let node = Node::new(NodeKind::Queue, &arn, &name);
    match collector.make_call(CALL, request).await {
        Ok(answer) => {
            if let Err(why) = add_queue(collector, node.with_attribute("url", Some(&url)), &answer["Attributes"]) {
                if !collector.gathered().nodes.contains_key(&arn) {
                    collector.add_node(Node::new(NodeKind::Queue, &arn, &name).with_attribute("url", Some(&url)));
                }
                collector.note_unread(CALL, Some(&arn), what, why);
            }
        }
        Err(error) if is_gone(&error) => {}
        Err(error) => {
            collector.add_node(node);
            collector.note_failure(&error, Some(&arn), what);
        }
    }
}

fn add_queue(collector: &Collector<'_>, node: Node, attributes: &Value) -> Result<(), String> {
    let mut messages = 0;
    for count in MESSAGE_COUNTS {
        messages += integer_of(attributes, count)?.unwrap_or_default();
    }
    let dead_letters = dead_letter_queue(text_of(attributes, "RedrivePolicy"))?;
    let mut node = node
        .with_attribute("messages", Some(messages))
        .with_attribute("fifo", text_of(attributes, "FifoQueue").filter(|text| *text == "true"));
    node.changed_at = match text_of(attributes, "LastModifiedTimestamp").or(text_of(attributes, "CreatedTimestamp")) {
        Some(seconds) => Some(parse_seconds(seconds)?),
        None => None,
    };
    let arn = node.id.clone();
    collector.add_node(node);
    if let Some(target) = dead_letters {
        collector.add_edge(&arn, &target, EdgeKind::DeadLetter, true, None);
    }
    match text_of(attributes, "Policy").filter(|policy| !policy.is_empty()) {
        Some(policy) => add_permissions(collector, &arn, policy),
        None => Ok(()),
    }
}

/// Seconds since 1970; some servers write a fraction.
fn parse_seconds(text: &str) -> Result<Timestamp, String> {
    let whole = text.split('.').next().unwrap_or(text);
    let time = whole.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.ok_or_else(|| format!("not a time: {text}"))
}

/// A queue stays in the list for a minute after its deletion.
fn is_gone(error: &CallError) -> bool {
    error.kind == FailureKind::NotFound || error.code.ends_with("NonExistentQueue") || error.code == "QueueDoesNotExist"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_attributes_that_it_cannot_parse() {
        let scope = deployer_core::scope::Scope::new("1", "us-east-1");
        let collector = Collector::new(&scope, false, &|_| {});
        let add = |attributes: Value| add_queue(&collector, Node::new(NodeKind::Queue, "arn", "q"), &attributes);
        assert_eq!(add(json!({ "ApproximateNumberOfMessages": "3", "LastModifiedTimestamp": "1700000000.5" })), Ok(()));
        assert_eq!(collector.gathered().nodes["arn"].attributes["messages"], "3");
        for (name, value) in
            [("RedrivePolicy", "{"), ("ApproximateNumberOfMessages", "many"), ("LastModifiedTimestamp", "yesterday")]
        {
            assert!(add(json!({ name: value })).is_err(), "{name}");
        }
    }
}
