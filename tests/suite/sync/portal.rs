//! A venue between a sandbox HubSpot and a sandbox Tripleseat, with its function in this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use deployer_sandbox::hubspot::SandboxContact;
use deployer_sandbox::platform::SandboxPlatform;
use deployer_sandbox::vendors::HUBSPOT_SCOPES;
use deployer_sandbox::{
    RequestInfo, SandboxClock, SandboxFault, SandboxFaultHook, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer,
    SandboxTripleseat, SandboxTripleseatConfig, TripleseatAccount, TripleseatLead, TripleseatLocation,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sync_config::config::{
    DestinationConfig, HttpAuth, HttpDestination, LedgerProperties, SyncConfig, TripleseatDestination,
};
use sync_lambda::error::RunError;
use sync_lambda::handler::Handler;

pub const PORTAL_ID: u64 = 4242;
pub const SITE_ID: u64 = 7001;
pub const TOKEN: &str = "pat-na1-secret-token";
pub const KEY: &str = "public-key-of-venue-a";
/// How far HubSpot's search index lags.
pub const LAG: SignedDuration = SignedDuration::from_secs(10);

/// How many times as fast as real seconds pass in tests of what takes seconds.
pub const FAST: u32 = 10;

/// What a run returns to AWS: its counts or its error.
pub type HandlerResult = Result<Value, RunError>;

/// The vendors, a venue's settings, and its function's log lines. The vendors' clock stands still.
pub struct SyncTestPortal {
    pub clock: SandboxClock,
    pub hubspot: SandboxHubSpot,
    pub tripleseat: SandboxTripleseat,
    pub platform: SandboxPlatform,
    pub platform_server: SandboxServer,
    pub hubspot_server: SandboxServer,
    pub tripleseat_server: SandboxServer,
    pub oauth: bool,
    pub config: SyncConfig,
    /// Environment variables that override the usual ones.
    pub variables: BTreeMap<&'static str, String>,
    pub logged: Arc<Mutex<Vec<Value>>>,
}

impl SyncTestPortal {
    pub async fn new(oauth: bool) -> Self {
        // Starts at the real time: the function's own clock runs, and lookups compare the two.
        Self::with_clock(oauth, SandboxClock::stopped_at(Timestamp::now()), false).await
    }

    /// A portal with this clock for the vendors, and with their limits if `limits` is set.
    pub async fn with_clock(oauth: bool, clock: SandboxClock, limits: bool) -> Self {
        let config = SandboxHubSpotConfig { portal_id: PORTAL_ID, clock: clock.clone(), search_lag: LAG, limits };
        let hubspot = SandboxHubSpot::new(config);
        hubspot.add_token(TOKEN, &HUBSPOT_SCOPES);
        let ledger = LedgerProperties::new("venue-a", "tripleseat_sync__venue_a");
        hubspot.define_sync_properties(&ledger, "Venue A").expect("valid properties");
        let tripleseat = SandboxTripleseat::new(SandboxTripleseatConfig { clock: clock.clone(), limits });
        tripleseat.add_account(tripleseat_account(SITE_ID, KEY));
        tripleseat.add_account(tripleseat_account(SITE_ID + 1, "public-key-of-another-venue"));
        let platform = SandboxPlatform::new(clock.clone());
        let start = async |router| SandboxServer::start(router).await.expect("a port is free");
        Self {
            hubspot_server: start(hubspot.api_router()).await,
            tripleseat_server: start(tripleseat.api_router()).await,
            platform_server: start(platform.api_router()).await,
            clock,
            hubspot,
            tripleseat,
            platform,
            oauth,
            config: SyncConfig { portal_id: Some(PORTAL_ID), ..SyncConfig::default() },
            variables: BTreeMap::new(),
            logged: Arc::default(),
        }
    }

    /// A portal on which seconds pass [`FAST`] times as fast, for the vendors and for the function's waits, with limits if
    /// `limits` is set. Leads go to a platform whose rate limit never delays a test.
    pub async fn with_fast_clock(limits: bool) -> Self {
        let mut portal = Self::with_clock(false, SandboxClock::fast(FAST), limits).await;
        portal.variables.insert("SYNC_WAIT_DIVISOR", FAST.to_string());
        portal.send_to_platform();
        portal
    }

    /// Sends the leads to a platform with such a high rate limit that it never delays a test.
    pub fn send_to_platform(&mut self) {
        let http = HttpDestination {
            url: String::new(),
            auth: Some(HttpAuth::Bearer),
            success_pointer: Some("/ok".to_owned()),
            id_pointer: Some("/data/0/id".to_owned()),
            lookup_url: None,
            lookup_id_pointer: None,
            requests_per_second: Some(2000),
        };
        let http = self.platform.add_account("venue-a", &http, "sesame", &self.platform_server.uri);
        self.config.destination = DestinationConfig::Http(http);
        self.config.fields = [("email".to_owned(), "email".to_owned())].into();
        self.variables.insert("DESTINATION_CREDENTIAL", "sesame".to_owned());
    }

    /// The contact ids of a venue's records at the platform, sorted.
    pub fn contacts_of_records(&self, venue: &str) -> Vec<u64> {
        let contact = |key: &str| key.split('-').nth(1)?.parse().ok();
        let records = self.platform.venue_records(venue);
        let mut ids: Vec<u64> = records.iter().filter_map(|record| contact(record.key.as_deref()?)).collect();
        ids.sort_unstable();
        ids
    }

    /// Adds a flagged contact that has everything a lead needs; `more` overrides and adds properties.
    pub fn add_contact(&self, number: u64, more: &[(&str, &str)]) -> u64 {
        self.hubspot.add_contacts(vec![flagged_properties(number, more)]).expect("a valid contact")[0]
    }

    pub fn add_contacts(&self, numbers: std::ops::Range<u64>) -> Vec<u64> {
        self.add_contacts_with(numbers, &[])
    }

    pub fn add_contacts_with(&self, numbers: std::ops::Range<u64>, more: &[(&str, &str)]) -> Vec<u64> {
        self.hubspot
            .add_contacts(numbers.map(|number| flagged_properties(number, more)).collect())
            .expect("valid contacts")
    }

    /// The function's environment.
    pub fn function_environment(&self) -> BTreeMap<&'static str, String> {
        let mut variables = BTreeMap::from([
            ("VENUE", "venue-a".to_owned()),
            ("HUBSPOT_FLAG_PROPERTY", "tripleseat_sync__venue_a".to_owned()),
            ("HUBSPOT_BASE_URI", self.hubspot_server.uri.clone()),
            ("TRIPLESEAT_BASE_URI", self.tripleseat_server.uri.clone()),
            ("HUBSPOT_TOKEN", TOKEN.to_owned()),
            ("TRIPLESEAT_PUBLIC_KEY", KEY.to_owned()),
            ("SYNC_CONFIG", serde_json::to_string(&self.config).expect("it is valid JSON")),
        ]);
        if self.oauth {
            variables.insert("TRIPLESEAT_CLIENT_ID", format!("client-of-{SITE_ID}"));
            variables.insert("TRIPLESEAT_CLIENT_SECRET", format!("secret-of-{SITE_ID}"));
        }
        variables.extend(self.variables.clone());
        variables
    }

    /// A process of the function.
    pub fn new_handler(&self) -> Handler {
        let variables = self.function_environment();
        let logged = Arc::clone(&self.logged);
        let log = move |line: &Value| logged.lock().expect("no panic").push(line.clone());
        Handler::new(Box::new(move |name| variables.get(name).cloned()), Box::new(log)).expect("valid settings")
    }

    /// A run in a new process, with a time limit of one minute.
    pub async fn run_once(&self) -> HandlerResult {
        self.run_with(&json!({}), Duration::from_secs(60)).await
    }

    /// A run in the process of `handler`, with a time limit of one minute.
    pub async fn run_in(&self, handler: &Handler) -> HandlerResult {
        handler.handle_event(&json!({}), "request-1", SystemTime::now() + Duration::from_secs(60)).await
    }

    pub async fn run_with(&self, event: &Value, time: Duration) -> HandlerResult {
        let deadline = SystemTime::now() + time;
        self.new_handler().handle_event(event, "request-1", deadline).await
    }

    /// Runs, and expects exactly these counts.
    pub async fn expect_counts(&self, searched: u64, synced: u64, failed: u64, needs_review: u64, retried: u64) {
        let answer = self.run_once().await.expect("the run succeeds");
        let expected = json!({
            "venue": "venue-a", "searched": searched, "synced": synced, "failed": failed,
            "needs_review": needs_review, "retried": retried,
        });
        assert_eq!(answer, expected);
    }

    /// Advances the clock until the index has caught up.
    pub fn advance_past_lag(&self) {
        self.clock.advance(LAG + SignedDuration::from_secs(1));
    }

    pub fn venue_leads(&self) -> Vec<TripleseatLead> {
        self.tripleseat.site_leads(SITE_ID)
    }

    /// The contact ids in the references of all leads, sorted.
    pub fn contacts_of_leads(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self
            .venue_leads()
            .iter()
            .map(|lead| {
                let text = lead.fields["additional_information"].as_str().expect("it is text");
                contact_of(text).expect("a reference")
            })
            .collect();
        ids.sort_unstable();
        ids
    }

    /// What became of these contacts, and how many leads they are.
    pub fn tally_contacts(&self, ids: &[u64]) -> ContactTally {
        let leads = self.contacts_of_leads();
        let mut tally = ContactTally { contacts: ids.len(), leads: leads.len(), ..ContactTally::default() };
        for id in ids {
            let made = leads.iter().filter(|lead| *lead == id).count();
            let (flag, status, ..) = self.ledger_values(*id);
            tally.twice += usize::from(made > 1);
            tally.failed += usize::from(status == "failed");
            tally.needs_review += usize::from(status == "needs_review");
            tally.flags_left += usize::from(flag);
            tally.sending += usize::from(status == "sending");
            let seen = flag || matches!(status.as_str(), "failed" | "needs_review");
            tally.lost += usize::from(made == 0 && !seen);
        }
        tally
    }

    /// The log line of the latest run.
    pub fn run_line(&self) -> Value {
        let lines = self.logged.lock().expect("no panic");
        lines.iter().rfind(|line| line["event"] == "run").cloned().expect("a run line")
    }

    /// The flag, status, lead id and error of a contact.
    pub fn ledger_values(&self, id: u64) -> (bool, String, String, String) {
        let contact: SandboxContact = self.hubspot.find_contact(id).expect("the contact");
        let text = |name: &str| contact.properties.get(name).cloned().unwrap_or_default();
        (
            text("tripleseat_sync__venue_a") == "true",
            text("tripleseat_sync_status__venue_a"),
            text("tripleseat_lead_id__venue_a"),
            text("tripleseat_sync_error__venue_a"),
        )
    }

    /// Injects a fault at Tripleseat's `nth` request whose path contains `path`.
    pub fn break_tripleseat(&self, path: &'static str, nth: usize, fault: SandboxFault) {
        self.tripleseat.set_fault_hook(Some(fault_at(path, nth, fault)));
    }

    /// Chooses a fault for every attempt to create a lead, by its number, counted from one. `None` leaves it alone.
    pub fn break_leads(&self, choose: impl Fn(usize) -> Option<SandboxFault> + Send + Sync + 'static) {
        let seen = Mutex::new(0);
        self.tripleseat.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
            if !request.path.contains("leads/create") {
                return None;
            }
            let mut seen = seen.lock().expect("no panic");
            *seen += 1;
            choose(*seen)
        })));
    }

    /// How many leads Tripleseat was asked to create.
    pub fn count_attempts(&self) -> usize {
        self.tripleseat.recorded_requests().iter().filter(|request| request.path.contains("leads/create")).count()
    }

    pub fn break_hubspot(&self, path: &'static str, nth: usize, fault: SandboxFault) {
        self.hubspot.set_fault_hook(Some(fault_at(path, nth, fault)));
    }

    /// Calls `act` when HubSpot gets the `nth` request whose path contains `path`, before the request is processed.
    pub fn when_hubspot_gets(
        &self,
        path: &'static str,
        nth: usize,
        act: impl Fn(&SandboxHubSpot) + Send + Sync + 'static,
    ) {
        let (seen, hubspot) = (Mutex::new(0), self.hubspot.clone());
        self.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
            let mut seen = seen.lock().expect("no panic");
            *seen += usize::from(request.path.contains(path));
            if *seen == nth && request.path.contains(path) {
                act(&hubspot);
            }
            None
        })));
    }

    pub fn clear_faults(&self) {
        self.hubspot.set_fault_hook(None);
        self.tripleseat.set_fault_hook(None);
    }
}

