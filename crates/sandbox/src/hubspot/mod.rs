//! A HubSpot portal: its contacts, and the workflows and webhooks that call out of it.

mod account;
mod batch;
mod behavior;
mod contacts;
mod definition;
mod error;
mod filter;
mod import;
mod index;
mod json;
mod properties;
mod routes;
mod search;
mod state;
mod validate;
mod workflows;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use sync_config::config::LedgerProperties;
use tokio::sync::watch;

pub use behavior::{PortalBehavior, PortalOutage, ValidationRule};
pub use definition::{PropertyDefinition, SandboxPropertyOption};
pub use error::HubSpotRefusal;
pub use state::{PropertyValues, SandboxContact};

use super::answer::SandboxResponse;
use super::clock::SandboxClock;
use super::contacts_csv::ContactsFile;
use super::faults::SandboxFaultHook;
use super::front::{self, ReceivedRequest, RecordedRequest, SandboxVendor, VendorFront};
use deployer_core::property::{self, PROPERTY_GROUP, PROPERTY_GROUP_LABEL};
use state::{PortalState, TokenOwner};

/// The settings of a portal.
#[derive(Debug, Clone)]
pub struct SandboxHubSpotConfig {
    pub portal_id: u64,
    pub clock: SandboxClock,
    /// How long a write takes to show up in searches.
    pub search_lag: SignedDuration,
    /// Whether the rate limits are enforced.
    pub limits: bool,
}

/// A portal. Clones are cheap and share the same portal.
#[derive(Clone)]
pub struct SandboxHubSpot {
    inner: Arc<HubSpotInner>,
}

struct HubSpotInner {
    config: SandboxHubSpotConfig,
    state: Mutex<PortalState>,
    front: VendorFront,
    changes: watch::Sender<u64>,
}

impl SandboxHubSpot {
    /// Creates a portal without contacts, tokens or custom properties.
    pub fn new(config: SandboxHubSpotConfig) -> Self {
        let state = PortalState::new(config.portal_id, config.search_lag, config.clock.now());
        let front = VendorFront::new(config.clock.clone());
        Self {
            inner: Arc::new(HubSpotInner { config, state: Mutex::new(state), front, changes: watch::Sender::new(0) }),
        }
    }

    /// The API, for a [`super::Server`].
    pub fn api_router(&self) -> Router {
        front::vendor_router(self.clone())
    }

    /// Answers a request as the API does, without a server.
    pub async fn answer_here(&self, request: http::Request<Vec<u8>>) -> http::Response<Vec<u8>> {
        front::answer_here(self, request).await
    }

    /// Creates a service key with this token. An existing token gets these scopes.
    pub fn add_token(&self, token: &str, scopes: &[&str]) {
        let mut state = self.lock_state();
        let id = state.apps.get(token).map_or(state.apps.len() as u64 + 1, |app| app.id);
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        state.apps.insert(token.to_owned(), TokenOwner { id, scopes, requests: Default::default() });
    }

    /// Revokes a token.
    pub fn revoke_token(&self, token: &str) {
        self.lock_state().apps.remove(token);
    }

    /// Creates a property, as an administrator does in the browser. An existing one is redefined and keeps its values.
    ///
    /// # Errors
    /// HubSpot doesn't allow such a property.
    pub fn define_property(&self, definition: PropertyDefinition) -> Result<(), HubSpotRefusal> {
        let now = self.inner.config.clock.now();
        let mut state = self.lock_state();
        definition.check_definition(&state.groups)?;
        state.define_property(definition, now);
        drop(state);
        self.notify_change();
        Ok(())
    }

    /// Creates the five properties of a venue's sync, as an apply does, but without a deployment's mark.
    ///
    /// # Errors
    /// One of the names isn't allowed for a property.
    pub fn define_sync_properties(&self, ledger: &LedgerProperties, display_name: &str) -> Result<(), HubSpotRefusal> {
        self.lock_state().groups.entry(PROPERTY_GROUP.to_owned()).or_insert_with(|| PROPERTY_GROUP_LABEL.to_owned());
        let properties = property::venue_properties(ledger, display_name, ("", ""));
        properties.into_iter().try_for_each(|(_, property)| self.define_property(property.into()))
    }

