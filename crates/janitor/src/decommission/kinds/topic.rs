//! SNS topics, with their subscriptions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::ResourceParts;
use super::super::proof::RebuiltCall;
use super::super::wire::{list_of, text_of};
use super::super::{DecommissionContext, DecommissionTarget};
use super::{object_of, tag_list, tag_object};
use crate::audit::NodeKind;
use crate::audit::arn::short_name;
use deployer_aws::Found;

const VOLATILE: &[&str] = &[
    "attributes.json/SubscriptionsConfirmed",
    "attributes.json/SubscriptionsPending",
    "attributes.json/SubscriptionsDeleted",
];

const NEW: &[&str] = &["subscriptions.json/*/SubscriptionArn", "subscriptions.json/*/attributes/SubscriptionArn"];

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

/// SNS topics.
pub struct Topic;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::Topic,
    deletion_stage: DeletionStage::Caller,
    restore_stage: RestoreStage::Topic,
    rule_target: true,
    volatile_attributes: VOLATILE,
    new_attributes: NEW,
};

impl ArchivableKind for Topic {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
    }

    fn aws_identifier<'t>(&self, id: &'t str) -> &'t str {
        id
    }

    fn usage_metrics<'t>(&self, target: &'t DecommissionTarget) -> Option<UsageMetrics<'t>> {
        Some(UsageMetrics {
            namespace: "AWS/SNS",
            metrics: &["NumberOfMessagesPublished"],
            dimension: "TopicName",
            value: short_name(&target.id),
        })
    }

    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>> {
        Box::pin(async move {
            let (arn, aws) = (target.aws_identifier(), &cx.aws.signed);
            let attributes = aws.call("sns:GetTopicAttributes", json!({ "TopicArn": arn })).await.found()?;
            let Some(attributes) = attributes else { return Ok(None) };
            let tags = aws.call("sns:ListTagsForResource", json!({ "ResourceArn": arn })).await?;
            let mut subscriptions = Vec::new();
            let mut pages = aws.list_pages("sns:ListSubscriptionsByTopic", json!({ "TopicArn": arn }));
            while let Some(page) = pages.next_page().await {
                for one in list_of(&page?, "Subscriptions") {
                    let subscription = text_of(one, "SubscriptionArn").unwrap_or_default();
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
            parts.put_document("tags.json", tag_object(list_of(&tags, "Tags"), "Key", "Value"));
            parts.put_document("subscriptions.json", Value::Array(subscriptions));
            Ok(Some(parts))
        })
    }

    fn delete_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            cx.aws
                .signed
                .call("sns:DeleteTopic", json!({ "TopicArn": target.aws_identifier() }))
                .await
                .found()
                .map(drop)
        })
    }

    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource> {
        Box::pin(async move {
            let mut restored = RestoredResource::default();
            let (arn, aws) = (target.aws_identifier(), &cx.aws.signed);
            let parameters = create_request(arn, parts);
            cx.call_with_retry(async || aws.call("sns:CreateTopic", parameters.clone()).await).await?;
            for one in parts.get("subscriptions.json").as_array().into_iter().flatten() {
                let protocol = text_of(one, "Protocol").unwrap_or_default();
                let parameters = subscribe_request(arn, one);
                // Subscribing the same endpoint again returns the same subscription.
                let made = cx.call_with_retry(async || aws.call("sns:Subscribe", parameters.clone()).await).await?;
                if let (Some(old), Some(new)) = (text_of(one, "SubscriptionArn"), text_of(&made, "SubscriptionArn")) {
                    restored.renamed.push((old.to_owned(), new.to_owned()));
                }
                if CONFIRMED_ELSEWHERE.contains(&protocol) {
                    restored.notes.push(format!("the recipient of a subscription by {protocol} must confirm it"));
                }
            }
            Ok(restored)
        })
    }

    fn rebuild_calls(&self, target: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        let arn = target.aws_identifier();
        let subscriptions = parts.get("subscriptions.json").as_array();
        let subscriptions = subscriptions.ok_or("the archive has no list of the topic's subscriptions")?.iter();
        let mut calls = vec![RebuiltCall::new("sns:CreateTopic", create_request(arn, parts))];
        calls.extend(subscriptions.map(|one| RebuiltCall::new("sns:Subscribe", subscribe_request(arn, one))));
        Ok(calls)
    }

    /// A topic can't be turned off, so it is only tagged.
    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        tags: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let parameters = json!({ "ResourceArn": target.aws_identifier(), "Tags": tag_list(tags.iter().cloned()) });
            cx.aws.signed.call("sns:TagResource", parameters).await.map(drop)
        })
    }

    fn enable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        keys: &'a [&'a str],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let parameters = json!({ "ResourceArn": target.aws_identifier(), "TagKeys": keys });
            cx.aws.signed.call("sns:UntagResource", parameters).await.map(drop)
        })
    }

    fn find_objection(&self, _: &DecommissionTarget, _: &ResourceParts, _: UseWindow<'_>) -> Option<String> {
        None
    }

    /// Subscriptions refer to functions, too.
    fn requires_kind(&self, other: NodeKind) -> bool {
        matches!(other, NodeKind::Role | NodeKind::Queue | NodeKind::Function)
    }

    fn lost_parts(&self, parts: &ResourceParts) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for one in parts.get("subscriptions.json").as_array().into_iter().flatten() {
            let protocol = text_of(one, "Protocol").unwrap_or_default();
            if CONFIRMED_ELSEWHERE.contains(&protocol) {
                *counts.entry(protocol).or_default() += 1;
            }
        }
        let counts: Vec<String> =
            counts.into_iter().map(|(protocol, count)| format!("{count} by {protocol}")).collect();
        match counts.is_empty() {
            true => Vec::new(),
            false => vec![format!(
                "the confirmation of subscriptions, which their recipients must give again: {}",
                counts.join(", ")
            )],
        }
    }

    fn changed_at(&self, _: &ResourceParts) -> Option<Timestamp> {
        None
    }
}

/// The parameters of `CreateTopic`.
fn create_request(arn: &str, parts: &ResourceParts) -> Value {
    let attributes = text_members(parts.get("attributes.json"), |name| !OWN.contains(&name));
    let fifo = attributes.get("FifoTopic").is_some_and(|value| value == "true");
    let attributes: Map<String, Value> =
        attributes.into_iter().filter(|(name, _)| fifo || name != "FifoTopic").collect();
    json!({ "Name": short_name(arn), "Attributes": attributes, "Tags": tag_list(super::resource_tags(parts)) })
}

/// The parameters of `Subscribe` for an archived subscription.
fn subscribe_request(arn: &str, one: &Value) -> Value {
    json!({
        "TopicArn": arn,
        "Protocol": text_of(one, "Protocol").unwrap_or_default(),
        "Endpoint": text_of(one, "Endpoint"),
        "Attributes": text_members(&one["attributes"], |name| SUBSCRIPTION.contains(&name)),
        "ReturnSubscriptionArn": true,
    })
}

fn text_members(value: &Value, taken: impl Fn(&str) -> bool) -> Map<String, Value> {
    let members = value.as_object().into_iter().flatten();
    let texts = members.filter(|(name, value)| taken(name) && value.as_str().is_some_and(|text| !text.is_empty()));
    texts.map(|(name, value)| (name.clone(), value.clone())).collect()
}
