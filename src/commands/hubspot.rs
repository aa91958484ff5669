//! What plan, apply and destroy have of HubSpot, with `[hubspot] token`: its contact properties, read once a plan, and
//! what of the manifest is held against them. A token of another portal than the manifest's is refused each time.

use std::sync::Arc;

use sync_config::mapping::Mapping;
use sync_lambda::http;

use super::session::{Session, manifest_directory};
use deployer_core::error::{Error, Result};
use deployer_core::manifest::{Manifest, Status, Venue};
use deployer_core::property::{LivePortal, Portal};
use deployer_hubspot::{self, HubSpot, Unresolved};

/// From this likeness on a name is taken for a misspelt one (Jaro-Winkler, 1 is the same).
const ALIKE: f64 = 0.8;

/// The portal, or why it isn't asked.
pub(super) struct Access {
    client: std::result::Result<Arc<HubSpot>, NotAsked>,
}

/// Why HubSpot isn't asked.
enum NotAsked {
    /// The manifest has no token.
    NoToken,
    /// The token isn't to be had here, or there is no network to be used.
    NotHere(String),
    /// Nothing that is to be done needs it.
    NoNeed,
}

impl Access {
    /// Resolves the manifest's token. A token that isn't to be had here is no error: a plan in CI needs no secrets.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub(super) async fn open(session: &Session) -> Result<Self> {
        let hubspot = &session.manifest().hubspot;
        let client = if hubspot.token.is_none() {
            Err(NotAsked::NoToken)
        } else if session.local && hubspot.base_uri.starts_with("https:") {
            Err(NotAsked::NotHere("--local needs no network".to_owned()))
        } else {
            connect(session.manifest()).await?.map(Arc::new).map_err(NotAsked::NotHere)
        };
        Ok(Self { client })
    }

    /// As [`Access::open`], for a command that has to do with HubSpot only where properties are archived.
    ///
    /// # Errors
    /// As of [`Access::open`] and [`Access::check_archiving`].
    pub(super) async fn open_to_archive(session: &Session, archive: bool) -> Result<Self> {
        if !archive {
            return Ok(Self { client: Err(NotAsked::NoNeed) });
        }
        let access = Self::open(session).await?;
        access.check_archiving(archive)?;
        Ok(access)
    }

    /// The client, for an apply.
    pub(super) fn client(&self) -> Option<Arc<HubSpot>> {
        self.client.as_ref().ok().cloned()
    }

    /// Refuses `--archive-properties` where HubSpot can't be asked.
    ///
    /// # Errors
    /// It can't.
    pub(super) fn check_archiving(&self, archive: bool) -> Result<()> {
        let why = match &self.client {
            Err(NotAsked::NotHere(why)) => why.as_str(),
            Err(NotAsked::NoToken) => "the manifest has no `[hubspot] token`",
            Ok(_) | Err(NotAsked::NoNeed) => return Ok(()),
        };
        if !archive {
            return Ok(());
        }
        Err(Error::usage(format!("--archive-properties needs HubSpot, and it can't be asked: {why}"))
            .hint("give `[hubspot] token` in the manifest, and set what it refers to"))
    }

    /// Reads what the portal has, and holds the manifest against it.
    ///
    /// # Errors
    /// The token opens another portal, or leads would be made from properties that there aren't.
    pub(super) async fn observe(&self, session: &Session) -> Result<Portal> {
        let Ok(client) = &self.client else { return Ok(Portal::NotAsked) };
        let portal = deployer_hubspot::portal(client).await;
        if let Some(live) = portal.read() {
            check_portal(session.manifest(), live.portal_id)?;
            check_fields(session, live)?;
        }
        Ok(portal)
    }

    /// What is worth knowing where HubSpot isn't asked.
    pub(super) fn note(&self, manifest: &Manifest) -> Option<String> {
        let deployed = manifest.venues.iter().filter(|venue| venue.status != Status::Blocked);
        let flags: Vec<&str> = deployed.map(|venue| venue.flag_property.as_str()).collect();
        match &self.client {
            Ok(_) => None,
            Err(NotAsked::NoToken) => (!flags.is_empty()).then(|| {
                format!(
                    "without `[hubspot] token` the contact properties are made by hand in HubSpot (docs/hubspot.md): \
                     {} and the four ledger properties of each",
                    flags.join(", ")
                )
            }),
            Err(NotAsked::NotHere(why)) => Some(format!(
                "the contact properties are left as they are, and the manifest wasn't compared with HubSpot: {why}"
            )),
            Err(NotAsked::NoNeed) => manifest.hubspot.token.as_ref().map(|_| {
                "the contact properties in HubSpot are kept: staff's data is in them. `--archive-properties` archives them"
                    .to_owned()
            }),
        }
    }
}

