//! Tripleseat with its customers' accounts, limited to leads.

mod accounts;
mod create;
mod form;
mod grants;
mod lead;
mod oauth;
mod read;
mod webhooks;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::sync::watch;

pub use accounts::{LeadFormRules, TripleseatAccount, TripleseatLocation, TripleseatSwitches};
pub use grants::{ClientCredentialsAnswer, ConsentAnswer, RefreshRotation, SandboxOAuth, SandboxTokenPair};
pub use lead::TripleseatLead;
pub use webhooks::{LeadEvent, TripleseatWebhook, WEBHOOK_TRIES};

use super::answer::SandboxResponse;
use super::clock::SandboxClock;
use super::faults::SandboxFaultHook;
use super::front::{self, ReceivedRequest, RecordedRequest, SandboxVendor, VendorFront};
use super::vendors::TRIPLESEAT_LIMIT;
use accounts::{TripleseatSite, TripleseatState};
use create::CreateFormat;
use read::TripleseatRead;

/// The settings of the vendor.
#[derive(Debug, Clone)]
pub struct SandboxTripleseatConfig {
    pub clock: SandboxClock,
    /// Whether the rate limits are enforced.
    pub limits: bool,
}

/// The vendor with all its accounts. Clones are cheap and share the same accounts.
#[derive(Clone)]
pub struct SandboxTripleseat {
    inner: Arc<TripleseatInner>,
}

struct TripleseatInner {
    config: SandboxTripleseatConfig,
    state: Mutex<TripleseatState>,
    front: VendorFront,
    changes: watch::Sender<u64>,
}

impl SandboxTripleseat {
    /// Creates the vendor without customers.
    pub fn new(config: SandboxTripleseatConfig) -> Self {
        let front = VendorFront::new(config.clock.clone());
        Self {
            inner: Arc::new(TripleseatInner { config, state: Mutex::default(), front, changes: watch::Sender::new(0) }),
        }
    }

    /// Adds an account. An existing one with this site id gets these settings and keeps its leads and switches.
    pub fn add_account(&self, account: TripleseatAccount) {
        let mut state = self.lock_state();
        let former = state.sites.remove(&account.site_id);
        let former = former.map(|site| (site.leads, site.switches, site.oauth, site.webhook));
        let (leads, switches, oauth, webhook) = former.unwrap_or_default();
        let requests = Default::default();
        state.sites.insert(account.site_id, TripleseatSite { account, switches, leads, requests, oauth, webhook });
        drop(state);
        self.notify_change();
    }

    /// Changes how an account is treated, if it exists.
    pub fn change_switches(&self, site_id: u64, change: impl FnOnce(&mut TripleseatSwitches)) {
        if let Some(site) = self.lock_state().sites.get_mut(&site_id) {
            change(&mut site.switches);
        }
    }

    /// Changes what an account's OAuth application does; nothing if there is no such account.
    pub fn change_oauth(&self, site_id: u64, change: impl FnOnce(&mut SandboxOAuth)) {
        if let Some(site) = self.lock_state().sites.get_mut(&site_id) {
            change(&mut site.oauth);
        }
    }

    /// The first pair of tokens of a consent, as if somebody had consented and the code had been exchanged.
    pub fn issue_consent(&self, site_id: u64) -> SandboxTokenPair {
        let now = self.inner.config.clock.now();
        self.lock_state().grants.issue_pair(site_id, None, now)
    }

    /// Revokes every consent and token of an account, as its admin can in Tripleseat.
    pub fn revoke_consent(&self, site_id: u64) {
        self.lock_state().grants.revoke_site(site_id);
    }

    /// Whether a refresh token can still be exchanged.
    pub fn is_exchangeable(&self, refresh_token: &str) -> bool {
        self.lock_state().grants.is_exchangeable(refresh_token)
    }

    /// The API, for a [`super::Server`].
    pub fn api_router(&self) -> Router {
        front::vendor_router(self.clone())
    }

