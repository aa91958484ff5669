//! A venue's Tripleseat account: the public key, the OAuth client, and whether location and site belong to that
//! account.
//!
//! The key is tried with an empty lead, which Tripleseat must reject. [`sync_lambda::destination::unauthorized`]
//! explains what a 401 means.

use sync_config::config::{
    Destination, KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET, KEY_TRIPLESEAT_PUBLIC_KEY, LedgerProperties,
    SyncConfig,
};
use sync_lambda::credentials::{Credentials, OAuthClient, Secret};
use sync_lambda::destination::{Account, Destination as Client, Tripleseat};
use sync_lambda::error::RunError;
use sync_lambda::settings::Settings;
use tokio::time::Instant;

use super::credentials::{Given, VenueCredentials};
use super::{Area, Check, Examination, Finding, TIMEOUT};
use deployer_core::manifest::Venue;

const KEY: &str = "Tripleseat public key";
const OAUTH: &str = "Tripleseat OAuth client";
const LOCATION: &str = "Tripleseat location";
const SITE: &str = "Tripleseat site";

/// A client for the venue's destination, configured as in a run, with these credentials.
pub(super) fn client(
    examination: &Examination<'_>,
    venue: &Venue,
    credentials: &Credentials,
) -> Result<Client, RunError> {
    let patient = examination.patient;
    let settings = Settings {
        venue: venue.name.clone(),
        ledger: LedgerProperties::new(&venue.name, &venue.flag_property),
        hubspot_base_uri: patient.manifest.hubspot.base_uri.clone(),
        tripleseat_base_uri: venue.tripleseat_base_uri.clone().unwrap_or_default(),
        secret_arn: None,
        answer_timeout: Some(TIMEOUT),
        config: SyncConfig { destination: venue.destination.clone(), ..SyncConfig::default() },
    };
    // Enough for three requests in sequence.
    Client::new(patient.client.clone(), &settings, credentials, Instant::now() + 3 * TIMEOUT)
}

/// The credentials of the venue's runs, as far as they are available here.
pub(super) fn credentials(given: &VenueCredentials) -> Credentials {
    let value = |key: &str| given.get(key).and_then(Given::value).cloned();
    let client = value(KEY_TRIPLESEAT_CLIENT_ID).zip(value(KEY_TRIPLESEAT_CLIENT_SECRET));
    Credentials {
        hubspot_token: Secret::new(""),
        tripleseat_public_key: value(KEY_TRIPLESEAT_PUBLIC_KEY),
        tripleseat_oauth: client.map(|(id, secret)| OAuthClient { id, secret }),
        destination_credential: value(sync_config::config::KEY_DESTINATION_CREDENTIAL),
    }
}

pub(super) async fn checks(examination: &Examination<'_>, venue: &Venue, given: &VenueCredentials) -> Vec<Check> {
    let check = |finding: Finding, name: &str| finding.check(Area::Tripleseat, Some(venue), name);
    let base_uri = venue.tripleseat_base_uri.as_deref().unwrap_or_default();
    if let Some(left_out) = examination.left_out(base_uri) {
        return vec![check(left_out, "Tripleseat")];
    }
    let known = credentials(given);
    // A run always has a key. An empty one lets the OAuth client be tried without it.
    let stand_in = Credentials {
        tripleseat_public_key: known.tripleseat_public_key.clone().or_else(|| Some(Secret::new(""))),
        ..known.clone()
    };
    let client = match client(examination, venue, &stand_in) {
        Ok(client) => client,
        Err(error) => return vec![check(Finding::failed(error.to_string()), KEY)],
    };
    let Client::Tripleseat(tripleseat) = &client else { return Vec::new() };
    let (tried, account) = tokio::join!(
        async {
            match &known.tripleseat_public_key {
                Some(_) => Some(client.try_credential().await),
                None => None,
            }
        },
        account(tripleseat, &known)
    );
    let key = public_key(given.get(KEY_TRIPLESEAT_PUBLIC_KEY), tried.as_ref());
    let words = tried.and_then(Result::ok).flatten();
    let mut checks = vec![check(key, KEY), check(oauth(given, account.as_ref()), OAUTH)];
    let names_client =
        [KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET].iter().all(|key| given.contains_key(*key));
    let opened = match &account {
        Some(Ok(account)) => Opened::Account(account),
        _ if names_client => Opened::Nothing,
        _ => Opened::NoClient,
    };
    let Destination::Tripleseat { location_id, site_id, .. } = &venue.destination else { return checks };
    checks.push(check(location(*location_id, words.as_deref(), opened), LOCATION));
    if let Some(site_id) = site_id {
        checks.push(check(site(*site_id, opened), SITE));
    }
    checks
}

async fn account(tripleseat: &Tripleseat, known: &Credentials) -> Option<Result<Account, RunError>> {
    known.tripleseat_oauth.as_ref()?;
    tripleseat.account().await.transpose()
}

/// The finding for an error of a run. Credential errors already say what to do.
pub(super) fn failure(origin: &str, error: &RunError) -> Finding {
    match error {
        RunError::Credential { message, advice, .. } => Finding::failed(format!("{origin}: {message}")).advice(advice),
        RunError::Refused { request, message, .. } => {
            Finding::failed(format!("{request}: {message}")).advice("check `base_uri` of the destination")
        }
        RunError::Unavailable { message, .. } => Finding::unknown(message.clone())
            .advice("check the network and the destination's address, and run this again"),
        other => Finding::failed(other.to_string()),
    }
}

