//! Other deployments that do what this one would do: the same deployment under another name, in another region or in
//! another account. Two functions that take the same flag would send each contact twice.
//!
//! What a function takes and where it sends is in its environment, so a list of functions shows it. Other accounts can only
//! be seen in HubSpot, in the mark of a venue's status property.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_config::config::{
    ENV_FLAG_PROPERTY, ENV_HUBSPOT_BASE_URI, ENV_SYNC_CONFIG, ENV_TRIPLESEAT_BASE_URI, ENV_VENUE, TRIPLESEAT_BASE_URI,
    property_slug,
};
use sync_config::hubspot_api::{MarkedPlace, parse_marked_place};

use crate::desired::Desired;
use crate::property::PropertyField;
use crate::resource::StringMap;
use crate::snapshot::Snapshot;

/// A function with a sync's environment that isn't one of this deployment's in this region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherFunction {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// The deployment that its mark or its tags name.
    pub deployment: Option<String>,
    /// Its environment variables.
    pub environment: StringMap,
    /// Whether its rule fires; `None` if that isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fires: Option<bool>,
}

/// What a venue and another function have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedPart {
    /// They take the same flag, of this name.
    Flag(String),
    /// They record in the same contact properties.
    Ledger,
    /// They send to the same place.
    Destination(String),
}

/// Another deployment's function that does what a venue of this one would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rival {
    /// The venue of this deployment.
    pub venue: String,
    /// The other deployment; `None` if nothing names it.
    pub deployment: Option<String>,
    /// Its region.
    pub region: String,
    /// Its account, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Its function; `None` if only HubSpot shows it.
    pub function: Option<String>,
    /// What they have in common.
    pub shared: SharedPart,
}

/// What a function takes, and where it sends it.
pub(crate) struct SyncIdentity {
    hubspot: String,
    portal: Option<u64>,
    pub(crate) flag: String,
    slug: String,
    pub(crate) destination: Option<String>,
}

impl SyncIdentity {
    /// Reads an environment, also one that a newer version wrote.
    pub(crate) fn from_environment(environment: &StringMap) -> Option<Self> {
        let variable = |name: &str| environment.get(name).cloned();
        // What isn't JSON is no configuration of ours.
        let config: Value = serde_json::from_str(&variable(ENV_SYNC_CONFIG).unwrap_or_default()).unwrap_or_default();
        let base_uri = variable(ENV_TRIPLESEAT_BASE_URI).unwrap_or_else(|| TRIPLESEAT_BASE_URI.to_owned());
        Some(Self {
            hubspot: variable(ENV_HUBSPOT_BASE_URI)?,
            portal: config["portal_id"].as_u64(),
            flag: variable(ENV_FLAG_PROPERTY)?,
            slug: property_slug(&variable(ENV_VENUE)?),
            destination: destination_of(&config["destination"], &base_uri),
        })
    }

    /// The parts of which two that have something in common share at least one.
    fn comparable_parts(&self) -> impl Iterator<Item = (u8, &str)> {
        let destination = self.destination.as_deref().map(|destination| (2, destination));
        [(0, &*self.flag), (1, &*self.slug)].into_iter().chain(destination)
    }

    /// What both have in common, the most dangerous first.
    fn shared_with(&self, other: &Self) -> Option<SharedPart> {
        let may_be_same_portal = self.hubspot == other.hubspot
            && self.portal.zip(other.portal).is_none_or(|(portal, theirs)| portal == theirs);
        if may_be_same_portal && self.flag == other.flag {
            return Some(SharedPart::Flag(self.flag.clone()));
        }
        if may_be_same_portal && self.slug == other.slug {
            return Some(SharedPart::Ledger);
        }
        let destination = self.destination.as_ref().filter(|place| other.destination.as_ref() == Some(place));
        destination.cloned().map(SharedPart::Destination)
    }
}

/// Whether these are the variables of a sync's function.
pub fn is_sync_environment(environment: &StringMap) -> bool {
    environment.contains_key(ENV_FLAG_PROPERTY) && environment.contains_key(ENV_VENUE)
}

