//! A venue's Tripleseat account: the public key, the OAuth client, and whether location and site belong to that
//! account.
//!
//! The key reads the lists of its account, so nothing is sent. Only where a server lets a key read nothing, Tripleseat is
//! asked to validate an artificial lead without saving it. [`sync_lambda::destination::unauthorized`] explains what a 401
//! means.

use sync_config::config::{KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET, KEY_TRIPLESEAT_PUBLIC_KEY};
use sync_lambda::credentials::{CredentialValue, OAuthClient, SyncCredentials};
use sync_lambda::destination::{
    AccountLists, CheckedSetting, DestinationIds, DestinationSetting, LeadDestination as Client, LeadRefusal,
    OAuthAccess, SettingVerdict, TripleseatClient,
};
use sync_lambda::error::RunError;
use sync_lambda::settings::SyncSettings;
use tokio::time::Instant;

use super::consent::{check_consent, read_venue_consent};
use super::credentials::{GivenCredential, VenueCredentials};
use super::{CheckArea, DoctorCheck, DoctorFinding, Examination, TIMEOUT};
use deployer_core::manifest::Venue;
use deployer_hubspot::destination_settings;

const KEY: &str = "Tripleseat public key";
const OAUTH: &str = "Tripleseat OAuth client";
const CONSENT: &str = "Tripleseat OAuth consent";

/// A client for the venue's destination, configured as in a run, with these credentials.
pub(super) fn destination_client(
    examination: &Examination<'_>,
    venue: &Venue,
    credentials: &SyncCredentials,
) -> Result<Client, RunError> {
    let patient = examination.patient;
    let settings = SyncSettings { answer_timeout: Some(TIMEOUT), ..destination_settings(venue) };
    // Enough for three requests in sequence.
    Client::new(patient.client.clone(), &settings, credentials, Instant::now() + 3 * TIMEOUT)
}

/// The credentials of the venue's runs, as far as they are available here.
pub(super) fn run_credentials(given: &VenueCredentials) -> SyncCredentials {
    let value = |key: &str| given.get(key).and_then(GivenCredential::credential_value).cloned();
    let client = value(KEY_TRIPLESEAT_CLIENT_ID).zip(value(KEY_TRIPLESEAT_CLIENT_SECRET));
    SyncCredentials {
        hubspot_token: CredentialValue::new(""),
        tripleseat_public_key: value(KEY_TRIPLESEAT_PUBLIC_KEY),
        tripleseat_oauth: client.map(|(id, secret)| OAuthClient { id, secret }),
        tripleseat_tokens: None,
        destination_credential: value(sync_config::config::KEY_DESTINATION_CREDENTIAL),
    }
}

