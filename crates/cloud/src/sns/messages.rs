//! Messages: kept for whoever looks at them, and delivered to functions.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ApiError, CloudAnswer, SnsCall, invalid_parameter};
use crate::lambda;

/// How many messages are kept.
const KEPT: usize = 100;
/// The longest message, in bytes.
const MAX_MESSAGE: usize = 262_144;
/// The longest subject, in characters.
const MAX_SUBJECT: usize = 100;

/// A published message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    pub id: String,
    pub topic_arn: String,
    pub subject: Option<String>,
    pub message: String,
}

/// A subject is one line of ASCII that begins with a letter, a digit or a punctuation mark.
pub(super) fn publish_message(call: &mut SnsCall<'_, '_>, request_id: &str) -> Result<CloudAnswer, ApiError> {
    call.find_topic("TopicArn")?;
    let topic_arn = call.required_text("TopicArn")?.to_owned();
    let message = call.required_text("Message").map_err(|_| invalid_parameter("Invalid parameter: Empty message"))?;
    if message.len() > MAX_MESSAGE {
        return Err(invalid_parameter("Invalid parameter: Message too long"));
    }
    let message = message.to_owned();
    let subject = call.form.member_text("Subject").map(ToOwned::to_owned);
    let fits = |subject: &String| {
        let printed = subject.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        printed && subject.starts_with(|sign: char| sign.is_ascii_graphic()) && subject.len() <= MAX_SUBJECT
    };
    if subject.as_ref().is_some_and(|subject| !fits(subject)) {
        return Err(invalid_parameter("Invalid parameter: Subject"));
    }
    let id = call.cx.random_uuid();
    deliver_to_functions(call, request_id, (&topic_arn, &id), (subject.as_deref(), &message));
    let messages = &mut call.sns_state_mut().messages;
    let last = messages.keys().next_back().and_then(|key| key.parse::<u64>().ok()).unwrap_or_default();
    messages.insert(format!("{:020}", last + 1), StoredMessage { id: id.clone(), topic_arn, subject, message });
    while messages.len() > KEPT {
        let Some(first) = messages.keys().next().cloned() else { break };
        messages.remove(&first);
    }
    Ok(call.xml_answer(|xml| xml.write_text("MessageId", &id)))
}

/// Invokes the functions that have subscribed and whose policies let the topic. As in AWS, the publisher doesn't hear of it.
fn deliver_to_functions(
    call: &mut SnsCall<'_, '_>,
    request_id: &str,
    (topic, id): (&str, &str),
    (subject, message): (Option<&str>, &str),
) {
    let by_function = call.sns_state().topic_subscriptions(topic).filter(|known| known.protocol == "lambda");
    let subscribed: Vec<(String, String)> =
        by_function.map(|known| (known.arn.clone(), known.endpoint.clone())).collect();
    for (subscription, function) in subscribed {
        let event = json!({ "Records": [{
            "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription,
            "Sns": {
                "Type": "Notification", "MessageId": id, "TopicArn": topic, "Subject": subject, "Message": message,
                "Timestamp": call.cx.now.to_string(),
            },
        }] });
        lambda::invoke_for_service(call.cx, ("sns.amazonaws.com", topic), &function, request_id, &event);
    }
}
