//! What exists, as it was observed: the side of a plan that comes from AWS and HubSpot.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::property::Portal;
use crate::resource::LiveStack;

/// Everything that was seen, of the declared venues and of those that are owned and declared no more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// What was seen, by venue.
    pub venues: BTreeMap<String, LiveStack>,
    /// Lists that couldn't be read: what only they would have shown was not looked for.
    pub unreadable: Vec<String>,
    /// Those of `venues` of which only lists were read. What no list has is empty, and a plan takes it to be as declared:
    /// targets, permission, alias, reserved concurrency, and the tags of log group, function and rule.
    #[serde(default)]
    pub listed: BTreeSet<String>,
    /// What was seen in HubSpot.
    #[serde(default)]
    pub portal: Portal,
}

impl Snapshot {
    /// Whether anything of `venue` was seen, in AWS or in HubSpot.
    pub fn knows(&self, venue: &str, deployment: &str) -> bool {
        let owned = || self.portal.read().is_some_and(|live| live.owned(deployment).contains_key(venue));
        self.venues.contains_key(venue) || owned()
    }
}
