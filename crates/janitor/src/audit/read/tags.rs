//! Tags of resources whose own lists have none, in one list. Tags show which deployment owns a resource.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::arn::node_id;
use super::collector::Collector;
use deployer_aws::SignedClient;
use deployer_aws::signed::{tags_of, text_of};
use deployer_core::naming::{TAG_DEPLOYMENT, TAG_VENUE, venue_of_schedule};

/// Services and not types: servers spell the types differently.
const SERVICES: [&str; 7] = ["events", "scheduler", "sqs", "sns", "states", "logs", "cloudwatch"];

pub(super) async fn read_tags(aws: &SignedClient, collector: &Collector<'_>) {
    let parameters = json!({ "ResourcesPerPage": 100, "ResourceTypeFilters": SERVICES });
    let pages = aws.list_pages("tag:GetResources", parameters);
    let what = "tags of rules, schedules, queues, topics, state machines, log groups and alarms";
    let mut groups: BTreeMap<String, String> = BTreeMap::new();
    let add = |resource: &Value| {
        let arn = text_of(resource, "ResourceARN").unwrap_or_default();
        // A schedule has no tags. Whose it is, its group's say.
        if let Some((prefix, group)) = arn.split_once(":schedule-group/") {
            let owner = tags_of(resource, "Tags", "Key", "Value").find(|(key, _)| *key == TAG_DEPLOYMENT);
            groups.extend(owner.map(|(_, owner)| (format!("{prefix}:schedule/{group}/"), owner.to_owned())));
        }
        let (id, _) = node_id(text_of(resource, "ResourceARN").unwrap_or_default());
        let tags = tags_of(resource, "Tags", "Key", "Value").map(|(key, value)| (key.to_owned(), value.to_owned()));
        collector.update_node(&id, |node| node.tags.extend(tags));
        Ok(())
    };
    collector.list_items(pages, "ResourceTagMappingList", what, add).await;
    for node in collector.gathered().nodes.values_mut() {
        let group = groups.iter().find(|(schedules, _)| node.id.starts_with(schedules.as_str()));
        // What else somebody put into the group isn't the deployment's, which leaves it alone.
        if let Some((_, deployment)) = group
            && let Some(venue) = venue_of_schedule(deployment, &node.name)
        {
            (node.deployment, node.venue) = (Some(deployment.clone()), Some(venue.to_owned()));
        }
        if let Some(deployment) = node.tags.get(TAG_DEPLOYMENT) {
            node.deployment = Some(deployment.clone());
            node.venue = node.tags.get(TAG_VENUE).cloned();
        }
    }
}
