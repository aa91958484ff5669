//! A HubSpot portal: its contacts, and the workflows and webhooks that call out of it.

mod account;
mod batch;
mod contacts;
mod definition;
mod error;
mod filter;
mod import;
mod json;
mod properties;
mod routes;
mod search;
mod state;
mod validate;
mod workflows;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use jiff::SignedDuration;
use serde_json::Value;
use sync_config::config::LedgerProperties;
use tokio::sync::watch;

pub use definition::{PropertyDefinition, PropertyOption};
pub use error::Refusal;
pub use state::{Contact, Properties};

use super::answer::Answer;
use super::clock::Clock;
use super::contacts_csv::ContactsFile;
use super::faults::FaultHook;
use super::front::{self, Front, Received, Request, Vendor};
use deployer_core::property::{self, GROUP, GROUP_LABEL};
use state::{App, State};

/// The settings of a portal.
#[derive(Debug, Clone)]
pub struct HubSpotConfig {
    pub portal_id: u64,
    pub clock: Clock,
    /// How long a write takes to show up in searches.
    pub search_lag: SignedDuration,
    /// Whether the rate limits are enforced.
    pub limits: bool,
}

/// A portal. Clones are cheap and share the same portal.
#[derive(Clone)]
pub struct HubSpot {
    inner: Arc<Inner>,
}

struct Inner {
    config: HubSpotConfig,
    state: Mutex<State>,
    front: Front,
    changes: watch::Sender<u64>,
}

impl HubSpot {
    /// Creates a portal without contacts, tokens or custom properties.
    pub fn new(config: HubSpotConfig) -> Self {
        let state = State::new(config.portal_id, config.search_lag, config.clock.now());
        let front = Front::new(config.clock.clone());
        Self { inner: Arc::new(Inner { config, state: Mutex::new(state), front, changes: watch::Sender::new(0) }) }
    }

    /// The API, for a [`super::Server`].
    pub fn router(&self) -> Router {
        front::router(self.clone())
    }

    /// Creates a private app with this token. An existing token gets these scopes.
    pub fn add_token(&self, token: &str, scopes: &[&str]) {
        let mut state = self.state();
        let id = state.apps.get(token).map_or(state.apps.len() as u64 + 1, |app| app.id);
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        state.apps.insert(token.to_owned(), App { id, scopes, requests: Default::default() });
    }

    /// Revokes a token.
    pub fn revoke_token(&self, token: &str) {
        self.state().apps.remove(token);
    }

    /// Creates a property, as an administrator does in the browser. An existing one is redefined and keeps its values.
    ///
    /// # Errors
    /// HubSpot doesn't allow such a property.
    pub fn define_property(&self, definition: PropertyDefinition) -> Result<(), Refusal> {
        let now = self.inner.config.clock.now();
        let mut state = self.state();
        definition.check(&state.groups)?;
        state.define(definition, now);
        drop(state);
        self.changed();
        Ok(())
    }

    /// Creates the five properties of a venue's sync, as an apply does, but without a deployment's mark.
    ///
    /// # Errors
    /// One of the names isn't allowed for a property.
    pub fn define_sync_properties(&self, ledger: &LedgerProperties, display_name: &str) -> Result<(), Refusal> {
        self.state().groups.entry(GROUP.to_owned()).or_insert_with(|| GROUP_LABEL.to_owned());
        let properties = property::of_venue(ledger, display_name, "");
        properties.into_iter().try_for_each(|(_, property)| self.define_property(property.into()))
    }

    /// Adds contacts as if they had always been in the portal: searches find them at once. Given ids and dates are kept
    /// (`hs_object_id`, `createdate`, `lastmodifieddate`); a property that doesn't exist is created as text. Returns
    /// the ids, in the same order.
    ///
    /// # Errors
    /// An id or email is already in use, or a value is invalid for its property. No contact is added then.
    pub fn add_contacts(&self, contacts: Vec<Properties>) -> Result<Vec<u64>, Refusal> {
        let now = self.inner.config.clock.now();
        let ids = import::add(&mut self.state(), contacts, now)?;
        self.changed();
        Ok(ids)
    }

