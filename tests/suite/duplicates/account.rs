//! A Tripleseat account with leads of two venues, and the HubSpot portal that knows which venue each belongs to.

use std::sync::{Arc, Mutex};

use deployer_sandbox::hubspot::PropertyValues;
use deployer_sandbox::vendors::HUBSPOT_SCOPES;
use deployer_sandbox::{
    RequestInfo, SandboxClock, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer, SandboxTripleseat,
    SandboxTripleseatConfig, TripleseatAccount, TripleseatLocation,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sync_config::config::{LedgerProperties, default_flag_property};

use crate::processes::Site;

pub const CLIENT_SECRET: &str = "secret-of-the-client";

pub struct DuplicatesSandbox {
    pub site: Site,
    pub tripleseat: SandboxTripleseat,
    pub hubspot: SandboxHubSpot,
    clock: SandboxClock,
    uri: String,
    servers: [SandboxServer; 2],
    runtime: tokio::runtime::Runtime,
}

impl DuplicatesSandbox {
    /// A sandbox with venue `a`, which owns the account, and venue `b`.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("the runtime starts");
        let start: Timestamp = "2026-03-01T12:00:00Z".parse().expect("it is a valid time");
        let clock = SandboxClock::stopped_at(start);
        let tripleseat = SandboxTripleseat::new(SandboxTripleseatConfig { clock: clock.clone(), limits: false });
        tripleseat.add_account(TripleseatAccount {
            site_id: 1,
            name: "Site 1".to_owned(),
            public_key: "key-of-a".to_owned(),
            oauth: Some(("client-1".to_owned(), CLIENT_SECRET.to_owned())),
            locations: [11, 12].map(|id| TripleseatLocation { id, name: format!("Location {id}") }).to_vec(),
            lead_form_ids: Vec::new(),
            phone_required: false,
        });
        let config = SandboxHubSpotConfig {
            portal_id: 77,
            clock: clock.clone(),
            search_lag: SignedDuration::ZERO,
            limits: false,
        };
        let hubspot = SandboxHubSpot::new(config);
        hubspot.add_token("token-of-the-portal", &HUBSPOT_SCOPES);
        for venue in ["a", "b"] {
            let ledger = LedgerProperties::new(venue, &default_flag_property(venue));
            hubspot.define_sync_properties(&ledger, venue).expect("valid properties");
        }
        let routers = [tripleseat.api_router(), hubspot.api_router()];
        let servers = routers.map(|router| runtime.block_on(SandboxServer::start(router)).expect("a server"));
        let uri = servers[0].uri.clone();
        let site = Site::new();
        for (name, value) in [("client", "client-1"), ("secret", CLIENT_SECRET), ("token", "token-of-the-portal")] {
            site.write_file(name, value);
        }
        site.write_file("venues.toml", &sandbox_manifest(&uri, &servers[1].uri));
        Self { site, tripleseat, hubspot, clock, uri, servers, runtime }
    }

    /// The addresses of Tripleseat and HubSpot.
    pub fn server_addresses(&self) -> [String; 2] {
        self.servers.each_ref().map(|server| server.uri.clone())
    }

    pub fn advance_days(&self, days: i64) {
        self.clock.advance(SignedDuration::from_hours(24 * days));
    }

    /// Creates a lead with these fields in addition to the usual ones.
    pub fn create_lead(&self, fields: Value) -> u64 {
        let mut lead = json!({ "first_name": "Ana", "last_name": "Silva", "location_id": 11 });
        for (name, value) in fields.as_object().expect("it is a JSON object") {
            lead[name] = value.clone();
        }
        let client = sync_lambda::http::build_client().expect("the TLS client is built");
        let request = client.post(format!("{}/v1/leads/create.json?public_key=key-of-a", self.uri));
        let answer = self.runtime.block_on(async {
            let answer = request.json(&json!({ "lead": lead })).send().await.expect("the call succeeds");
            answer.json::<Value>().await.expect("it is valid JSON")
        });
        answer["lead"]["id"].as_u64().unwrap_or_else(|| panic!("{answer}"))
    }

    /// Creates a contact with these properties.
    pub fn create_contact(&self, properties: &[(&str, &str)]) -> u64 {
        let properties: PropertyValues =
            properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.hubspot.add_contacts(vec![properties]).expect("a contact")[0]
    }

    /// Runs the command with these additional arguments; returns its exit code and output.
    pub fn run_duplicates(&self, more: &[&str]) -> (i32, String) {
        self.site.run_deployer(&[&["duplicates", "a", "--out", "out", "--rate", "10"], more].concat())
    }

    pub fn read_report(&self, extension: &str) -> String {
        let path = self.site.path().join(format!("out/duplicates.{extension}"));
        std::fs::read_to_string(path).expect("the report")
    }

    /// Removes all faults and records which pages of leads are requested from now on.
    pub fn record_pages(&self) -> Arc<Mutex<Vec<String>>> {
        let pages = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&pages);
        self.tripleseat.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
            if request.path.contains("leads") {
                seen.lock().expect("no panic").push(request.query.clone());
            }
            None
        })));
        pages
    }
}

/// The text at the end of a lead created by this system, and its reference.
pub fn lead_reference(contact: u64, attempt: &str) -> (String, String) {
    let reference = format!("HS-{contact}-{attempt}");
    (format!("Hello\n\n[HubSpot contact {contact}, reference {reference}]"), reference)
}

fn sandbox_manifest(tripleseat: &str, hubspot: &str) -> String {
    format!(
        "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\
         [hubspot]\nportal_id = 77\ntoken = \"file:token\"\nbase_uri = \"{hubspot}\"\n\n\
         [venues.a]\ndisplay_name = \"The <b>Mill</b> & Co\"\n\
         timezone = \"America/New_York\"\n[venues.a.secrets]\nhubspot_token = \"env:TOKEN_a\"\n\
         tripleseat_public_key = \"env:KEY_a\"\ntripleseat_client_id = \"file:client\"\n\
         tripleseat_client_secret = \"file:secret\"\n\
         [venues.a.destination]\nkind = \"tripleseat\"\nbase_uri = \"{tripleseat}\"\nsite_id = 1\nlocation_id = 11\n\n\
         [venues.b]\ndisplay_name = \"Venue b\"\n[venues.b.secrets]\nhubspot_token = \"env:TOKEN_b\"\n\
         tripleseat_public_key = \"env:KEY_b\"\n[venues.b.destination]\nkind = \"tripleseat\"\n\
         base_uri = \"{tripleseat}\"\n\n\
         [venues.c]\ndisplay_name = \"Venue c\"\n[venues.c.secrets]\nhubspot_token = \"env:TOKEN_c\"\n\
         [venues.c.destination]\nkind = \"http\"\nurl = \"https://p.example.com\"\n[venues.c.fields]\nemail = \"email\"\n"
    )
}
