//! Recognizes a venue that was renamed in the manifest: one is pruned, and another one with the same destination, flag or
//! display name is created. What is in HubSpot has the venue's name, and stays behind.

use super::Plan;
use crate::desired::Desired;
use crate::property::{ContactProperty, LivePortal, PropertyField};
use crate::resource::{DesiredStack, LiveStack};
use crate::rival::SyncIdentity;
use crate::snapshot::Snapshot;

/// Notes what a renaming leaves behind.
pub(super) fn report_renamings(plan: &mut Plan, desired: &Desired, snapshot: &Snapshot) {
    let declared = |name: &str| desired.venues.iter().any(|venue| venue.venue == name);
    let exists = |live: &LiveStack| live.function.as_present().is_some();
    let new = desired.venues.iter().filter(|venue| !snapshot.venues.get(&venue.venue).is_some_and(exists));
    let new: Vec<(&str, &DesiredStack)> =
        new.filter_map(|venue| Some((venue.venue.as_str(), venue.stack.as_ref()?))).collect();
    for (former, live) in snapshot.venues.iter().filter(|(name, _)| !declared(name)) {
        let Some(function) = live.function.as_present() else { continue };
        let Some(before) = SyncIdentity::from_environment(&function.configuration.environment) else { continue };
        let label = snapshot.portal.as_read().and_then(|portal| label_of(portal, &before.flag));
        for (venue, stack) in &new {
            let after = SyncIdentity::from_environment(&stack.function.configuration.environment);
            let Some(after) = after else { continue };
            let property = stack.properties.iter().find(|(field, _)| *field == PropertyField::Flag);
            let shown = property.map(|(_, property)| property.label.as_str());
            let same = if before.flag == after.flag {
                "flag"
            } else if before.destination.is_some() && before.destination == after.destination {
                "destination"
            } else if label.is_some() && label == shown {
                "display name"
            } else {
                continue;
            };
            plan.notes.push(renaming_note(former, venue, same, (&before.flag, &after.flag)));
        }
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
