//! A plan in a file, to be reviewed now and applied later, but only if nothing has changed in between.
//!
//! The file has the plan, where it was made, and a fingerprint of everything that it was made from: account, region,
//! manifest, artifact and every observed resource. It contains no secrets: plans have none, and only hashes of what was observed are kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sync_config::config::property_slug;

use super::Plan;
use crate::naming::SHARED_VENUE;
use crate::property::{LivePortal, PROPERTY_GROUP, parse_property_name};
use crate::resource::alarm::LiveAlarms;
use crate::resource::{LiveStack, Observed, ResourceKind};
use crate::snapshot::Snapshot;

/// Value of `format` in every saved plan.
const FORMAT: &str = "deployer plan";
/// Incremented when older versions can no longer read the file.
const FORMAT_VERSION: u32 = 3;

/// A plan with a fingerprint of what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    format: String,
    format_version: u32,
    /// The venues that the plan is limited to; all when empty.
    pub targets: Vec<String>,
    /// Whether it archives the contact properties of venues that are no longer declared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archive_properties: bool,
    /// What whoever applies it must use too.
    pub place: PlanPlace,
    /// The plan.
    pub plan: Plan,
    fingerprint: PlanFingerprint,
    /// SHA-256 of all of the above.
    checksum: String,
}

/// Where a plan was made. The account, the region and the partition are in the plan itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPlace {
    /// Whether it is for the local cloud, and not for AWS.
    pub local: bool,
    /// The path of `--artifact`; `None` if the function was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
}

/// Hashes (SHA-256) of what a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PlanFingerprint {
    manifest: String,
    artifacts: Vec<String>,
    /// Each observed resource, by venue and kind.
    observed: BTreeMap<String, String>,
    /// Unreadable lists.
    unreadable: Vec<String>,
    /// What was observed in HubSpot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    portal: Option<PortalFingerprint>,
}

/// Hashes of the observed contact properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PortalFingerprint {
    portal_id: u64,
    /// The group and each property of ours, by name.
    observed: BTreeMap<String, String>,
}

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct PlanOrigin<'a> {
    /// What was observed.
    pub snapshot: &'a Snapshot,
    /// The manifest's text.
    pub manifest: &'a str,
    /// The `CodeSha256` of each artifact.
    pub artifacts: &'a [String],
}

/// Why a saved plan can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnusablePlan {
    /// The file is not a saved plan, for this reason.
    NoPlan(String),
    /// Another version wrote it, with this format version.
    OtherVersion(u64),
    /// It was edited after it was saved.
    Edited,
}

