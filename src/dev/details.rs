//! Everything about one contact: what HubSpot knows of it, what each venue's ledger says and has said, the leads that were
//! created from it, and the runs that wrote to it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sync_config::config::LedgerProperties;

use super::System;
use super::backend::{contact_cell, lead_views};
use super::page::{ContactDetails, ContactVenue, PropertyChange, PropertyValue, RunView};
use deployer_core::manifest::Venue;
use deployer_sandbox::hubspot::SandboxContact;

/// The times of a property's writes and the values, newest first.
type PropertyWrites = Vec<(Timestamp, String)>;

/// What the properties of the ledger are called on the page. In HubSpot, they have the venue's name too.
const LEDGER_LABELS: [&str; 5] = ["Flag", "Status", "Lead ID", "Error", "Synced at"];

impl System {
    /// What is known about a contact; `None` if there is no such contact.
    pub(super) fn contact_details(&self, id: u64) -> Option<ContactDetails> {
        let hubspot = &self.vendors.hubspot;
        let contact = hubspot.find_contact(id)?;
        let manifest = self.current_manifest();
        let ledgers: Vec<_> = manifest.venues.iter().map(|venue| (venue, ledger_names(venue))).collect();
        let own: BTreeSet<&str> = ledgers.iter().flat_map(|(_, names)| names.iter().map(String::as_str)).collect();
        let properties = contact.properties.iter().filter(|(name, _)| !own.contains(name.as_str()));
        let properties = properties.map(|(name, value)| PropertyValue {
            name: name.clone(),
            label: hubspot.find_property(name).map_or_else(|| name.clone(), |property| property.label),
            value: value.clone(),
        });
        let runs = self.runs.recorder.all_runs();
        let text = |name: &str| contact.properties.get(name).cloned().unwrap_or_default();
        Some(ContactDetails {
            id: id.to_string(),
            name: format!("{} {}", text("firstname"), text("lastname")).trim().to_owned(),
            properties: properties.collect(),
            venues: ledgers.iter().map(|(venue, names)| self.contact_venue(&contact, venue, names, &runs)).collect(),
        })
    }

    fn contact_venue(
        &self,
        contact: &SandboxContact,
        venue: &Venue,
        names: &[String; 5],
        runs: &[RunView],
    ) -> ContactVenue {
        let written = self.vendors.hubspot.contact_history(contact.id);
        let named = || names.iter().zip(LEDGER_LABELS);
        let ledger = named().map(|(name, label)| PropertyValue {
            name: name.clone(),
            label: label.to_owned(),
            value: contact.properties.get(name).cloned().unwrap_or_default(),
        });
        let mut history: Vec<PropertyChange> = named()
            .flat_map(|(name, label)| {
                let writes: &PropertyWrites = const { &Vec::new() };
                let writes = written.get(name).unwrap_or(writes);
                writes.iter().map(move |(at, value)| (at.as_millisecond(), label, value))
            })
            .map(|(at_ms, label, value)| PropertyChange {
                at_ms,
                label: label.to_owned(),
                value: value.clone(),
                run: writing_run(runs, venue, at_ms).filter(|_| label != "Flag" || value != "true"),
            })
            .collect();
        history.sort_by_key(|change| std::cmp::Reverse(change.at_ms));
        let wrote: BTreeSet<&str> = history.iter().filter_map(|change| change.run.as_deref()).collect();
        let mut leads = lead_views(self, venue);
        leads.retain(|lead| lead.contact_id.as_deref() == Some(&contact.id.to_string()));
        leads.reverse();
        ContactVenue {
            venue: venue.name.clone(),
            cell: contact_cell(contact, venue),
            ledger: ledger.collect(),
            leads,
            runs: runs.iter().map(|run| run.id.clone()).filter(|id| wrote.contains(id.as_str())).collect(),
            history,
        }
    }
}

/// The venue's five properties, in the order of [`LEDGER_LABELS`].
fn ledger_names(venue: &Venue) -> [String; 5] {
    let LedgerProperties { flag, status, lead_id, error, synced_at } =
        LedgerProperties::new(&venue.name, &venue.flag_property);
    [flag, status, lead_id, error, synced_at]
}

/// The run of a venue that was under way at this time. A venue has one at a time, and only runs set anything but flags.
fn writing_run(runs: &[RunView], venue: &Venue, at_ms: i64) -> Option<String> {
    let wrote = |run: &&RunView| {
        let ended = run.started_at_ms.saturating_add(i64::try_from(run.duration_ms).unwrap_or(i64::MAX));
        run.venue == venue.name && !run.dry_run && (run.started_at_ms..=ended).contains(&at_ms)
    };
    runs.iter().find(wrote).map(|run| run.id.clone())
}