    /// Adds contacts as if they had always been in the portal: searches find them at once. Given ids and dates are kept
    /// (`hs_object_id`, `createdate`, `lastmodifieddate`); a property that doesn't exist is created as text. Returns
    /// the ids, in the same order.
    ///
    /// # Errors
    /// An id or email is already in use, or a value is invalid for its property. No contact is added then.
    pub fn add_contacts(&self, contacts: Vec<PropertyValues>) -> Result<Vec<u64>, HubSpotRefusal> {
        let now = self.inner.config.clock.now();
        let ids = import::import_contacts(&mut self.lock_state(), contacts, now)?;
        self.notify_change();
        Ok(ids)
    }

    /// Creates a contact, as staff do in the browser: searches find it once the index has caught up.
    ///
    /// # Errors
    /// There is neither a name nor an email, a value is invalid for its property, or the email is already in use.
    pub fn create_contact(&self, properties: &PropertyValues) -> Result<u64, HubSpotRefusal> {
        let now = self.inner.config.clock.now();
        let mut state = self.lock_state();
        let given = |name: &str| properties.get(name).is_some_and(|value| !value.is_empty());
        if !["email", "firstname", "lastname"].into_iter().any(given) {
            let text = "A contact needs at least one of an email, a first name and a last name".to_owned();
            let error = "REQUIRED_PROPERTY_MISSING";
            let missing = validate::InvalidValue { property: "email".to_owned(), error, message: text };
            return Err(validate::refuse_values(state.portal_id, &[missing]));
        }
        let kept = state.check_write(None, properties)?;
        let id = state.next_contact_id();
        state.create_contact(SandboxContact { id, properties: kept, created_at: now, updated_at: now }, now);
        drop(state);
        self.notify_change();
        Ok(id)
    }

    /// Changes how long a write takes from now on to show up in searches. What searches already find stays found.
    pub fn set_search_lag(&self, lag: SignedDuration) {
        self.lock_state().set_search_lag(lag, self.inner.config.clock.now());
    }

    /// The values that each of a contact's properties has had, each with the time of its write, newest first.
    pub fn contact_history(&self, id: u64) -> BTreeMap<String, Vec<(Timestamp, String)>> {
        self.lock_state().contact_history(id)
    }

    /// A property that isn't archived.
    pub fn find_property(&self, name: &str) -> Option<PropertyDefinition> {
        self.lock_state().property_definition(name).cloned()
    }

    /// Does the same as [`SandboxHubSpot::add_contacts`], from a file. A column that isn't a property yet is created with the
    /// column's label, as a single checkbox if the label is that of a flag.
    ///
    /// # Errors
    /// The same as for [`SandboxHubSpot::add_contacts`].
    pub fn import_file(&self, file: &ContactsFile) -> Result<Vec<u64>, HubSpotRefusal> {
        for column in &file.columns {
            if self.lock_state().property_definition(&column.name).is_none() {
                self.define_property(if column.is_flag() {
                    PropertyDefinition::single_checkbox(&column.name, &column.label)
                } else {
                    PropertyDefinition::new(&column.name, &column.label, "string", "text")
                })?;
            }
        }
        self.add_contacts(file.contacts.clone())
    }

    /// All contacts, by id.
    pub fn all_contacts(&self) -> Vec<SandboxContact> {
        self.lock_state().active_contacts().map(|contact| SandboxContact::clone(contact)).collect()
    }

    pub fn find_contact(&self, id: u64) -> Option<SandboxContact> {
        self.lock_state().active_contact(id).map(|contact| SandboxContact::clone(contact))
    }

    /// Sets one property, as staff do in the browser. An empty value clears it.
    ///
    /// # Errors
    /// There is no such contact or property, or the value is invalid for the property.
    pub fn set_property(&self, id: u64, property: &str, value: &str) -> Result<(), HubSpotRefusal> {
        let now = self.inner.config.clock.now();
        let mut state = self.lock_state();
        let kept = state.check_write(Some(id), &[(property.to_owned(), value.to_owned())].into())?;
        state.write_contact(id, &kept, now).ok_or_else(HubSpotRefusal::not_found)?;
        drop(state);
        self.notify_change();
        Ok(())
    }

