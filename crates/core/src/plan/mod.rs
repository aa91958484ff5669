//! Computes the difference between what should exist and what does, without side effects.
//!
//! [`plan`] takes a [`Desired`] and a [`Snapshot`], which are data, and returns a [`Plan`], which is data too. It uses
//! no client, no clock and no environment, so the same inputs always produce the same plan. Each kind of resource has
//! one file with the same structure: how the kind is compared, and which operations fix a difference. [`prune`] removes
//! what is owned but not declared. A [`SavedPlan`] is kept in a file and applied only if nothing has changed since.
//! [`invariants`] checks every plan against what must never happen.

mod adopt;
mod alias;
mod attributes;
mod function;
pub mod invariants;
mod listed;
mod log_group;
mod operation;
mod permission;
mod property;
mod prune;
mod role;
mod rollback;
mod rule;
mod saved;
mod secret;
mod target;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use adopt::{Adoption, NotAdopted, adopt};
pub(crate) use alias::is_pinned;
pub use attributes::AttributeChange;
pub use operation::Operation;
pub use rollback::{rollback, unpin};
pub use saved::{Origin, SavedPlan, Unusable};

use attributes::Differences;

use crate::desired::{Desired, DesiredVenue, Scope};
use crate::naming::{TAG_DEPLOYMENT, TAG_VENUE};
use crate::property::Portal;
use crate::resource::{Address, Kind, LiveStack, Map, Observed, Stack};
use crate::snapshot::Snapshot;

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
    /// Protected venues that would be removed. An apply doesn't start while there are any.
    pub protected: Vec<String>,
    /// The venue that gets new code before all others and tests it in a dry run.
    pub canary: Option<String>,
    /// What is unreadable, and therefore left alone.
    pub unreadable: Vec<Unreadable>,
    /// Notes for the reader that don't change anything.
    pub notes: Vec<String>,
}

/// One resource that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The resource.
    pub address: Address,
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
    pub address: Address,
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
pub struct Unreadable {
    /// The resource; `None` if a whole list is unreadable.
    pub address: Option<Address>,
    /// Why.
    pub reason: String,
}

/// How many resources change, by action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
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
            protected: Vec::new(),
            canary: None,
            unreadable: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Counts the resources that change, by action.
    pub fn summary(&self) -> Summary {
        let count = |actions: &[Action]| self.changes.iter().filter(|change| actions.contains(&change.action)).count();
        Summary {
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
        for change in self.changes.iter().filter(|change| !change.address.kind.is_property()) {
            if change.action == Action::Delete && venues.last() != Some(&change.address.venue.as_str()) {
                venues.push(&change.address.venue);
            }
        }
        venues
    }
}

/// The result of comparing one resource.
enum Verdict {
    Unchanged,
    Change(Change),
    Conflict(Conflict),
    /// The resource, or one that it depends on, is unreadable or out of reach, for this reason.
    Unreadable(String),
}

/// Plans how to get from `snapshot` to `desired`. `targets` limits the plan to these venues; empty means all.
pub fn plan(desired: &Desired, snapshot: &Snapshot, targets: &[String]) -> Plan {
    let wanted = |venue: &str| targets.is_empty() || targets.iter().any(|target| target == venue);
    let mut plan = Plan { canary: desired.canary.clone(), ..Plan::empty(&desired.deployment, &desired.scope) };
    plan.unreadable
        .extend(snapshot.unreadable.iter().map(|reason| Unreadable { address: None, reason: reason.clone() }));
    property::portal(&mut plan, desired, &snapshot.portal);
    let nothing = LiveStack::default();
    for venue in desired.venues.iter().filter(|venue| wanted(&venue.venue)) {
        if let Some(stack) = &venue.stack {
            let live = snapshot.venues.get(&venue.venue).unwrap_or(&nothing);
            let live = listed::completed(snapshot, &venue.venue, live, Some(stack));
            plan_venue(&mut plan, venue, stack, &live, &snapshot.portal);
        }
    }
    let declared: BTreeMap<&str, &DesiredVenue> =
        desired.venues.iter().map(|venue| (venue.venue.as_str(), venue)).collect();
    let mut properties = property::undeclared(desired, &snapshot.portal);
    properties.retain(|venue, _| wanted(venue));
    for (venue, live) in snapshot.venues.iter().filter(|(venue, _)| wanted(venue)) {
        let reason = match declared.get(venue.as_str()) {
            None => format!("{venue} is not in the manifest"),
            Some(DesiredVenue { stack: None, blocked, .. }) => {
                format!("{venue} is blocked: {}", blocked.as_deref().unwrap_or("no reason given"))
            }
            Some(_) => continue,
        };
        prune::venue(&mut plan, venue, live, &reason, desired.recovery_window_days);
        if let Some(properties) = properties.remove(venue.as_str()) {
            property::prune(&mut plan, desired, venue, &properties);
        }
    }
    for (venue, properties) in properties {
        property::prune(&mut plan, desired, venue, &properties);
    }
    plan
}

/// What comparing a resource needs to know about its venue.
struct Context<'a> {
    deployment: &'a str,
    venue: &'a str,
    /// Whether this venue tests new code first.
    is_canary: bool,
}

