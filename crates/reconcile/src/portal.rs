//! HubSpot's part of every plan, with `[hubspot] token`: the contact properties, read once per plan, and
//! the checks of the manifest against them. A token for a portal other than the manifest's is always refused.

use std::path::Path;
use std::sync::Arc;

use sync_config::config::HUBSPOT_BASE_URI;

use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{LoadedManifest, Manifest, Status, Venue, check_credential_host};
use deployer_core::property::{LivePortal, ObservedPortal};
use deployer_hubspot::{self, HubSpotClient, UnresolvedSecret};

/// Names at least this similar are offered as corrections (Jaro-Winkler; 1 means identical).
const ALIKE: f64 = 0.8;

/// A client for the portal, or why HubSpot is not asked.
pub struct PortalAccess {
    client: std::result::Result<Arc<HubSpotClient>, PortalNotAsked>,
}

/// Why HubSpot isn't asked.
enum PortalNotAsked {
    /// The manifest has no token.
    NoToken,
    /// The token is not available here, or the network must not be used.
    NotHere(String),
    /// The command doesn't need it.
    NoNeed,
}

impl PortalAccess {
    /// No access: contact properties are left alone.
    pub fn not_needed() -> Self {
        Self { client: Err(PortalNotAsked::NoNeed) }
    }

    /// Access with a client that is there already.
    pub fn with_client(client: Arc<HubSpotClient>) -> Self {
        Self { client: Ok(client) }
    }

    /// Resolves the manifest's token, whose reference is relative to the manifest's `directory`. A token that isn't available here is no error: a plan in CI needs no secrets.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub async fn open(manifest: &Manifest, directory: &Path, local: bool) -> Result<Self> {
        let hubspot = &manifest.hubspot;
        let client = if hubspot.token.is_none() {
            Err(PortalNotAsked::NoToken)
        } else if local && hubspot.base_uri.starts_with("https:") {
            Err(PortalNotAsked::NotHere("--local works without a network".to_owned()))
        } else {
            connect_to_hubspot(manifest, directory).await?.map(Arc::new).map_err(PortalNotAsked::NotHere)
        };
        Ok(Self { client })
    }

    /// Like [`PortalAccess::open`], for a command that needs HubSpot only to archive properties.
    ///
    /// # Errors
    /// As for [`PortalAccess::open`] and [`PortalAccess::check_archiving`].
    pub async fn open_to_archive(manifest: &Manifest, directory: &Path, local: bool, archive: bool) -> Result<Self> {
        if !archive {
            return Ok(Self::not_needed());
        }
        let access = Self::open(manifest, directory, local).await?;
        access.check_archiving(archive)?;
        Ok(access)
    }

    /// The client, for an apply.
    pub fn hubspot_client(&self) -> Option<Arc<HubSpotClient>> {
        self.client.as_ref().ok().cloned()
    }

    /// Refuses `--archive-properties` if HubSpot can't be reached.
    ///
    /// # Errors
    /// HubSpot can't be reached.
    pub fn check_archiving(&self, archive: bool) -> Result<()> {
        let why = match &self.client {
            Err(PortalNotAsked::NotHere(why)) => why.as_str(),
            Err(PortalNotAsked::NoToken) => "the manifest has no `[hubspot] token`",
            Ok(_) | Err(PortalNotAsked::NoNeed) => return Ok(()),
        };
        if !archive {
            return Ok(());
        }
        Err(Error::usage(
            ErrorCode::HubspotToken,
            format!("--archive-properties needs HubSpot, which can't be reached: {why}"),
        )
        .hint("add `[hubspot] token` to the manifest, and set what it refers to"))
    }

    /// Reads the portal's properties, and checks the manifest against them.
    ///
    /// # Errors
    /// The token is for another portal, or leads would be made from properties that don't exist.
    pub async fn observe_portal(&self, manifest: Option<&LoadedManifest>) -> Result<ObservedPortal> {
        let Ok(client) = &self.client else { return Ok(ObservedPortal::NotAsked) };
        let portal = deployer_hubspot::observe_portal(client).await;
        if let (Some(live), Some(loaded)) = (portal.as_read(), manifest) {
            check_portal(&loaded.manifest, live.portal_id)?;
            check_lead_fields(loaded, live)?;
        }
        Ok(portal)
    }

    /// The note that a plan shows if HubSpot is not asked.
    pub fn hubspot_note(&self, manifest: &Manifest) -> Option<String> {
        let deployed = manifest.venues.iter().filter(|venue| venue.status != Status::Blocked);
        let flags: Vec<&str> = deployed.map(|venue| venue.flag_property.as_str()).collect();
        match &self.client {
            Ok(_) => None,
            Err(PortalNotAsked::NoToken) => (!flags.is_empty()).then(|| {
                let ledger = match flags.len() {
                    1 => "its four ledger properties",
                    _ => "the four ledger properties of each",
                };
                format!(
                    "without `[hubspot] token`, the contact properties must be created by hand in HubSpot \
                     (docs/hubspot.md): {} and {ledger}",
                    flags.join(", ")
                )
            }),
            Err(PortalNotAsked::NotHere(why)) => Some(format!(
                "the contact properties are left alone, and the manifest wasn't compared with HubSpot: {why}"
            )),
            Err(PortalNotAsked::NoNeed) => None,
        }
    }

    /// The note about the contact properties that a deletion of whole venues leaves.
    pub fn kept_properties_note(&self, manifest: &Manifest) -> Option<String> {
        match (&self.client, &manifest.hubspot.token) {
            (Err(PortalNotAsked::NoNeed), Some(_)) => Some(
                "the contact properties in HubSpot are kept, since they hold staff's data. `--archive-properties` \
                 archives them"
                    .to_owned(),
            ),
            _ => self.hubspot_note(manifest),
        }
    }
}

