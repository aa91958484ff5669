//! Computes the difference between what should exist and what does, without side effects.
//!
//! [`plan`] takes a [`Desired`] and a [`Snapshot`], which are data, and returns a [`Plan`], which is data too. It uses
//! no client, no clock and no environment, so the same inputs always produce the same plan. Each kind of resource has
//! one file with the same structure: how the kind is compared, and which operations fix a difference. [`prune`] removes
//! what is owned but not declared. A [`SavedPlan`] is kept in a file and applied only if nothing has changed since.
//! [`invariants`] checks every plan against what must never happen.

mod adopt;
mod alarms;
mod alias;
mod attributes;
mod concurrency;
mod finding;
mod former_role;
mod function;
mod index;
pub mod invariants;
mod listed;
mod log_group;
mod operation;
mod permission;
mod portal_load;
pub mod problem;
mod property;
mod prune;
mod renamed;
mod role;
mod rollback;
mod rule;
mod saved;
mod schedule;
mod secret;
mod target;
mod trigger;
mod verdict;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use adopt::{Adoption, NotAdopted, plan_adoption};
pub(crate) use alias::is_pinned;
pub use attributes::AttributeChange;
pub use concurrency::needs_execution_limits;
pub use finding::{FindingKind, PlanFinding};
pub(crate) use index::PlanIndex;
pub use operation::{
    CloudWatchOperation, EventBridgeOperation, HubSpotOperation, IamOperation, LambdaOperation, LogsOperation,
    Operation, Removal, SchedulerOperation, SecretsManagerOperation, ServiceOperation, SnsOperation,
};
pub use rollback::{plan_rollback, plan_unpin};
pub use saved::{PlanOrigin, PlanPlace, SavedPlan, UnusablePlan};

use attributes::Differences;
use finding::UnknownMembers;
use former_role::LateDeletion;
use trigger::TriggerNeeds;
use verdict::{ResourceVerdict, compare_after, guard_part, out_of_reach_reason};

use crate::desired::{Desired, DesiredVenue};
use crate::naming::{SHARED_VENUE, TAG_DEPLOYMENT, TAG_VENUE};
use crate::property::ObservedPortal;
use crate::quota::ExceededQuota;
use crate::resource::{DesiredStack, LiveStack, ResourceAddress, ResourceKind, StringMap};
use crate::rival::{Rival, find_rivals};
use crate::scope::Scope;
use crate::snapshot::Snapshot;
use concurrency::LeasedVenues;

/// Everything that an apply would change, and everything that it would leave alone and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The deployment that the plan is for.
    pub deployment: String,
    /// Account and region.
    pub scope: Scope,
    /// The changes, by venue in the manifest's order and by kind in the order of creation. Deletions come last, in
    /// reverse order.
    pub changes: Vec<Change>,
    /// How many resources already match the manifest.
    pub unchanged: usize,
    /// Resources that have our names but another owner. An apply doesn't start while there are any.
    pub conflicts: Vec<Conflict>,
    /// Other deployments that do what venues of this one would do. An apply doesn't start while there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<Rival>,
    /// Protected venues that would be removed. An apply doesn't start while there are any.
    pub protected: Vec<String>,
    /// The venue that gets new code before all others and tests it in a dry run.
    pub canary: Option<String>,
    /// What is unreadable, and therefore left alone.
    pub unreadable: Vec<UnreadableResource>,
    /// Access for strangers, and what an apply doesn't change back. The most urgent comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<PlanFinding>,
    /// Quotas that leave too little room for it. An apply doesn't start while one of them is certain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<ExceededQuota>,
    /// Notes for the reader that don't change anything.
    pub notes: Vec<String>,
}

/// One resource that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The resource.
    pub address: ResourceAddress,
    /// Its name in AWS.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// The attributes that change, before and after.
    pub attributes: Vec<AttributeChange>,
    /// The calls that make the change, in order. Empty if the resource is deleted together with another one.
    pub operations: Vec<Operation>,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is created.
    Create,
    /// It was scheduled for deletion and is restored.
    Restore,
    /// It is changed in place.
    Update,
    /// It is deleted and created again.
    Replace,
    /// It is deleted.
    Delete,
}

/// A resource that has one of our names but isn't ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The resource that should have this name.
    pub address: ResourceAddress,
    /// The name.
    pub name: String,
    /// Its owner, if a tag or a mark names one.
    pub owner: Option<String>,
    /// How it differs, if it has no owner but can't be turned into what it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<String>,
}

/// Something unreadable, which is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableResource {
    /// The resource; `None` if a whole list is unreadable.
    pub address: Option<ResourceAddress>,
    /// Why.
    pub reason: String,
}

