//! What several manifests must not share. Each is valid by itself; together they would do something twice.
//!
//! It is what a plan refuses as a rival ([`crate::rival`]), but from the files alone, so before anything is asked or written.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::Serialize;
use sync_config::config::{DestinationConfig, KEY_TRIPLESEAT_PUBLIC_KEY, LedgerProperties, property_slug};

use super::read::LoadedManifest;
use super::report::{ManifestFinding, ManifestProblem, Span};
use super::venue::ParsedVenue;
use super::{Deployment, SecretRef, Status};
use crate::counted::count_with_noun;
use crate::error::ErrorCode;
use crate::naming::VenueNames;

/// The most clashes that are collected: every two venues can share something.
const MOST_CLASHES: usize = 200;

/// Something that two manifests must not share, with its place in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestClash {
    /// What it is, and its place in the later manifest.
    #[serde(flatten)]
    pub finding: ManifestFinding,
    /// Its place in the earlier one.
    pub also: ClashPlace,
    /// Whether both are the same deployment.
    #[serde(skip)]
    pub is_same_deployment: bool,
}

/// A place in a manifest. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClashPlace {
    /// The file, as given on the command line.
    pub file: String,
    /// Line.
    pub line: Option<usize>,
    /// Column.
    pub column: Option<usize>,
}

impl fmt::Display for ClashPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, ":{line}:{column}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for ManifestClash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ManifestFinding { file, line, column, message, help, .. } = &self.finding;
        let here = ClashPlace { file: file.clone(), line: *line, column: *column };
        write!(f, "{message}\n  --> {here}\n  --> {}", self.also)?;
        help.iter().try_for_each(|help| write!(f, "\n  hint: {help}"))
    }
}

/// A venue that is deployed, and the manifest that it is in.
#[derive(Clone, Copy)]
struct PlacedVenue<'m> {
    manifest: usize,
    loaded: &'m LoadedManifest,
    read: &'m ParsedVenue,
}

/// What `manifests` share and must not: deployments, names in AWS, flags, ledgers and destinations.
pub fn compare_manifests(manifests: &[LoadedManifest]) -> Vec<ManifestClash> {
    let mut comparison = Comparison { manifests, clashes: Vec::new(), same_deployment: BTreeSet::new() };
    comparison.compare_deployments();
    let venues: Vec<PlacedVenue<'_>> = manifests
        .iter()
        .enumerate()
        .flat_map(|(manifest, loaded)| loaded.read.iter().map(move |read| PlacedVenue { manifest, loaded, read }))
        .filter(|placed| placed.read.venue.status != Status::Blocked)
        .collect();
    comparison.compare_names(&venues);
    // As for a rival: one whose rule doesn't fire isn't in the way.
    let active: Vec<_> = venues.into_iter().filter(|placed| placed.read.venue.status == Status::Active).collect();
    comparison.compare_flags(&active);
    comparison.compare_destinations(&active);
    let rest = comparison.clashes.len().saturating_sub(MOST_CLASHES);
    comparison.clashes.truncate(MOST_CLASHES);
    if let Some(last) = comparison.clashes.last_mut().filter(|_| rest > 0) {
        let more = format!("there are {} more; correct these first", count_with_noun(rest as u64, "clash"));
        last.finding.help = Some(last.finding.help.take().map_or(more.clone(), |help| format!("{help}; {more}")));
    }
    comparison.clashes
}

struct Comparison<'m> {
    manifests: &'m [LoadedManifest],
    clashes: Vec<ManifestClash>,
    /// Pairs of manifests that are one deployment: all that they have in common follows from that.
    same_deployment: BTreeSet<(usize, usize)>,
}

impl<'m> Comparison<'m> {
    fn push_clash(
        &mut self,
        code: ErrorCode,
        (first, first_at): (&LoadedManifest, Span),
        (second, second_at): (&LoadedManifest, Span),
        (message, help): (String, String),
    ) {
        let problem = |at: Span| ManifestProblem::new(code, at, message.clone(), "").with_help(help.clone());
        let ManifestFinding { file, line, column, .. } = first.source.to_finding(&problem(first_at));
        let finding = second.source.to_finding(&problem(second_at));
        let also = ClashPlace { file, line, column };
        self.clashes.push(ManifestClash { finding, also, is_same_deployment: false });
    }

    /// Two manifests that are the same deployment would undo each other's work.
    fn compare_deployments(&mut self) {
        for second in 0..self.manifests.len() {
            for first in 0..second {
                let [a, b] = [&self.manifests[first], &self.manifests[second]];
                let (one, other) = (&a.manifest.deployment, &b.manifest.deployment);
                if one.name != other.name || !may_be_same_place(one, other) {
                    continue;
                }
                self.same_deployment.insert((first, second));
                let (name, region) = (&one.name, &one.region);
                let message = format!(
                    "two manifests are the deployment {name} in {region}: each apply would delete what the other one has"
                );
                let help = match (&one.account, &other.account) {
                    (Some(_), Some(_)) => "give one another `name`, or put all venues into one manifest",
                    _ => "give one another `name`; if they are in different accounts, set `account` in both",
                };
                let [first_at, second_at] = [a.name_place.clone(), b.name_place.clone()];
                self.push_clash(ErrorCode::SharedName, (a, first_at), (b, second_at), (message, help.to_owned()));
                self.clashes.iter_mut().for_each(|clash| clash.is_same_deployment = true);
            }
        }
    }

