//! Queues, their attributes, tags and messages.

use std::collections::BTreeMap;

use aws_sdk_sqs::operation::create_queue::builders::CreateQueueFluentBuilder;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use deployer_aws::{Call, CallError, FailureKind};

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same, fail_probe};

use crate::sdk::GeneratedClients as _;

fn standard_queue(place: &ProbePlace, name: &str) -> CreateQueueFluentBuilder {
    let request = place.aws.sdk().sqs.create_queue().queue_name(name).attributes(Attribute::VisibilityTimeout, "60");
    request.set_tags(Some(TAGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into()))
}

fn fifo_queue(place: &ProbePlace, name: &str) -> CreateQueueFluentBuilder {
    let request = place.aws.sdk().sqs.create_queue().queue_name(name).attributes(Attribute::FifoQueue, "true");
    request.attributes(Attribute::ContentBasedDeduplication, "true")
}

async fn create_queue(request: CreateQueueFluentBuilder) -> Result<String, CallError> {
    Ok(request.send().await.call("sqs:CreateQueue")?.queue_url.unwrap_or_default())
}

async fn queue_attributes(place: &ProbePlace, url: &str) -> Result<BTreeMap<String, String>, CallError> {
    let answer = place.aws.sdk().sqs.get_queue_attributes().queue_url(url).attribute_names(Attribute::All).send().await;
    let attributes = answer.call("sqs:GetQueueAttributes")?.attributes.unwrap_or_default();
    Ok(attributes.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect())
}

async fn delete_queue(place: &ProbePlace, url: &str) {
    let _ = place.aws.sdk().sqs.delete_queue().queue_url(url).send().await;
}

pub async fn keeps_queue_attributes_and_tags(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("queue");
    let url = create_queue(standard_queue(&place, &name)).await.map_err(error_text)?;
    let attributes = queue_attributes(&place, &url).await.map_err(error_text)?;
    let tags = place.aws.sdk().sqs.list_queue_tags().queue_url(&url).send().await.call("sqs:ListQueueTags");
    let found = place.aws.sdk().sqs.get_queue_url().queue_name(&name).send().await.call("sqs:GetQueueUrl");
    delete_queue(&place, &url).await;
    expect_same(found.map_err(error_text)?.queue_url(), Some(url.as_str()), "URL")?;
    let of = |name: &str| attributes.get(name).map(String::as_str);
    let arn = format!("arn:aws:sqs:us-east-1:{}:{name}", place.account);
    expect_same(of("QueueArn"), Some(arn.as_str()), "ARN")?;
    expect_same(of("VisibilityTimeout"), Some("60"), "the attribute that was set")?;
    expect_same(of("MessageRetentionPeriod"), Some("345600"), "a default attribute")?;
    expect_same(of("FifoQueue"), None, "attribute FifoQueue")?;
    let tags: BTreeMap<_, _> = tags.map_err(error_text)?.tags.unwrap_or_default().into_iter().collect();
    expect_same(tags, TAGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into(), "tags")
}

pub async fn recreates_queue_only_with_same_attributes(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("queue");
    let url = create_queue(standard_queue(&place, &name)).await.map_err(error_text)?;
    let again = create_queue(standard_queue(&place, &name)).await;
    let other = create_queue(standard_queue(&place, &name).attributes(Attribute::DelaySeconds, "5")).await;
    delete_queue(&place, &url).await;
    expect_same(again.map_err(error_text)?, url, "URL of the existing queue")?;
    expect_refused(other, FailureKind::AlreadyExists)
}

pub async fn requires_fifo_suffix_for_fifo_queues_only(place: ProbePlace) -> ProbeResult {
    for (request, what) in [
        (fifo_queue(&place, &place.resource_name("queue")), "a FIFO queue without the suffix .fifo"),
        (standard_queue(&place, &place.resource_name("queue.fifo")), "a standard queue with the suffix .fifo"),
    ] {
        match create_queue(request).await {
            Ok(url) => {
                delete_queue(&place, &url).await;
                return fail_probe(format!("{what} was created"));
            }
            Err(error) => expect_same(error.kind, FailureKind::Invalid, what)?,
        }
    }
    let url = create_queue(fifo_queue(&place, &place.resource_name("queue.fifo"))).await.map_err(error_text)?;
    let attributes = queue_attributes(&place, &url).await.map_err(error_text)?;
    delete_queue(&place, &url).await;
    expect_same(attributes.get("FifoQueue").map(String::as_str), Some("true"), "attribute FifoQueue")?;
    expect_same(attributes.get("DeduplicationScope").map(String::as_str), Some("queue"), "a default attribute")
}