/// A client with the manifest's token, or why the token isn't available here.
///
/// # Errors
/// TLS can't be set up.
pub async fn connect_to_hubspot(
    manifest: &Manifest,
    directory: &Path,
) -> Result<std::result::Result<HubSpotClient, String>> {
    let Some(reference) = &manifest.hubspot.token else {
        return Ok(Err("the manifest has no `[hubspot] token`".to_owned()));
    };
    if let Err(why) = check_credential_host(&manifest.hubspot.base_uri, HUBSPOT_BASE_URI) {
        return Ok(Err(why));
    }
    let token = match deployer_hubspot::resolve_secret(reference, directory).await {
        Ok(token) => token,
        Err(UnresolvedSecret::Managed) => {
            return Ok(Err(format!("the reference `{reference}` has no value on this machine")));
        }
        Err(error) => return Ok(Err(error.to_string())),
    };
    let client = deployer_hubspot::build_vendor_client()
        .map_err(|error| Error::failed(ErrorCode::Network, error.to_string()))?;
    Ok(Ok(HubSpotClient::new(client, &manifest.hubspot.base_uri, token)))
}

/// Refuses a token for a portal other than the manifest's.
///
/// # Errors
/// The token is for another portal.
pub fn check_portal(manifest: &Manifest, portal: u64) -> Result<()> {
    let hubspot = &manifest.hubspot;
    let Some(expected) = hubspot.portal_id.filter(|expected| *expected != portal) else { return Ok(()) };
    let reference = hubspot.token.as_ref().map_or_else(String::new, ToString::to_string);
    Err(Error::refused(
        ErrorCode::WrongPortal,
        format!(
            "{reference} is for HubSpot portal {portal}, but {} is for portal {expected}; nothing was changed",
            manifest.path.display()
        ),
    )
    .hint("use a token for that portal, or correct `portal_id`"))
}

/// Refuses leads made from properties that don't exist.
fn check_lead_fields(loaded: &LoadedManifest, portal: &LivePortal) -> Result<()> {
    let deployed = loaded.manifest.venues.iter().filter(|venue| venue.status != Status::Blocked);
    let unknown: Vec<String> = deployed.flat_map(|venue| unknown_properties(loaded, venue, portal)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let mut error =
        Error::usage(ErrorCode::UnknownProperty, "leads would be made from properties that HubSpot doesn't have");
    error.causes = unknown;
    Err(error.hint("correct the venue's fields, or create the property in HubSpot"))
}

/// Properties that a venue's leads are made from and that don't exist, each with its location and a likely correction.
fn unknown_properties(loaded: &LoadedManifest, venue: &Venue, portal: &LivePortal) -> Vec<String> {
    let place = loaded.venue_place(&venue.name).unwrap_or_else(|| venue.name.clone());
    let unknown = venue.mapped_properties().into_iter().filter(|name| !portal.properties.contains_key(name));
    unknown
        .map(|name| match nearest_name(&name, portal.properties.keys()) {
            Some(nearest) => format!("{place}: {}: {name} (did you mean {nearest}?)", venue.name),
            None => format!("{place}: {}: {name}", venue.name),
        })
        .collect()
}

/// The known name most similar to `name`, if any is similar enough.
pub fn nearest_name<'n>(name: &str, known: impl Iterator<Item = &'n String>) -> Option<&'n str> {
    let likeness = |known: &&String| strsim::jaro_winkler(name, known);
    let best = known.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(&best) >= ALIKE).then_some(best.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_deletes_venues_notes_that_their_properties_are_kept() {
        let text = "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\
                    [hubspot]\nportal_id = 7\ntoken = \"env:TOKEN\"\n\
                    [venues.a]\ndisplay_name = \"A\"\n\
                    [venues.a.secrets]\nhubspot_token = \"env:T\"\ntripleseat_public_key = \"env:K\"\n\
                    [venues.a.destination]\nkind = \"tripleseat\"\nlocation_id = 1\n";
        let manifest = deployer_core::manifest::parse_manifest(text, Path::new("venues.toml"));
        let manifest = manifest.unwrap_or_else(|mistakes| panic!("{mistakes}")).manifest;
        let access = PortalAccess::not_needed();
        assert_eq!(access.hubspot_note(&manifest), None);
        let kept = access.kept_properties_note(&manifest).expect("a note");
        assert!(kept.contains("are kept"), "{kept}");
    }
}
