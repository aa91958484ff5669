//! Attributes of a queue: their defaults, their allowed values, and how they are returned.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::super::JsonBody;
use super::{ApiError, FIFO, SqsCall, SqsState, StoredQueue, invalid_parameter};

/// Integer attributes: name, default, range.
const NUMBERS: [(&str, &str, RangeInclusive<i64>); 5] = [
    ("DelaySeconds", "0", 0..=900),
    ("MaximumMessageSize", "1048576", 1024..=1_048_576),
    ("MessageRetentionPeriod", "345600", 60..=1_209_600),
    ("ReceiveMessageWaitTimeSeconds", "0", 0..=20),
    ("VisibilityTimeout", "30", 0..=43_200),
];
/// Attributes of FIFO queues only, with their defaults.
const OF_FIFO: [(&str, &str); 4] = [
    ("ContentBasedDeduplication", "false"),
    ("DeduplicationScope", "queue"),
    ("FifoQueue", "true"),
    ("FifoThroughputLimit", "perQueue"),
];
/// Attributes without a default.
const OTHER: [&str; 6] = [
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
];
/// Attributes that are JSON documents, so that formatting doesn't matter in comparisons.
const DOCUMENTS: [&str; 3] = ["Policy", "RedriveAllowPolicy", "RedrivePolicy"];

pub(super) fn get_queue_attributes(call: &SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let queue = call.find_queue()?;
    let asked = call.body.member_texts("AttributeNames");
    let all = asked.iter().any(|name| name == "All");
    let now = call.cx.epoch_ms();
    let mut shown = effective_attributes(queue);
    let (in_flight, rest): (Vec<_>, Vec<_>) =
        queue.messages.iter().partition(|message| message.receipt.is_some() && message.visible_from_ms > now);
    let delayed = rest.iter().filter(|message| message.visible_from_ms > now).count();
    for (name, value) in [
        ("QueueArn", queue.arn.clone()),
        ("CreatedTimestamp", queue.created_s.to_string()),
        ("LastModifiedTimestamp", queue.modified_s.to_string()),
        ("ApproximateNumberOfMessages", (rest.len() - delayed).to_string()),
        ("ApproximateNumberOfMessagesNotVisible", in_flight.len().to_string()),
        ("ApproximateNumberOfMessagesDelayed", delayed.to_string()),
    ] {
        shown.insert(name.to_owned(), value);
    }
    if let Some(name) = asked.iter().find(|name| *name != "All" && !is_known(name) && !shown.contains_key(*name)) {
        return Err(unknown_attribute(name));
    }
    shown.retain(|name, _| all || asked.contains(name));
    Ok(if shown.is_empty() { json!({}) } else { json!({ "Attributes": shown }) })
}

pub(super) fn set_queue_attributes(call: &mut SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let given = call.body.member_map("Attributes");
    let queue = call.find_queue()?;
    if given.contains_key("FifoQueue") {
        return Err(unknown_attribute("FifoQueue"));
    }
    check_attributes(call.sqs_state(), queue.is_fifo(), &given)?;
    let now = call.cx.now.as_second();
    let queue = call.find_queue_mut()?;
    for (name, value) in given {
        // An empty value removes the attribute.
        if value.is_empty() {
            queue.attributes.remove(&name);
        } else {
            queue.attributes.insert(name, value);
        }
    }
    queue.modified_s = now;
    Ok(json!({}))
}

/// A queue's attributes with their defaults, without counts and times.
pub(super) fn effective_attributes(queue: &StoredQueue) -> BTreeMap<String, String> {
    let numbers = NUMBERS.iter().map(|(name, default, _)| (*name, *default));
    let of_fifo = OF_FIFO.into_iter().filter(|_| queue.is_fifo());
    let encrypted = (!queue.attributes.contains_key("KmsMasterKeyId")).then_some(("SqsManagedSseEnabled", "true"));
    let defaults = numbers.chain(of_fifo).chain(encrypted);
    let mut all: BTreeMap<_, _> = defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    all.extend(queue.attributes.clone());
    all
}

/// The first given attribute whose value differs from the queue's.
pub(super) fn find_different_attribute<'a>(
    queue: &StoredQueue,
    given: &'a BTreeMap<String, String>,
) -> Option<&'a str> {
    let existing = effective_attributes(queue);
    let as_json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let differs = |(name, value): &(&'a String, &'a String)| {
        let found = existing.get(*name).map_or("", String::as_str);
        let same = if DOCUMENTS.contains(&name.as_str()) { as_json(found) == as_json(value) } else { found == *value };
        !same
    };
    given.iter().find(differs).map(|(name, _)| name.as_str())
}

/// Checks that a queue can have these attributes.
pub(super) fn check_attributes(state: &SqsState, fifo: bool, given: &BTreeMap<String, String>) -> Result<(), ApiError> {
    for (name, value) in given {
        let of_fifo = OF_FIFO.iter().any(|(known, _)| known == name);
        if !is_known(name) || (of_fifo && !fifo) {
            return Err(unknown_attribute(name));
        }
        let number = NUMBERS.iter().find(|(known, ..)| known == name);
        let fits = number.is_none_or(|(_, _, range)| value.parse().is_ok_and(|value| range.contains(&value)));
        if !fits || (name == "FifoQueue" && value != "true") {
            return Err(ApiError::bad_request(
                "InvalidAttributeValue",
                format!("Invalid value for the parameter {name}."),
            ));
        }
        if name == "RedrivePolicy" && !value.is_empty() {
            check_redrive(state, fifo, value)?;
        }
    }
    Ok(())
}

fn check_redrive(state: &SqsState, fifo: bool, policy: &str) -> Result<(), ApiError> {
    let refused = |reason: &str| {
        invalid_parameter(format!("Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}"))
    };
    let members =
        JsonBody::parse_body(policy.as_bytes()).map_err(|_| refused("Redrive policy is not a valid JSON map."))?;
    // SQS accepts it as a number or a string.
    let count =
        members.member_integer("maxReceiveCount").or_else(|| members.member_text("maxReceiveCount")?.parse().ok());
    if !count.is_some_and(|count| (1..=1000).contains(&count)) {
        return Err(refused("maxReceiveCount must be between 1 and 1000."));
    }
    let target = members.member_text("deadLetterTargetArn").unwrap_or_default();
    if !state.queues.values().any(|queue| queue.arn == target) {
        return Err(refused("Dead letter target does not exist."));
    }
    if target.ends_with(FIFO) != fifo {
        return Err(refused("Dead-letter queue must be same type of queue as the source."));
    }
    Ok(())
}

fn is_known(name: &str) -> bool {
    NUMBERS.iter().any(|(known, ..)| *known == name)
        || OF_FIFO.iter().any(|(known, _)| *known == name)
        || OTHER.contains(&name)
}

fn unknown_attribute(name: &str) -> ApiError {
    ApiError::bad_request("InvalidAttributeName", format!("Unknown Attribute {name}."))
}
