//! Topics and their subscriptions, in two lists. The dead-letter queue of a subscription is only in its attributes.

use serde_json::{Value, json};

use super::super::address::WebAddress;
use super::super::{EdgeKind, Node, NodeKind, arn};
use super::collector::Collector;
use super::dead_letter_queue;
use super::policy::{THIS_ACCOUNT, add_permissions};
use deployer_aws::signed::text_of;
use deployer_aws::{Found, SignedClient};
use deployer_core::arn::Arn;

pub(super) async fn read_topics(aws: &SignedClient, collector: &Collector<'_>) {
    tokio::join!(list_topics(aws, collector), list_subscriptions(aws, collector));
}

async fn list_topics(aws: &SignedClient, collector: &Collector<'_>) {
    let pages = aws.list_pages("sns:ListTopics", json!({}));
    let mut topics = Vec::new();
    let add = |topic: &Value| {
        if let Some(topic) = text_of(topic, "TopicArn") {
            collector.add_node(Node::new(NodeKind::Topic, topic, arn::short_name(topic)));
            topics.push(topic.to_owned());
        }
        Ok(())
    };
    collector.list_items(pages, "Topics", "topics", add).await;
    collector.for_each(topics, &["sns:GetTopicAttributes"], |topic| read_policy(aws, collector, topic)).await;
}

/// Reads who may publish to a topic.
async fn read_policy(aws: &SignedClient, collector: &Collector<'_>, topic: String) {
    const CALL: &str = "sns:GetTopicAttributes";
    let what = format!("the policy of topic {}", arn::short_name(&topic));
    let request = aws.call(CALL, json!({ "TopicArn": topic }));
    let answer = match collector.make_call(CALL, request).await.found() {
        Ok(Some(answer)) => answer,
        // It was deleted since it was listed.
        Ok(None) => return,
        Err(error) => return collector.note_failure(&error, Some(&topic), what),
    };
    let read = match text_of(&answer["Attributes"], "Policy").filter(|policy| !policy.is_empty()) {
        Some(policy) => add_permissions(collector, &topic, policy),
        // Every topic has a policy from the start. A server that doesn't show it allows what that would.
        None => {
            collector.add_edge("principal:*", &topic, EdgeKind::Permission, true, Some(THIS_ACCOUNT.to_owned()));
            Ok(())
        }
    };
    if let Err(why) = read {
        collector.note_unread(CALL, Some(&topic), what, why);
    }
}

async fn list_subscriptions(aws: &SignedClient, collector: &Collector<'_>) {
    let pages = aws.list_pages("sns:ListSubscriptions", json!({}));
    let mut found = Vec::new();
    let add = |subscription: &Value| {
        found.extend(add_subscription(collector, subscription));
        Ok(())
    };
    collector.list_items(pages, "Subscriptions", "subscriptions of topics", add).await;
    collector
        .for_each(found, &["sns:GetSubscriptionAttributes"], |(topic, subscription)| {
            read_redrive_policy(aws, collector, topic, subscription)
        })
        .await;
}

/// Returns topic and subscription if the subscription is confirmed: only then it has attributes.
fn add_subscription(collector: &Collector<'_>, subscription: &Value) -> Option<(String, String)> {
    let (topic, endpoint) = (text_of(subscription, "TopicArn")?, text_of(subscription, "Endpoint")?);
    let arn = text_of(subscription, "SubscriptionArn").filter(|arn| arn.starts_with("arn:"));
    let protocol = text_of(subscription, "Protocol").unwrap_or_default();
    // E-mail addresses and telephone numbers are personal, and don't belong in a report.
    let to = match Arn::parse_arn(endpoint) {
        Ok(_) => endpoint.to_owned(),
        Err(_) => {
            WebAddress::parse_url(endpoint).map_or_else(|| format!("{protocol}:"), |address| address.display_url())
        }
    };
    let note = arn.is_none().then(|| "not confirmed".to_owned());
    collector.add_edge(topic, &to, EdgeKind::Subscription, arn.is_some(), note);
    Some((topic.to_owned(), arn?.to_owned()))
}

async fn read_redrive_policy(aws: &SignedClient, collector: &Collector<'_>, topic: String, subscription: String) {
    const CALL: &str = "sns:GetSubscriptionAttributes";
    let what = format!("a subscription of topic {}", arn::short_name(&topic));
    let request = aws.call(CALL, json!({ "SubscriptionArn": subscription }));
    let answer = match collector.make_call(CALL, request).await.found() {
        Ok(Some(answer)) => answer,
        // It was deleted since it was listed.
        Ok(None) => return,
        Err(error) => return collector.note_failure(&error, Some(&topic), what),
    };
    match dead_letter_queue(text_of(&answer["Attributes"], "RedrivePolicy")) {
        Ok(Some(queue)) => collector.add_edge(&topic, &queue, EdgeKind::DeadLetter, true, None),
        Ok(None) => {}
        Err(why) => collector.note_unread(CALL, Some(&topic), what, why),
    }
}