pub(super) async fn check_tripleseat(
    examination: &Examination<'_>,
    venue: &Venue,
    given: &VenueCredentials,
) -> Vec<DoctorCheck> {
    let check = |finding: DoctorFinding, name: &str| finding.into_check(CheckArea::Tripleseat, Some(venue), name);
    let base_uri = venue.tripleseat_base_uri.as_deref().unwrap_or_default();
    if let Some(left_out) = examination.skipped_as_remote(base_uri) {
        return vec![check(left_out, "Tripleseat")];
    }
    let consent = match venue.destination.rotates_tokens() {
        true => Some(read_venue_consent(examination, venue).await),
        false => None,
    };
    let tokens = consent.as_ref().and_then(|consent| consent.as_ref().ok()).map(|consent| consent.tokens.clone());
    let known = SyncCredentials { tripleseat_tokens: tokens, ..run_credentials(given) };
    // A run always has a key. An empty one lets the OAuth client be tried without it.
    let stand_in = SyncCredentials {
        tripleseat_public_key: known.tripleseat_public_key.clone().or_else(|| Some(CredentialValue::new(""))),
        ..known.clone()
    };
    let client = match destination_client(examination, venue, &stand_in) {
        Ok(client) => client,
        Err(error) => return vec![check(DoctorFinding::failed(error.to_string()), KEY)],
    };
    let Client::Tripleseat(tripleseat) = &client else { return Vec::new() };
    let (tried, account) = tokio::join!(
        async {
            match &known.tripleseat_public_key {
                Some(_) => Some(try_public_key(tripleseat).await),
                None => None,
            }
        },
        read_oauth_account(tripleseat)
    );
    let key = check_public_key(given.get(KEY_TRIPLESEAT_PUBLIC_KEY), tried.as_ref());
    let oauth = match &consent {
        None => check(check_oauth_client(given, account.as_ref()), OAUTH),
        Some(consent) => {
            let now = read_venue_consent(examination, venue).await.ok();
            check(check_consent(consent, account.as_ref(), now), CONSENT)
        }
    };
    let mut checks = vec![check(key, KEY), oauth];
    let names_client =
        [KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET].iter().all(|key| given.contains_key(*key));
    let opened = match &account {
        Some(Ok(account)) => OAuthAccount::Account(account),
        _ if names_client => OAuthAccount::Nothing,
        _ => OAuthAccount::NoClient,
    };
    let ids = tripleseat.destination_ids();
    let refusal = match &tried {
        Some(TriedKey { validated: Some(Ok(Ok(words))), .. }) => refused_location(words),
        _ => None,
    };
    let unread = AccountLists::default();
    let lists = tried.as_ref().map_or(&unread, |tried| &tried.lists);
    // Without a key that works, only the OAuth client says anything, and the key's own check says the rest.
    let keyless = tried.is_none() || lists.key_rejection().is_some();
    for CheckedSetting { setting, verdict } in lists.check_settings(ids) {
        let finding = match (verdict, opened) {
            (SettingVerdict::Right(evidence), _) => compare_with_oauth(setting, ids, evidence, opened),
            (SettingVerdict::Wrong { why, advice }, _) => DoctorFinding::failed(why).with_advice(advice),
            (SettingVerdict::Unknown(_), OAuthAccount::NoClient) if keyless => {
                DoctorFinding::skipped("see the public key above")
            }
            (SettingVerdict::Unknown(why), _) => match setting {
                DestinationSetting::Location => check_location(ids.location_id, refusal, &why, opened),
                DestinationSetting::Site => check_site(ids.site_id, &why, opened),
                DestinationSetting::LeadForm | DestinationSetting::LeadSource | DestinationSetting::ReferralSource => {
                    DoctorFinding::unknown(why).with_advice(format!("compare `{}` with the account", setting.key()))
                }
            },
        };
        checks.push(check(finding, &format!("Tripleseat {}", setting.noun())));
    }
    checks
}

/// What is known about a public key.
struct TriedKey {
    lists: AccountLists,
    /// The result of having an artificial lead validated, where the key reads no list.
    validated: Option<Result<Result<String, String>, RunError>>,
}

/// Reads the account's lists. Only where the key may read none, an artificial lead is validated.
async fn try_public_key(tripleseat: &TripleseatClient) -> TriedKey {
    let lists = tripleseat.read_account_lists().await;
    let refused = !lists.is_readable() && !lists.is_temporary() && lists.key_rejection().is_none();
    let validated = match refused {
        true => {
            let words = |refusal: Option<LeadRefusal>| refusal.map_or_else(|| "valid".to_owned(), |it| it.full_text());
            Some(tripleseat.validate_artificial_lead().await.map(|validated| validated.map(words)))
        }
        false => None,
    };
    TriedKey { lists, validated }
}

async fn read_oauth_account(tripleseat: &TripleseatClient) -> Option<Result<OAuthAccess, RunError>> {
    // Without a client or a consent, there is nothing to try, and the result is none.
    tripleseat.oauth_access().await.transpose()
}

