//! Topics, their attributes and tags.

use std::collections::BTreeMap;

use super::{ApiError, CloudAnswer, SnsCall, StoredTopic, invalid_parameter, no_topic};

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
pub(super) fn create_topic(call: &mut SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let name = call.required_text("Name")?.to_owned();
    let attributes = call.form.member_entries("Attributes");
    let fifo = attributes.get("FifoTopic").is_some_and(|value| value == "true");
    let stem = if fifo { name.strip_suffix(FIFO) } else { Some(name.as_str()) };
    let named = stem.is_some_and(|stem| {
        !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    });
    if !named || name.len() > MAX_NAME {
        return Err(invalid_parameter("Invalid parameter: Topic Name"));
    }
    if let Some(unknown) = attributes.keys().find(|name| !ATTRIBUTES.contains(&name.as_str())) {
        return Err(invalid_parameter(format!("Invalid parameter: Attributes Reason: Unknown attribute: {unknown}")));
    }
    let (arn, tags) = (call.cx.build_arn("sns", &name), call.form.member_tags("Tags"));
    match call.sns_state().topics.get(&arn) {
        Some(topic) if attributes.iter().any(|(name, value)| topic.attributes.get(name) != Some(value)) => {
            return Err(invalid_parameter(
                "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
            ));
        }
        Some(topic) if tags.iter().any(|(key, value)| topic.tags.get(key) != Some(value)) => {
            return Err(invalid_parameter("Invalid parameter: Tags Reason: Topic already exists with different tags"));
        }
        Some(_) => {}
        None => drop(call.sns_state_mut().topics.insert(arn.clone(), StoredTopic { attributes, tags })),
    }
    Ok(call.xml_answer(|xml| xml.write_text("TopicArn", &arn)))
}

pub(super) fn list_topics(call: &SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let topics = &call.sns_state().topics;
    let page = call.list_page(|after| topics.iter_after(after).map(|(arn, _)| arn), |arn| (*arn).clone())?;
    Ok(call.xml_answer(|xml| {
        xml.write_members("Topics", &page.items, |xml, arn| xml.write_text("TopicArn", arn));
        xml.write_next_token(&page);
    }))
}

pub(super) fn get_topic_attributes(call: &SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let topic = call.find_topic("TopicArn")?;
    let arn = call.required_text("TopicArn")?;
    let subscriptions = call.sns_state().topic_subscriptions(arn);
    let (confirmed, pending): (Vec<_>, Vec<_>) = subscriptions.partition(|subscription| subscription.confirmed);
    let mut shown: BTreeMap<_, _> = [
        ("TopicArn", arn.to_owned()),
        ("Owner", call.cx.account_id().to_owned()),
        ("DisplayName", String::new()),
        ("SubscriptionsConfirmed", confirmed.len().to_string()),
        ("SubscriptionsPending", pending.len().to_string()),
        ("SubscriptionsDeleted", "0".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    shown.extend(topic.attributes.clone());
    Ok(call.xml_answer(|xml| xml.write_entries("Attributes", &shown)))
}

pub(super) fn set_topic_attributes(call: &mut SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let name = call.required_text("AttributeName")?.to_owned();
    if !ATTRIBUTES.contains(&name.as_str()) || name == "FifoTopic" {
        return Err(invalid_parameter("Invalid parameter: AttributeName"));
    }
    let value = call.form.member_text("AttributeValue").unwrap_or_default().to_owned();
    call.find_topic_mut("TopicArn")?.attributes.insert(name, value);
    Ok(call.empty_answer())
}

/// Also deletes the topic's subscriptions. A missing topic is not an error.
pub(super) fn delete_topic(call: &mut SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let arn = call.required_text("TopicArn")?.to_owned();
    if call.sns_state().topics.contains_key(&arn) {
        let state = call.sns_state_mut();
        state.topics.remove(&arn);
        let subscriptions: Vec<String> =
            state.topic_subscriptions(&arn).map(|subscription| subscription.arn.clone()).collect();
        for subscription in subscriptions {
            state.subscriptions.remove(&subscription);
        }
    }
    Ok(call.empty_answer())
}

pub(super) fn list_tags_for_resource(call: &SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let tags = &call.find_topic("ResourceArn").map_err(no_resource)?.tags;
    Ok(call.xml_answer(|xml| xml.write_tags("Tags", tags)))
}

pub(super) fn tag_resource(call: &mut SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let tags = call.form.member_tags("Tags");
    call.find_topic_mut("ResourceArn").map_err(no_resource)?.tags.extend(tags);
    Ok(call.empty_answer())
}

pub(super) fn untag_resource(call: &mut SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let keys = call.form.member_list("TagKeys");
    call.find_topic_mut("ResourceArn").map_err(no_resource)?.tags.retain(|key, _| !keys.contains(key));
    Ok(call.empty_answer())
}

/// The tag operations use a different error code for a missing topic.
fn no_resource(error: ApiError) -> ApiError {
    if error == no_topic() { ApiError::new(404, "ResourceNotFound", "Resource does not exist") } else { error }
}
