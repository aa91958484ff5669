//! Reads the tags of many resources at once, with the Resource Groups Tagging API: for log groups and rules, whose own
//! lists don't have them.
//!
//! The API is eventually consistent, so it is only trusted on what *is* tagged as ours. Resources that it doesn't show,
//! and all that may be deleted, have their own tags read. If the API is denied or missing, that goes for every
//! resource.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::TagFilter;

use crate::{Call, CallError};
use deployer_core::naming::TAG_DEPLOYMENT;
use deployer_core::resource::StringMap;

/// Tags by ARN.
#[derive(Default)]
pub(super) struct KnownTags(BTreeMap<String, StringMap>);

impl KnownTags {
    /// Reads the tags of `deployment`'s log groups and rules.
    pub(super) async fn read_tags(tagging: &Client, deployment: &str) -> Self {
        // A failure only costs two more calls for each venue.
        Self(read_tagged_resources(tagging, deployment).await.unwrap_or_default())
    }

    /// The tags of a resource that is ours; `None` if its own tags must be read.
    pub(super) fn tags_of(&self, arn: &str) -> Option<StringMap> {
        self.0.get(arn).cloned()
    }
}

async fn read_tagged_resources(tagging: &Client, deployment: &str) -> Result<BTreeMap<String, StringMap>, CallError> {
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
