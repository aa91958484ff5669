//! The backend of the page: builds its view from the sandboxes and the runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sync_config::config::{DestinationConfig, LedgerProperties};
use tokio::sync::watch;

use super::System;
use super::page::{
    Addresses, BlockerView, ContactCell, ContactDetails, ContactRefusal, ContactView, FaultView, FormField, LeadView,
    NewContact, PageBackend, PageView, RunView, SyncStatus, VenueCounts, VenueView, VenueViewStatus,
};
use deployer_core::manifest::{Status, Venue};
use deployer_core::run_origin::RunOrigin;
use deployer_sandbox::VendorFault;
use deployer_sandbox::hubspot::{HubSpotRefusal, SandboxContact};

/// How many leads are shown.
const NEWEST_LEADS: usize = 200;

/// Connects the page to a running system.
pub struct SystemBackend {
    system: Arc<System>,
    changes: watch::Receiver<u64>,
}

impl SystemBackend {
    /// Follows the system's changes for as long as the backend lives.
    pub fn new(system: Arc<System>) -> Self {
        let (sender, changes) = watch::channel(0);
        let mut hubspot = system.vendors.hubspot.watch_changes();
        let mut tripleseat = system.vendors.tripleseat.watch_changes();
        let mut platform = system.vendors.platform.watch_changes();
        let mut runs = system.runs.recorder.watch_changes();
        let mut faults = system.vendors.faults.watch_changes();
        let mut alarms = system.alarms.watch_changes();
        let mut edits = system.edit.watch_changes();
        tokio::spawn(async move {
            loop {
                let changed = tokio::select! {
                    changed = hubspot.changed() => changed,
                    changed = tripleseat.changed() => changed,
                    changed = platform.changed() => changed,
                    changed = runs.changed() => changed,
                    changed = faults.changed() => changed,
                    changed = alarms.changed() => changed,
                    changed = edits.changed() => changed,
                    () = sender.closed() => return,
                };
                if changed.is_err() {
                    return;
                }
                sender.send_modify(|number| *number += 1);
            }
        });
        Self { system, changes }
    }

    fn find_venue(&self, name: &str) -> Result<Venue, String> {
        let manifest = self.system.current_manifest();
        let found = manifest.venues.iter().find(|venue| venue.name == name);
        found.cloned().ok_or_else(|| format!("there is no venue {name}"))
    }
}

impl PageBackend for SystemBackend {
    fn current_view(&self) -> PageView {
        let system = &*self.system;
        let contacts = system.vendors.hubspot.all_contacts();
        let runs = system.runs.recorder.all_runs();
        let manifest = system.current_manifest();
        let venues = &manifest.venues;
        let mut leads: Vec<LeadView> = venues.iter().flat_map(|venue| lead_views(system, venue)).collect();
        leads.sort_by_key(|lead| std::cmp::Reverse(lead.created_at_ms));
        leads.truncate(NEWEST_LEADS);
        PageView {
            deployment: manifest.deployment.name.clone(),
            portal_id: system.vendors.portal_id,
            fired_every: system.scheduler.interval_text(),
            addresses: Addresses {
                hubspot: system.vendors.hubspot_server.uri.clone(),
                tripleseat: system.vendors.tripleseat_server.uri.clone(),
                aws: system.cloud_uri.clone(),
            },
            alarms: system.alarms.view_alarms(),
            venues: venues.iter().map(|venue| venue_view(system, venue, &contacts, &runs)).collect(),
            contacts: contacts.iter().map(|contact| contact_view(contact, venues)).collect(),
            leads,
            runs,
            faults: VendorFault::ALL.into_iter().map(|fault| fault_view(system, fault)).collect(),
            edit: system.edit.last_edit(),
            form_fields: form_fields(system, venues),
        }
    }

    fn watch_changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    fn set_flag(&self, contact: &str, venue: &str, value: bool) -> Result<(), String> {
        let flag = self.find_venue(venue)?.flag_property;
        let id = contact.parse().map_err(|_| format!("{contact} is not a contact id"))?;
        self.system
            .vendors
            .hubspot
            .set_property(id, &flag, if value { "true" } else { "false" })
            .map_err(|error| error.to_string())
    }

