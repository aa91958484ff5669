//! Topics and all their subscriptions, in two lists. Where a subscription's failed messages go has only the subscription.

use aws_sdk_sns::Client;
use serde_json::Value;

use super::super::address::WebAddress;
use super::super::arn::Arn;
use super::super::{EdgeKind, Node, NodeKind, arn};
use super::collector::Collector;
use deployer_aws::Found;

pub(super) async fn read(sns: &Client, collector: &Collector<'_>) {
    tokio::join!(topics(sns, collector), subscriptions(sns, collector));
}

async fn topics(sns: &Client, collector: &Collector<'_>) {
    let mut pages = sns.list_topics().into_paginator().send();
    while let Some(page) = collector.page("sns:ListTopics", pages.next()).await {
        match page {
            Ok(page) => {
                let arns = page.topics().iter().filter_map(|topic| topic.topic_arn());
                arns.for_each(|topic| collector.node(Node::new(NodeKind::Topic, topic, arn::short_name(topic))));
            }
            Err(error) => return collector.unread(&error, None, "topics"),
        }
    }
}

async fn subscriptions(sns: &Client, collector: &Collector<'_>) {
    let mut found = Vec::new();
    let mut pages = sns.list_subscriptions().into_paginator().send();
    while let Some(page) = collector.page("sns:ListSubscriptions", pages.next()).await {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                collector.unread(&error, None, "subscriptions of topics");
                break;
            }
        };
        for subscription in page.subscriptions() {
            let (Some(topic), Some(endpoint)) = (subscription.topic_arn(), subscription.endpoint()) else { continue };
            let confirmed = subscription.subscription_arn().is_some_and(|arn| arn.starts_with("arn:"));
            let protocol = subscription.protocol().unwrap_or_default();
            // An e-mail address or a telephone number is somebody's, and doesn't belong into a report.
            let to = match Arn::parse_arn(endpoint) {
                Some(_) => endpoint.to_owned(),
                None => WebAddress::parse_url(endpoint)
                    .map_or_else(|| format!("{protocol}:"), |address| address.display_url()),
            };
            let note = (!confirmed).then(|| "not confirmed".to_owned());
            collector.edge(topic, &to, EdgeKind::Subscription, confirmed, note);
            if let (true, Some(arn)) = (confirmed, subscription.subscription_arn()) {
                found.push((topic.to_owned(), arn.to_owned()));
            }
        }
    }
    collector.each(found, |(topic, subscription)| redrive(sns, collector, topic, subscription)).await;
}

async fn redrive(sns: &Client, collector: &Collector<'_>, topic: String, subscription: String) {
    let request = sns.get_subscription_attributes().subscription_arn(subscription).send();
    let attributes = match collector.call("sns:GetSubscriptionAttributes", request).await.found() {
        Ok(answer) => answer.and_then(|answer| answer.attributes).unwrap_or_default(),
        // It was deleted meanwhile.
        Err(error) if error.code == "NotFound" => return,
        Err(error) => {
            let what = format!("a subscription of topic {}", arn::short_name(&topic));
            return collector.unread(&error, Some(&topic), what);
        }
    };
    let policy = attributes.get("RedrivePolicy").and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(queue) = policy.as_ref().and_then(|policy| policy["deadLetterTargetArn"].as_str()) {
        collector.edge(&topic, queue, EdgeKind::DeadLetter, true, None);
    }
}
