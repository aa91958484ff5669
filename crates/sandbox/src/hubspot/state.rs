//! The state of a portal: its contacts, what the search index knows of them, and the apps that may read and write them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::behavior::PortalBehavior;
use super::definition::{CONTACT_INFORMATION, PropertyDefinition, built_in_properties};
use super::error::HubSpotRefusal;
use super::index::SearchIndex;
use super::validate::{self, InvalidValue};
use super::workflows::PortalWorkflows;
use crate::clock::{add_clamped, format_iso};
use crate::limits::RequestWindow;
use crate::vendors::HUBSPOT_HISTORY;

/// Property values by name. Properties without a value are absent.
pub type PropertyValues = BTreeMap<String, String>;

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxContact {
    pub id: u64,
    pub properties: PropertyValues,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug)]
struct StoredContact {
    current: Arc<SandboxContact>,
    /// Each version of the contact and when it was written, as far back as the index may still show it.
    history: VecDeque<(Timestamp, Arc<SandboxContact>)>,
    /// The values of each property, newest first.
    values: BTreeMap<String, VecDeque<(Timestamp, String)>>,
    archived_at: Option<Timestamp>,
}

/// A property, and whether it is archived.
#[derive(Debug)]
pub(super) struct StoredProperty {
    pub(super) definition: PropertyDefinition,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) archived: bool,
}

/// What a token belongs to: a service key, or a legacy private app. Both behave the same.
#[derive(Debug)]
pub(super) struct TokenOwner {
    pub(super) id: u64,
    pub(super) scopes: Vec<String>,
    pub(super) requests: RequestWindow,
}

#[derive(Debug)]
pub(super) struct PortalState {
    pub(super) portal_id: u64,
    search_lag: SignedDuration,
    /// What the index has already reached: a growing lag doesn't take it back.
    index_reached: Timestamp,
    contacts: BTreeMap<u64, StoredContact>,
    pub(super) index: SearchIndex,
    /// For each merged contact, the one it was merged into.
    merged: BTreeMap<u64, u64>,
    pub(super) properties: BTreeMap<String, StoredProperty>,
    /// Labels by name.
    pub(super) groups: BTreeMap<String, String>,
    /// By token.
    pub(super) apps: BTreeMap<String, TokenOwner>,
    pub(super) searches: RequestWindow,
    pub(super) workflows: PortalWorkflows,
    pub(super) behavior: PortalBehavior,
    answers: u64,
}

impl PortalState {
    pub(super) fn new(portal_id: u64, search_lag: SignedDuration, now: Timestamp) -> Self {
        let properties = built_in_properties().into_iter().map(|definition| {
            let name = definition.name.clone();
            (name, StoredProperty { definition, created: now, updated: now, archived: false })
        });
        Self {
            portal_id,
            search_lag,
            index_reached: Timestamp::MIN,
            contacts: BTreeMap::new(),
            index: SearchIndex::default(),
            merged: BTreeMap::new(),
            properties: properties.collect(),
            groups: [(CONTACT_INFORMATION.to_owned(), "Contact information".to_owned())].into(),
            apps: BTreeMap::new(),
            searches: RequestWindow::default(),
            workflows: PortalWorkflows::default(),
            behavior: PortalBehavior::default(),
            answers: 0,
        }
    }