/// The destination in words, if the configuration says which one it is: an account alone is only known from its key.
fn destination_of(config: &Value, base_uri: &str) -> Option<String> {
    if let Some(url) = config["url"].as_str() {
        return Some(url.to_owned());
    }
    let ids = ["location_id", "site_id"].map(|id| config[id].as_u64().map(|number| format!("{id} {number}")));
    ids.into_iter().flatten().next().map(|id| format!("{id} of {base_uri}"))
}

/// Whether the manifest says that another deployment is no reason to refuse.
fn is_accepted(desired: &Desired, deployment: &str, region: &str) -> bool {
    let is = |name: &String| *name == deployment || *name == format!("{deployment}@{region}");
    desired.may_share_with.iter().any(is)
}

/// The other functions that have something in common with a venue, as pairs of venue and index in `others`.
pub fn find_shared(desired: &Desired, others: &[OtherFunction]) -> Vec<(String, usize, SharedPart)> {
    let others: BTreeMap<usize, SyncIdentity> = others
        .iter()
        .enumerate()
        .filter_map(|(index, other)| Some((index, SyncIdentity::from_environment(&other.environment)?)))
        .collect();
    let mut found = Vec::new();
    if others.is_empty() {
        return found;
    }
    let mut alike: BTreeMap<(u8, &str), Vec<usize>> = BTreeMap::new();
    for (index, other) in &others {
        for part in other.comparable_parts() {
            alike.entry(part).or_default().push(*index);
        }
    }
    for venue in &desired.venues {
        let environment = venue.stack.as_ref().map(|stack| &stack.function.configuration.environment);
        let Some(ours) = environment.and_then(SyncIdentity::from_environment) else { continue };
        let parts = ours.comparable_parts();
        let candidates: BTreeSet<usize> = parts.filter_map(|part| alike.get(&part)).flatten().copied().collect();
        let shared = candidates.iter().filter_map(|index| Some((*index, ours.shared_with(others.get(index)?)?)));
        found.extend(shared.map(|(index, part)| (venue.venue.clone(), index, part)));
    }
    found
}

/// The rivals of a deployment's venues: functions whose rules fire, or may fire, and venues that HubSpot's marks put
/// elsewhere.
pub fn find_rivals(desired: &Desired, snapshot: &Snapshot) -> Vec<Rival> {
    let accepted = |deployment: Option<&str>, region: &str| {
        deployment.is_some_and(|deployment| is_accepted(desired, deployment, region))
    };
    let mut rivals = Vec::new();
    for (venue, index, shared) in find_shared(desired, &snapshot.others) {
        let other = &snapshot.others[index];
        if other.fires == Some(false) || accepted(other.deployment.as_deref(), &other.region) {
            continue;
        }
        rivals.push(Rival {
            venue,
            deployment: other.deployment.clone(),
            region: other.region.clone(),
            account: None,
            function: Some(other.name.clone()),
            shared,
        });
    }
    let Some(portal) = snapshot.portal.as_read() else { return rivals };
    let known: BTreeSet<String> = rivals.iter().map(|rival| rival.venue.clone()).collect();
    for venue in &desired.venues {
        let Some(stack) = &venue.stack else { continue };
        let is_known = known.contains(&venue.venue);
        let status = stack.properties.iter().find(|(field, _)| *field == PropertyField::Status);
        let live = status.and_then(|(_, property)| portal.properties.get(&property.name));
        let Some((deployment, place)) = live.and_then(|live| parse_marked_place(&live.description)) else { continue };
        let MarkedPlace { account, region } = place;
        // In this account, functions say it, and a property of another deployment is a conflict.
        let is_elsewhere = account != desired.scope.account && deployment == desired.deployment;
        if is_known || !is_elsewhere || accepted(Some(deployment), region) {
            continue;
        }
        rivals.push(Rival {
            venue: venue.venue.clone(),
            deployment: Some(deployment.to_owned()),
            region: region.to_owned(),
            account: Some(account.to_owned()),
            function: None,
            shared: SharedPart::Ledger,
        });
    }
    rivals
}
