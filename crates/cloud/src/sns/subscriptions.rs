//! Subscriptions: who receives the messages of a topic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Answer, ApiError, Call, Xml, invalid};

/// Shown instead of an ARN until the endpoint has confirmed.
const PENDING: &str = "PendingConfirmation";
/// Protocols of endpoints in the same account, which don't need to confirm.
const OWN: [&str; 3] = ["lambda", "sqs", "firehose"];
const PROTOCOLS: [&str; 9] =
    ["lambda", "sqs", "firehose", "http", "https", "email", "email-json", "sms", "application"];

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    pub arn: String,
    pub topic_arn: String,
    pub protocol: String,
    pub endpoint: String,
    pub confirmed: bool,
    pub attributes: BTreeMap<String, String>,
}

/// Returns an existing subscription if there is one.
pub(super) fn subscribe(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    call.topic("TopicArn")?;
    let topic_arn = call.required("TopicArn")?.to_owned();
    let protocol = call.required("Protocol")?.to_owned();
    let endpoint = call.required("Endpoint")?.to_owned();
    let is_arn = endpoint.starts_with("arn:");
    let fits = match protocol.as_str() {
        "http" => endpoint.starts_with("http://"),
        "https" => endpoint.starts_with("https://"),
        own if OWN.contains(&own) => is_arn,
        _ => true,
    };
    if !PROTOCOLS.contains(&protocol.as_str()) {
        return Err(invalid(format!("Invalid parameter: Does not support this protocol string: {protocol}")));
    }
    if !fits {
        return Err(invalid("Invalid parameter: Endpoint"));
    }
    let is_it = |other: &&Subscription| {
        other.topic_arn == topic_arn && other.protocol == protocol && other.endpoint == endpoint
    };
    let subscription = match call.state().subscriptions.values().find(is_it) {
        Some(subscription) => subscription.clone(),
        None => Subscription {
            arn: format!("{topic_arn}:{}", call.cx.uuid()),
            confirmed: OWN.contains(&protocol.as_str()),
            attributes: call.form.entries("Attributes"),
            topic_arn,
            protocol,
            endpoint,
        },
    };
    let shown = if call.form.text("ReturnSubscriptionArn") == Some("true") || subscription.confirmed {
        subscription.arn.clone()
    } else {
        "pending confirmation".to_owned()
    };
    call.state_mut().subscriptions.insert(subscription.arn.clone(), subscription);
    Ok(call.answer(|xml| xml.text("SubscriptionArn", &shown)))
}

/// A missing subscription is not an error.
pub(super) fn unsubscribe(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let arn = call.required("SubscriptionArn")?.to_owned();
    if call.state().subscriptions.contains_key(&arn) {
        call.state_mut().subscriptions.remove(&arn);
    }
    Ok(call.done())
}

pub(super) fn get_attributes(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let subscription = call.state().subscriptions.get(call.required("SubscriptionArn")?);
    let subscription = subscription.ok_or_else(|| ApiError::new(404, "NotFound", "Subscription does not exist"))?;
    let mut shown: BTreeMap<_, _> = [
        ("SubscriptionArn", subscription.arn.as_str()),
        ("TopicArn", subscription.topic_arn.as_str()),
        ("Owner", call.cx.account()),
        ("Protocol", subscription.protocol.as_str()),
        ("Endpoint", subscription.endpoint.as_str()),
        ("PendingConfirmation", if subscription.confirmed { "false" } else { "true" }),
        ("RawMessageDelivery", "false"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    shown.extend(subscription.attributes.clone());
    Ok(call.answer(|xml| xml.entries("Attributes", &shown)))
}

/// Lists all subscriptions, or those of one topic.
pub(super) fn list(call: &Call<'_, '_>, topic: Option<&str>) -> Result<Answer, ApiError> {
    let subscriptions = call.state().subscriptions.values();
    let of_topic = subscriptions.filter(|subscription| topic.is_none_or(|topic| subscription.topic_arn == topic));
    let page = call.page(of_topic, |subscription| subscription.arn.clone())?;
    Ok(call.answer(|xml| {
        xml.members("Subscriptions", &page.items, |xml, subscription| show(xml, call.cx.account(), subscription));
        xml.next_token(&page);
    }))
}

fn show(xml: &mut Xml, owner: &str, subscription: &Subscription) {
    xml.text("SubscriptionArn", if subscription.confirmed { &subscription.arn } else { PENDING });
    xml.text("Owner", owner);
    xml.text("Protocol", &subscription.protocol);
    xml.text("Endpoint", &subscription.endpoint);
    xml.text("TopicArn", &subscription.topic_arn);
}
