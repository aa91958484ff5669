//! The difference between what should exist and what does, computed without any effect.
//!
//! [`plan`] takes [`Desired`] and [`Snapshot`], which are data, and gives a [`Plan`], which is data too: it knows no
//! client, no clock and no environment, so the same two inputs give the same plan. Each kind of resource has one file,
//! alike in shape: how it is compared, and which operations put it right. [`prune`] takes away what is owned and not
//! declared. A [`SavedPlan`] is kept in a file, and carried out only if nothing has moved. [`invariants`] holds every plan that is ever made against what must never happen.

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

/// Everything that an apply would do, and everything that it would leave alone and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The owner.
    pub deployment: String,
    /// Where.
    pub scope: Scope,
    /// What changes, in the manifest's order of venues and the order of creation; deletions come last, in reverse order.
    pub changes: Vec<Change>,
    /// Resources that already are as they should be.
    pub unchanged: usize,
    /// Resources of our names that somebody else owns. An apply doesn't begin while there are any.
    pub conflicts: Vec<Conflict>,
    /// Venues that would be removed and are protected. An apply doesn't begin while there are any.
    pub protected: Vec<String>,
    /// The venue to which new code goes before all others, where it is tried in a dry run.
    pub canary: Option<String>,
    /// What couldn't be read. Nothing is done there.
    pub unreadable: Vec<Unreadable>,
    /// What is worth knowing and changes nothing.
    pub notes: Vec<String>,
}

/// One resource that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which resource.
    pub address: Address,
    /// Its name in AWS.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// Attribute by attribute, before and after.
    pub attributes: Vec<AttributeChange>,
    /// The calls that do it, in this order. None where the resource goes with another one.
    pub operations: Vec<Operation>,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// It was scheduled for deletion and comes back.
    Restore,
    /// It is changed in place.
    Update,
    /// It is deleted and made anew.
    Replace,
    /// It is deleted.
    Delete,
}

/// A resource that has one of our names and isn't ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The resource that would have this name.
    pub address: Address,
    /// The name.
    pub name: String,
    /// Who owns it, where a tag or a mark says so.
    pub owner: Option<String>,
    /// What it is, where it is nobody's and can't be made what it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<String>,
}

/// Something that couldn't be read, and so is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The resource; none where a whole list couldn't be read.
    pub address: Option<Address>,
    /// Why.
    pub reason: String,
}

/// How many resources change, by what happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Created or restored.
    pub create: usize,
    /// Changed in place.
    pub update: usize,
    /// Deleted and made anew.
    pub replace: usize,
    /// Deleted.
    pub delete: usize,
    /// Left as they are.
    pub unchanged: usize,
}

impl Plan {
    /// One that does nothing.
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

    /// How many resources change, by what happens to them.
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

    /// The venues that lose resources, of which nothing stays in AWS.
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

/// What there is to say of one resource.
enum Verdict {
    Unchanged,
    Change(Change),
    Conflict(Conflict),
    /// It can't be known or done, for this reason.
    Unreadable(String),
}

/// The plan that makes `snapshot` into `desired`. `targets` are the venues that it is limited to, or all when empty.
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

/// What a kind's comparison needs to know of the venue.
struct Context<'a> {
    deployment: &'a str,
    venue: &'a str,
    /// Whether new code is tried there first.
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

    /// A change to what differs, or none where nothing does.
    fn update(&self, kind: Kind, name: &str, differences: Differences) -> Verdict {
        if differences.is_empty() {
            return Verdict::Unchanged;
        }
        let (attributes, operations) = differences.into_parts();
        let change = self.change(kind, name, Action::Update, "it is not as the manifest says");
        Verdict::Change(Change { attributes, operations, ..change })
    }

    fn create(&self, kind: Kind, name: &str, differences: Differences, operations: Vec<Operation>) -> Verdict {
        let (attributes, _) = differences.into_parts();
        let change = self.change(kind, name, Action::Create, "it is declared and doesn't exist");
        Verdict::Change(Change { attributes, operations, ..change })
    }

    /// Whether tags make this deployment the owner; if not, the conflict that says who is.
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

/// The rule of ownership: the tag of the deployment, and nothing else, makes a resource ours.
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

/// A resource that isn't there can't be made while one that it needs is out of reach; one that is there is compared
/// all the same.
fn after<T>(needed: &[&Verdict], live: &Observed<T>, compare: impl FnOnce() -> Verdict) -> Verdict {
    let reason = needed.iter().find_map(|verdict| out_of_reach(verdict));
    match (reason, live) {
        (Some(reason), Observed::Absent | Observed::PendingDeletion(_)) => Verdict::Unreadable(reason),
        _ => compare(),
    }
}

/// Nothing is made of, or changed in, a part of something that is out of reach: whose it is isn't known, or it isn't
/// ours.
fn part_of(whole: &Verdict, part: Verdict) -> Verdict {
    match (out_of_reach(whole), part) {
        (Some(reason), Verdict::Change(_)) => Verdict::Unreadable(reason),
        (_, part) => part,
    }
}

fn out_of_reach(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Unreadable(reason) => Some(format!("what it needs couldn't be read: {reason}")),
        Verdict::Conflict(conflict) => Some(format!("what it needs is not ours: {}", conflict.name)),
        Verdict::Unchanged | Verdict::Change(_) => None,
    }
}
