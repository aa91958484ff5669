//! Queues: create, list, tag, delete.

use serde_json::{Value, json};

use super::super::{JsonBody, ListPage};
use super::{ApiError, FIFO, SqsCall, StoredQueue, attributes, invalid_parameter, no_queue};

/// The maximum length of a queue's name, with its suffix.
const MAX_NAME: usize = 80;
/// The maximum page size: `MaxResults` of `ListQueues`.
const PAGE: usize = 1000;

/// Creating a queue that already exists with the same attributes is not an error.
pub(super) fn create_queue(call: &mut SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.required_text("QueueName")?.to_owned();
    let given = call.body.member_map("Attributes");
    let fifo = given.get("FifoQueue").is_some_and(|value| value == "true");
    check_name(&name, fifo)?;
    attributes::check_attributes(call.sqs_state(), fifo, &given)?;
    let url = call.queue_url(&name);
    if let Some(existing) = call.sqs_state().queues.get(&name) {
        return match attributes::find_different_attribute(existing, &given) {
            None => Ok(json!({ "QueueUrl": url })),
            Some(attribute) => Err(ApiError::bad_request(
                "QueueNameExists",
                format!("A queue already exists with the same name and a different value for attribute {attribute}"),
            )),
        };
    }
    let rest_ms = i64::from(call.cx.config.queue_names_rest_s) * 1000;
    let now_ms = call.cx.epoch_ms();
    if call.sqs_state().deleted_ms.get(&name).is_some_and(|deleted_ms| now_ms - deleted_ms < rest_ms) {
        return Err(ApiError::bad_request(
            "QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        ));
    }
    let now = call.cx.now.as_second();
    let queue = StoredQueue {
        arn: call.cx.build_arn("sqs", &name),
        created_s: now,
        modified_s: now,
        attributes: given,
        // The member name is lowercase, unlike in the other operations.
        tags: call.body.member_map("tags"),
        messages: Vec::new(),
        sent: 0,
        name: name.clone(),
    };
    let state = call.sqs_state_mut();
    state.deleted_ms.remove(&name);
    state.queues.insert(name, queue);
    Ok(json!({ "QueueUrl": url }))
}

fn check_name(name: &str, fifo: bool) -> Result<(), ApiError> {
    let stem = if fifo { name.strip_suffix(FIFO) } else { Some(name) };
    let fits = stem.is_some_and(|stem| {
        !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    });
    match (fits && name.len() <= MAX_NAME, fifo) {
        (true, _) => Ok(()),
        (false, true) => Err(invalid_parameter(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with \
             .fifo suffix and be 1 to 80 in length.",
        )),
        (false, false) => Err(invalid_parameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )),
    }
}

/// Without `MaxResults`, returns the first thousand queues and no token for more.
pub(super) fn list_queues(call: &SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let prefix = call.body.member_text("QueueNamePrefix").unwrap_or_default();
    let queues = &call.sqs_state().queues;
    urls_answer(call, "QueueUrls", |after| queues.iter_with_prefix_after(prefix, after).map(|(name, _)| name))
}

/// The queues that use this one as their dead-letter queue.
pub(super) fn list_dead_letter_source_queues(call: &SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let target = &call.find_queue()?.arn;
    let leads_here = |queue: &&StoredQueue| {
        let policy = queue.attributes.get("RedrivePolicy").and_then(|text| JsonBody::parse_body(text.as_bytes()).ok());
        policy.is_some_and(|policy| policy.member_text("deadLetterTargetArn") == Some(target))
    };
    // The member name is lowercase, unlike in `ListQueues`.
    let queues = &call.sqs_state().queues;
    urls_answer(call, "queueUrls", |after| {
        queues.iter_after(after).map(|(_, queue)| queue).filter(leads_here).map(|queue| &queue.name)
    })
}

fn urls_answer<'n, I: Iterator<Item = &'n String>>(
    call: &SqsCall<'_, '_>,
    member: &str,
    names_after: impl FnOnce(Option<&str>) -> I,
) -> Result<Value, ApiError> {
    let asked = call.body.member_integer("MaxResults");
    // Without `MaxResults` there is no token for a next page, so a smaller configured page would hide queues.
    let size = if asked.is_some() { call.cx.page_size(asked, PAGE) } else { PAGE };
    let page = ListPage::from_items_after(
        names_after,
        |name| (*name).clone(),
        call.body.member_text("NextToken"),
        size,
        || invalid_parameter("Invalid or expired next token."),
    )?;
    let urls: Vec<String> = page.items.iter().map(|name| call.queue_url(name)).collect();
    let mut answer = json!({ member: urls });
    if let Some(next) = page.next.filter(|_| asked.is_some()) {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

pub(super) fn get_queue_url(call: &SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.required_text("QueueName")?;
    if !call.sqs_state().queues.contains_key(name) {
        return Err(no_queue());
    }
    Ok(json!({ "QueueUrl": call.queue_url(name) }))
}

/// Also deletes the queue's messages.
pub(super) fn delete_queue(call: &mut SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.find_queue()?.name.clone();
    let now = call.cx.epoch_ms();
    let state = call.sqs_state_mut();
    state.queues.remove(&name);
    state.deleted_ms.insert(name, now);
    Ok(json!({}))
}

pub(super) fn list_queue_tags(call: &SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let tags = &call.find_queue()?.tags;
    Ok(if tags.is_empty() { json!({}) } else { json!({ "Tags": tags }) })
}

pub(super) fn tag_queue(call: &mut SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let tags = call.body.member_map("Tags");
    call.find_queue_mut()?.tags.extend(tags);
    Ok(json!({}))
}

pub(super) fn untag_queue(call: &mut SqsCall<'_, '_>) -> Result<Value, ApiError> {
    let keys = call.body.member_texts("TagKeys");
    call.find_queue_mut()?.tags.retain(|key, _| !keys.contains(key));
    Ok(json!({}))
}
