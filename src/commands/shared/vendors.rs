//! The vendors of a venue, for commands that use its credentials: the real ones, or with `--local` the sandboxes of a
//! running `deployer dev`.

use std::path::PathBuf;

use sync_config::config::{
    DestinationConfig, KEY_DESTINATION_CREDENTIAL, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_CLIENT_ID,
    KEY_TRIPLESEAT_CLIENT_SECRET,
};
use sync_lambda::credentials::CredentialValue;

use super::session::{load_vendor_manifest, manifest_directory};
use crate::cli::GlobalArgs;
use crate::dev::RunningDev;
use deployer_aws::Aws;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{Manifest, SecretRef, Venue};
use deployer_health::verify::lead::KnownCredentials;

/// A manifest, and where its venues' credentials come from.
pub(in crate::commands) struct VendorAccess {
    pub(in crate::commands) manifest: Manifest,
    /// The `deployer dev` whose sandboxes are used instead of the vendors.
    dev: Option<RunningDev>,
}

impl VendorAccess {
    /// The manifest's vendors, or with `--local` those of the running `dev`. `what` is what the command does there:
    /// "verifies a venue".
    pub(in crate::commands) fn open(global: &GlobalArgs, what: &str) -> Result<Self> {
        let (loaded, dev) = load_vendor_manifest(global, what)?;
        Ok(Self { manifest: loaded.manifest, dev })
    }

    /// The embedded cloud of the running `dev`, with `--local`.
    pub(in crate::commands) fn local_cloud(&self) -> Option<Aws> {
        let dev = self.dev.as_ref()?;
        Some(dev.cloud_clients(&self.manifest.deployment.region))
    }

    /// The deployer's own HubSpot token, or else the venue's. `purpose` completes "which is needed to …".
    pub(in crate::commands) async fn resolve_hubspot_token(
        &self,
        venue: &Venue,
        purpose: &str,
    ) -> Result<CredentialValue> {
        if let Some(dev) = &self.dev {
            let token = dev.venue_credentials(&venue.name).find(|(key, _)| *key == KEY_HUBSPOT_TOKEN);
            return token.map(|(_, token)| CredentialValue::new(token)).ok_or_else(|| {
                Error::failed(
                    ErrorCode::DevNotRunning,
                    format!("the running `deployer dev` has no venue {}", venue.name),
                )
            });
        }
        let own = secret_reference(venue, KEY_HUBSPOT_TOKEN);
        let (what, reference) = match (&self.manifest.hubspot.token, own) {
            (Some(reference), _) => ("`token` of [hubspot]".to_owned(), reference),
            (None, Some(reference)) => (format!("`hubspot_token` of {}", venue.name), reference),
            (None, None) => {
                return Err(Error::usage(
                    ErrorCode::HubspotToken,
                    format!("there is no HubSpot token for {}, which is needed to {purpose}", venue.name),
                )
                .hint("add `token` to [hubspot]: a reference that resolves here, such as env:HUBSPOT_ADMIN_TOKEN"));
            }
        };
        deployer_hubspot::resolve_secret(reference, &self.manifest_directory()).await.map_err(|error| {
            Error::usage(ErrorCode::SecretValue, format!("could not get {what}, which is needed to {purpose}"))
                .caused_by(&error)
                .hint("set it, or point `token` in [hubspot] at one available here: env:NAME, file:PATH, cmd:PROGRAM")
        })
    }

    /// The credentials available here that look up a venue's leads. No other reference is resolved, since each may
    /// prompt for a password.
    pub(in crate::commands) async fn lookup_credentials(&self, venue: &Venue) -> KnownCredentials {
        if let Some(dev) = &self.dev {
            return dev
                .venue_credentials(&venue.name)
                .map(|(key, value)| (key.clone(), CredentialValue::new(value)))
                .collect();
        }
        let keys: &[&str] = match &venue.destination {
            DestinationConfig::Tripleseat { .. } => &[KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET],
            DestinationConfig::Http(http) if http.lookup_url.is_some() => &[KEY_DESTINATION_CREDENTIAL],
            DestinationConfig::Http(_) => &[],
        };
        let mut known = KnownCredentials::new();
        for key in keys {
            let Some(reference) = secret_reference(venue, key) else { continue };
            if let Ok(value) = deployer_hubspot::resolve_secret(reference, &self.manifest_directory()).await {
                known.insert((*key).to_owned(), value);
            }
        }
        known
    }

    fn manifest_directory(&self) -> PathBuf {
        manifest_directory(&self.manifest.path)
    }
}

fn secret_reference<'v>(venue: &'v Venue, key: &str) -> Option<&'v SecretRef> {
    venue.secrets.iter().find(|(name, _)| name == key).map(|(_, reference)| reference)
}