pub async fn counts_messages_and_keeps_their_order(place: ProbePlace) -> ProbeResult {
    let url = create_queue(fifo_queue(&place, &place.resource_name("queue.fifo"))).await.map_err(error_text)?;
    for body in ["one", "two", "two"] {
        let request = place.aws.sdk().sqs.send_message().queue_url(&url).message_body(body).message_group_id("all");
        request.send().await.call("sqs:SendMessage").map_err(error_text)?;
    }
    let counted = queue_attributes(&place, &url).await.map_err(error_text)?;
    let request = place.aws.sdk().sqs.receive_message().queue_url(&url).max_number_of_messages(10);
    let received = request.send().await.call("sqs:ReceiveMessage").map_err(error_text)?;
    let receipt = received.messages().first().and_then(|message| message.receipt_handle()).unwrap_or_default();
    let request = place.aws.sdk().sqs.delete_message().queue_url(&url).receipt_handle(receipt);
    request.send().await.call("sqs:DeleteMessage").map_err(error_text)?;
    let left = queue_attributes(&place, &url).await.map_err(error_text)?;
    delete_queue(&place, &url).await;
    expect_same(
        counted.get("ApproximateNumberOfMessages").map(String::as_str),
        Some("2"),
        "number of messages, without the duplicate",
    )?;
    let bodies: Vec<_> = received.messages().iter().filter_map(|message| message.body()).collect();
    expect_same(bodies, vec!["one", "two"], "received messages")?;
    expect_same(
        left.get("ApproximateNumberOfMessagesNotVisible").map(String::as_str),
        Some("1"),
        "number of messages in flight",
    )
}

pub async fn requires_existing_dead_letter_queue(place: ProbePlace) -> ProbeResult {
    let (name, dead) = (place.resource_name("queue"), place.resource_name("dead"));
    let policy = |target: &str| {
        let arn = format!("arn:aws:sqs:us-east-1:{}:{target}", place.account);
        format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":3}}"#)
    };
    let nowhere = create_queue(standard_queue(&place, &name).attributes(Attribute::RedrivePolicy, policy(&dead))).await;
    let dead_url = create_queue(standard_queue(&place, &dead)).await.map_err(error_text)?;
    let url = create_queue(standard_queue(&place, &name).attributes(Attribute::RedrivePolicy, policy(&dead))).await;
    let url = url.map_err(error_text)?;
    let sources = place.aws.sdk().sqs.list_dead_letter_source_queues().queue_url(&dead_url).send().await;
    let sources = sources.call("sqs:ListDeadLetterSourceQueues");
    delete_queue(&place, &url).await;
    delete_queue(&place, &dead_url).await;
    expect_same(sources.map_err(error_text)?.queue_urls(), &[url][..], "source queues")?;
    match nowhere {
        Ok(_) => fail_probe("accepted a queue without an existing dead-letter queue"),
        Err(error) => expect_same(error.kind, FailureKind::Invalid, "error code"),
    }
}

pub async fn pages_queues(place: ProbePlace) -> ProbeResult {
    let mut urls = Vec::new();
    for what in ["queue-1", "queue-2", "queue-3"] {
        urls.push(create_queue(standard_queue(&place, &place.resource_name(what))).await.map_err(error_text)?);
    }
    let request = place.aws.sdk().sqs.list_queues().queue_name_prefix(place.resource_name("queue-")).max_results(2);
    let first = request.clone().send().await.call("sqs:ListQueues").map_err(error_text)?;
    let second = request.set_next_token(first.next_token.clone()).send().await.call("sqs:ListQueues");
    for url in &urls {
        delete_queue(&place, url).await;
    }
    let second = second.map_err(error_text)?;
    expect_same((first.queue_urls().len(), first.next_token().is_some()), (2, true), "first page")?;
    expect_same((second.queue_urls().len(), second.next_token().is_some()), (1, false), "second page")
}

pub async fn adds_and_removes_queue_tags(place: ProbePlace) -> ProbeResult {
    let url = create_queue(standard_queue(&place, &place.resource_name("queue"))).await.map_err(error_text)?;
    let sqs = &place.aws.sdk().sqs;
    sqs.tag_queue().queue_url(&url).tags("more", "1").send().await.call("sqs:TagQueue").map_err(error_text)?;
    let request = sqs.untag_queue().queue_url(&url).tag_keys(TAGS[0].0);
    request.send().await.call("sqs:UntagQueue").map_err(error_text)?;
    let tags = sqs.list_queue_tags().queue_url(&url).send().await.call("sqs:ListQueueTags").map_err(error_text)?;
    delete_queue(&place, &url).await;
    let mut keys: Vec<_> = tags.tags.unwrap_or_default().into_keys().collect();
    keys.sort_unstable();
    expect_same(keys, vec![TAGS[1].0.to_owned(), "more".to_owned()], "tags")
}

pub async fn reports_missing_queues_as_not_found(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("queue");
    let url = format!("https://sqs.us-east-1.amazonaws.com/{}/{name}", place.account);
    let sqs = &place.aws.sdk().sqs;
    expect_refused(sqs.get_queue_url().queue_name(&name).send().await.call("sqs:GetQueueUrl"), FailureKind::NotFound)?;
    expect_refused(queue_attributes(&place, &url).await, FailureKind::NotFound)?;
    expect_refused(sqs.delete_queue().queue_url(&url).send().await.call("sqs:DeleteQueue"), FailureKind::NotFound)
}
