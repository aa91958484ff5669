//! The guard of the HubSpot portal: `[hubspot] token` has to open the manifest's `portal_id`.

use std::time::Duration;

use sync_lambda::credentials::{Credentials, Secret};
use sync_lambda::hubspot::HubSpot;
use tokio::time::Instant;

use super::session::{Session, manifest_directory};
use crate::error::{Error, Result};

/// Time for HubSpot's answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Compares the portal, where the manifest names one and a token. Gives why it couldn't be compared, if so.
///
/// # Errors
/// The token opens another portal.
pub(super) async fn check(session: &Session) -> Result<Option<String>> {
    let hubspot = &session.manifest().hubspot;
    let (Some(expected), Some(reference)) = (hubspot.portal_id, &hubspot.token) else { return Ok(None) };
    if session.local && hubspot.base_uri.starts_with("https:") {
        // `--local` needs no network.
        return Ok(None);
    }
    let not_compared = |why: String| Ok(Some(format!("the HubSpot portal wasn't compared with portal_id: {why}")));
    let directory = manifest_directory(&session.manifest().path);
    let resolving = reference.clone();
    // A reference can run a password manager's program.
    let resolved = tokio::task::spawn_blocking(move || resolving.resolve(&directory)).await;
    let token = match resolved {
        Ok(Ok(Some(token))) => token,
        Ok(Ok(None)) => return not_compared(format!("{reference} gives the deployer no token")),
        Ok(Err(error)) => return not_compared(error.to_string()),
        Err(error) => return not_compared(error.to_string()),
    };
    let client = sync_lambda::http::client().map_err(|error| Error::failed(error.to_string()))?;
    let credentials = Credentials {
        hubspot_token: Secret::new(token.expose()),
        tripleseat_public_key: None,
        tripleseat_oauth: None,
        destination_credential: None,
    };
    let hubspot = HubSpot::new(client, &hubspot.base_uri, credentials, Instant::now() + TIMEOUT);
    match hubspot.portal_id().await {
        Ok(portal) if portal == expected => Ok(None),
        Ok(portal) => Err(Error::refused(format!(
            "{reference} opens HubSpot portal {portal}, and {} is for portal {expected}; nothing was changed",
            session.manifest().path.display()
        ))
        .hint("give a token of that portal, or correct `portal_id`")),
        Err(error) => not_compared(error.to_string()),
    }
}