    /// Does the same as [`HubSpot::add_contacts`], from a file. A column that isn't a property yet is created with the
    /// column's label, as a single checkbox if the label is that of a flag.
    ///
    /// # Errors
    /// The same as for [`HubSpot::add_contacts`].
    pub fn import(&self, file: &ContactsFile) -> Result<Vec<u64>, Refusal> {
        for column in &file.columns {
            if self.state().definition(&column.name).is_none() {
                self.define_property(if column.is_flag() {
                    PropertyDefinition::tick_box(&column.name, &column.label)
                } else {
                    PropertyDefinition::new(&column.name, &column.label, "string", "text")
                })?;
            }
        }
        self.add_contacts(file.contacts.clone())
    }

    /// All contacts, by id.
    pub fn contacts(&self) -> Vec<Contact> {
        self.state().contacts().map(|contact| Contact::clone(contact)).collect()
    }

    pub fn contact(&self, id: u64) -> Option<Contact> {
        self.state().contact(id).map(|contact| Contact::clone(contact))
    }

    /// Sets one property, as staff do in the browser. An empty value clears it.
    ///
    /// # Errors
    /// There is no such contact or property, or the value is invalid for the property.
    pub fn set(&self, id: u64, property: &str, value: &str) -> Result<(), Refusal> {
        let now = self.inner.config.clock.now();
        let mut state = self.state();
        let kept = state.check(Some(id), &[(property.to_owned(), value.to_owned())].into())?;
        state.write(id, &kept, now).ok_or_else(Refusal::not_found)?;
        drop(state);
        self.changed();
        Ok(())
    }

    /// Deletes a contact, as staff do in the browser. Searches find it until the index catches up.
    ///
    /// # Errors
    /// There is no such contact.
    pub fn delete(&self, id: u64) -> Result<(), Refusal> {
        if !self.state().archive(id, self.inner.config.clock.now()) {
            return Err(Refusal::not_found());
        }
        self.changed();
        Ok(())
    }

    /// Merges a contact into another, as staff do in the browser. Searches find it until the index catches up; its id
    /// then resolves to the other contact.
    ///
    /// # Errors
    /// One of them doesn't exist, or they are the same.
    pub fn merge(&self, id: u64, into: u64) -> Result<(), Refusal> {
        if !self.state().merge(id, into, self.inner.config.clock.now()) {
            return Err(Refusal::not_found());
        }
        self.changed();
        Ok(())
    }

    /// Creates a workflow from JSON as the API returns it; missing members get HubSpot's defaults. An existing workflow
    /// with its id is replaced. Returns the id.
    pub fn add_workflow(&self, workflow: &Value) -> u64 {
        let id = self.state().workflows.add_flow(workflow, self.inner.config.clock.now());
        self.changed();
        id
    }

    /// Subscribes an app to events (`contact.propertyChange`, …), which are sent to `target_url`.
    pub fn add_webhook(&self, app_id: u64, target_url: &str, events: &[&str]) {
        self.state().workflows.subscribe(app_id, target_url, events, self.inner.config.clock.now());
        self.changed();
    }

    /// A counter that grows with every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// The newest 10,000 requests since the start or the last [`HubSpot::forget_requests`], oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.inner.front.requests()
    }

    /// Clears the recorded requests, and numbers new ones from one.
    pub fn forget_requests(&self) {
        self.inner.front.forget_requests();
    }

    /// Asks `hook` for a fault at every request; `None` removes the hook.
    pub fn set_faults(&self, hook: Option<FaultHook>) {
        self.inner.front.set_faults(hook);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.inner.changes.send_modify(|number| *number += 1);
    }
}

impl Vendor for HubSpot {
    const NAME: &'static str = "hubspot";

    fn front(&self) -> &Front {
        &self.inner.front
    }

    fn answer(&self, request: &Received) -> Answer {
        let (answer, changed) = routes::answer(&mut self.state(), &self.inner.config, request);
        if changed {
            self.changed();
        }
        answer
    }
}

impl fmt::Debug for HubSpot {
    /// Omits tokens and contacts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSpot").field("portal_id", &self.inner.config.portal_id).finish_non_exhaustive()
    }
}
