//! Subscriptions: who receives the messages of a topic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ApiError, CloudAnswer, SnsCall, XmlWriter, invalid_parameter};

/// Shown instead of an ARN until the endpoint has confirmed.
const PENDING: &str = "PendingConfirmation";
/// Protocols of endpoints in the same account, which don't need to confirm.
const OWN: [&str; 3] = ["lambda", "sqs", "firehose"];
const PROTOCOLS: [&str; 9] =
    ["lambda", "sqs", "firehose", "http", "https", "email", "email-json", "sms", "application"];

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredSubscription {
    pub arn: String,
    pub topic_arn: String,
    pub protocol: String,
    pub endpoint: String,
    pub confirmed: bool,
    pub attributes: BTreeMap<String, String>,
}

/// Returns an existing subscription if there is one.
pub(super) fn subscribe_endpoint(call: &mut SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    call.find_topic("TopicArn")?;
    let topic_arn = call.required_text("TopicArn")?.to_owned();
    let protocol = call.required_text("Protocol")?.to_owned();
    let endpoint = call.required_text("Endpoint")?.to_owned();
    let is_arn = endpoint.starts_with("arn:");
    let fits = match protocol.as_str() {
        "http" => endpoint.starts_with("http://"),
        "https" => endpoint.starts_with("https://"),
        own if OWN.contains(&own) => is_arn,
        _ => true,
    };
    if !PROTOCOLS.contains(&protocol.as_str()) {
        return Err(invalid_parameter(format!("Invalid parameter: Does not support this protocol string: {protocol}")));
    }
    if !fits {
        return Err(invalid_parameter("Invalid parameter: Endpoint"));
    }
    let is_it = |other: &&StoredSubscription| other.protocol == protocol && other.endpoint == endpoint;
    let existing = call.sns_state().topic_subscriptions(&topic_arn).find(is_it).cloned();
    let subscription = match existing {
        Some(subscription) => subscription,
        None => StoredSubscription {
            arn: format!("{topic_arn}:{}", call.cx.random_uuid()),
            confirmed: OWN.contains(&protocol.as_str()),
            attributes: call.form.member_entries("Attributes"),
            topic_arn,
            protocol,
            endpoint,
        },
    };
    let shown = if call.form.member_text("ReturnSubscriptionArn") == Some("true") || subscription.confirmed {
        subscription.arn.clone()
    } else {
        "pending confirmation".to_owned()
    };
    call.sns_state_mut().subscriptions.insert(subscription.arn.clone(), subscription);
    Ok(call.xml_answer(|xml| xml.write_text("SubscriptionArn", &shown)))
}

/// A missing subscription is not an error.
pub(super) fn unsubscribe_endpoint(call: &mut SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let arn = call.required_text("SubscriptionArn")?.to_owned();
    if call.sns_state().subscriptions.contains_key(&arn) {
        call.sns_state_mut().subscriptions.remove(&arn);
    }
    Ok(call.empty_answer())
}

pub(super) fn get_subscription_attributes(call: &SnsCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let subscription = call.sns_state().subscriptions.get(call.required_text("SubscriptionArn")?);
    let subscription = subscription.ok_or_else(|| ApiError::new(404, "NotFound", "Subscription does not exist"))?;
    let mut shown: BTreeMap<_, _> = [
        ("SubscriptionArn", subscription.arn.as_str()),
        ("TopicArn", subscription.topic_arn.as_str()),
        ("Owner", call.cx.account_id()),
        ("Protocol", subscription.protocol.as_str()),
        ("Endpoint", subscription.endpoint.as_str()),
        ("PendingConfirmation", if subscription.confirmed { "false" } else { "true" }),
        ("RawMessageDelivery", "false"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    shown.extend(subscription.attributes.clone());
    Ok(call.xml_answer(|xml| xml.write_entries("Attributes", &shown)))
}

/// Lists all subscriptions, or those of one topic.
pub(super) fn list_subscriptions(call: &SnsCall<'_, '_>, topic: Option<&str>) -> Result<CloudAnswer, ApiError> {
    let prefix = topic.map(|topic| format!("{topic}:")).unwrap_or_default();
    let subscriptions = &call.sns_state().subscriptions;
    let page = call.list_page(
        |after| subscriptions.iter_with_prefix_after(&prefix, after).map(|(_, subscription)| subscription),
        |subscription| subscription.arn.clone(),
    )?;
    Ok(call.xml_answer(|xml| {
        xml.write_members("Subscriptions", &page.items, |xml, subscription| {
            write_subscription(xml, call.cx.account_id(), subscription)
        });
        xml.write_next_token(&page);
    }))
}

fn write_subscription(xml: &mut XmlWriter, owner: &str, subscription: &StoredSubscription) {
    xml.write_text("SubscriptionArn", if subscription.confirmed { &subscription.arn } else { PENDING });
    xml.write_text("Owner", owner);
    xml.write_text("Protocol", &subscription.protocol);
    xml.write_text("Endpoint", &subscription.endpoint);
    xml.write_text("TopicArn", &subscription.topic_arn);
}
