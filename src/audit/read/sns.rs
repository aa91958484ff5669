//! Topics and all their subscriptions, in two lists.

use aws_sdk_sns::Client;

use super::super::address::Address;
use super::super::arn::Arn;
use super::super::{EdgeKind, Kind, Node, arn};
use super::collector::Collector;

pub(super) async fn read(sns: &Client, collector: &Collector<'_>) {
    tokio::join!(topics(sns, collector), subscriptions(sns, collector));
}

async fn topics(sns: &Client, collector: &Collector<'_>) {
    let mut pages = sns.list_topics().into_paginator().send();
    while let Some(page) = collector.page("sns:ListTopics", pages.next()).await {
        match page {
            Ok(page) => {
                let arns = page.topics().iter().filter_map(|topic| topic.topic_arn());
                arns.for_each(|topic| collector.node(Node::new(Kind::Topic, topic, arn::short(topic))));
            }
            Err(error) => return collector.unread(&error, None, "topics"),
        }
    }
}

async fn subscriptions(sns: &Client, collector: &Collector<'_>) {
    let mut pages = sns.list_subscriptions().into_paginator().send();
    while let Some(page) = collector.page("sns:ListSubscriptions", pages.next()).await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return collector.unread(&error, None, "subscriptions of topics"),
        };
        for subscription in page.subscriptions() {
            let (Some(topic), Some(endpoint)) = (subscription.topic_arn(), subscription.endpoint()) else { continue };
            let confirmed = subscription.subscription_arn().is_some_and(|arn| arn.starts_with("arn:"));
            let protocol = subscription.protocol().unwrap_or_default();
            // An e-mail address or a telephone number is somebody's, and doesn't belong into a report.
            let to = match Arn::parse(endpoint) {
                Some(_) => endpoint.to_owned(),
                None => Address::parse(endpoint).map_or_else(|| format!("{protocol}:"), |address| address.shown()),
            };
            let note = (!confirmed).then(|| "not confirmed".to_owned());
            collector.edge(topic, &to, EdgeKind::Subscription, confirmed, note);
        }
    }
}
