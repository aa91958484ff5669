//! What exists, as it was observed: the side of a plan that comes from AWS and HubSpot.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::concurrency::ExecutionLimits;
use crate::property::ObservedPortal;
use crate::resource::alarm::LiveAlarms;
use crate::resource::{LiveScheduleGroup, LiveStack, Observed, is_absent};
use crate::rival::OtherFunction;

/// Everything that was observed of declared venues, and of venues that are still owned but no longer declared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The observed resources, by venue.
    pub venues: BTreeMap<String, LiveStack>,
    /// Why lists are unreadable. What only they would have shown is unknown.
    pub unreadable: Vec<String>,
    /// The venues of which only lists were read. What no list contains is empty here, and a plan assumes that it is as
    /// declared: targets, permission, alias, reserved concurrency, the tags of log group, function and rule, and what no
    /// list has of the rest.
    #[serde(default)]
    pub listed: BTreeSet<String>,
    /// Functions of other deployments, and of other regions, that sync something too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherFunction>,
    /// What was observed of the alarms, and of their topic.
    #[serde(default, skip_serializing_if = "LiveAlarms::is_empty")]
    pub alarms: LiveAlarms,
    /// What was observed of the group of the schedules.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub schedule_group: Observed<LiveScheduleGroup>,
    /// The account's limits, if a plan depends on them and they are readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executions: Option<ExecutionLimits>,
    /// What was observed in HubSpot.
    #[serde(default)]
    pub portal: ObservedPortal,
}

impl Snapshot {
    /// Whether any resource of `venue` was observed, in AWS or in HubSpot.
    pub fn knows_venue(&self, venue: &str, deployment: &str) -> bool {
        let owned = || self.portal.as_read().is_some_and(|live| live.owned_properties(deployment).contains_key(venue));
        self.venues.contains_key(venue) || owned()
    }
}