    fn run_now(&self, venue: &str) -> Result<(), String> {
        if self.find_venue(venue)?.status == Status::Blocked {
            return Err(format!("{venue} is blocked: nothing is deployed for it"));
        }
        let permit = self.system.runs.permit_run(venue).ok_or_else(|| format!("{venue} is running already"))?;
        let system = Arc::clone(&self.system);
        tokio::spawn(async move { system.runs.run_venue(permit, RunOrigin::Page, None).await });
        Ok(())
    }

    fn add_contact(&self, contact: NewContact) -> Result<String, ContactRefusal> {
        let mut properties = contact.properties;
        properties.extend([
            ("firstname".to_owned(), contact.firstname),
            ("lastname".to_owned(), contact.lastname),
            ("email".to_owned(), contact.email),
            ("phone".to_owned(), contact.phone),
            ("company".to_owned(), contact.company),
            ("message".to_owned(), contact.message),
        ]);
        for venue in &contact.venues {
            let venue = self.find_venue(venue);
            let venue = venue.map_err(|error| ContactRefusal { error, ..ContactRefusal::default() })?;
            properties.insert(venue.flag_property, "true".to_owned());
        }
        properties.retain(|_, value| !value.is_empty());
        let created = self.system.vendors.hubspot.create_contact(&properties);
        created.map(|id| id.to_string()).map_err(|refusal| contact_refusal(&refusal))
    }

    fn find_details(&self, contact: &str) -> Option<ContactDetails> {
        self.system.contact_details(contact.parse().ok()?)
    }

    fn switch_fault(&self, key: &str, on: bool) -> Result<(), String> {
        let fault = VendorFault::ALL.into_iter().find(|fault| fault.key() == key);
        let fault = fault.ok_or_else(|| format!("there is no fault {key}"))?;
        self.system.vendors.faults.switch_fault(fault, on, Timestamp::now());
        Ok(())
    }
}

/// HubSpot's refusal, with the messages for single properties where they belong.
fn contact_refusal(refusal: &HubSpotRefusal) -> ContactRefusal {
    let fields = refusal.errors.iter().filter_map(|error| {
        let property = error["context"]["propertyName"][0].as_str()?;
        Some((property.to_owned(), error["message"].as_str()?.to_owned()))
    });
    let fields: BTreeMap<String, String> = fields.collect();
    let error = match fields.is_empty() {
        true => refusal.message.clone(),
        false => "HubSpot refused some values".to_owned(),
    };
    ContactRefusal { error, category: refusal.category.to_owned(), fields }
}

fn fault_view(system: &System, fault: VendorFault) -> FaultView {
    let switched = system.vendors.faults.find_switched(fault);
    FaultView {
        key: fault.key(),
        name: fault.display_name(),
        effect: fault.effect(),
        on_since_ms: switched.map(|switched| switched.since.as_millisecond()),
        requests: switched.map_or(0, |switched| switched.requests),
    }
}

/// The properties that the venues' leads are made from, besides those that the form has anyway.
fn form_fields(system: &System, venues: &[Venue]) -> Vec<FormField> {
    const USUAL: [&str; 6] = ["firstname", "lastname", "email", "phone", "company", "message"];
    let names: BTreeSet<String> = venues.iter().flat_map(Venue::mapped_properties).collect();
    let definitions = names.iter().filter(|name| !USUAL.contains(&name.as_str()));
    let definitions = definitions.filter_map(|name| system.vendors.hubspot.find_property(name));
    let fields = definitions.filter(|definition| !definition.read_only).map(|definition| FormField {
        name: definition.name,
        label: definition.label,
        kind: definition.kind,
        options: definition.options.into_iter().map(|option| (option.label, option.value)).collect(),
    });
    fields.collect()
}

