//! Reads the tags of many resources at once, with the Resource Groups Tagging API: for log groups, rules, alarms and groups of
//! schedules, whose own lists don't have them.
//!
//! The API is eventually consistent, so it is only trusted on what *is* tagged as ours. Resources that it doesn't show,
//! and all that may be deleted, have their own tags read. If the API is denied or missing, that goes for every
//! resource.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::signed::{list_of, tags_of, text_of};
use crate::{CallError, SignedClient};
use deployer_core::naming::TAG_DEPLOYMENT;
use deployer_core::resource::StringMap;

/// Tags by ARN.
#[derive(Default)]
pub(super) struct KnownTags(BTreeMap<String, StringMap>);

impl KnownTags {
    /// Reads the tags of `deployment`'s log groups, rules, alarms, topic and group of schedules.
    pub(super) async fn read_tags(aws: &SignedClient, deployment: &str) -> Self {
        // A failure only costs two more calls for each venue.
        Self(list_tagged_resources(aws, deployment).await.unwrap_or_default())
    }

    /// The tags of a resource that is ours; `None` if its own tags must be read.
    pub(super) fn tags_of(&self, arn: &str) -> Option<StringMap> {
        self.0.get(arn).cloned()
    }
}

async fn list_tagged_resources(aws: &SignedClient, deployment: &str) -> Result<BTreeMap<String, StringMap>, CallError> {
    let parameters = json!({
        "TagFilters": [{ "Key": TAG_DEPLOYMENT, "Values": [deployment] }],
        "ResourcesPerPage": 100,
        "ResourceTypeFilters": ["logs", "events", "cloudwatch", "sns", "scheduler"],
    });
    let mut found = BTreeMap::new();
    // The resources of a venue nearly always have the same tags.
    let mut shared = BTreeSet::new();
    let mut pages = aws.list_pages("tag:GetResources", parameters);
    while let Some(page) = pages.next_page().await {
        for resource in list_of(&page?, "ResourceTagMappingList") {
            let tags = tags_of(resource, "Tags", "Key", "Value");
            let tags: StringMap = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let tags = shared.get(&tags).cloned().unwrap_or(tags);
            shared.insert(tags.clone());
            let arn = text_of(resource, "ResourceARN").unwrap_or_default().trim_end_matches(":*");
            found.insert(arn.to_owned(), tags);
        }
    }
    Ok(found)
}