/// How many resources change, by action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Created or restored.
    pub create: usize,
    /// Changed in place.
    pub update: usize,
    /// Deleted and created again.
    pub replace: usize,
    /// Deleted.
    pub delete: usize,
    /// Unchanged.
    pub unchanged: usize,
}

impl Plan {
    /// A plan that changes nothing.
    fn empty(deployment: &str, scope: &Scope) -> Self {
        Self {
            deployment: deployment.to_owned(),
            scope: scope.clone(),
            changes: Vec::new(),
            unchanged: 0,
            conflicts: Vec::new(),
            rivals: Vec::new(),
            protected: Vec::new(),
            canary: None,
            unreadable: Vec::new(),
            findings: Vec::new(),
            quotas: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Counts the resources that change, by action.
    pub fn summarize_changes(&self) -> PlanSummary {
        let count = |actions: &[Action]| self.changes.iter().filter(|change| actions.contains(&change.action)).count();
        PlanSummary {
            create: count(&[Action::Create, Action::Restore]),
            update: count(&[Action::Update]),
            replace: count(&[Action::Replace]),
            delete: count(&[Action::Delete]),
            unchanged: self.unchanged,
        }
    }

    /// The venues that lose resources, and so keep nothing in AWS.
    pub fn deleted_venues(&self) -> Vec<&str> {
        let mut venues: Vec<&str> = Vec::new();
        // A permission may go alone: see `permission`.
        let stays = |kind: ResourceKind| {
            kind.is_property() || matches!(kind, ResourceKind::FormerRole | ResourceKind::Permission) || kind.is_alarm()
        };
        // Nor does it lose anything if something else starts its runs now.
        let goes = |change: &&Change| !stays(change.address.kind) && !trigger::is_superseded(change);
        for change in self.changes.iter().filter(goes) {
            let is_venue = change.address.venue != SHARED_VENUE;
            if is_venue && change.action == Action::Delete && venues.last() != Some(&change.address.venue.as_str()) {
                venues.push(&change.address.venue);
            }
        }
        venues
    }
}

/// Plans how to get from `snapshot` to `desired`. `targets` limits the plan to these venues; empty means all.
pub fn plan(desired: &Desired, snapshot: &Snapshot, targets: &[String]) -> Plan {
    let index = PlanIndex::new(desired, snapshot);
    let has_alarms = |venue: &String| index.find_group(venue).is_some();
    // What belongs to all venues is planned with any of them that needs it.
    let with_shared = targets.is_empty() || targets.iter().any(has_alarms);
    let named: BTreeSet<&str> = targets.iter().map(String::as_str).collect();
    let wanted = |venue: &str| match venue {
        SHARED_VENUE => with_shared,
        venue => named.is_empty() || named.contains(venue),
    };
    let mut plan = Plan { canary: desired.canary.clone(), ..Plan::empty(&desired.deployment, &desired.scope) };
    plan.unreadable
        .extend(snapshot.unreadable.iter().map(|reason| UnreadableResource { address: None, reason: reason.clone() }));
    property::report_portal(&mut plan, &index, &snapshot.portal);
    renamed::report_renamings(&mut plan, desired, snapshot, &index);
    plan.rivals = find_rivals(desired, snapshot);
    plan.rivals.retain(|rival| wanted(&rival.venue));
    let nothing = LiveStack::default();
    let mut unknown = UnknownMembers::default();
    let place = desired.role_place();
    let mut late = Vec::new();
    let scheduled = desired.scheduled_venues();
    let needs_group = targets.is_empty() || targets.iter().any(|target| scheduled.contains(target));
    let no_group = schedule::plan_group(&mut plan, desired, snapshot, needs_group);
    if with_shared {
        alarms::plan_shared(&mut plan, desired, snapshot, &index);
    }
    let leased = LeasedVenues::decide(desired, snapshot, wanted);
    for venue in desired.venues.iter().filter(|venue| wanted(&venue.venue)) {
        if let Some(stack) = &venue.stack {
            let live = snapshot.venues.get(&venue.venue).unwrap_or(&nothing);
            let stack = &*leased.settle_stack(&venue.venue, stack, &desired.scope);
            // Roles are always read in full, and what is assumed of a rule's target depends on them.
            let stack = &*role::settle_stack(stack, live, &place, &desired.scope);
            let stack = &*permission::settle_stack(stack, live, &desired.scope);
            let names = (desired.deployment.as_str(), venue.venue.as_str());
            let stack = &*trigger::settle_stack(stack, live, names, &desired.scope);
            let live = listed::complete_unread(snapshot, &venue.venue, live, Some(stack));
            let around = VenueSurroundings {
                no_group: no_group.as_deref(),
                portal: &snapshot.portal,
                recovery_window_days: desired.recovery_window_days,
            };
            late.extend(plan_venue(&mut plan, venue, stack, &live, &around));
            finding::report_unmodeled(&mut plan, &mut unknown, &venue.venue, stack, &live);
            alarms::plan_group(&mut plan, snapshot, &index, &venue.venue);
        }
    }
    alarms::plan_deletions(&mut plan, desired, &index, wanted);
    leased.add_notes(&mut plan, snapshot);
    former_role::add_deletions(&mut plan, late);
    let mut properties = property::undeclared_properties(desired, &index, &snapshot.portal);
    properties.retain(|venue, _| wanted(venue));
    for (venue, live) in snapshot.venues.iter().filter(|(venue, _)| wanted(venue)) {
        let reason = match index.find_venue(venue) {
            None if venue == SHARED_VENUE => "the manifest names neither a chat nor a digest".to_owned(),
            None => format!("{venue} is not in the manifest"),
            Some(DesiredVenue { stack: None, blocked, .. }) => {
                format!("{venue} is blocked: {}", blocked.as_deref().unwrap_or("no reason given"))
            }
            Some(_) => continue,
        };
        prune::prune_venue(&mut plan, venue, live, &reason, (&place, desired.recovery_window_days));
        if let Some(properties) = properties.remove(venue.as_str()) {
            property::prune_properties(&mut plan, desired, venue, &properties);
        }
    }
    for (venue, properties) in properties {
        property::prune_properties(&mut plan, desired, venue, &properties);
    }
    if targets.is_empty() {
        alarms::plan_shared_deletions(&mut plan, desired, snapshot, &index);
        schedule::plan_group_deletion(&mut plan, desired, snapshot);
        schedule::report_others(&mut plan, snapshot);
    }
    plan.notes.extend(unknown.into_notes());
    rule::note_moved_rules(&mut plan);
    trigger::note_changeovers(&mut plan, desired);
    if targets.is_empty() {
        portal_load::note_portal_load(&mut plan, desired);
    }
    plan.findings.sort_by_key(|finding| finding.kind);
    plan
}

/// What comparing a resource needs to know about its venue.
struct VenueContext<'a> {
    deployment: &'a str,
    venue: &'a str,
    /// Whether this venue tests new code first.
    is_canary: bool,
}

impl VenueContext<'_> {
    fn resource_address(&self, kind: ResourceKind) -> ResourceAddress {
        ResourceAddress { venue: self.venue.to_owned(), kind }
    }