    /// Answers a request as the API does, without a server.
    pub async fn answer_here(&self, request: http::Request<Vec<u8>>) -> http::Response<Vec<u8>> {
        front::answer_here(self, request).await
    }

    /// The leads of an account, oldest first; empty if there is no such account.
    pub fn site_leads(&self, site_id: u64) -> Vec<TripleseatLead> {
        self.lock_state().sites.get(&site_id).map(|site| site.leads.clone()).unwrap_or_default()
    }

    /// Sets what staff did with a lead, such as `converted_at`; nothing if there is no such lead.
    pub fn set_lead_outcome(&self, lead_id: u64, member: &str, value: serde_json::Value) {
        let mut state = self.lock_state();
        let leads = state.sites.values_mut().flat_map(|site| &mut site.leads);
        for lead in leads.filter(|lead| lead.id == lead_id) {
            lead.outcome.insert(member.to_owned(), value.clone());
        }
    }

    /// A counter that grows with every change.
    pub fn watch_changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// The newest 10,000 requests since the start or the last [`SandboxTripleseat::forget_requests`], oldest first.
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

    fn lock_state(&self) -> MutexGuard<'_, TripleseatState> {
        self.inner.state.lock()
    }

    fn notify_change(&self) {
        self.inner.changes.send_modify(|number| *number += 1);
    }
}

impl SandboxVendor for SandboxTripleseat {
    const NAME: &'static str = "tripleseat";

    fn vendor_front(&self) -> &VendorFront {
        &self.inner.front
    }

    fn answer_request(&self, request: &ReceivedRequest) -> SandboxResponse {
        let limits = TripleseatLimits { hold: self.inner.config.limits };
        let mut state = self.lock_state();
        if state.is_blocked(request) {
            let page = "<html><head><title>403 Forbidden</title></head><body>Request blocked.</body></html>";
            return SandboxResponse::from_text(403, "text/html", page.to_owned());
        }
        let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let reading = match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["v1", "leads", path @ ("create" | "create.js" | "create.json")]) => {
                let format = if *path == "create.js" { CreateFormat::Js } else { CreateFormat::Json };
                let (answer, made) = create::create_lead(&mut state, limits, request, format);
                drop(state);
                if made {
                    self.report_created_lead();
                    self.notify_change();
                }
                return answer;
            }
            ("GET", ["oauth2" | "oauth", "authorize"]) => return oauth::answer_authorization(&mut state, request),
            ("POST", ["oauth2" | "oauth", "token"]) => return oauth::answer_token_request(&mut state, request),
            ("GET", ["v1", "leads.json" | "leads"]) => TripleseatRead::Leads,
            ("GET", ["v1", "leads", "search.json" | "search"]) => TripleseatRead::Search,
            ("GET", ["v1", "sites.json" | "sites"]) => TripleseatRead::Sites,
            ("GET", ["v1", "locations.json" | "locations"]) => TripleseatRead::Locations,
            ("GET", ["v1", "lead_forms.json" | "lead_forms"]) => TripleseatRead::LeadForms,
            ("GET", ["v1", "leads", id]) => match id.strip_suffix(".json").unwrap_or(id).parse() {
                Ok(id) => TripleseatRead::Lead(id),
                Err(_) => return read::not_found(),
            },
            _ => return read::not_found(),
        };
        read::answer_read(&mut state, limits, request, reading)
    }
}

impl fmt::Debug for SandboxTripleseat {
    /// Omits keys and leads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tripleseat").finish_non_exhaustive()
    }
}

/// Whether the rate limits are enforced.
#[derive(Debug, Clone, Copy)]
struct TripleseatLimits {
    hold: bool,
}

fn over_limit(site: &mut TripleseatSite, limits: TripleseatLimits, now: Timestamp) -> bool {
    limits.hold && site.requests.take_request(TRIPLESEAT_LIMIT, now).is_none()
}

fn unauthorized_response(body: &Value) -> SandboxResponse {
    SandboxResponse::from_json(401, body)
}