fn public_key(given: Option<&Given>, tried: Option<&Result<Option<String>, RunError>>) -> Finding {
    let Some(given) = given else {
        return Finding::failed("the manifest has none").advice("add `tripleseat_public_key` to the venue's secrets");
    };
    match (&given.outcome, tried) {
        (Err(finding), _) => finding.clone(),
        (Ok(_), Some(Err(error))) => failure(&given.origin, error),
        (Ok(_), Some(Ok(words))) => Finding::ok(format!(
            "{}: an empty lead was rejected for its content ({})",
            given.origin,
            words.as_deref().unwrap_or_default()
        )),
        (Ok(_), None) => Finding::unknown("it was not tried"),
    }
}

fn oauth(given: &VenueCredentials, account: Option<&Result<Account, RunError>>) -> Finding {
    let named = [KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET].map(|key| given.get(key));
    let [Some(id), Some(secret)] = named else {
        return Finding::skipped("none: a lead whose answer is lost is left for review instead of being looked up")
            .advice(
                "to let the sync look up leads, create an OAuth 2.0 application (Settings, Tripleseat API & Webhooks)",
            );
    };
    match (&id.outcome, &secret.outcome, account) {
        (Err(finding), ..) | (_, Err(finding), _) => finding.clone(),
        (_, _, Some(Err(error))) => failure(&secret.origin, error),
        (_, _, Some(Ok(account))) => {
            Finding::ok(format!("{}, {}: for site {}", id.origin, secret.origin, listed(&account.site_ids)))
        }
        (_, _, None) => Finding::unknown("it was not tried"),
    }
}

/// What the OAuth client says about the account.
#[derive(Clone, Copy)]
enum Opened<'a> {
    Account(&'a Account),
    /// There is a client, but it returned nothing.
    Nothing,
    NoClient,
}

const GIVE_CLIENT: &str = "add tripleseat_client_id and tripleseat_client_secret, so that it can be looked up";
const ADD_LOCATION: &str = "add `location_id` to the venue's destination";
const OTHER_ACCOUNT: &str = "key, OAuth client and location belong to different Tripleseat accounts: take all of them \
                             from the venue's own (location IDs are in Settings, Locations)";

/// The finding on the location. `words` is the reason for rejecting the empty lead, which mentions the location if it
/// isn't the account's.
fn location(location_id: Option<u64>, words: Option<&str>, opened: Opened<'_>) -> Finding {
    let of_location = words.and_then(|words| {
        let mut sentences = words.split("; ");
        sentences.find(|sentence| sentence.to_lowercase().starts_with("location"))
    });
    match (location_id, of_location, opened) {
        (Some(id), Some(words), _) => {
            Finding::failed(format!("the public key's account rejects location {id}: {words}")).advice(OTHER_ACCOUNT)
        }
        (None, Some(words), _) => {
            Finding::failed(format!("the account rejects leads without a location: {words}")).advice(ADD_LOCATION)
        }
        (Some(id), None, Opened::Account(account)) => {
            let there = listed(&account.location_ids);
            if account.location_ids.contains(&id) {
                Finding::ok(format!("{id} is in the OAuth client's account ({there})"))
            } else {
                Finding::failed(format!("the OAuth client's account has the locations {there}, but not {id}"))
                    .advice(OTHER_ACCOUNT)
            }
        }
        (None, None, Opened::Account(account)) => {
            let there = listed(&account.location_ids);
            if account.location_ids.len() > 1 {
                Finding::failed(format!("the account has several locations ({there}), but the manifest names none"))
                    .advice(ADD_LOCATION)
            } else {
                Finding::ok(format!("the account's only one ({there})"))
            }
        }
        (_, None, Opened::Nothing) => Finding::skipped("see the OAuth client above"),
        (_, None, Opened::NoClient) if words.is_none() => Finding::skipped("see the public key above"),
        (Some(id), None, Opened::NoClient) => {
            Finding::unknown(format!("a public key doesn't tell whether {id} belongs to its account"))
                .advice(GIVE_CLIENT)
        }
        (None, None, Opened::NoClient) => {
            Finding::ok("the manifest names none, and the empty lead wasn't rejected for lacking one")
        }
    }
}

fn site(site_id: u64, opened: Opened<'_>) -> Finding {
    match opened {
        Opened::NoClient => {
            Finding::unknown(format!("only an OAuth client tells whether {site_id} belongs to its account"))
                .advice(GIVE_CLIENT)
        }
        Opened::Nothing => Finding::skipped("see the OAuth client above"),
        Opened::Account(account) if account.site_ids.contains(&site_id) => {
            Finding::ok(format!("{site_id}, matches the manifest"))
        }
        Opened::Account(account) => {
            let opened = listed(&account.site_ids);
            Finding::failed(format!("the OAuth client is for site {opened}, but the manifest is for site {site_id}"))
                .advice("set the client ID and secret of this venue's account, or correct `site_id`")
        }
    }
}

fn listed(ids: &[u64]) -> String {
    match ids {
        [] => "none".to_owned(),
        ids => ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
    }
}
