//! Tripleseat's part of every plan: the ids in the manifest, compared with what the venues' public keys may read.
//!
//! What is wrong is a note, not a refusal. The key on this machine isn't necessarily the one in the venue's secret, and
//! the canary's dry run, which has that one, refuses new code where a setting is wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use deployer_core::manifest::{LoadedManifest, SecretRef, Status, Venue, check_credential_host};
use deployer_hubspot::{destination_settings, resolve_secret};
use futures_util::StreamExt;
use futures_util::stream;
use parking_lot::Mutex;
use sync_config::config::{DestinationConfig, KEY_TRIPLESEAT_PUBLIC_KEY, TRIPLESEAT_BASE_URI};
use sync_lambda::credentials::{CredentialValue, SyncCredentials};
use sync_lambda::destination::{AccountLists, LeadDestination, SettingVerdict};
use tokio::time::Instant;

/// Venues that are asked about at the same time.
const AT_ONCE: usize = 16;
/// How long a plan waits for one venue's lists.
const TIME: Duration = Duration::from_secs(5);
/// A platform that has answered nobody isn't asked any more once this many venues got no answer: a thousand timeouts would take
/// minutes and tell nothing.
const MOST_UNANSWERED: usize = 4;

/// Whether a platform answers.
#[derive(Debug, Default, Clone, Copy)]
struct PlatformAnswers {
    unanswered: usize,
    answered: bool,
}

impl PlatformAnswers {
    fn is_silent(self) -> bool {
        !self.answered && self.unanswered >= MOST_UNANSWERED
    }

    fn note(&mut self, lists: &AccountLists) {
        match lists.is_temporary() && !lists.is_readable() {
            true => self.unanswered += 1,
            false => self.answered = true,
        }
    }
}

/// A note for each setting of a deployed venue that its Tripleseat account doesn't know, and for each public key that it
/// rejects. Says nothing about what can't be asked: a plan needs neither credentials nor a network.
///
/// Only references that resolve without an effect are: a variable or a file. A password manager could ask somebody, and
/// a managed value would have to be read from AWS. With `local`, only destinations on this machine are asked.
pub async fn destination_notes(loaded: &LoadedManifest, directory: &Path, local: bool) -> Vec<String> {
    let Ok(client) = deployer_hubspot::build_vendor_client() else { return Vec::new() };
    let deployed = loaded.manifest.venues.iter().filter(|venue| venue.status != Status::Blocked);
    let asked = deployed.filter(|venue| {
        let base_uri = venue.tripleseat_base_uri.as_deref().unwrap_or_default();
        matches!(venue.destination, DestinationConfig::Tripleseat { .. }) && !(local && base_uri.starts_with("https:"))
    });
    let client = &client;
    let platforms = &Mutex::new(BTreeMap::new());
    let notes: Vec<Vec<String>> = stream::iter(asked)
        .map(|venue| async move {
            let place = loaded.venue_place(&venue.name).unwrap_or_else(|| venue.name.clone());
            let wrong = wrong_settings(client, venue, directory, platforms).await;
            wrong.into_iter().map(|why| format!("{place}: {}: {why}", venue.name)).collect()
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    notes.concat()
}

async fn wrong_settings(
    client: &reqwest::Client,
    venue: &Venue,
    directory: &Path,
    platforms: &Mutex<BTreeMap<String, PlatformAnswers>>,
) -> Vec<String> {
    let reference = venue.secrets.iter().find(|(key, _)| key == KEY_TRIPLESEAT_PUBLIC_KEY).map(|(_, found)| found);
    let Some(reference @ (SecretRef::Env(_) | SecretRef::File(_))) = reference else { return Vec::new() };
    let base_uri = venue.tripleseat_base_uri.as_deref().unwrap_or(TRIPLESEAT_BASE_URI);
    if let Err(why) = check_credential_host(base_uri, TRIPLESEAT_BASE_URI) {
        return vec![format!("its ids weren't checked: {why}")];
    }
    let Ok(public_key) = resolve_secret(reference, directory).await else { return Vec::new() };
    let settings = destination_settings(venue);
    let credentials = SyncCredentials {
        hubspot_token: CredentialValue::new(""),
        tripleseat_public_key: Some(public_key),
        tripleseat_oauth: None,
        tripleseat_tokens: None,
        destination_credential: None,
    };
    let destination = LeadDestination::new(client.clone(), &settings, &credentials, Instant::now() + TIME);
    let Ok(LeadDestination::Tripleseat(tripleseat)) = destination else { return Vec::new() };
    if platforms.lock().get(base_uri).is_some_and(|answers| answers.is_silent()) {
        return Vec::new();
    }
    let lists = tripleseat.read_account_lists().await;
    platforms.lock().entry(base_uri.to_owned()).or_default().note(&lists);
    if let Some(error) = lists.key_rejection() {
        return vec![format!("{reference}: {error}")];
    }
    let checked = lists.check_settings(tripleseat.destination_ids()).into_iter();
    checked
        .filter_map(|checked| match checked.verdict {
            SettingVerdict::Wrong { why, advice } => {
                Some(format!("{why}, so its runs would end without sending anything. {advice}"))
            }
            SettingVerdict::Right(_) | SettingVerdict::Unknown(_) => None,
        })
        .collect()
}
