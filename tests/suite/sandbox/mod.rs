//! The sandbox vendors, over local HTTP and on stopped clocks.

mod batches;
mod behavior;
mod contacts;
mod faults;
mod portal;
mod samples;
mod schemas;
mod searches;
mod tripleseat;
mod tripleseat_switches;
mod tripleseat_webhooks;
mod workflows;

use deployer_sandbox::hubspot::PropertyValues;
use deployer_sandbox::{SandboxClock, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer, vendors};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sync_config::config::{LedgerProperties, default_flag_property};

/// A token with all scopes.
const TOKEN: &str = "token-of-everything";
/// How many seconds writes take to show up in searches.
const LAG: i64 = 10;
const CONTACTS: &str = "/crm/objects/2026-09/contacts";
const PROPERTIES: &str = "/crm/properties/2026-09/contacts";

fn start_time() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("it is a valid time")
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// An HTTP client for one sandbox server.
struct SandboxClient {
    client: reqwest::Client,
    uri: String,
}

impl SandboxClient {
    fn new(server: &SandboxServer) -> Self {
        // It fails if another test has already done it, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { client: reqwest::Client::new(), uri: server.uri.clone() }
    }

    fn build_request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.client.request(method, format!("{}{path}", self.uri))
    }

    async fn send_request(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.expect("the call succeeds");
        let (status, text) = (response.status().as_u16(), response.text().await.expect("it is text"));
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Sends a request with a token and, unless it is `null`, a body.
    async fn call_api(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.build_request(method, path).bearer_auth(token);
        self.send_request(if body.is_null() { request } else { request.json(&body) }).await
    }
}

/// A portal with the properties of one venue's sync, on a stopped clock.
struct SandboxPortal {
    clock: SandboxClock,
    hubspot: SandboxHubSpot,
    ledger: LedgerProperties,
    http: SandboxClient,
    _server: SandboxServer,
}

impl SandboxPortal {
    async fn start() -> Self {
        Self::with_limits(false).await
    }

    async fn with_limits(limits: bool) -> Self {
        let clock = SandboxClock::stopped_at(start_time());
        let config = SandboxHubSpotConfig { portal_id: 77, clock: clock.clone(), search_lag: seconds(LAG), limits };
        let hubspot = SandboxHubSpot::new(config);
        hubspot.add_token(TOKEN, &vendors::HUBSPOT_SCOPES);
        let ledger = LedgerProperties::new("venue-a", &default_flag_property("venue-a"));
        hubspot.define_sync_properties(&ledger, "Venue A").expect("they are valid");
        let server = SandboxServer::start(hubspot.api_router()).await.expect("a server");
        Self { clock, http: SandboxClient::new(&server), hubspot, ledger, _server: server }
    }

    async fn call_api(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.http.call_api(TOKEN, method, path, body).await
    }

    /// Adds a contact with this first name. Searches find it at once.
    fn add_contact(&self, name: &str) -> u64 {
        self.add_contact_with(&[("firstname", name)])
    }

    fn add_contact_with(&self, properties: &[(&str, &str)]) -> u64 {
        self.hubspot.add_contacts(vec![properties_of(properties)]).expect("a contact")[0]
    }

    /// The value of a contact's property.
    fn property_value(&self, id: u64, property: &str) -> Option<String> {
        self.hubspot.find_contact(id).expect("the contact").properties.get(property).cloned()
    }
}

fn properties_of(properties: &[(&str, &str)]) -> PropertyValues {
    properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The ids in a list.
fn result_ids(body: &Value) -> Vec<&str> {
    let results = body["results"].as_array().expect("results");
    results.iter().map(|result| result["id"].as_str().expect("ids are strings")).collect()
}
