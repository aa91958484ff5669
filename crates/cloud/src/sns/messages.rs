//! Messages: kept for whoever looks at them, and delivered to nobody.

use serde::{Deserialize, Serialize};

use super::{ApiError, CloudAnswer, SnsCall, invalid_parameter};

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
pub(super) fn publish_message(call: &mut SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
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
    let messages = &mut call.sns_state_mut().messages;
    let last = messages.keys().next_back().and_then(|key| key.parse::<u64>().ok()).unwrap_or_default();
    messages.insert(format!("{:020}", last + 1), StoredMessage { id: id.clone(), topic_arn, subject, message });
    while messages.len() > KEPT {
        let Some(first) = messages.keys().next().cloned() else { break };
        messages.remove(&first);
    }
    Ok(call.xml_answer(|xml| xml.write_text("MessageId", &id)))
}
