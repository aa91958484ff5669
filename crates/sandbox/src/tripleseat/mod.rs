//! Tripleseat with its customers' accounts, limited to leads.

mod accounts;
mod create;
mod form;
mod lead;
mod oauth;
mod read;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

pub use accounts::{Account, Location};
pub use lead::Lead;

use super::answer::Answer;
use super::clock::Clock;
use super::faults::FaultHook;
use super::front::{self, Front, Received, Request, Vendor};
use super::vendors::TRIPLESEAT_LIMIT;
use accounts::{Site, State};
use create::Format;
use read::Reading;

/// The settings of the vendor.
#[derive(Debug, Clone)]
pub struct TripleseatConfig {
    pub clock: Clock,
    /// Whether the rate limits are enforced.
    pub limits: bool,
}

/// The vendor with all its accounts. Clones are cheap and share the same accounts.
#[derive(Clone)]
pub struct Tripleseat {
    inner: Arc<Inner>,
}

struct Inner {
    config: TripleseatConfig,
    state: Mutex<State>,
    front: Front,
    changes: watch::Sender<u64>,
}

impl Tripleseat {
    /// Creates the vendor without customers.
    pub fn new(config: TripleseatConfig) -> Self {
        let front = Front::new(config.clock.clone());
        Self { inner: Arc::new(Inner { config, state: Mutex::default(), front, changes: watch::Sender::new(0) }) }
    }

    /// Adds an account. An existing one with this site id gets these settings and keeps its leads.
    pub fn add_account(&self, account: Account) {
        let mut state = self.state();
        let leads = state.sites.remove(&account.site_id).map(|site| site.leads).unwrap_or_default();
        state.sites.insert(account.site_id, Site { account, leads, requests: Default::default() });
        drop(state);
        self.changed();
    }

    /// The API, for a [`super::Server`].
    pub fn router(&self) -> Router {
        front::router(self.clone())
    }

    /// The leads of an account, oldest first; empty if there is no such account.
    pub fn leads(&self, site_id: u64) -> Vec<Lead> {
        self.state().sites.get(&site_id).map(|site| site.leads.clone()).unwrap_or_default()
    }

    /// A counter that grows with every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// The newest 10,000 requests since the start or the last [`Tripleseat::forget_requests`], oldest first.
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

impl Vendor for Tripleseat {
    const NAME: &'static str = "tripleseat";

    fn front(&self) -> &Front {
        &self.inner.front
    }

    fn answer(&self, request: &Received) -> Answer {
        let limits = Limits { hold: self.inner.config.limits };
        let mut state = self.state();
        let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let reading = match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["v1", "leads", path @ ("create" | "create.js" | "create.json")]) => {
                let format = if *path == "create.js" { Format::Js } else { Format::Json };
                let (answer, made) = create::create(&mut state, limits, request, format);
                drop(state);
                if made {
                    self.changed();
                }
                return answer;
            }
            ("POST", ["oauth2" | "oauth", "token"]) => return oauth::token(&mut state, request),
            ("GET", ["v1", "leads.json" | "leads"]) => Reading::Leads,
            ("GET", ["v1", "leads", "search.json" | "search"]) => Reading::Search,
            ("GET", ["v1", "sites.json" | "sites"]) => Reading::Sites,
            ("GET", ["v1", "locations.json" | "locations"]) => Reading::Locations,
            ("GET", ["v1", "leads", id]) => match id.strip_suffix(".json").unwrap_or(id).parse() {
                Ok(id) => Reading::Lead(id),
                Err(_) => return read::not_found(),
            },
            _ => return read::not_found(),
        };
        read::read(&mut state, limits, request, reading)
    }
}

impl fmt::Debug for Tripleseat {
    /// Omits keys and leads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tripleseat").finish_non_exhaustive()
    }
}

/// Whether the rate limits are enforced.
#[derive(Debug, Clone, Copy)]
struct Limits {
    hold: bool,
}

fn over_limit(site: &mut Site, limits: Limits, now: Timestamp) -> bool {
    limits.hold && site.requests.take(TRIPLESEAT_LIMIT, now).is_none()
}

fn unauthorised(body: &Value) -> Answer {
    Answer::json(401, body)
}
