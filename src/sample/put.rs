//! Puts the sample into the embedded cloud, with a HubSpot portal that goes with it.

use jiff::SignedDuration;
use sync_lambda::credentials::CredentialValue;

use super::{age_account, create_legacy_account, hubspot_workflows};
use deployer_aws::Aws;
use deployer_cloud::EmbeddedCloud;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_janitor::audit::HubSpotSource;
use deployer_sandbox::vendors::AUTOMATION;
use deployer_sandbox::{SandboxClock, SandboxHubSpot, SandboxHubSpotConfig, SandboxServer};

/// The portal's id, if the manifest doesn't set one.
const PORTAL_ID: u64 = 1_234_567;
const TOKEN: &str = "sample-token";

/// The sample with its portal. Dropping it stops the portal.
pub struct InstalledSample {
    server: SandboxServer,
}

impl InstalledSample {
    /// Puts the sample into `cloud`, whose clients are `aws`. Existing resources stay as they are; deleted ones are
    /// created again.
    ///
    /// # Errors
    /// The cloud's state can't be read or written, or no port of 127.0.0.1 is available.
    pub async fn install_in_cloud(cloud: &EmbeddedCloud, aws: &Aws, portal_id: Option<u64>) -> Result<Self> {
        let legacy = create_legacy_account(aws).await.map_err(|error| {
            Error::failed(ErrorCode::Dev, "could not create the sample in the embedded cloud").caused_by(&error)
        })?;
        age_account(cloud, &legacy)?;
        let portal = SandboxHubSpot::new(SandboxHubSpotConfig {
            portal_id: portal_id.unwrap_or(PORTAL_ID),
            clock: SandboxClock::system(),
            search_lag: SignedDuration::ZERO,
            limits: false,
        });
        portal.add_token(TOKEN, &[AUTOMATION]);
        for workflow in hubspot_workflows(&legacy) {
            portal.add_workflow(&workflow);
        }
        let server = SandboxServer::start(portal.api_router())
            .await
            .map_err(|error| Error::failed(ErrorCode::Dev, "could not start the sample's portal").caused_by(&error))?;
        Ok(Self { server })
    }

    /// A client of the portal, to read its workflows.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn hubspot_source(&self) -> Result<HubSpotSource> {
        let client = deployer_hubspot::build_vendor_client()
            .map_err(|error| Error::failed(ErrorCode::Network, error.to_string()))?;
        let portal = deployer_hubspot::HubSpotClient::new(client, &self.server.uri, CredentialValue::new(TOKEN));
        Ok(HubSpotSource { workflows: Some(Ok(portal)), apps: Vec::new() })
    }
}