    /// Calls `clash` for each venue that has the same key as one of an earlier manifest, with that one first.
    fn for_each_clash<K: Eq + std::hash::Hash>(
        &mut self,
        venues: &[PlacedVenue<'m>],
        key: impl Fn(&PlacedVenue<'m>) -> Option<K>,
        mut clash: impl FnMut(&mut Self, &PlacedVenue<'m>, &PlacedVenue<'m>),
    ) {
        let mut seen: HashMap<K, Vec<&PlacedVenue<'m>>> = HashMap::new();
        for placed in venues {
            let Some(key) = key(placed) else { continue };
            let earlier = seen.entry(key).or_default();
            for first in earlier.iter().filter(|first| first.manifest != placed.manifest) {
                let is_news = !self.same_deployment.contains(&(first.manifest, placed.manifest));
                // One more than is shown, so that it is known that there are more.
                if is_news && self.clashes.len() <= MOST_CLASHES {
                    clash(self, first, placed);
                }
            }
            earlier.push(placed);
        }
    }

    /// `sync` with `eu-mill` and `sync-eu` with `mill` have the same function.
    fn compare_names(&mut self, venues: &[PlacedVenue<'m>]) {
        let function = |placed: &PlacedVenue<'m>| {
            let deployment = &placed.loaded.manifest.deployment;
            Some((deployment.region.clone(), VenueNames::new(&deployment.name, &placed.read.venue.name).function))
        };
        self.for_each_clash(venues, function, |found, first, second| {
            let deployment = |placed: &PlacedVenue<'m>| placed.loaded.manifest.deployment.clone();
            if !may_be_same_place(&deployment(first), &deployment(second)) {
                return;
            }
            let name = VenueNames::new(&deployment(second).name, &second.read.venue.name).function;
            let message = format!("{} would both have the function {name}", both_venues(first, second));
            let help = "rename one of the venues, or one of the deployments".to_owned();
            found.push_clash(ErrorCode::SharedName, place_of_name(first), place_of_name(second), (message, help));
        });
    }

    fn compare_flags(&mut self, venues: &[PlacedVenue<'m>]) {
        self.for_each_clash(
            venues,
            |placed| Some(placed.read.venue.flag_property.clone()),
            |found, first, second| {
                if !may_share_portal(first, second) || are_accepted(first, second) {
                    return;
                }
                let message = format!(
                    "{} share the flag property `{}`: a contact ticked for one would go to both",
                    both_venues(first, second),
                    second.read.venue.flag_property
                );
                let help = "give one another flag_property; if they are in different portals, set `portal_id` in both";
                let at = |placed: &PlacedVenue<'m>| (placed.loaded, placed.read.places.flag.clone());
                found.push_clash(ErrorCode::SharedFlag, at(first), at(second), (message, help.to_owned()));
            },
        );
        self.for_each_clash(
            venues,
            |placed| Some(property_slug(&placed.read.venue.name)),
            |found, first, second| {
                // That they share the flag was said.
                let same_flag = first.read.venue.flag_property == second.read.venue.flag_property;
                if same_flag || !may_share_portal(first, second) || are_accepted(first, second) {
                    return;
                }
                let message = format!(
                    "{} would record in the same contact properties, because their names are the same",
                    both_venues(first, second)
                );
                let help = "rename one of them; if they are in different portals, set `portal_id` in both".to_owned();
                found.push_clash(ErrorCode::SharedName, place_of_name(first), place_of_name(second), (message, help));
            },
        );
        self.compare_flags_with_ledgers(venues);
    }

    fn compare_flags_with_ledgers(&mut self, venues: &[PlacedVenue<'m>]) {
        let mut ledgers: HashMap<String, Vec<&PlacedVenue<'m>>> = HashMap::new();
        for placed in venues {
            let ledger = LedgerProperties::new(&placed.read.venue.name, "");
            for property in [ledger.status, ledger.lead_id, ledger.error, ledger.synced_at] {
                ledgers.entry(property).or_default().push(placed);
            }
        }
        for placed in venues {
            for owner in ledgers.get(&placed.read.venue.flag_property).into_iter().flatten() {
                if owner.manifest == placed.manifest || !may_share_portal(owner, placed) {
                    continue;
                }
                let message = format!(
                    "the flag property of `{}` in {} is a ledger property of `{}` in {}, which its sync overwrites",
                    placed.read.venue.name,
                    placed.loaded.manifest.path.display(),
                    owner.read.venue.name,
                    owner.loaded.manifest.path.display()
                );
                let help = "choose another flag property, or remove flag_property to use the default".to_owned();
                let flag = (placed.loaded, placed.read.places.flag.clone());
                self.push_clash(ErrorCode::SharedFlag, place_of_name(owner), flag, (message, help));
            }
        }
    }

    fn compare_destinations(&mut self, venues: &[PlacedVenue<'m>]) {
        self.for_each_clash(venues, named_destination, |found, first, second| {
            let same = named_destination(second).unwrap_or_default();
            found.push_same_destination(first, second, &same);
        });
        self.for_each_clash(venues, public_key, |found, first, second| {
            let location = |placed: &PlacedVenue<'m>| match &placed.read.venue.destination {
                DestinationConfig::Tripleseat(place) => place.location_id,
                DestinationConfig::Http(_) => None,
            };
            // Two locations of one account are two destinations; the same location was said.
            if location(first).is_none() || location(second).is_none() {
                found.push_same_destination(first, second, "the Tripleseat account of the same public key");
            }
        });
    }

    fn push_same_destination(&mut self, first: &PlacedVenue<'m>, second: &PlacedVenue<'m>, same: &str) {
        if are_accepted(first, second) {
            return;
        }
        let message = format!("{} have the same destination: {same}", both_venues(first, second));
        let help = "give each its own destination, or the contacts of one become leads of the other. Two locations of one \
                    account need different location_ids";
        let at = |placed: &PlacedVenue<'m>| {
            let places = &placed.read.places;
            (placed.loaded, places.location.clone().unwrap_or_else(|| places.destination.clone()))
        };
        self.push_clash(ErrorCode::SharedDestination, at(first), at(second), (message, help.to_owned()));
    }
}

/// Whether two deployments may be in one account and region: a manifest needn't say which account it is for.
fn may_be_same_place(one: &Deployment, other: &Deployment) -> bool {
    let may_be_same_account = one.account.as_ref().zip(other.account.as_ref()).is_none_or(|(one, other)| one == other);
    one.region == other.region && may_be_same_account
}

/// Whether two venues may be in one portal: a manifest needn't say which it is for.
fn may_share_portal(first: &PlacedVenue<'_>, second: &PlacedVenue<'_>) -> bool {
    let [one, other] = [first, second].map(|placed| &placed.loaded.manifest.hubspot);
    one.base_uri == other.base_uri && one.portal_id.zip(other.portal_id).is_none_or(|(one, other)| one == other)
}

/// Whether both manifests say that they may share with the other one. If only one does, the other's plan is refused.
fn are_accepted(first: &PlacedVenue<'_>, second: &PlacedVenue<'_>) -> bool {
    let accepts = |one: &Deployment, other: &Deployment| {
        let with_region = format!("{}@{}", other.name, other.region);
        one.may_share_with.iter().any(|name| *name == other.name || *name == with_region)
    };
    let [one, other] = [first, second].map(|placed| &placed.loaded.manifest.deployment);
    accepts(one, other) && accepts(other, one)
}

fn both_venues(first: &PlacedVenue<'_>, second: &PlacedVenue<'_>) -> String {
    let named =
        |placed: &PlacedVenue<'_>| format!("`{}` in {}", placed.read.venue.name, placed.loaded.manifest.path.display());
    format!("{} and {}", named(first), named(second))
}

fn place_of_name<'m>(placed: &PlacedVenue<'m>) -> (&'m LoadedManifest, Span) {
    (placed.loaded, placed.read.places.name.clone())
}

/// The destination in words, if the manifest says which one it is.
fn named_destination(placed: &PlacedVenue<'_>) -> Option<String> {
    let venue = &placed.read.venue;
    match &venue.destination {
        DestinationConfig::Http(http) => Some(http.url.clone()),
        DestinationConfig::Tripleseat(place) => {
            let base_uri = venue.tripleseat_base_uri.as_deref().unwrap_or_default();
            let id = match (place.location_id, place.site_id) {
                (Some(location), _) => format!("location_id {location}"),
                (None, Some(site)) => format!("site_id {site}"),
                (None, None) => return None,
            };
            Some(format!("{id} of {base_uri}"))
        }
    }
}

/// Where the public key of a Tripleseat account comes from, and of which server. A file is relative to its manifest.
fn public_key(placed: &PlacedVenue<'_>) -> Option<(Option<String>, String)> {
    let venue = &placed.read.venue;
    let DestinationConfig::Tripleseat(_) = &venue.destination else { return None };
    let (_, reference) = venue.secrets.iter().find(|(key, _)| key == KEY_TRIPLESEAT_PUBLIC_KEY)?;
    let from = match reference {
        SecretRef::Managed => return None,
        SecretRef::File(path) => {
            let directory = placed.loaded.manifest.path.parent().unwrap_or(std::path::Path::new(""));
            format!("file:{}", directory.join(path).display())
        }
        SecretRef::Env(_) | SecretRef::Cmd(_) => reference.to_string(),
    };
    Some((venue.tripleseat_base_uri.clone(), from))
}
