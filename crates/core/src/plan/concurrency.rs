//! What keeps runs of a venue from overlapping where the manifest leaves that open: reserved concurrency, or a lease where
//! the account has no room to reserve any.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Plan;
use crate::concurrency::{enable_lease, has_lease};
use crate::desired::{Desired, DesiredVenue};
use crate::manifest::ReservedConcurrency;
use crate::resource::{DesiredStack, Observed};
use crate::scope::Scope;
use crate::snapshot::Snapshot;

/// What a venue's function has, as far as it decides.
enum FoundProtection {
    Reservation,
    Lease,
    Neither,
}

/// What it is by the manifest's `"auto"`, or `None` if the manifest says it. What exists is kept, so nothing changes with
/// the room that the account happens to have.
fn found_protection(venue: &DesiredVenue, snapshot: &Snapshot) -> Option<FoundProtection> {
    if venue.stack.is_none() || venue.reserved_concurrency != ReservedConcurrency::Auto {
        return None;
    }
    let live = snapshot.venues.get(&venue.venue);
    Some(match live.map(|live| &live.function) {
        Some(Observed::Present(function)) if function.reserved_concurrency.is_some() => FoundProtection::Reservation,
        Some(Observed::Present(function)) if has_lease(&function.configuration.environment) => FoundProtection::Lease,
        // Lists don't show it, so it is assumed to be there.
        Some(Observed::Present(_)) if snapshot.listed.contains(&venue.venue) => FoundProtection::Reservation,
        // Then it isn't changed.
        Some(Observed::Unreadable(_)) => FoundProtection::Reservation,
        Some(Observed::Present(_) | Observed::Absent | Observed::PendingDeletion(_)) | None => FoundProtection::Neither,
    })
}

/// Whether the plan depends on how many executions the account can still reserve.
pub fn needs_execution_limits(desired: &Desired, snapshot: &Snapshot) -> bool {
    let found = |venue: &DesiredVenue| found_protection(venue, snapshot);
    desired.venues.iter().map(found).any(|found| matches!(found, Some(FoundProtection::Neither)))
}

/// The venues of a plan that have a lease although the manifest doesn't ask for one.
pub(super) struct LeasedVenues<'d> {
    /// Because they have one.
    kept: Vec<&'d str>,
    /// Because there is no room.
    chosen: Vec<&'d str>,
    /// Both.
    all: BTreeSet<&'d str>,
}

impl<'d> LeasedVenues<'d> {
    /// Decides for all venues that are `wanted`, in the manifest's order.
    pub(super) fn decide(desired: &'d Desired, snapshot: &Snapshot, wanted: impl Fn(&str) -> bool) -> Self {
        let venues = || desired.venues.iter().filter(|venue| wanted(&venue.venue));
        let is_new = |venue: &DesiredVenue| {
            let function = snapshot.venues.get(&venue.venue).and_then(|live| live.function.as_present());
            venue.stack.is_some() && function.is_none_or(|function| function.reserved_concurrency.is_none())
        };
        // Those that must have one come first.
        let declared = venues().filter(|venue| venue.reserved_concurrency == ReservedConcurrency::One && is_new(venue));
        let mut room = snapshot.executions.map(|limits| limits.room().saturating_sub(declared.count() as u64));
        let mut leased = Self { kept: Vec::new(), chosen: Vec::new(), all: BTreeSet::new() };
        for venue in venues() {
            match (found_protection(venue, snapshot), &mut room) {
                (Some(FoundProtection::Lease), _) => leased.kept.push(&venue.venue),
                (Some(FoundProtection::Neither), Some(0)) => leased.chosen.push(&venue.venue),
                (Some(FoundProtection::Neither), Some(left)) => *left -= 1,
                // Without knowing the limits, Lambda refuses what doesn't fit.
                (Some(FoundProtection::Neither), None) | (Some(FoundProtection::Reservation) | None, _) => {}
            }
        }
        leased.all = leased.kept.iter().chain(&leased.chosen).copied().collect();
        leased
    }

    /// The stack with what its venue gets.
    pub(super) fn settle_stack<'s>(
        &self,
        venue: &str,
        stack: &'s DesiredStack,
        scope: &Scope,
    ) -> Cow<'s, DesiredStack> {
        if !self.all.contains(venue) {
            return Cow::Borrowed(stack);
        }
        let mut stack = stack.clone();
        enable_lease(&mut stack, scope);
        Cow::Owned(stack)
    }

    /// Says which venues have a lease, and why.
    pub(super) fn add_notes(&self, plan: &mut Plan, snapshot: &Snapshot) {
        if !self.chosen.is_empty() {
            let limit = snapshot.executions.map_or(0, |limits| limits.limit);
            plan.notes.push(format!(
                "no concurrency can be reserved for {}: none of the account's {limit} concurrent executions is free for that. \
                 A lease keeps runs from overlapping instead",
                self.chosen.join(", ")
            ));
        }
        if !self.kept.is_empty() {
            plan.notes.push(format!(
                "a lease keeps runs of {} from overlapping, as before; `reserved_concurrency = 1` reserves an execution instead",
                self.kept.join(", ")
            ));
        }
    }
}
