//! SNS topics, with their subscriptions.

use std::collections::HashMap;

use aws_sdk_sns::types::Tag;
use serde_json::{Value, json};

use super::super::parts::Parts;
use super::super::wire::text;
use super::super::{Cx, Target, unexpected};
use super::Restored;
use deployer_aws::{Call, CallError, Found};

pub(super) const VOLATILE: &[&str] = &[
    "attributes.json/SubscriptionsConfirmed",
    "attributes.json/SubscriptionsPending",
    "attributes.json/SubscriptionsDeleted",
];

pub(super) const NEW: &[&str] =
    &["subscriptions.json/*/SubscriptionArn", "subscriptions.json/*/attributes/SubscriptionArn"];

/// The attributes from `GetTopicAttributes` that `CreateTopic` doesn't accept.
const OWN: &[&str] = &[
    "TopicArn",
    "Owner",
    "SubscriptionsConfirmed",
    "SubscriptionsPending",
    "SubscriptionsDeleted",
    "EffectiveDeliveryPolicy",
    "BeginningArchiveTime",
];

/// The attributes from `GetSubscriptionAttributes` that `Subscribe` accepts.
const SUBSCRIPTION: &[&str] = &[
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "SubscriptionRoleArn",
    "ReplayPolicy",
];

/// Protocols whose recipient must confirm a subscription.
const CONFIRMED_ELSEWHERE: &[&str] = &["email", "email-json", "http", "https"];

pub(super) async fn read(cx: &Cx<'_>, target: &Target) -> Result<Option<Parts>, CallError> {
    let (arn, sns) = (target.key(), &cx.aws.sns);
    let attributes = sns.get_topic_attributes().topic_arn(arn).send().await.call("sns:GetTopicAttributes").found()?;
    let Some(attributes) = attributes else { return Ok(None) };
    let tags = sns.list_tags_for_resource().resource_arn(arn).send().await.call("sns:ListTagsForResource")?;
    let tags: serde_json::Map<String, Value> =
        tags.tags().iter().map(|tag| (tag.key().to_owned(), json!(tag.value()))).collect();
    let (mut subscriptions, mut token) = (Vec::new(), None);
    loop {
        let request = sns.list_subscriptions_by_topic().topic_arn(arn).set_next_token(token);
        let page = request.send().await.call("sns:ListSubscriptionsByTopic")?;
        for one in page.subscriptions() {
            let subscription = one.subscription_arn().unwrap_or_default();
            let mut value = json!({
                "SubscriptionArn": subscription,
                "Protocol": one.protocol(),
                "Endpoint": one.endpoint(),
            });
            // An unconfirmed subscription has neither an ARN nor attributes.
            if subscription.starts_with("arn:") {
                let request = sns.get_subscription_attributes().subscription_arn(subscription);
                let answer = request.send().await.call("sns:GetSubscriptionAttributes")?;
                value["attributes"] = json!(answer.attributes().cloned().unwrap_or_default());
            }
            subscriptions.push(value);
        }
        token = page.next_token().map(ToOwned::to_owned);
        if token.is_none() {
            break;
        }
    }
    let mut parts = Parts::default();
    parts.put("attributes.json", json!(attributes.attributes().cloned().unwrap_or_default()));
    parts.put("tags.json", Value::Object(tags));
    parts.put("subscriptions.json", Value::Array(subscriptions));
    Ok(Some(parts))
}

pub(super) fn lost(parts: &Parts) -> Vec<String> {
    let subscriptions = parts.get("subscriptions.json").as_array().into_iter().flatten();
    let count =
        subscriptions.filter(|one| CONFIRMED_ELSEWHERE.contains(&text(one, "Protocol").unwrap_or_default())).count();
    match count {
        0 => Vec::new(),
        count => vec![format!("the confirmation of {count} subscriptions by email or HTTP")],
    }
}

pub(super) async fn delete(cx: &Cx<'_>, target: &Target, _: &Parts) -> Result<(), CallError> {
    cx.aws.sns.delete_topic().topic_arn(target.key()).send().await.call("sns:DeleteTopic").found().map(drop)
}

pub(super) async fn restore(cx: &Cx<'_>, target: &Target, parts: &Parts) -> Result<Restored, CallError> {
    let mut restored = Restored::default();
    let (arn, sns) = (target.key(), &cx.aws.sns);
    let name = arn.rsplit(':').next().unwrap_or_default();
    let attributes = texts(parts.get("attributes.json"), |name| !OWN.contains(&name));
    let mut tags = Vec::new();
    for (key, value) in super::tags(parts) {
        let tag = Tag::builder().key(key).value(value).build();
        tags.push(tag.map_err(|error| unexpected("sns:CreateTopic", error.to_string()))?);
    }
    let fifo = attributes.get("FifoTopic").is_some_and(|value| value == "true");
    let attributes: HashMap<String, String> =
        attributes.into_iter().filter(|(name, _)| fifo || name != "FifoTopic").collect();
    let request =
        sns.create_topic().name(name).set_attributes(Some(attributes)).set_tags((!tags.is_empty()).then_some(tags));
    cx.retried(async || request.clone().send().await.call("sns:CreateTopic")).await?;
    for one in parts.get("subscriptions.json").as_array().into_iter().flatten() {
        let protocol = text(one, "Protocol").unwrap_or_default();
        let attributes = texts(&one["attributes"], |name| SUBSCRIPTION.contains(&name));
        let request = sns.subscribe().topic_arn(arn).protocol(protocol);
        let request = request.set_endpoint(text(one, "Endpoint").map(ToOwned::to_owned));
        let request =
            request.set_attributes((!attributes.is_empty()).then_some(attributes)).return_subscription_arn(true);
        // Subscribing the same endpoint again returns the same subscription.
        let made = cx.retried(async || request.clone().send().await.call("sns:Subscribe")).await?;
        if let (Some(old), Some(new)) = (text(one, "SubscriptionArn"), made.subscription_arn()) {
            restored.renamed.push((old.to_owned(), new.to_owned()));
        }
        if CONFIRMED_ELSEWHERE.contains(&protocol) {
            restored.notes.push(format!("the recipient of a subscription by {protocol} must confirm it"));
        }
    }
    Ok(restored)
}

fn texts(value: &Value, taken: impl Fn(&str) -> bool) -> HashMap<String, String> {
    let members = value.as_object().into_iter().flatten();
    let texts = members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    texts.filter(|(name, value)| taken(name) && !value.is_empty()).collect()
}

/// A topic can't be turned off, so it is only tagged.
pub(super) async fn disable(cx: &Cx<'_>, target: &Target, _: &Parts, tags: &[(&str, String)]) -> Result<(), CallError> {
    let mut made = Vec::new();
    for (key, value) in tags {
        let tag = Tag::builder().key(*key).value(value).build();
        made.push(tag.map_err(|error| unexpected("sns:TagResource", error.to_string()))?);
    }
    let request = cx.aws.sns.tag_resource().resource_arn(target.key()).set_tags(Some(made));
    request.send().await.call("sns:TagResource").map(drop)
}

pub(super) async fn enable(cx: &Cx<'_>, target: &Target, _: &Parts, keys: &[&str]) -> Result<(), CallError> {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let request = cx.aws.sns.untag_resource().resource_arn(target.key()).set_tag_keys(Some(keys));
    request.send().await.call("sns:UntagResource").map(drop)
}