    /// The id that HubSpot's support asks for, different in each error response.
    pub(super) fn next_correlation_id(&mut self) -> String {
        self.answers += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.answers)
    }

    /// A property that isn't archived.
    pub(super) fn property_definition(&self, name: &str) -> Option<&PropertyDefinition> {
        self.properties.get(name).filter(|property| !property.archived).map(|property| &property.definition)
    }

    /// Creates a property, or redefines it.
    pub(super) fn define_property(&mut self, definition: PropertyDefinition, now: Timestamp) {
        let created = self.properties.get(&definition.name).map_or(now, |property| property.created);
        let property = StoredProperty { definition, created, updated: now, archived: false };
        self.properties.insert(property.definition.name.clone(), property);
        self.index.forget_search();
    }

    /// The contacts that aren't archived, by id.
    pub(super) fn active_contacts(&self) -> impl Iterator<Item = &Arc<SandboxContact>> {
        self.contacts.values().filter(|stored| stored.archived_at.is_none()).map(|stored| &stored.current)
    }

    pub(super) fn active_contact(&self, id: u64) -> Option<&Arc<SandboxContact>> {
        self.contacts.get(&id).filter(|stored| stored.archived_at.is_none()).map(|stored| &stored.current)
    }

    /// Changes how long a write takes from now on to show up in searches.
    pub(super) fn set_search_lag(&mut self, lag: SignedDuration, now: Timestamp) {
        self.index_reached = self.index_time(now);
        self.search_lag = lag;
    }

    /// The time of the newest writes that the index has at `now`.
    fn index_time(&self, now: Timestamp) -> Timestamp {
        add_clamped(now, -self.search_lag).max(self.index_reached)
    }

    /// The contacts as the search index sees them at `now`; those that may have other values than searched for are left
    /// out where `candidates` says which don't.
    pub(super) fn indexed_contacts(
        &self,
        candidates: Option<&BTreeSet<u64>>,
        now: Timestamp,
    ) -> Vec<&Arc<SandboxContact>> {
        match candidates {
            None => self.contacts.keys().filter_map(|id| self.indexed_contact(*id, now)).collect(),
            Some(ids) => ids.iter().filter_map(|id| self.indexed_contact(*id, now)).collect(),
        }
    }

    /// A contact as the search index sees it at `now`.
    pub(super) fn indexed_contact(&self, id: u64, now: Timestamp) -> Option<&Arc<SandboxContact>> {
        let as_of = self.index_time(now);
        let stored = self.contacts.get(&id).filter(|stored| stored.archived_at.is_none_or(|at| at > as_of))?;
        Some(&stored.history.iter().rfind(|(since, _)| *since <= as_of)?.1)
    }

    /// Lets the index catch up. Of the versions that it has reached, searches can only show the newest.
    pub(super) fn settle_index(&mut self, now: Timestamp) {
        let as_of = self.index_time(now);
        while let Some(id) = self.index.next_changed(as_of) {
            let Some(stored) = self.contacts.get_mut(&id) else { continue };
            while stored.history.get(1).is_some_and(|(since, _)| *since <= as_of) {
                let Some((_, former)) = stored.history.pop_front() else { break };
                for (name, value) in &former.properties {
                    if !stored.history.iter().any(|(_, version)| version.properties.get(name) == Some(value)) {
                        self.index.remove_value(id, name, value);
                    }
                }
            }
        }
    }

    /// Validates a write to the contact `id`, or to a new one, and returns the values as they are stored.
    pub(super) fn check_write(
        &self,
        id: Option<u64>,
        changes: &PropertyValues,
    ) -> Result<PropertyValues, HubSpotRefusal> {
        let (mut kept, mut invalid) = (PropertyValues::new(), Vec::new());
        for (name, value) in changes {
            match self
                .property_definition(name)
                .ok_or_else(|| InvalidValue::unknown_property(name))
                .and_then(|definition| validate::validate_value(definition, value))
            {
                Ok(value) => drop(kept.insert(name.clone(), value)),
                Err(error) => invalid.push(error),
            }
        }
        if !invalid.is_empty() {
            return Err(validate::refuse_values(self.portal_id, &invalid));
        }
        self.check_unique(id, &kept)?;
        Ok(kept)
    }

    /// Emails are unique among contacts, and so are the custom properties that were defined as unique.
    fn check_unique(&self, id: Option<u64>, changes: &PropertyValues) -> Result<(), HubSpotRefusal> {
        for (name, value) in changes.iter().filter(|(_, value)| !value.is_empty()) {
            if !self.property_definition(name).is_some_and(|definition| definition.unique) {
                continue;
            }
            let has_value =
                |other: &&Arc<SandboxContact>| Some(other.id) != id && other.properties.get(name) == Some(value);
            let other = match self.index.contacts_with(name, value) {
                None => self.active_contacts().find(has_value),
                Some(ids) => ids.iter().filter_map(|id| self.active_contact(*id)).find(has_value),
            };
            if let Some(other) = other {
                let message = format!("Contact already exists. Existing ID: {}", other.id);
                return Err(HubSpotRefusal::new(409, "CONFLICT", message));
            }
        }
        Ok(())
    }

    /// Writes values that were validated.
    pub(super) fn write_contact(
        &mut self,
        id: u64,
        changes: &PropertyValues,
        now: Timestamp,
    ) -> Option<Arc<SandboxContact>> {
        self.settle_index(now);
        let stored = self.contacts.get_mut(&id).filter(|stored| stored.archived_at.is_none())?;
        let mut contact = SandboxContact::clone(&stored.current);
        merge_properties(&mut contact.properties, changes);
        contact.updated_at = now;
        contact.properties.insert("lastmodifieddate".to_owned(), format_iso(now));
        let contact = Arc::new(contact);
        stored.current = Arc::clone(&contact);
        stored.history.push_back((now, Arc::clone(&contact)));
        record_history(&mut stored.values, changes, now);
        self.index.add_version(id, changes, now);
        Some(contact)
    }

    /// Creates a contact from values that were validated. From `indexed_from` on, searches find it.
    pub(super) fn create_contact(&mut self, contact: SandboxContact, indexed_from: Timestamp) -> Arc<SandboxContact> {
        let mut contact = contact;
        contact.properties.retain(|_, value| !value.is_empty());
        for (name, value) in [
            ("hs_object_id", contact.id.to_string()),
            ("createdate", format_iso(contact.created_at)),
            ("lastmodifieddate", format_iso(contact.updated_at)),
        ] {
            contact.properties.insert(name.to_owned(), value);
        }
        let contact = Arc::new(contact);
        let history = [(indexed_from, Arc::clone(&contact))].into();
        let mut values = BTreeMap::new();
        record_history(&mut values, &contact.properties, contact.updated_at);
        self.index.add_version(contact.id, &contact.properties, indexed_from);
        self.contacts
            .insert(contact.id, StoredContact { current: Arc::clone(&contact), history, values, archived_at: None });
        contact
    }

    /// The values that a contact's property has had and when each was written, newest first.
    pub(super) fn property_history(&self, id: u64, property: &str) -> impl Iterator<Item = &(Timestamp, String)> {
        self.contacts.get(&id).and_then(|stored| stored.values.get(property)).into_iter().flatten()
    }

    /// The values that each of a contact's properties has had and when each was written, newest first.
    pub(super) fn contact_history(&self, id: u64) -> BTreeMap<String, Vec<(Timestamp, String)>> {
        let values = self.contacts.get(&id).map(|stored| &stored.values);
        let values = values.into_iter().flatten();
        values.map(|(name, values)| (name.clone(), values.iter().cloned().collect())).collect()
    }

    /// Merges a contact into another: its id resolves to that one from now on.
    pub(super) fn merge_contacts(&mut self, id: u64, into: u64, now: Timestamp) -> bool {
        let merges = id != into && self.active_contact(into).is_some() && self.archive_contact(id, now);
        if merges {
            self.merged.insert(id, into);
        }
        merges
    }

    /// The contact that an id resolves to, after merges.
    pub(super) fn resolve_id(&self, id: u64) -> Option<u64> {
        let mut id = id;
        while let Some(into) = self.merged.get(&id) {
            id = *into;
        }
        self.active_contact(id).map(|contact| contact.id)
    }

    /// Whether an id was ever used.
    pub(super) fn knows_id(&self, id: u64) -> bool {
        self.contacts.contains_key(&id)
    }

    /// An id that no contact has ever had.
    pub(super) fn next_contact_id(&self) -> u64 {
        self.contacts.last_key_value().map_or(1_001, |(id, _)| id + 1)
    }

    /// Moves a contact to the recycle bin. The index still has it for a while.
    pub(super) fn archive_contact(&mut self, id: u64, now: Timestamp) -> bool {
        let stored = self.contacts.get_mut(&id).filter(|stored| stored.archived_at.is_none());
        let archived = stored.map(|stored| stored.archived_at = Some(now)).is_some();
        self.index.add_change(id, now);
        archived
    }
}

fn record_history(
    values: &mut BTreeMap<String, VecDeque<(Timestamp, String)>>,
    changes: &PropertyValues,
    now: Timestamp,
) {
    for (name, value) in changes {
        let history = values.entry(name.clone()).or_default();
        history.push_front((now, value.clone()));
        history.truncate(HUBSPOT_HISTORY);
    }
}

fn merge_properties(properties: &mut PropertyValues, changes: &PropertyValues) {
    for (name, value) in changes {
        if value.is_empty() {
            properties.remove(name);
        } else {
            properties.insert(name.clone(), value.clone());
        }
    }
}
