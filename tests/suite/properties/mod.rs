//! Contact properties in HubSpot as resources of the plan, and the migration of contacts from a shared flag.

mod applied;
mod migrated;
mod program;

use deployer_sandbox::vendors::HUBSPOT_SCOPES;
use deployer_sandbox::{SandboxClock, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer};
use jiff::SignedDuration;
use sync_lambda::credentials::CredentialValue;

use crate::fixtures::with_token;

const TOKEN: &str = "admin-token";
/// How far the search index lags behind.
const LAG: SignedDuration = SignedDuration::from_secs(10);

/// A sandbox portal with a stopped clock and no rate limits, and its server.
struct TestPortal {
    hubspot: SandboxHubSpot,
    clock: SandboxClock,
    server: SandboxServer,
}

impl TestPortal {
    async fn start() -> Self {
        let clock = SandboxClock::stopped_at(jiff::Timestamp::now());
        let config = SandboxHubSpotConfig { portal_id: 111, clock: clock.clone(), search_lag: LAG, limits: false };
        let hubspot = SandboxHubSpot::new(config);
        hubspot.add_token(TOKEN, &HUBSPOT_SCOPES);
        let server = SandboxServer::start(hubspot.api_router()).await.expect("a port is free");
        Self { hubspot, clock, server }
    }

    /// The deployer's own client for this portal.
    fn deployer_client(&self) -> deployer_hubspot::HubSpotClient {
        let client = sync_lambda::http::build_client().expect("an HTTP client");
        deployer_hubspot::HubSpotClient::new(client, &self.server.uri, CredentialValue::new(TOKEN))
    }

    /// The write requests since the last call: method and last path segment.
    fn take_writes(&self) -> Vec<String> {
        let requests = self.hubspot.recorded_requests();
        self.hubspot.forget_requests();
        let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let writes = requests.iter().filter(|request| request.method != "GET" && !request.path.ends_with("/search"));
        writes.map(|request| format!("{} {}", request.method, last(&request.path))).collect()
    }
}
