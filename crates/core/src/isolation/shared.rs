//! What two venues share but shouldn't. The manifest's own checks reject most of it; this also compares values, and the
//! settings that the deployed functions really have.

use sync_config::config::{
    DestinationConfig, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET,
    KEY_TRIPLESEAT_PUBLIC_KEY,
};

use super::model::{ComparedCredential, Delivery, SharedItem, VenueHoldings};

/// What two venues share.
pub fn find_shared_items(one: &VenueHoldings, other: &VenueHoldings) -> Vec<SharedItem> {
    let mut found = Vec::new();
    let mut share = |what: &str, text: String, tolerated| {
        found.push(SharedItem { what: what.to_owned(), text, tolerated });
    };
    if one.flag_property == other.flag_property {
        let text = format!("the same flag property, {}: a contact ticked for one goes to both", one.flag_property);
        share("flag_property", text, false);
    }
    if let (Some(arn), true) = (&one.secret_arn, one.secret_arn == other.secret_arn) {
        share("secret", format!("both functions use {arn}"), false);
    }
    let apart = have_distinct_locations(one, other);
    for (key, mine) in &one.credentials {
        let Some(how) = other.credentials.get(key).and_then(|theirs| compare_credentials(mine, theirs)) else {
            continue;
        };
        let name = key.to_lowercase();
        match key.as_str() {
            KEY_HUBSPOT_TOKEN => {
                share(
                    key,
                    format!("the same {name} ({how}): allowed, but a service key per venue isolates better"),
                    true,
                );
            }
            KEY_TRIPLESEAT_PUBLIC_KEY | KEY_TRIPLESEAT_CLIENT_ID | KEY_TRIPLESEAT_CLIENT_SECRET if apart => {
                share(key, format!("the same {name} ({how}): allowed, since each venue has its own location"), true);
            }
            KEY_TRIPLESEAT_PUBLIC_KEY | KEY_TRIPLESEAT_CLIENT_ID | KEY_TRIPLESEAT_CLIENT_SECRET => {
                share(key, format!("the same {name} ({how}): both create leads in the same account"), false);
            }
            _ => share(key, format!("the same {name} ({how})"), false),
        }
    }
    if let Some((text, tolerated)) = find_shared_destination(one, other) {
        share("destination", text, tolerated);
    }
    found
}

/// The places to which both venues send something. That is allowed: a check of its own says whether a venue's role may
/// read there.
pub fn find_shared_deliveries(one: &[Delivery], other: &[Delivery]) -> Vec<SharedItem> {
    let mut places: Vec<&str> = one.iter().map(|delivery| delivery.destination.as_str()).collect();
    places.retain(|place| other.iter().any(|delivery| delivery.destination == *place));
    places.sort_unstable();
    places.dedup();
    let item = |place| SharedItem {
        what: "delivery".to_owned(),
        text: format!("both send log lines or events to {place}: allowed while no venue's role may read there"),
        tolerated: true,
    };
    places.into_iter().map(item).collect()
}

/// Compares by value if both values are known, or else by reference.
fn compare_credentials(one: &ComparedCredential, other: &ComparedCredential) -> Option<&'static str> {
    match (one.digest, other.digest) {
        (Some(one), Some(other)) => (one == other).then_some("by value"),
        // That both are set by hand doesn't make them equal.
        _ => (one.reference == other.reference && one.reference != "managed").then_some("by reference"),
    }
}

/// Whether both name a location, and different ones.
fn have_distinct_locations(one: &VenueHoldings, other: &VenueHoldings) -> bool {
    let location = |holdings: &VenueHoldings| match &holdings.destination {
        DestinationConfig::Tripleseat(place) => place.location_id,
        DestinationConfig::Http(_) => None,
    };
    location(one).zip(location(other)).is_some_and(|(one, other)| one != other)
}

fn find_shared_destination(one: &VenueHoldings, other: &VenueHoldings) -> Option<(String, bool)> {
    match (&one.destination, &other.destination) {
        (DestinationConfig::Tripleseat(place), DestinationConfig::Tripleseat(other_place))
            if one.tripleseat_base_uri == other.tripleseat_base_uri =>
        {
            if let (Some(location), true) = (place.location_id, place.location_id == other_place.location_id) {
                return Some((format!("the same Tripleseat location, {location}"), false));
            }
            let site = place.site_id.filter(|_| place.site_id == other_place.site_id)?;
            Some(match have_distinct_locations(one, other) {
                true => {
                    (format!("the same Tripleseat site, {site}: allowed, since each venue has its own location"), true)
                }
                false => (format!("the same Tripleseat site, {site}, and at least one venue has no location"), false),
            })
        }
        (DestinationConfig::Http(http), DestinationConfig::Http(other)) if http.url == other.url => match http.auth {
            Some(_) => Some((format!("the same URL, {}: allowed with different credentials", http.url), true)),
            None => Some((format!("the same URL without a credential, {}", http.url), false)),
        },
        _ => None,
    }
}
