//! The vendors and the venues' functions, all in this thread and in virtual time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deployer_sandbox::hubspot::PropertyValues;
use deployer_sandbox::vendors::HUBSPOT_SCOPES;
use deployer_sandbox::{
    SandboxClock, SandboxHubSpot, SandboxHubSpotConfig, SandboxTripleseat, SandboxTripleseatConfig, TripleseatAccount,
    TripleseatLocation,
};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::json;
use sync_config::config::{LedgerProperties, SyncConfig, default_flag_property};
use sync_lambda::clock;
use sync_lambda::credentials::SyncCredentials;
use sync_lambda::engine::{PendingSettlements, PropertyCache, RunOptions, RunResult, run_sync};
use sync_lambda::http::{LocalExchange, VendorClient, build_client};
use sync_lambda::settings::SyncSettings;

/// How far HubSpot's search index lags behind.
pub const LAG: SignedDuration = SignedDuration::from_secs(10);
/// How long a request to each vendor takes.
const HUBSPOT_LATENCY: Duration = Duration::from_millis(60);
const TRIPLESEAT_LATENCY: Duration = Duration::from_millis(120);
/// The deployment's name, which is in the functions' names.
pub const DEPLOYMENT: &str = "sim";

/// How many requests the vendors got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    pub searches: u64,
    pub searches_refused: u64,
    pub others: u64,
    pub others_refused: u64,
    pub leads: u64,
    pub leads_refused: u64,
}

impl Traffic {
    fn count_request(&mut self, path: &str, refused: bool) {
        let refused = u64::from(refused);
        let (all, over) = match path {
            path if path.ends_with("/contacts/search") => (&mut self.searches, &mut self.searches_refused),
            path if path.starts_with("/v1/") => (&mut self.leads, &mut self.leads_refused),
            _ => (&mut self.others, &mut self.others_refused),
        };
        *all += 1;
        *over += refused;
    }

    pub fn hubspot_requests(&self) -> u64 {
        self.searches + self.others
    }
}

/// The vendors of all venues.
#[derive(Clone)]
pub struct VirtualWorld {
    pub hubspot: SandboxHubSpot,
    pub tripleseat: SandboxTripleseat,
    pub traffic: Arc<Mutex<Traffic>>,
    client: VendorClient,
}

impl VirtualWorld {
    pub fn new() -> Self {
        let clock = SandboxClock::told_by(clock::timestamp);
        let config = SandboxHubSpotConfig { portal_id: 1, clock: clock.clone(), search_lag: LAG, limits: true };
        let hubspot = SandboxHubSpot::new(config);
        let tripleseat = SandboxTripleseat::new(SandboxTripleseatConfig { clock, limits: true });
        let traffic = Arc::<Mutex<Traffic>>::default();
        let exchange = local_exchange(hubspot.clone(), tripleseat.clone(), Arc::clone(&traffic));
        let client = VendorClient::from(build_client().expect("TLS")).with_exchange(exchange);
        Self { hubspot, tripleseat, traffic, client }
    }

    /// A world in which these answers take the place of the vendors'.
    pub fn answered_by(exchange: Arc<LocalExchange>) -> Self {
        let world = Self::new();
        Self { client: world.client.clone().with_exchange(exchange), ..world }
    }

    /// Creates a venue: its properties, its token and its Tripleseat account, with this site.
    pub fn add_venue(&self, name: &str, site_id: u64, config: &SyncConfig) -> VirtualVenue {
        let ledger = LedgerProperties::new(name, &default_flag_property(name));
        self.hubspot.define_sync_properties(&ledger, name).expect("valid properties");
        let (token, key) = (format!("token-of-{name}"), format!("key-of-{name}"));
        self.hubspot.add_token(&token, &HUBSPOT_SCOPES);
        self.tripleseat.add_account(TripleseatAccount {
            site_id,
            name: name.to_owned(),
            public_key: key.clone(),
            oauth: None,
            locations: vec![TripleseatLocation { id: site_id, name: name.to_owned() }],
            lead_form_ids: Vec::new(),
            phone_required: true,
        });
        let variables = [
            ("VENUE", name.to_owned()),
            ("HUBSPOT_FLAG_PROPERTY", ledger.flag.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", format!("{DEPLOYMENT}-{name}")),
            ("SYNC_CONFIG", serde_json::to_string(config).expect("valid JSON")),
        ];
        let variable = |asked: &str| variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| value.clone());
        let secret = json!({ "HUBSPOT_TOKEN": token, "TRIPLESEAT_PUBLIC_KEY": key }).to_string();
        VirtualVenue {
            name: name.to_owned(),
            site_id,
            settings: SyncSettings::from_environment(variable).expect("valid settings"),
            credentials: SyncCredentials::from_secret(&secret).expect("valid credentials"),
            ledger,
            client: self.client.clone(),
            pending: PendingSettlements::default(),
            properties: PropertyCache::default(),
            settings_verified: Mutex::new(false),
        }
    }

