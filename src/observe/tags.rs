//! Tags of many resources at once, by the Resource Groups Tagging API: for log groups and rules, whose own lists have none.
//!
//! Its list is eventually consistent, so it only says what *is* tagged as ours. A resource that it doesn't show so, and
//! every one that may be deleted, is asked by itself; where the list may not be read or isn't there, all are.

use std::collections::BTreeMap;

use serde_json::json;

use crate::aws::signed::{list_of, tags_of, text_of};
use crate::aws::{CallError, SignedClient};
use crate::naming::TAG_DEPLOYMENT;
use crate::resource::Map;

/// Tags by ARN.
#[derive(Default)]
pub(super) struct Tags(BTreeMap<String, Map>);

impl Tags {
    /// Those of the log groups and rules of `deployment`.
    pub(super) async fn read(aws: &SignedClient, deployment: &str) -> Self {
        // Without it everything is as before, with two calls more for each venue.
        Self(list_tagged_resources(aws, deployment).await.unwrap_or_default())
    }

    /// The tags of a resource that is ours; none where it has to be asked by itself.
    pub(super) fn of(&self, arn: &str) -> Option<Map> {
        self.0.get(arn).cloned()
    }
}

async fn list_tagged_resources(aws: &SignedClient, deployment: &str) -> Result<BTreeMap<String, Map>, CallError> {
    let parameters = json!({
        "TagFilters": [{ "Key": TAG_DEPLOYMENT, "Values": [deployment] }],
        "ResourcesPerPage": 100,
        "ResourceTypeFilters": ["logs", "events"],
    });
    let mut found = BTreeMap::new();
    let mut pages = aws.list_pages("tag:GetResources", parameters);
    while let Some(page) = pages.next_page().await {
        for resource in list_of(&page?, "ResourceTagMappingList") {
            let tags = tags_of(resource, "Tags", "Key", "Value");
            let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let arn = text_of(resource, "ResourceARN").unwrap_or_default().trim_end_matches(":*");
            found.insert(arn.to_owned(), tags);
        }
    }
    Ok(found)
}
