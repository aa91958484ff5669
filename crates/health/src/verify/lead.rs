//! Looks up the lead at a destination, by the reference that the lead carries.

use std::collections::BTreeMap;
use std::time::Duration;

use sync_config::config::{
    DestinationConfig as Kind, KEY_DESTINATION_CREDENTIAL, KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET,
};
use sync_lambda::credentials::{CredentialValue, OAuthClient, SyncCredentials};
use sync_lambda::destination::{LeadDestination, LookupResult};
use sync_lambda::ledger::Attempt;
use tokio::time::Instant;

use super::wait::Waiter;
use crate::consent::read_consent;
use deployer_aws::Aws;
use deployer_core::manifest::{Manifest, Venue};
use deployer_core::naming::VenueNames;
use deployer_hubspot::destination_settings;

/// How often a lead is looked up, since a destination may show it with a delay.
const TRIES: u32 = 5;
/// The pause between two lookups.
const PAUSE: Duration = Duration::from_secs(2);
/// No verify takes longer than this.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// A venue's credentials that are available here, by the secret's key.
pub type KnownCredentials = BTreeMap<String, CredentialValue>;

/// A venue's destination, if the credentials available here allow looking up leads there. Tokens that the venue's
/// function renews are read with `aws`.
pub async fn lookup_destination(
    client: &reqwest::Client,
    aws: Option<&Aws>,
    manifest: &Manifest,
    venue: &Venue,
    known: &KnownCredentials,
) -> Option<LeadDestination> {
    let credential = |key: &str| known.get(key).cloned();
    let oauth = credential(KEY_TRIPLESEAT_CLIENT_ID).zip(credential(KEY_TRIPLESEAT_CLIENT_SECRET));
    let tokens = match aws.filter(|_| venue.destination.rotates_tokens()) {
        Some(aws) => {
            let names = VenueNames::new(&manifest.deployment.name, &venue.name);
            let consent = read_consent(aws, &names).await.ok().flatten();
            consent.map(|consent| consent.with_function(aws, &names).tokens)
        }
        None => None,
    };
    // These are never used: HubSpot isn't called with them, and no lead is created.
    let unused = CredentialValue::new("");
    let credentials = SyncCredentials {
        hubspot_token: unused.clone(),
        tripleseat_public_key: Some(unused),
        tripleseat_oauth: oauth.map(|(id, secret)| OAuthClient { id, secret }),
        tripleseat_tokens: tokens,
        destination_credential: credential(KEY_DESTINATION_CREDENTIAL),
    };
    let settings = destination_settings(venue);
    let destination = LeadDestination::new(client.clone(), &settings, &credentials, Instant::now() + LONGEST).ok()?;
    destination.can_look_up().then_some(destination)
}

/// Whether two venues share one account, so that a lookup for one also finds leads of the other.
pub fn share_account(one: (&Venue, &KnownCredentials), other: (&Venue, &KnownCredentials)) -> bool {
    let same = |key: &str| one.1.get(key).is_some_and(|value| other.1.get(key) == Some(value));
    let one_site = match (&one.0.destination, &other.0.destination) {
        (Kind::Tripleseat(place), Kind::Tripleseat(other)) => place.site_id.is_some() && place.site_id == other.site_id,
        (Kind::Http(http), Kind::Http(other)) => http.lookup_url == other.lookup_url,
        _ => false,
    };
    one_site || same(KEY_TRIPLESEAT_CLIENT_ID)
}

/// Looks up a lead repeatedly until it appears.
///
/// # Errors
/// The lead didn't appear; the text says what was found instead.
pub async fn find_lead(
    destination: &LeadDestination,
    attempt: &Attempt,
    waiter: &impl Waiter,
) -> Result<Option<String>, String> {
    let mut seen = String::new();
    for number in 0..TRIES {
        if number > 0 {
            waiter.pause_for(PAUSE).await;
        }
        match destination.look_up_attempt(attempt).await {
            LookupResult::Found(id) => return Ok(id),
            LookupResult::NotThere => seen = format!("the account has no lead with the reference {attempt}"),
            LookupResult::Unknown(why) => seen = format!("the account couldn't be queried: {why}"),
            LookupResult::Refused(error) => return Err(error.to_string()),
        }
    }
    Err(seen)
}