impl SavedPlan {
    /// Wraps a plan that was made from `origin`, limited to `targets` if there are any.
    pub fn new(
        plan: Plan,
        origin: &PlanOrigin<'_>,
        place: PlanPlace,
        targets: &[String],
        archive_properties: bool,
    ) -> Self {
        let fingerprint = PlanFingerprint::new(origin, targets);
        let (format, targets) = (FORMAT.to_owned(), targets.to_vec());
        let checksum = String::new();
        let format_version = FORMAT_VERSION;
        let mut saved =
            Self { format, format_version, targets, archive_properties, place, plan, fingerprint, checksum };
        saved.checksum = saved.compute_checksum();
        saved
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// It is not a plan, has another version, or was edited.
    pub fn from_text(text: &str) -> Result<Self, UnusablePlan> {
        let no_plan = |error: serde_json::Error| UnusablePlan::NoPlan(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(no_plan)?;
        if value["format"] != FORMAT {
            return Err(UnusablePlan::NoPlan("it wasn't written by `deployer plan --out`".to_owned()));
        }
        match value["format_version"].as_u64() {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            version => return Err(UnusablePlan::OtherVersion(version.unwrap_or_default())),
        }
        let saved: Self = serde_json::from_value(value).map_err(no_plan)?;
        // Compares the text too, not only its meaning: serializing a file that we wrote reproduces it exactly.
        if saved.checksum != saved.compute_checksum() || saved.to_text() != text {
            return Err(UnusablePlan::Edited);
        }
        Ok(saved)
    }

    /// What has changed since the plan was made, one sentence each. Empty if the plan may be applied. `current` is the
    /// plan that the same inputs produce now.
    pub fn changes_since(&self, current: &Plan, origin: &PlanOrigin<'_>) -> Vec<String> {
        let mut moved = Vec::new();
        let (then, now) = (&self.plan, current);
        if then.scope.account != now.scope.account {
            moved.push(format!("it was made for account {}, but this is {}", then.scope.account, now.scope.account));
        }
        if then.scope.region != now.scope.region {
            moved.push(format!("it was made for {}, but this is {}", then.scope.region, now.scope.region));
        }
        let (partition, other) = (then.scope.aws_partition(), now.scope.aws_partition());
        if partition != other {
            moved.push(format!("it was made for the partition {partition}, but this is {other}"));
        }
        if then.deployment != now.deployment {
            moved.push(format!("it was made for deployment {}, but this is {}", then.deployment, now.deployment));
        }
        if !moved.is_empty() {
            // Nothing else is comparable.
            return moved;
        }
        let fingerprint = PlanFingerprint::new(origin, &self.targets);
        if fingerprint.manifest != self.fingerprint.manifest {
            moved.push("the manifest was edited".to_owned());
        }
        moved.extend(describe_differences(&self.fingerprint.observed, &fingerprint.observed));
        match (&self.fingerprint.portal, &fingerprint.portal) {
            (None, None) => {}
            (Some(then), Some(now)) if then.portal_id == now.portal_id => {
                moved.extend(describe_differences(&then.observed, &now.observed));
            }
            (Some(then), Some(now)) => {
                let (then, now) = (then.portal_id, now.portal_id);
                moved.push(format!("it was made for HubSpot portal {then}, but the token opens {now}"));
            }
            (Some(_), None) => moved.push("HubSpot was read when the plan was made, but not now".to_owned()),
            (None, Some(_)) => moved.push("HubSpot was read now, but not when the plan was made".to_owned()),
        }
        if fingerprint.unreadable != self.fingerprint.unreadable {
            moved.push("other lists are unreadable now than when the plan was made".to_owned());
        }
        if fingerprint.artifacts != self.fingerprint.artifacts {
            let describe = |hashes: &[String]| if hashes.is_empty() { "none".to_owned() } else { hashes.join(", ") };
            let (then, now) = (describe(&self.fingerprint.artifacts), describe(&fingerprint.artifacts));
            let of = self.place.artifact.as_ref().map(|path| format!(" {path}")).unwrap_or_default();
            moved.push(format!("the artifact has changed: it was made with{of} (SHA-256 {then}), and this is {now}"));
        }
        if moved.is_empty() && now.changes != then.changes {
            moved.push("the same inputs produce a different plan now: another version of deployer made it".to_owned());
        }
        moved
    }

    fn compute_checksum(&self) -> String {
        let without = Self { checksum: String::new(), ..self.clone() };
        hash_json(&without)
    }
}

impl PlanFingerprint {
    fn new(origin: &PlanOrigin<'_>, targets: &[String]) -> Self {
        // Property names spell the venue's name in their own way.
        let same = |target: &String, venue: &str| target == venue || property_slug(target) == venue;
        let wanted = |venue: &str| targets.is_empty() || targets.iter().any(|target| same(target, venue));
        let venues = origin.snapshot.venues.iter().filter(|(venue, _)| wanted(venue));
        let observed = venues.flat_map(|(venue, stack)| {
            hash_stack(stack).map(move |(kind, observation)| (format!("{venue}/{kind}"), observation))
        });
        Self {
            manifest: sha256_hex(origin.manifest.as_bytes()),
            artifacts: origin.artifacts.to_vec(),
            observed: observed
                .chain(hash_alarms(&origin.snapshot.alarms))
                .chain([(
                    format!("{SHARED_VENUE}/{}", ResourceKind::ScheduleGroup),
                    hash_observed(&origin.snapshot.schedule_group),
                )])
                .filter_map(|(name, observation)| Some((name, observation?)))
                .collect(),
            unreadable: origin.snapshot.unreadable.clone(),
            portal: origin.snapshot.portal.as_read().map(|live| PortalFingerprint::new(live, wanted)),
        }
    }
}

impl PortalFingerprint {
    /// Hashes what is in our group or has one of our names, except properties of venues that aren't `wanted`.
    fn new(live: &LivePortal, wanted: impl Fn(&str) -> bool) -> Self {
        let ours = live.properties.values().filter(|property| match parse_property_name(&property.name) {
            Some((_, slug)) => wanted(slug),
            None => property.group_name == PROPERTY_GROUP,
        });
        let mut observed: BTreeMap<String, String> =
            ours.map(|property| (format!("property {}", property.name), hash_json(property))).collect();
        if live.has_group {
            observed.insert(format!("property group {PROPERTY_GROUP}"), String::new());
        }
        Self { portal_id: live.portal_id, observed }
    }
}

/// The differences between two sets of hashes, one sentence each.
fn describe_differences<'h>(
    before: &'h BTreeMap<String, String>,
    after: &'h BTreeMap<String, String>,
) -> impl Iterator<Item = String> {
    let resources: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    resources.into_iter().filter_map(|resource| match (before.get(resource), after.get(resource)) {
        (Some(before), Some(after)) if before == after => None,
        (None, _) => Some(format!("{resource} exists now, but didn't before")),
        (_, None) => Some(format!("{resource} no longer exists")),
        _ => Some(format!("{resource} has changed")),
    })
}

/// A hash of each resource, `None` if it is absent. The target is part of its rule.
fn hash_stack(stack: &LiveStack) -> impl Iterator<Item = (ResourceKind, Option<String>)> {
    let LiveStack { role, other_roles, secret, log_group, function, alias, rule, permission, schedule } = stack;
    [
        (ResourceKind::Role, hash_observed(role)),
        (ResourceKind::FormerRole, (!other_roles.is_empty()).then(|| hash_json(other_roles))),
        (ResourceKind::Secret, hash_observed(secret)),
        (ResourceKind::LogGroup, hash_observed(log_group)),
        (ResourceKind::Function, hash_observed(function)),
        (ResourceKind::Alias, hash_observed(alias)),
        (ResourceKind::Rule, hash_observed(rule)),
        (ResourceKind::Permission, hash_observed(permission)),
        (ResourceKind::Schedule, hash_observed(schedule)),
    ]
    .into_iter()
}

/// A hash of the topic, and of all alarms.
fn hash_alarms(live: &LiveAlarms) -> impl Iterator<Item = (String, Option<String>)> {
    let LiveAlarms { alarms, topic } = live;
    let alarms = (*alarms != LiveAlarms::default().alarms).then(|| hash_json(alarms));
    let name = |kind: ResourceKind| format!("{SHARED_VENUE}/{kind}");
    [(name(ResourceKind::Alarms), alarms), (name(ResourceKind::AlarmTopic), hash_observed(topic))].into_iter()
}

fn hash_observed<T: Serialize>(observed: &Observed<T>) -> Option<String> {
    match observed {
        Observed::Absent => None,
        observed => Some(hash_json(observed)),
    }
}

fn hash_json<T: Serialize>(value: &T) -> String {
    sha256_hex(&serde_json::to_vec(value).expect("all keys of its maps are strings, so it always has a JSON form"))
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