/// A client with the manifest's token, or why that isn't to be had here.
///
/// # Errors
/// TLS can't be set up.
pub(super) async fn connect(manifest: &Manifest) -> Result<std::result::Result<HubSpot, String>> {
    let Some(reference) = &manifest.hubspot.token else {
        return Ok(Err("the manifest has no `[hubspot] token`".to_owned()));
    };
    let token = match deployer_hubspot::resolve(reference, &manifest_directory(&manifest.path)).await {
        Ok(token) => token,
        Err(Unresolved::Managed) => return Ok(Err(format!("{reference} gives the deployer no token"))),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let client = http::client().map_err(|error| Error::failed(error.to_string()))?;
    Ok(Ok(HubSpot::new(client, &manifest.hubspot.base_uri, token)))
}

/// Refuses a token of another portal than the manifest's.
///
/// # Errors
/// It is one.
pub(super) fn check_portal(manifest: &Manifest, portal: u64) -> Result<()> {
    let hubspot = &manifest.hubspot;
    let Some(expected) = hubspot.portal_id.filter(|expected| *expected != portal) else { return Ok(()) };
    let reference = hubspot.token.as_ref().map_or_else(String::new, ToString::to_string);
    Err(Error::refused(format!(
        "{reference} opens HubSpot portal {portal}, and {} is for portal {expected}; nothing was changed",
        manifest.path.display()
    ))
    .hint("give a token of that portal, or correct `portal_id`"))
}

/// Refuses leads that would be made from properties that there aren't.
fn check_fields(session: &Session, portal: &LivePortal) -> Result<()> {
    let deployed = session.manifest().venues.iter().filter(|venue| venue.status != Status::Blocked);
    let unknown: Vec<String> = deployed.flat_map(|venue| unknown_properties(session, venue, portal)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let mut error = Error::usage("leads would be made from properties that HubSpot doesn't have");
    error.causes = unknown;
    Err(error.hint("correct the venue's fields, or make the property in HubSpot"))
}

/// What a venue's leads are made from, and isn't there: where, and what may be meant.
fn unknown_properties(session: &Session, venue: &Venue, portal: &LivePortal) -> Vec<String> {
    let fields = venue.fields.iter().cloned().collect();
    let mapping = Mapping::new(&venue.destination, &fields);
    let place = session.loaded.place_of(&venue.name).unwrap_or_else(|| venue.name.clone());
    let unknown = mapping.properties().into_iter().filter(|name| !portal.properties.contains_key(*name));
    unknown
        .map(|name| match nearest(name, portal.properties.keys()) {
            Some(nearest) => format!("{place}: {}: {name} (did you mean {nearest}?)", venue.name),
            None => format!("{place}: {}: {name}", venue.name),
        })
        .collect()
}

/// The known name that is most like `name`, if one is like it at all.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n String>) -> Option<&'n str> {
    let likeness = |known: &&String| strsim::jaro_winkler(name, known);
    let best = known.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(&best) >= ALIKE).then_some(best.as_str())
}