impl Context<'_> {
    fn address(&self, kind: Kind) -> Address {
        Address { venue: self.venue.to_owned(), kind }
    }

    fn change(&self, kind: Kind, name: &str, action: Action, reason: &str) -> Change {
        Change {
            address: self.address(kind),
            name: name.to_owned(),
            action,
            reason: reason.to_owned(),
            attributes: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// The update that fixes the differences, if there are any.
    fn update(&self, kind: Kind, name: &str, differences: Differences) -> Verdict {
        if differences.is_empty() {
            return Verdict::Unchanged;
        }
        let (attributes, operations) = differences.into_parts();
        let change = self.change(kind, name, Action::Update, "differs from the manifest");
        Verdict::Change(Change { attributes, operations, ..change })
    }

    fn create(&self, kind: Kind, name: &str, differences: Differences, operations: Vec<Operation>) -> Verdict {
        let (attributes, _) = differences.into_parts();
        let change = self.change(kind, name, Action::Create, "not created yet");
        Verdict::Change(Change { attributes, operations, ..change })
    }

    /// Returns a conflict that names the owner unless the tags make this deployment the owner.
    fn check_owner(&self, kind: Kind, name: &str, tags: &Map) -> Option<Verdict> {
        if is_owner(tags, self.deployment) {
            return None;
        }
        let owner = tags.get(TAG_DEPLOYMENT).map(|deployment| match tags.get(TAG_VENUE) {
            Some(venue) => format!("deployment {deployment}, venue {venue}"),
            None => format!("deployment {deployment}"),
        });
        Some(Verdict::Conflict(Conflict { address: self.address(kind), name: name.to_owned(), owner, mismatch: None }))
    }
}

/// The ownership rule: the deployment's tag, and nothing else, makes a resource ours.
pub(crate) fn is_owner(tags: &Map, deployment: &str) -> bool {
    tags.get(TAG_DEPLOYMENT).map(String::as_str) == Some(deployment)
}

fn plan_venue(plan: &mut Plan, venue: &DesiredVenue, stack: &Stack, live: &LiveStack, portal: &Portal) {
    let is_canary = plan.canary.as_deref() == Some(venue.venue.as_str());
    let context = Context { deployment: &plan.deployment.clone(), venue: &venue.venue, is_canary };
    let role = role::compare(&context, &stack.role, &live.role);
    let secret = secret::compare(&context, &stack.secret, &live.secret);
    let log_group = log_group::compare(&context, &stack.log_group, &live.log_group);
    let function = after(&[&role, &secret], &live.function, || {
        function::compare(&context, &stack.function, &live.function, &live.secret)
    });
    let alias = after(&[&function], &live.alias, || {
        alias::compare(&context, &stack.alias, &live.alias, &stack.function, (&function, &live.function))
    });
    let alias = part_of(&function, alias);
    let rule = rule::compare(&context, &stack.rule, &live.rule);
    let permission = after(&[&alias, &rule], &live.permission, || {
        permission::compare(&context, &stack.permission, &live.permission)
    });
    let permission = part_of(&function, permission);
    let target = after(&[&alias, &rule], &live.rule, || target::compare(&context, &stack.target, &live.rule));
    let target = part_of(&rule, target);
    if matches!(alias, Verdict::Unchanged) {
        plan.notes.extend(alias::pinned_note(&venue.venue, &live.function, &live.alias));
    }
    let properties = property::compare_all(&context, &stack.properties, portal);
    let first = [(Kind::Role, role), (Kind::Secret, secret), (Kind::LogGroup, log_group)];
    let rest = [
        (Kind::Function, function),
        (Kind::Alias, alias),
        (Kind::Rule, rule),
        (Kind::Permission, permission),
        (Kind::Target, target),
    ];
    for (kind, verdict) in first.into_iter().chain(properties).chain(rest) {
        match verdict {
            Verdict::Unchanged => plan.unchanged += 1,
            Verdict::Change(change) => plan.changes.push(change),
            Verdict::Conflict(conflict) => plan.conflicts.push(conflict),
            Verdict::Unreadable(reason) => {
                plan.unreadable.push(Unreadable { address: Some(context.address(kind)), reason });
            }
        }
    }
}

/// A missing resource can't be created while one that it depends on is out of reach. An existing one is compared
/// anyway.
fn after<T>(needed: &[&Verdict], live: &Observed<T>, compare: impl FnOnce() -> Verdict) -> Verdict {
    let reason = needed.iter().find_map(|verdict| out_of_reach(verdict));
    match (reason, live) {
        (Some(reason), Observed::Absent | Observed::PendingDeletion(_)) => Verdict::Unreadable(reason),
        _ => compare(),
    }
}

/// Leaves a part alone while its whole is out of reach: the whole belongs to somebody else, or its owner is unknown.
fn part_of(whole: &Verdict, part: Verdict) -> Verdict {
    match (out_of_reach(whole), part) {
        (Some(reason), Verdict::Change(_)) => Verdict::Unreadable(reason),
        (_, part) => part,
    }
}

fn out_of_reach(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Unreadable(reason) => Some(format!("a resource it depends on is unreadable: {reason}")),
        Verdict::Conflict(conflict) => Some(format!("a resource it depends on is not ours: {}", conflict.name)),
        Verdict::Unchanged | Verdict::Change(_) => None,
    }
}