/// The finding for an error of a run. Credential errors already say what to do.
pub(super) fn finding_for_run_error(origin: &str, error: &RunError) -> DoctorFinding {
    match error {
        RunError::Credential { message, advice, .. } => {
            DoctorFinding::failed(format!("{origin}: {message}")).with_advice(advice)
        }
        RunError::Refused { request, message, .. } => {
            DoctorFinding::failed(format!("{request}: {message}")).with_advice("check `base_uri` of the destination")
        }
        RunError::Unavailable { message, .. } => DoctorFinding::unknown(message.clone())
            .with_advice("check the network and the destination's address, and run this again"),
        other => DoctorFinding::failed(other.to_string()),
    }
}

fn check_public_key(given: Option<&GivenCredential>, tried: Option<&TriedKey>) -> DoctorFinding {
    let Some(given) = given else {
        return DoctorFinding::failed("the manifest has none")
            .with_advice("add `tripleseat_public_key` to the venue's secrets");
    };
    let tried = match (&given.outcome, tried) {
        (Err(finding), _) => return finding.clone(),
        (Ok(_), None) => return DoctorFinding::unknown("it was not tried"),
        (Ok(_), Some(tried)) => tried,
    };
    let unreadable = tried.lists.reason_unreadable().unwrap_or_default();
    match &tried.validated {
        _ if tried.lists.is_readable() => {
            DoctorFinding::ok(format!("{}: reads the lists of its account", given.origin))
        }
        Some(Ok(Ok(words))) => DoctorFinding::ok(format!(
            "{}: it may read no list ({unreadable}), so an artificial lead was sent to be validated only, and not created \
             ({words})",
            given.origin
        )),
        Some(Ok(Err(lead))) => DoctorFinding::warning(format!(
            "{}: it may read no list ({unreadable}), and Tripleseat created the artificial lead {lead} that it was only to \
             validate",
            given.origin
        ))
        .with_advice(format!("delete lead {lead} in Tripleseat: it is no guest's")),
        Some(Err(error)) => finding_for_run_error(&given.origin, error),
        None => match tried.lists.key_rejection() {
            Some(error) => finding_for_run_error(&given.origin, error),
            None => DoctorFinding::unknown(format!("{}: {unreadable}", given.origin))
                .with_advice("check the network and the destination's address, and run this again"),
        },
    }
}

fn check_oauth_client(given: &VenueCredentials, account: Option<&Result<OAuthAccess, RunError>>) -> DoctorFinding {
    let named = [KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET].map(|key| given.get(key));
    let [Some(id), Some(secret)] = named else {
        return DoctorFinding::skipped(
            "none: a lead whose answer is lost is left for review instead of being looked up",
        )
        .with_advice(
            "to let the sync look up leads, create an OAuth 2.0 application (Settings, Tripleseat API & Webhooks)",
        );
    };
    match (&id.outcome, &secret.outcome, account) {
        (Err(finding), ..) | (_, Err(finding), _) => finding.clone(),
        (_, _, Some(Err(error))) => finding_for_run_error(&secret.origin, error),
        (_, _, Some(Ok(account))) => {
            DoctorFinding::ok(format!("{}, {}: for site {}", id.origin, secret.origin, list_ids(&account.site_ids)))
        }
        (_, _, None) => DoctorFinding::unknown("it was not tried"),
    }
}

/// What the OAuth client says about the account.
#[derive(Clone, Copy)]
enum OAuthAccount<'a> {
    Account(&'a OAuthAccess),
    /// There is a client, but it returned nothing.
    Nothing,
    NoClient,
}

const GIVE_CLIENT: &str = "add tripleseat_client_id and tripleseat_client_secret, so that it can be looked up";
const ADD_LOCATION: &str = "add `location_id` to the venue's destination";
const OTHER_ACCOUNT: &str = "key, OAuth client and location belong to different Tripleseat accounts: take all of them \
                             from the venue's own (location IDs are in Settings, Locations)";

