//! The function's settings for a venue's destination, for the deployer's own questions to it.

use deployer_core::manifest::Venue;
use sync_config::config::{LedgerProperties, SyncConfig, TRIPLESEAT_BASE_URI};
use sync_lambda::settings::{FunctionIdentity, SyncSettings};

/// The settings with which the deployer asks a venue's destination what a run would: about its ids, or about a lead. No
/// HubSpot is asked with them, so they name none.
pub fn destination_settings(venue: &Venue) -> SyncSettings {
    SyncSettings {
        venue: venue.name.clone(),
        ledger: LedgerProperties::new(&venue.name, &venue.flag_property),
        hubspot_base_uri: String::new(),
        tripleseat_base_uri: venue.tripleseat_base_uri.clone().unwrap_or_else(|| TRIPLESEAT_BASE_URI.to_owned()),
        secret_arn: None,
        answer_timeout: None,
        function: FunctionIdentity::default(),
        config: SyncConfig {
            destination: venue.destination.clone(),
            fields: venue.fields.iter().cloned().collect(),
            ..SyncConfig::default()
        },
    }
}