    fn new_change(&self, kind: ResourceKind, name: &str, action: Action, reason: &str) -> Change {
        Change {
            address: self.resource_address(kind),
            name: name.to_owned(),
            action,
            reason: reason.to_owned(),
            attributes: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// The update that fixes the differences, if there are any.
    fn plan_update(&self, kind: ResourceKind, name: &str, differences: Differences) -> ResourceVerdict {
        if differences.is_empty() {
            return ResourceVerdict::Unchanged;
        }
        let (attributes, operations) = differences.into_parts();
        let change = self.new_change(kind, name, Action::Update, "differs from the manifest");
        ResourceVerdict::Change(Change { attributes, operations, ..change })
    }

    fn plan_creation(
        &self,
        kind: ResourceKind,
        name: &str,
        differences: Differences,
        operations: Vec<Operation>,
    ) -> ResourceVerdict {
        let (attributes, _) = differences.into_parts();
        let change = self.new_change(kind, name, Action::Create, "not created yet");
        ResourceVerdict::Change(Change { attributes, operations, ..change })
    }

    /// Returns a conflict that names the owner unless the tags make this deployment the owner.
    fn check_owner(&self, kind: ResourceKind, name: &str, tags: &StringMap) -> Option<ResourceVerdict> {
        if is_owner(tags, self.deployment) {
            return None;
        }
        let owner = tags.get(TAG_DEPLOYMENT).map(|deployment| match tags.get(TAG_VENUE) {
            Some(venue) => format!("deployment {deployment}, venue {venue}"),
            None => format!("deployment {deployment}"),
        });
        Some(ResourceVerdict::Conflict(Conflict {
            address: self.resource_address(kind),
            name: name.to_owned(),
            owner,
            mismatch: None,
        }))
    }
}

/// The ownership rule: the deployment's tag, and nothing else, makes a resource ours.
pub(crate) fn is_owner(tags: &StringMap, deployment: &str) -> bool {
    tags.get(TAG_DEPLOYMENT).map(String::as_str) == Some(deployment)
}

/// What a venue's plan depends on that isn't the venue's.
struct VenueSurroundings<'a> {
    /// Why there is no group for a schedule.
    no_group: Option<&'a str>,
    portal: &'a ObservedPortal,
    /// How long a deleted secret can be restored.
    recovery_window_days: Option<u32>,
}

/// Plans a venue's changes. Returns the deletions of what it no longer needs, which come after all other changes.
fn plan_venue(
    plan: &mut Plan,
    venue: &DesiredVenue,
    stack: &DesiredStack,
    live: &LiveStack,
    around: &VenueSurroundings<'_>,
) -> Vec<LateDeletion> {
    let VenueSurroundings { no_group, portal, recovery_window_days } = *around;
    let is_canary = plan.canary.as_deref() == Some(venue.venue.as_str());
    let context = VenueContext { deployment: &plan.deployment.clone(), venue: &venue.venue, is_canary };
    // Every field by name, so that no kind can be left uncompared.
    let DesiredStack { role, secret, log_group, function, alias, trigger: _, permission, properties } = stack;
    // Without what the venue had before it changes over.
    let final_role = venue.stack.as_ref().map_or(role, |stack| &stack.role);
    let role = role::compare_role(&context, role, &live.role);
    let wanted_secret = secret.as_ref().map(|secret| secret::compare_secret(&context, secret, &live.secret));
    let log_group = log_group::compare_log_group(&context, log_group, &live.log_group);
    let needed: Vec<&ResourceVerdict> = [&role].into_iter().chain(&wanted_secret).collect();
    let function = compare_after(&needed, &live.function, || {
        function::compare_function(&context, function, &live.function, &live.secret, &role)
    });
    let alias = compare_after(&[&function], &live.alias, || {
        alias::compare_alias(&context, alias, &live.alias, &stack.function, (&function, &live.function))
    });
    let alias = guard_part(&function, alias);
    let secret = wanted_secret.or_else(|| {
        // Not while the function may still name it.
        let removal = secret::plan_removal(&context, &live.secret, recovery_window_days)?;
        Some(guard_part(&alias, guard_part(&function, removal)))
    });
    let needs = TriggerNeeds { role: &role, alias: &alias, no_group, final_role };
    let mut triggers = trigger::compare_trigger(&context, stack, live, &needs);
    let permission = match permission {
        Some(wanted) => {
            let needed: Vec<&ResourceVerdict> =
                [Some(&alias), triggers.find_wanted(ResourceKind::Rule)].into_iter().flatten().collect();
            Some(compare_after(&needed, &live.permission, || {
                permission::compare_permission(&context, wanted, &live.permission)
            }))
        }
        // Not before what starts the runs has a role.
        None => permission::plan_removal(&context, &stack.alias, &live.permission).map(|removal| {
            let removal = triggers.last_wanted().map_or(removal.clone(), |last| guard_part(last, removal));
            guard_part(&role, removal)
        }),
    };
    let permission = permission.map(|permission| guard_part(&function, permission));
    if matches!(alias, ResourceVerdict::Unchanged) {
        plan.notes.extend(alias::pinned_note(&venue.venue, &live.function, &live.alias));
    }
    let properties = property::compare_properties(&context, properties, portal);
    let fires = triggers.last_wanted().unwrap_or(&ResourceVerdict::Unchanged);
    let former = match former_role::may_delete([&role, &function, &alias, fires]) {
        true => former_role::plan_superseded(&context, live, &stack.role, &alias),
        false => Vec::new(),
    };
    let secret = secret.map(|secret| (ResourceKind::Secret, secret));
    let first = [(ResourceKind::Role, role)].into_iter().chain(secret).chain([(ResourceKind::LogGroup, log_group)]);
    let rest = [(ResourceKind::Function, function), (ResourceKind::Alias, alias)];
    let permission = permission.map(|permission| (ResourceKind::Permission, permission));
    let mut rest: Vec<(ResourceKind, ResourceVerdict)> = rest.into_iter().chain(permission).collect();
    rest.append(&mut triggers.wanted);
    rest.sort_by_key(|(kind, _)| *kind);
    let mut deletions: Vec<Change> = Vec::new();
    for (kind, verdict) in first.chain(properties).chain(rest).chain(triggers.superseded) {
        match verdict {
            ResourceVerdict::Unchanged => plan.unchanged += 1,
            ResourceVerdict::Change(change) if change.action == Action::Delete => deletions.push(change),
            ResourceVerdict::Change(change) => plan.changes.push(change),
            ResourceVerdict::Conflict(conflict) => plan.conflicts.push(conflict),
            ResourceVerdict::Unreadable(reason) => {
                plan.unreadable.push(UnreadableResource { address: Some(context.resource_address(kind)), reason });
            }
        }
    }
    deletions.sort_by_key(|change| std::cmp::Reverse(change.address.kind));
    let refused = |change: &Change| finding::find_deletion_refusal(&venue.venue, live, change.address.kind);
    let deletions = deletions.into_iter().map(|change| match refused(&change) {
        Some(refusal) => LateDeletion::Refused(refusal),
        None => LateDeletion::Planned(change),
    });
    deletions.chain(former).collect()
}
