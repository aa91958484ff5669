//! SNS topics, with their subscriptions.

use serde_json::{Map, Value, json};

use super::super::parts::ResourceParts;
use super::super::wire::{list, text};
use super::super::{DecommissionContext, DecommissionTarget};
use super::{RestoredResource, object_of, tag_list, tag_object};
use deployer_aws::{CallError, Found};

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

pub(super) async fn read(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<ResourceParts>, CallError> {
    let (arn, aws) = (target.aws_identifier(), &cx.aws.signed);
    let attributes = aws.call("sns:GetTopicAttributes", json!({ "TopicArn": arn })).await.found()?;
    let Some(attributes) = attributes else { return Ok(None) };
    let tags = aws.call("sns:ListTagsForResource", json!({ "ResourceArn": arn })).await?;
    let mut subscriptions = Vec::new();
    let mut pages = aws.list_pages("sns:ListSubscriptionsByTopic", json!({ "TopicArn": arn }));
    while let Some(page) = pages.next_page().await {
        for one in list(&page?, "Subscriptions") {
            let subscription = text(one, "SubscriptionArn").unwrap_or_default();
            let mut value = json!({
                "SubscriptionArn": subscription,
                "Protocol": one["Protocol"],
                "Endpoint": one["Endpoint"],
            });
            // An unconfirmed subscription has neither an ARN nor attributes.
            if subscription.starts_with("arn:") {
                let parameters = json!({ "SubscriptionArn": subscription });
                let answer = aws.call("sns:GetSubscriptionAttributes", parameters).await?;
                value["attributes"] = object_of(&answer, "Attributes");
            }
            subscriptions.push(value);
        }
    }
    let mut parts = ResourceParts::default();
    parts.put_document("attributes.json", object_of(&attributes, "Attributes"));
    parts.put_document("tags.json", tag_object(list(&tags, "Tags"), "Key", "Value"));
    parts.put_document("subscriptions.json", Value::Array(subscriptions));
    Ok(Some(parts))
}

pub(super) fn lost(parts: &ResourceParts) -> Vec<String> {
    let subscriptions = parts.get("subscriptions.json").as_array().into_iter().flatten();
    let count =
        subscriptions.filter(|one| CONFIRMED_ELSEWHERE.contains(&text(one, "Protocol").unwrap_or_default())).count();
    match count {
        0 => Vec::new(),
        count => vec![format!("the confirmation of {count} subscriptions by email or HTTP")],
    }
}

pub(super) async fn delete(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
) -> Result<(), CallError> {
    cx.aws.signed.call("sns:DeleteTopic", json!({ "TopicArn": target.aws_identifier() })).await.found().map(drop)
}

pub(super) async fn restore(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<RestoredResource, CallError> {
    let mut restored = RestoredResource::default();
    let (arn, aws) = (target.aws_identifier(), &cx.aws.signed);
    let name = arn.rsplit(':').next().unwrap_or_default();
    let attributes = text_members(parts.get("attributes.json"), |name| !OWN.contains(&name));
    let fifo = attributes.get("FifoTopic").is_some_and(|value| value == "true");
    let attributes: Map<String, Value> =
        attributes.into_iter().filter(|(name, _)| fifo || name != "FifoTopic").collect();
    let parameters = json!({ "Name": name, "Attributes": attributes, "Tags": tag_list(super::resource_tags(parts)) });
    cx.call_with_retry(async || aws.call("sns:CreateTopic", parameters.clone()).await).await?;
    for one in parts.get("subscriptions.json").as_array().into_iter().flatten() {
        let protocol = text(one, "Protocol").unwrap_or_default();
        let attributes = text_members(&one["attributes"], |name| SUBSCRIPTION.contains(&name));
        let parameters = json!({
            "TopicArn": arn,
            "Protocol": protocol,
            "Endpoint": text(one, "Endpoint"),
            "Attributes": attributes,
            "ReturnSubscriptionArn": true,
        });
        // Subscribing the same endpoint again returns the same subscription.
        let made = cx.call_with_retry(async || aws.call("sns:Subscribe", parameters.clone()).await).await?;
        if let (Some(old), Some(new)) = (text(one, "SubscriptionArn"), text(&made, "SubscriptionArn")) {
            restored.renamed.push((old.to_owned(), new.to_owned()));
        }
        if CONFIRMED_ELSEWHERE.contains(&protocol) {
            restored.notes.push(format!("the recipient of a subscription by {protocol} must confirm it"));
        }
    }
    Ok(restored)
}

fn text_members(value: &Value, taken: impl Fn(&str) -> bool) -> Map<String, Value> {
    let members = value.as_object().into_iter().flatten();
    let texts = members.filter(|(name, value)| taken(name) && value.as_str().is_some_and(|text| !text.is_empty()));
    texts.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A topic can't be turned off, so it is only tagged.
pub(super) async fn disable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
    tags: &[(&str, String)],
) -> Result<(), CallError> {
    let parameters = json!({ "ResourceArn": target.aws_identifier(), "Tags": tag_list(tags.iter().cloned()) });
    cx.aws.signed.call("sns:TagResource", parameters).await.map(drop)
}

pub(super) async fn enable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
    keys: &[&str],
) -> Result<(), CallError> {
    let parameters = json!({ "ResourceArn": target.aws_identifier(), "TagKeys": keys });
    cx.aws.signed.call("sns:UntagResource", parameters).await.map(drop)
}
