//! What of the manifest is held against HubSpot before anything is planned, with `[hubspot] token`: that the token opens
//! the manifest's portal, and that the portal has the properties that leads are made from.

use std::collections::BTreeSet;
use std::time::Duration;

use sync_lambda::config::LedgerProperties;
use sync_lambda::credentials::{Credentials, Secret};
use sync_lambda::hubspot::HubSpot;
use sync_lambda::mapping::Mapping;
use tokio::time::Instant;

use super::session::{Session, manifest_directory};
use crate::error::{Error, Result};
use crate::manifest::{Status, Venue};

/// Time for all of HubSpot's answers.
const TIMEOUT: Duration = Duration::from_secs(15);
/// From this likeness on a name is taken for a misspelt one (Jaro-Winkler, 1 is the same).
const ALIKE: f64 = 0.8;

/// Holds the manifest against HubSpot, where it names a token. Gives what is worth knowing: what couldn't be compared,
/// and which of the properties that are made by hand are missing.
///
/// # Errors
/// The token opens another portal, or leads would be made from properties that there aren't.
pub(super) async fn check(session: &Session) -> Result<Vec<String>> {
    let hubspot = &session.manifest().hubspot;
    let Some(reference) = &hubspot.token else { return Ok(Vec::new()) };
    if session.local && hubspot.base_uri.starts_with("https:") {
        // `--local` needs no network.
        return Ok(Vec::new());
    }
    let not_compared = |why: String| {
        let what =
            if hubspot.portal_id.is_some() { "portal_id and the mapped properties" } else { "the mapped properties" };
        Ok(vec![format!("{what} weren't compared with HubSpot: {why}")])
    };
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
    let client = HubSpot::new(client, &hubspot.base_uri, credentials, Instant::now() + TIMEOUT);
    let mut notes = Vec::new();
    if let Some(expected) = hubspot.portal_id {
        match client.portal_id().await {
            Ok(portal) if portal == expected => {}
            Ok(portal) => {
                return Err(Error::refused(format!(
                    "{reference} opens HubSpot portal {portal}, and {} is for portal {expected}; nothing was changed",
                    session.manifest().path.display()
                ))
                .hint("give a token of that portal, or correct `portal_id`"));
            }
            Err(error) => return not_compared(error.to_string()),
        }
    }
    let names: BTreeSet<String> = match client.property_names().await {
        Ok(names) => names.into_iter().collect(),
        Err(error) => return Ok(vec![format!("the mapped properties weren't compared with HubSpot: {error}")]),
    };
    let deployed = session.manifest().venues.iter().filter(|venue| venue.status != Status::Blocked);
    let (mut unknown, mut missing) = (Vec::new(), Vec::new());
    for venue in deployed {
        unknown.extend(unknown_properties(session, venue, &names));
        missing.extend(missing_properties(venue, &names));
    }
    if !unknown.is_empty() {
        let mut error = Error::usage("leads would be made from properties that HubSpot doesn't have");
        error.causes = unknown;
        return Err(error.hint("correct the venue's fields, or make the property in HubSpot"));
    }
    if !missing.is_empty() {
        notes.push(format!(
            "HubSpot doesn't have these properties yet, and no run works without them: {}",
            missing.join(", ")
        ));
    }
    Ok(notes)
}

/// What a venue's leads are made from, and isn't there: where, and what may be meant.
fn unknown_properties(session: &Session, venue: &Venue, names: &BTreeSet<String>) -> Vec<String> {
    let fields = venue.fields.iter().cloned().collect();
    let mapping = Mapping::new(&venue.destination, &fields);
    let place = session.loaded.place_of(&venue.name).unwrap_or_else(|| venue.name.clone());
    let unknown = mapping.properties().into_iter().filter(|name| !names.contains(*name));
    unknown
        .map(|name| match nearest(name, names) {
            Some(nearest) => format!("{place}: {}: {name} (did you mean {nearest}?)", venue.name),
            None => format!("{place}: {}: {name}", venue.name),
        })
        .collect()
}

fn missing_properties(venue: &Venue, names: &BTreeSet<String>) -> Vec<String> {
    let ledger = LedgerProperties::new(&venue.name, &venue.flag_property);
    let five = [ledger.flag, ledger.status, ledger.lead_id, ledger.error, ledger.synced_at];
    five.into_iter().filter(|name| !names.contains(name)).collect()
}

fn nearest<'n>(name: &str, names: &'n BTreeSet<String>) -> Option<&'n str> {
    let likeness = |known: &&String| strsim::jaro_winkler(name, known);
    let best = names.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(&best) >= ALIKE).then_some(best.as_str())
}
