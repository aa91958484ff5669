//! Topics, their attributes and tags.

use std::collections::BTreeMap;

use super::{Answer, ApiError, Call, Topic, invalid, no_topic};

/// The attributes that can be set.
const ATTRIBUTES: [&str; 8] = [
    "ContentBasedDeduplication",
    "DeliveryPolicy",
    "DisplayName",
    "FifoTopic",
    "KmsMasterKeyId",
    "Policy",
    "SignatureVersion",
    "TracingConfig",
];
/// The suffix of a FIFO topic's name.
const FIFO: &str = ".fifo";
/// The maximum length of a topic's name.
const MAX_NAME: usize = 256;

/// Creating a topic that already exists with the same attributes is not an error.
pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let name = call.required("Name")?.to_owned();
    let attributes = call.form.entries("Attributes");
    let fifo = attributes.get("FifoTopic").is_some_and(|value| value == "true");
    let stem = if fifo { name.strip_suffix(FIFO) } else { Some(name.as_str()) };
    let named = stem.is_some_and(|stem| {
        !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    });
    if !named || name.len() > MAX_NAME {
        return Err(invalid("Invalid parameter: Topic Name"));
    }
    if let Some(unknown) = attributes.keys().find(|name| !ATTRIBUTES.contains(&name.as_str())) {
        return Err(invalid(format!("Invalid parameter: Attributes Reason: Unknown attribute: {unknown}")));
    }
    let (arn, tags) = (call.cx.arn("sns", &name), call.form.tags("Tags"));
    match call.state().topics.get(&arn) {
        Some(topic) if attributes.iter().any(|(name, value)| topic.attributes.get(name) != Some(value)) => {
            return Err(invalid(
                "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
            ));
        }
        Some(topic) if tags.iter().any(|(key, value)| topic.tags.get(key) != Some(value)) => {
            return Err(invalid("Invalid parameter: Tags Reason: Topic already exists with different tags"));
        }
        Some(_) => {}
        None => drop(call.state_mut().topics.insert(arn.clone(), Topic { attributes, tags })),
    }
    Ok(call.answer(|xml| xml.text("TopicArn", &arn)))
}

pub(super) fn list(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let page = call.page(call.state().topics.keys(), |arn| (*arn).clone())?;
    Ok(call.answer(|xml| {
        xml.members("Topics", &page.items, |xml, arn| xml.text("TopicArn", arn));
        xml.next_token(&page);
    }))
}

pub(super) fn get_attributes(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let topic = call.topic("TopicArn")?;
    let arn = call.required("TopicArn")?;
    let subscriptions = call.state().subscriptions.values().filter(|subscription| subscription.topic_arn == arn);
    let (confirmed, pending): (Vec<_>, Vec<_>) = subscriptions.partition(|subscription| subscription.confirmed);
    let mut shown: BTreeMap<_, _> = [
        ("TopicArn", arn.to_owned()),
        ("Owner", call.cx.account().to_owned()),
        ("DisplayName", String::new()),
        ("SubscriptionsConfirmed", confirmed.len().to_string()),
        ("SubscriptionsPending", pending.len().to_string()),
        ("SubscriptionsDeleted", "0".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    shown.extend(topic.attributes.clone());
    Ok(call.answer(|xml| xml.entries("Attributes", &shown)))
}

pub(super) fn set_attributes(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let name = call.required("AttributeName")?.to_owned();
    if !ATTRIBUTES.contains(&name.as_str()) || name == "FifoTopic" {
        return Err(invalid("Invalid parameter: AttributeName"));
    }
    let value = call.form.text("AttributeValue").unwrap_or_default().to_owned();
    call.topic_mut("TopicArn")?.attributes.insert(name, value);
    Ok(call.done())
}

/// Also deletes the topic's subscriptions. A missing topic is not an error.
pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let arn = call.required("TopicArn")?.to_owned();
    if call.state().topics.contains_key(&arn) {
        let state = call.state_mut();
        state.topics.remove(&arn);
        state.subscriptions.retain(|_, subscription| subscription.topic_arn != arn);
    }
    Ok(call.done())
}

pub(super) fn list_tags(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let tags = &call.topic("ResourceArn").map_err(no_resource)?.tags;
    Ok(call.answer(|xml| xml.tags("Tags", tags)))
}

pub(super) fn tag(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let tags = call.form.tags("Tags");
    call.topic_mut("ResourceArn").map_err(no_resource)?.tags.extend(tags);
    Ok(call.done())
}

pub(super) fn untag(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let keys = call.form.list("TagKeys");
    call.topic_mut("ResourceArn").map_err(no_resource)?.tags.retain(|key, _| !keys.contains(key));
    Ok(call.done())
}

/// The tag operations use a different error code for a missing topic.
fn no_resource(error: ApiError) -> ApiError {
    if error == no_topic() { ApiError::new(404, "ResourceNotFound", "Resource does not exist") } else { error }
}
