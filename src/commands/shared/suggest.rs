//! Looks at the portal's properties, and suggests mappings for a new venue.

use std::path::Path;
use std::time::Duration;

use deployer_core::manifest::{FieldSuggestion, SecretRef, suggest_fields};
use deployer_hubspot::{HubSpotClient, resolve_secret};

/// How long to wait for HubSpot: nobody asked for these.
const PATIENCE: Duration = Duration::from_secs(5);

/// The mappings to suggest: none without a token that resolves here, or if HubSpot can't be asked. They only help, so
/// their absence is no error.
pub(in crate::commands) async fn suggest_from_portal(
    token: &SecretRef,
    directory: &Path,
    base_uri: &str,
    mapped: &[(String, String)],
) -> Vec<FieldSuggestion> {
    let Ok(token) = resolve_secret(token, directory).await else { return Vec::new() };
    let Ok(client) = deployer_hubspot::build_vendor_client() else { return Vec::new() };
    let hubspot = HubSpotClient::new(client, base_uri, token);
    match tokio::time::timeout(PATIENCE, hubspot.list_properties()).await {
        Ok(Ok(properties)) => suggest_fields(&properties, mapped),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

/// Prints what could be added to a venue's fields.
pub(in crate::commands) fn print_suggestions(venue: &str, suggestions: &[FieldSuggestion]) {
    if suggestions.is_empty() {
        return;
    }
    outln!("HubSpot has properties that make leads more useful. To send them, add:");
    outln!("  [venues.{venue}.fields]");
    for suggestion in suggestions {
        let line = suggestion.manifest_line();
        outln!("  {line:<50}  # {}", crate::render::one_line(&suggestion.label));
    }
    if suggestions.iter().any(|suggestion| suggestion.expression.ends_with(":time")) {
        outln!("and the venue's time zone, such as timezone = \"America/New_York\", to [venues.{venue}].");
    }
    if suggestions.iter().any(|suggestion| suggestion.expression.ends_with(":label")) {
        outln!("Labels need the scope crm.schemas.contacts.read for the venue's HubSpot token.");
    }
}
