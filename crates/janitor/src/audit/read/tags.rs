//! Tags of what lists give without them, in one list. From the tags, whose a resource is.

use aws_sdk_resourcegroupstagging::Client;

use super::super::arn::node_id;
use super::collector::Collector;
use deployer_core::naming::{TAG_DEPLOYMENT, TAG_VENUE};

pub(super) async fn read(tagging: &Client, collector: &Collector<'_>) {
    let mut request = tagging.get_resources().resources_per_page(100);
    // Services and not types: servers spell the types differently.
    for service in ["events", "scheduler", "sqs", "sns", "states", "logs", "cloudwatch"] {
        request = request.resource_type_filters(service);
    }
    let mut pages = request.into_paginator().send();
    while let Some(page) = collector.page("tag:GetResources", pages.next()).await {
        match page {
            Ok(page) => {
                for resource in page.resource_tag_mapping_list() {
                    let (id, _) = node_id(resource.resource_arn().unwrap_or_default());
                    let tags = resource.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
                    collector.update(&id, |node| node.tags.extend(tags));
                }
            }
            Err(error) => {
                collector.unread(
                    &error,
                    None,
                    "tags of rules, schedules, queues, topics, state machines, log groups and alarms",
                );
                break;
            }
        }
    }
    for node in collector.gathered().nodes.values_mut() {
        if let Some(deployment) = node.tags.get(TAG_DEPLOYMENT) {
            node.deployment = Some(deployment.clone());
            node.venue = node.tags.get(TAG_VENUE).cloned();
        }
    }
}
