//! Messages: send, receive, delete.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{ApiError, SqsCall, StoredMessage, attributes, invalid_parameter};

/// How long a FIFO queue recognizes duplicates.
const DEDUPLICATION_MS: i64 = 5 * 60 * 1000;
/// The maximum of `MaxNumberOfMessages` in `ReceiveMessage`.
const MAX_RECEIVED: i64 = 10;

pub(super) fn send_message(call: &mut SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let body = call.required_text("MessageBody")?.to_owned();
    let queue = call.find_queue()?;
    let settings = attributes::effective_attributes(queue);
    let seconds = |name: &str| settings.get(name).and_then(|value| value.parse::<i64>().ok()).unwrap_or_default();
    let now = call.cx.epoch_ms();
    let group = call.body.member_text("MessageGroupId").map(ToOwned::to_owned);
    let mut deduplication = call.body.member_text("MessageDeduplicationId").map(ToOwned::to_owned);
    if queue.is_fifo() {
        if group.is_none() {
            return Err(ApiError::bad_request(
                "MissingParameter",
                "The request must contain the parameter MessageGroupId.",
            ));
        }
        if deduplication.is_none() && settings.get("ContentBasedDeduplication").is_some_and(|value| value == "true") {
            deduplication = Some(Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect());
        }
        let Some(id) = &deduplication else {
            return Err(invalid_parameter(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                 explicitly",
            ));
        };
        let sent = |message: &&StoredMessage| {
            message.deduplication.as_ref() == Some(id) && now - message.sent_ms < DEDUPLICATION_MS
        };
        if let Some(message) = queue.messages.iter().find(sent) {
            return Ok(sent_answer(message, true));
        }
    }
    let (name, fifo) = (queue.name.clone(), queue.is_fifo());
    let delay = call.body.member_integer("DelaySeconds").unwrap_or_else(|| seconds("DelaySeconds"));
    let attributes = call.body.member_value("MessageAttributes").cloned();
    let id = call.cx.random_uuid();
    let queue = call.find_queue_mut()?;
    queue.sent += 1;
    let message = StoredMessage {
        id,
        body,
        attributes,
        group,
        deduplication,
        sequence: queue.sent,
        sent_ms: now,
        visible_from_ms: now + delay * 1000,
        receives: 0,
        receipt: None,
    };
    let answer = sent_answer(&message, fifo);
    queue.messages.push(message);
    count_messages(call, "NumberOfMessagesSent", &name, 1);
    Ok(answer)
}

/// SQS also returns an MD5 of the body, but our clients don't use it.
fn sent_answer(message: &StoredMessage, fifo: bool) -> Value {
    let mut answer = json!({ "MessageId": message.id });
    if fifo {
        answer["SequenceNumber"] = json!(sequence_number(message));
    }
    answer
}

fn sequence_number(message: &StoredMessage) -> String {
    format!("{:020}", message.sequence)
}

pub(super) fn receive_message(call: &mut SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let queue = call.find_queue()?;
    let now = call.cx.epoch_ms();
    let asked = call.body.member_integer("MaxNumberOfMessages").unwrap_or(1);
    if !(1..=MAX_RECEIVED).contains(&asked) {
        return Err(invalid_parameter(format!(
            "Value {asked} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        )));
    }
    let timeout = call.body.member_integer("VisibilityTimeout").or_else(|| {
        attributes::effective_attributes(queue).get("VisibilityTimeout").and_then(|value| value.parse().ok())
    });
    let visible_from_ms = now + timeout.unwrap_or_default() * 1000;
    // While a message of a group is in flight, SQS delivers no others of that group.
    let mut held: Vec<Option<String>> = queue
        .messages
        .iter()
        .filter(|message| message.visible_from_ms > now)
        .map(|message| message.group.clone())
        .collect();
    held.retain(|group| queue.is_fifo() && group.is_some());
    let due = queue.messages.iter().filter(|message| message.visible_from_ms <= now && !held.contains(&message.group));
    let ids: Vec<String> = due.map(|message| message.id.clone()).take(usize::try_from(asked).unwrap_or(1)).collect();
    if ids.is_empty() {
        return Ok(json!({}));
    }
    let name = queue.name.clone();
    let mut received = Vec::new();
    for id in ids {
        let receipt = call.cx.random_uuid();
        let names =
            [call.body.member_texts("AttributeNames"), call.body.member_texts("MessageSystemAttributeNames")].concat();
        if let Some(message) = call.find_queue_mut()?.messages.iter_mut().find(|message| message.id == id) {
            message.visible_from_ms = visible_from_ms;
            message.receives += 1;
            message.receipt = Some(receipt);
            received.push(message_json(message, &names));
        }
    }
    count_messages(call, "NumberOfMessagesReceived", &name, received.len());
    Ok(json!({ "Messages": received }))
}

fn message_json(message: &StoredMessage, names: &[String]) -> Value {
    let mut shown = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
    });
    let system = [
        ("SentTimestamp", Some(message.sent_ms.to_string())),
        ("ApproximateReceiveCount", Some(message.receives.to_string())),
        ("MessageGroupId", message.group.clone()),
        ("MessageDeduplicationId", message.deduplication.clone()),
        ("SequenceNumber", message.group.as_ref().map(|_| sequence_number(message))),
    ];
    let wanted = |name: &str| names.iter().any(|asked| asked == "All" || asked == name);
    let system = system.into_iter().filter(|(name, _)| wanted(name));
    let system: Map<_, _> = system.filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect();
    if !system.is_empty() {
        shown["Attributes"] = Value::Object(system);
    }
    if let Some(attributes) = &message.attributes {
        shown["MessageAttributes"] = attributes.clone();
    }
    shown
}

/// An outdated receipt handle, or one of a deleted message, is not an error.
pub(super) fn delete_message(call: &mut SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let receipt = call.required_text("ReceiptHandle")?.to_owned();
    let queue = call.find_queue_mut()?;
    let before = queue.messages.len();
    queue.messages.retain(|message| message.receipt.as_ref() != Some(&receipt));
    let (name, deleted) = (queue.name.clone(), before - queue.messages.len());
    count_messages(call, "NumberOfMessagesDeleted", &name, deleted);
    Ok(json!({}))
}

pub(super) fn purge_queue(call: &mut SqsCall<'_, '_>) -> Result<Value, ApiError> {
    call.find_queue_mut()?.messages.clear();
    Ok(json!({}))
}

fn count_messages(call: &mut SqsCall<'_, '_>, metric: &str, queue: &str, number: usize) {
    call.cx.count_metric("AWS/SQS", metric, &[("QueueName", queue)], number as f64);
}
