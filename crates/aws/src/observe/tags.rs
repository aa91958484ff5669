//! Tags of many resources at once, by the Resource Groups Tagging API: for log groups and rules, whose own lists have none.
//!
//! Its list is eventually consistent, so it only says what *is* tagged as ours. A resource that it doesn't show so, and
//! every one that may be deleted, is asked by itself; where the list may not be read or isn't there, all are.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::TagFilter;

use crate::{Call, CallError};
use deployer_core::naming::TAG_DEPLOYMENT;
use deployer_core::resource::Map;

/// Tags by ARN.
#[derive(Default)]
pub(super) struct Tags(BTreeMap<String, Map>);

impl Tags {
    /// Those of the log groups and rules of `deployment`.
    pub(super) async fn read(tagging: &Client, deployment: &str) -> Self {
        // Without it everything is as before, with two calls more for each venue.
        Self(resources(tagging, deployment).await.unwrap_or_default())
    }

    /// The tags of a resource that is ours; none where it has to be asked by itself.
    pub(super) fn of(&self, arn: &str) -> Option<Map> {
        self.0.get(arn).cloned()
    }
}

async fn resources(tagging: &Client, deployment: &str) -> Result<BTreeMap<String, Map>, CallError> {
    let filter = TagFilter::builder().key(TAG_DEPLOYMENT).values(deployment).build();
    let request = tagging.get_resources().tag_filters(filter).resources_per_page(100);
    let request = request.resource_type_filters("logs").resource_type_filters("events");
    let mut found = BTreeMap::new();
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        for resource in page.call("tag:GetResources")?.resource_tag_mapping_list() {
            let tags = resource.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
            let arn = resource.resource_arn().unwrap_or_default().trim_end_matches(":*");
            found.insert(arn.to_owned(), tags);
        }
    }
    Ok(found)
}
