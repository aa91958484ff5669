//! Recognizes a venue that was renamed in the manifest: one is pruned, and another one with the same destination, flag or
//! display name is created. What is in HubSpot has the venue's name, and stays behind.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, PlanIndex};
use crate::desired::Desired;
use crate::property::{ContactProperty, LivePortal, PropertyField};
use crate::resource::{DesiredStack, LiveStack};
use crate::rival::SyncIdentity;
use crate::snapshot::Snapshot;

/// Notes what a renaming leaves behind.
pub(super) fn report_renamings(plan: &mut Plan, desired: &Desired, snapshot: &Snapshot, index: &PlanIndex<'_>) {
    let mut former = snapshot.venues.iter().filter(|(name, _)| index.find_venue(name).is_none()).peekable();
    if former.peek().is_none() {
        return;
    }
    let exists = |live: &LiveStack| live.function.as_present().is_some();
    let new = desired.venues.iter().filter(|venue| !snapshot.venues.get(&venue.venue).is_some_and(exists));
    let new: Vec<NewVenue<'_>> =
        new.filter_map(|venue| NewVenue::of_stack(&venue.venue, venue.stack.as_ref()?)).collect();
    let found = NewVenues::new(&new);
    for (former, live) in former {
        let Some(function) = live.function.as_present() else { continue };
        let Some(before) = SyncIdentity::from_environment(&function.configuration.environment) else { continue };
        let label = snapshot.portal.as_read().and_then(|portal| label_of(portal, &before.flag));
        for NewVenue { venue, identity: after, label: shown } in found.find_alike(&before, label) {
            let same = if before.flag == after.flag {
                "flag"
            } else if before.destination.is_some() && before.destination == after.destination {
                "destination"
            } else if label.is_some() && label == *shown {
                "display name"
            } else {
                continue;
            };
            plan.notes.push(renaming_note(former, venue, same, (&before.flag, &after.flag)));
        }
    }
}

/// A venue that is created.
struct NewVenue<'d> {
    venue: &'d str,
    identity: SyncIdentity,
    /// The label of its flag.
    label: Option<&'d str>,
}

impl<'d> NewVenue<'d> {
    fn of_stack(venue: &'d str, stack: &'d DesiredStack) -> Option<Self> {
        let identity = SyncIdentity::from_environment(&stack.function.configuration.environment)?;
        let flag = stack.properties.iter().find(|(field, _)| *field == PropertyField::Flag);
        Some(Self { venue, identity, label: flag.map(|(_, property)| property.label.as_str()) })
    }
}

/// New venues by what a venue keeps when it is renamed: flag, destination, label.
struct NewVenues<'n> {
    new: &'n [NewVenue<'n>],
    places: [BTreeMap<&'n str, Vec<usize>>; 3],
}

impl<'n> NewVenues<'n> {
    fn new(new: &'n [NewVenue<'n>]) -> Self {
        let mut places: [BTreeMap<&str, Vec<usize>>; 3] = Default::default();
        for (at, venue) in new.iter().enumerate() {
            let keys = [Some(&*venue.identity.flag), venue.identity.destination.as_deref(), venue.label];
            for (places, key) in places.iter_mut().zip(keys) {
                places.entry(key.unwrap_or_default()).or_default().push(at);
            }
        }
        Self { new, places }
    }

    /// Those that have something in common with a former venue, in the manifest's order.
    fn find_alike(&self, before: &SyncIdentity, label: Option<&str>) -> impl Iterator<Item = &'n NewVenue<'n>> {
        let keys = [Some(&*before.flag), before.destination.as_deref(), label];
        let found = self.places.iter().zip(keys).filter_map(|(places, key)| places.get(key?));
        let found: BTreeSet<usize> = found.flatten().copied().collect();
        found.into_iter().map(|at| &self.new[at])
    }
}

fn label_of<'p>(portal: &'p LivePortal, flag: &str) -> Option<&'p str> {
    portal.properties.get(flag).map(|property: &ContactProperty| property.label.as_str())
}

fn renaming_note(former: &str, venue: &str, same: &str, (before, after): (&str, &str)) -> String {
    let flags = if before == after {
        String::new()
    } else {
        format!(
            " Flags that are set in {before} are not seen by {venue}: after the apply, move them with `deployer migrate-flag \
             --from {before} --to {venue}`"
        )
    };
    format!(
        "{venue} has the same {same} as {former}, which is no longer declared, so {former} was probably renamed. Its ledger \
         stays behind in HubSpot: a contact that is a lead already and is ticked again becomes a new lead.{flags}"
    )
}