pub(super) fn lead_views(system: &System, venue: &Venue) -> Vec<LeadView> {
    let leads = system.vendors.venue_leads(&venue.name).into_iter();
    leads
        .map(|lead| LeadView {
            venue: venue.name.clone(),
            id: lead.id,
            name: lead.name,
            email: lead.email,
            phone: lead.phone,
            created_at_ms: lead.created_ms,
            contact_id: lead.contact_id,
        })
        .collect()
}

fn venue_view(system: &System, venue: &Venue, contacts: &[SandboxContact], runs: &[RunView]) -> VenueView {
    let mut counts = VenueCounts::default();
    for cell in contacts.iter().map(|contact| contact_cell(contact, venue)) {
        match cell {
            ContactCell { flagged: true, .. } => counts.flagged += 1,
            ContactCell { status: Some(SyncStatus::Synced), .. } => counts.synced += 1,
            ContactCell { status: Some(SyncStatus::Failed), .. } => counts.failed += 1,
            ContactCell { status: Some(SyncStatus::NeedsReview), .. } => counts.needs_review += 1,
            ContactCell { .. } => {}
        }
    }
    VenueView {
        name: venue.name.clone(),
        display_name: venue.display_name.clone(),
        status: match venue.status {
            Status::Active => VenueViewStatus::Active,
            Status::Paused => VenueViewStatus::Paused,
            Status::Blocked => VenueViewStatus::Blocked,
        },
        schedule: venue.schedule.expression.clone(),
        next_run_at: system.scheduler.next_run(&venue.name).map(Timestamp::as_millisecond),
        running: system.runs.recorder.is_running(&venue.name),
        flag_property: venue.flag_property.clone(),
        destination: match &venue.destination {
            DestinationConfig::Tripleseat(place) => match place.location_id {
                Some(id) => format!("Tripleseat, location {id}"),
                None => "Tripleseat".to_owned(),
            },
            DestinationConfig::Http(_) => "JSON platform".to_owned(),
        },
        blocker: venue.blocker.as_ref().filter(|_| venue.status == Status::Blocked).map(|blocker| BlockerView {
            reason: blocker.reason.clone(),
            owner: blocker.owner.clone(),
            next_step: blocker.next_step.clone(),
            since: blocker.since.clone(),
        }),
        counts,
        alarm: system.alarms.view_venue(&venue.name),
        last_run: runs.iter().find(|run| run.venue == venue.name).cloned(),
    }
}

fn contact_view(contact: &SandboxContact, venues: &[Venue]) -> ContactView {
    let text = |name: &str| contact.properties.get(name).cloned().unwrap_or_default();
    ContactView {
        id: contact.id.to_string(),
        name: format!("{} {}", text("firstname"), text("lastname")).trim().to_owned(),
        email: text("email"),
        phone: text("phone"),
        company: text("company"),
        venues: venues.iter().map(|venue| (venue.name.clone(), contact_cell(contact, venue))).collect(),
    }
}

/// The state of a contact at a venue, from the venue's properties.
pub(super) fn contact_cell(contact: &SandboxContact, venue: &Venue) -> ContactCell {
    let names = LedgerProperties::new(&venue.name, &venue.flag_property);
    let text = |name: &str| contact.properties.get(name).cloned().filter(|value| !value.is_empty());
    ContactCell {
        flagged: text(&names.flag).as_deref() == Some("true"),
        status: match text(&names.status).as_deref() {
            Some("sending") => Some(SyncStatus::Sending),
            Some("synced") => Some(SyncStatus::Synced),
            Some("failed") => Some(SyncStatus::Failed),
            Some("needs_review") => Some(SyncStatus::NeedsReview),
            _ => None,
        },
        lead_id: text(&names.lead_id),
        error: text(&names.error),
        synced_at: text(&names.synced_at).and_then(|value| parse_milliseconds(&value)),
    }
}

/// HubSpot's dates are ISO 8601 or milliseconds since 1970.
fn parse_milliseconds(value: &str) -> Option<i64> {
    value.parse().ok().or_else(|| value.parse().ok().map(|at: Timestamp| at.as_millisecond()))
}