    /// Unsubscribes a contact from all email, as the link in a marketing email does.
    ///
    /// # Errors
    /// There is no such contact.
    pub fn opt_out_of_email(&self, id: u64) -> Result<(), HubSpotRefusal> {
        let now = self.inner.config.clock.now();
        let optout = [("hs_email_optout".to_owned(), "true".to_owned())].into();
        self.lock_state().write_contact(id, &optout, now).ok_or_else(HubSpotRefusal::not_found)?;
        self.notify_change();
        Ok(())
    }

    /// Archives a property, as an admin does in the browser. Its values stay with the contacts, but nobody can read them.
    ///
    /// # Errors
    /// There is no such property.
    pub fn archive_property(&self, name: &str) -> Result<(), HubSpotRefusal> {
        let now = self.inner.config.clock.now();
        let mut state = self.lock_state();
        let property = state.properties.get_mut(name).filter(|property| !property.archived);
        let property = property.ok_or_else(HubSpotRefusal::not_found)?;
        (property.archived, property.updated) = (true, now);
        drop(state);
        self.notify_change();
        Ok(())
    }

    /// Deletes a contact, as staff do in the browser. Searches find it until the index catches up.
    ///
    /// # Errors
    /// There is no such contact.
    pub fn delete_contact(&self, id: u64) -> Result<(), HubSpotRefusal> {
        if !self.lock_state().archive_contact(id, self.inner.config.clock.now()) {
            return Err(HubSpotRefusal::not_found());
        }
        self.notify_change();
        Ok(())
    }

    /// Merges a contact into another, as staff do in the browser. Searches find it until the index catches up; its id
    /// then resolves to the other contact.
    ///
    /// # Errors
    /// One of them doesn't exist, or they are the same.
    pub fn merge_contacts(&self, id: u64, into: u64) -> Result<(), HubSpotRefusal> {
        if !self.lock_state().merge_contacts(id, into, self.inner.config.clock.now()) {
            return Err(HubSpotRefusal::not_found());
        }
        self.notify_change();
        Ok(())
    }

    /// Changes the portal's switches.
    pub fn change_behavior(&self, change: impl FnOnce(&mut PortalBehavior)) {
        change(&mut self.lock_state().behavior);
    }

    /// Creates a workflow from JSON as the API returns it; missing members get HubSpot's defaults. An existing workflow
    /// with its id is replaced. Returns the id.
    pub fn add_workflow(&self, workflow: &Value) -> u64 {
        let id = self.lock_state().workflows.add_flow(workflow, self.inner.config.clock.now());
        self.notify_change();
        id
    }

    /// Subscribes an app to events (`contact.propertyChange`, …), which are sent to `target_url`.
    pub fn add_webhook(&self, app_id: u64, target_url: &str, events: &[&str]) {
        self.lock_state().workflows.subscribe_app(app_id, target_url, events, self.inner.config.clock.now());
        self.notify_change();
    }

    /// A counter that grows with every change.
    pub fn watch_changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// The newest 10,000 requests since the start or the last [`SandboxHubSpot::forget_requests`], oldest first.
    pub fn recorded_requests(&self) -> Vec<RecordedRequest> {
        self.inner.front.recorded_requests()
    }

    /// Clears the recorded requests, and numbers new ones from one.
    pub fn forget_requests(&self) {
        self.inner.front.forget_requests();
    }

    /// Asks `hook` for a fault at every request; `None` removes the hook.
    pub fn set_fault_hook(&self, hook: Option<SandboxFaultHook>) {
        self.inner.front.set_fault_hook(hook);
    }

    fn lock_state(&self) -> MutexGuard<'_, PortalState> {
        self.inner.state.lock()
    }

    fn notify_change(&self) {
        self.inner.changes.send_modify(|number| *number += 1);
    }
}

impl SandboxVendor for SandboxHubSpot {
    const NAME: &'static str = "hubspot";

    fn vendor_front(&self) -> &VendorFront {
        &self.inner.front
    }

    fn answer_request(&self, request: &ReceivedRequest) -> SandboxResponse {
        let (answer, changed) = routes::answer_request(&mut self.lock_state(), &self.inner.config, request);
        if changed {
            self.notify_change();
        }
        answer
    }
}

impl fmt::Debug for SandboxHubSpot {
    /// Omits tokens and contacts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSpot").field("portal_id", &self.inner.config.portal_id).finish_non_exhaustive()
    }
}