/// The finding on a setting that is right according to the public key. The OAuth client may belong to another account.
fn compare_with_oauth(
    setting: DestinationSetting,
    ids: &DestinationIds,
    evidence: String,
    opened: OAuthAccount<'_>,
) -> DoctorFinding {
    let OAuthAccount::Account(account) = opened else { return DoctorFinding::ok(evidence) };
    let (id, there) = match setting {
        DestinationSetting::Location => (ids.location_id, &account.location_ids),
        DestinationSetting::Site => (ids.site_id, &account.site_ids),
        DestinationSetting::LeadForm | DestinationSetting::LeadSource | DestinationSetting::ReferralSource => {
            return DoctorFinding::ok(evidence);
        }
    };
    match id.filter(|id| !there.contains(id)) {
        Some(id) => DoctorFinding::failed(format!(
            "{evidence}, but the OAuth client's account has the {}s {}, not {id}",
            setting.noun(),
            list_ids(there)
        ))
        .with_advice(OTHER_ACCOUNT),
        None => DoctorFinding::ok(evidence),
    }
}

/// The sentence about the location, in the reason for refusing a lead.
fn refused_location(words: &str) -> Option<&str> {
    words.split("; ").find(|sentence| sentence.to_lowercase().starts_with("location"))
}

/// The finding on the location where the public key's lists don't tell. `refusal` is what Tripleseat says about it when
/// it validates a lead.
fn check_location(
    location_id: Option<u64>,
    refusal: Option<&str>,
    unreadable: &str,
    opened: OAuthAccount<'_>,
) -> DoctorFinding {
    match (location_id, refusal, opened) {
        (Some(id), Some(words), _) => {
            DoctorFinding::failed(format!("the public key's account rejects location {id}: {words}"))
                .with_advice(OTHER_ACCOUNT)
        }
        (None, Some(words), _) => {
            DoctorFinding::failed(format!("the account rejects leads without a location: {words}"))
                .with_advice(ADD_LOCATION)
        }
        (Some(id), None, OAuthAccount::Account(account)) => {
            let there = list_ids(&account.location_ids);
            if account.location_ids.contains(&id) {
                DoctorFinding::ok(format!("{id} is in the OAuth client's account ({there})"))
            } else {
                DoctorFinding::failed(format!("the OAuth client's account has the locations {there}, but not {id}"))
                    .with_advice(OTHER_ACCOUNT)
            }
        }
        (None, None, OAuthAccount::Account(account)) => {
            let there = list_ids(&account.location_ids);
            if account.location_ids.len() > 1 {
                DoctorFinding::failed(format!(
                    "the account has several locations ({there}), but the manifest names none"
                ))
                .with_advice(ADD_LOCATION)
            } else {
                DoctorFinding::ok(format!("the account's only one ({there})"))
            }
        }
        (_, None, OAuthAccount::Nothing) => DoctorFinding::skipped("see the OAuth client above"),
        (_, None, OAuthAccount::NoClient) => DoctorFinding::unknown(unreadable).with_advice(GIVE_CLIENT),
    }
}

/// The finding on the site where the public key's lists don't tell.
fn check_site(site_id: Option<u64>, unreadable: &str, opened: OAuthAccount<'_>) -> DoctorFinding {
    let Some(site_id) = site_id else { return DoctorFinding::skipped("the manifest names none") };
    match opened {
        OAuthAccount::NoClient => DoctorFinding::unknown(unreadable).with_advice(GIVE_CLIENT),
        OAuthAccount::Nothing => DoctorFinding::skipped("see the OAuth client above"),
        OAuthAccount::Account(account) if account.site_ids.contains(&site_id) => {
            DoctorFinding::ok(format!("{site_id}, matches the manifest"))
        }
        OAuthAccount::Account(account) => {
            let opened = list_ids(&account.site_ids);
            DoctorFinding::failed(format!(
                "the OAuth client is for site {opened}, but the manifest is for site {site_id}"
            ))
            .with_advice("set the client ID and secret of this venue's account, or correct `site_id`")
        }
    }
}

pub(super) fn list_ids(ids: &[u64]) -> String {
    match ids {
        [] => "none".to_owned(),
        ids => ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
    }
}