/// What became of some contacts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContactTally {
    pub contacts: usize,
    pub leads: usize,
    /// Contacts with more than one lead.
    pub twice: usize,
    /// Contacts without a lead, a flag, or a status that staff would look at.
    pub lost: usize,
    pub failed: usize,
    pub needs_review: usize,
    pub flags_left: usize,
    /// Contacts that are still marked as being sent.
    pub sending: usize,
}

/// The properties of a flagged contact that has everything a lead needs; `more` overrides and adds properties.
fn flagged_properties(number: u64, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::from([
        ("firstname".to_owned(), format!("Firstname{number}")),
        ("lastname".to_owned(), format!("Lastname{number}")),
        ("email".to_owned(), format!("guest{number}@example.com")),
        ("phone".to_owned(), format!("555-01{number:02}")),
        ("tripleseat_sync__venue_a".to_owned(), "true".to_owned()),
    ]);
    properties.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    properties.retain(|_, value| !value.is_empty());
    properties
}

/// The contact id in a lead's reference.
pub fn contact_of(additional_information: &str) -> Option<u64> {
    let (_, reference) = additional_information.rsplit_once("[HubSpot contact ")?;
    reference.split(',').next()?.parse().ok()
}

/// A fault at the `nth` request whose path contains `path`, counted from one; 0 means every such request.
fn fault_at(path: &'static str, nth: usize, fault: SandboxFault) -> SandboxFaultHook {
    let seen = Mutex::new(0);
    Arc::new(move |request: &RequestInfo| {
        if !request.path.contains(path) {
            return None;
        }
        let mut seen = seen.lock().expect("no panic");
        *seen += 1;
        (nth == 0 || *seen == nth).then(|| fault.clone())
    })
}

/// A status that is returned instead of the vendor's response.
pub fn status_fault(status: u16, retry_after: Option<&str>) -> SandboxFault {
    let headers = retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_owned()));
    SandboxFault::Status { status, body: json!({}), headers: headers.into_iter().collect() }
}

fn tripleseat_account(site_id: u64, key: &str) -> TripleseatAccount {
    TripleseatAccount {
        site_id,
        name: format!("Site {site_id}"),
        public_key: key.to_owned(),
        oauth: Some((format!("client-of-{site_id}"), format!("secret-of-{site_id}"))),
        locations: vec![TripleseatLocation { id: site_id * 10, name: "Main".to_owned() }],
        lead_form_ids: vec![3],
        phone_required: true,
    }
}

/// A Tripleseat destination at a site.
pub fn at_site(site_id: u64) -> DestinationConfig {
    DestinationConfig::Tripleseat(TripleseatDestination { site_id: Some(site_id), ..TripleseatDestination::default() })
}