    /// Creates a contact whose flag is set, as staff do in the browser.
    pub fn flag_contact(&self, number: u64, venue: &VirtualVenue) -> u64 {
        self.hubspot.create_contact(&flagged_properties(number, venue)).expect("a valid contact")
    }

    /// Adds contacts whose flags are set and that searches show at once. Returns their ids, in this order.
    pub fn import_contacts(&self, count: u64, venue: &VirtualVenue) -> Vec<u64> {
        let contacts = (0..count).map(|number| flagged_properties(number, venue)).collect();
        self.hubspot.add_contacts(contacts).expect("valid contacts")
    }

    /// When a contact's flag was set, and when it was synced.
    pub fn contact_times(&self, id: u64, venue: &VirtualVenue) -> (Timestamp, Option<Timestamp>) {
        let history = self.hubspot.contact_history(id);
        let oldest = |property: &str, wanted: &str| {
            let values = history.get(property)?;
            values.iter().rfind(|(_, value)| value == wanted).map(|(at, _)| *at)
        };
        (oldest(&venue.ledger.flag, "true").expect("it was flagged"), oldest(&venue.ledger.status, "synced"))
    }
}

/// A venue with a process of its function that lives as long as this.
pub struct VirtualVenue {
    pub name: String,
    pub site_id: u64,
    pub ledger: LedgerProperties,
    pub settings: SyncSettings,
    pub pending: PendingSettlements,
    credentials: SyncCredentials,
    client: VendorClient,
    properties: PropertyCache,
    settings_verified: Mutex<bool>,
}

impl VirtualVenue {
    /// One run, as the handler makes it.
    pub async fn run_once(&self, timeout: Duration) -> RunResult {
        let options = RunOptions {
            deadline: clock::now() + timeout,
            longest_run: timeout,
            dry_run: false,
            settings_verified: *self.settings_verified.lock(),
            show_contacts: false,
        };
        let (settings, credentials) = (&self.settings, &self.credentials);
        let ended =
            run_sync(&self.client, settings, credentials, options, &self.pending, &self.properties, &|_| {}).await;
        *self.settings_verified.lock() = ended.settings_verified;
        ended
    }
}

fn flagged_properties(number: u64, venue: &VirtualVenue) -> PropertyValues {
    let properties = [
        ("firstname".to_owned(), format!("Firstname{number}")),
        ("lastname".to_owned(), format!("Lastname{number}")),
        ("email".to_owned(), format!("guest{number}@example.com")),
        ("phone".to_owned(), format!("555-{number:07}")),
        (venue.ledger.flag.clone(), "true".to_owned()),
    ];
    properties.into()
}

fn local_exchange(
    hubspot: SandboxHubSpot,
    tripleseat: SandboxTripleseat,
    traffic: Arc<Mutex<Traffic>>,
) -> Arc<LocalExchange> {
    Arc::new(move |request| {
        let (hubspot, tripleseat, traffic) = (hubspot.clone(), tripleseat.clone(), Arc::clone(&traffic));
        Box::pin(async move {
            let to_hubspot = request.url().host_str() == Some("api.hubapi.com");
            let half = if to_hubspot { HUBSPOT_LATENCY } else { TRIPLESEAT_LATENCY } / 2;
            let path = request.url().path().to_owned();
            clock::sleep(half).await;
            let response = match to_hubspot {
                true => hubspot.answer_here(owned_request(&request)).await,
                false => tripleseat.answer_here(owned_request(&request)).await,
            };
            traffic.lock().count_request(&path, response.status() == 429);
            clock::sleep(half).await;
            response
        })
    })
}

fn owned_request(request: &reqwest::Request) -> http::Request<Vec<u8>> {
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec();
    let mut owned = http::Request::new(body);
    *owned.method_mut() = request.method().clone();
    *owned.uri_mut() = request.url().as_str().parse().expect("a valid URI");
    owned.headers_mut().clone_from(request.headers());
    owned
}

/// Waits until this time of day.
pub async fn sleep_until(at: Timestamp) {
    let left = at.duration_since(clock::timestamp());
    clock::sleep(Duration::try_from(left).unwrap_or_default()).await;
}

/// Runs a story in virtual time, from midnight on.
pub fn run_story<F: Future>(story: F) -> F::Output {
    let midnight: Timestamp = "2026-11-30T00:00:00Z".parse().expect("a time");
    let ended = pacing::clock::run_in_virtual_time(SystemTime::from(midnight), story);
    ended.expect("nothing waits for something outside of this thread")
}
