//! What two venues have in common and shouldn't. The manifest's own checks refuse most of it; here the values, and what
//! the deployed functions really go by, are compared too.

use sync_config::config::{
    Destination, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET, KEY_TRIPLESEAT_PUBLIC_KEY,
};

use super::model::{Credential, Holdings, Shared};

/// What both have.
pub fn shared(one: &Holdings, other: &Holdings) -> Vec<Shared> {
    let mut found = Vec::new();
    let mut share = |what: &str, text: String, tolerated| {
        found.push(Shared { what: what.to_owned(), text, tolerated });
    };
    if one.flag_property == other.flag_property {
        let text = format!("one flag property, {}: a contact ticked for one goes to both", one.flag_property);
        share("flag_property", text, false);
    }
    if let (Some(arn), true) = (&one.secret_arn, one.secret_arn == other.secret_arn) {
        share("secret", format!("both functions are pointed at {arn}"), false);
    }
    let apart = two_locations(one, other);
    for (key, mine) in &one.credentials {
        let Some(how) = other.credentials.get(key).and_then(|theirs| same(mine, theirs)) else { continue };
        let name = key.to_lowercase();
        match key.as_str() {
            KEY_HUBSPOT_TOKEN => {
                share(key, format!("one {name} ({how}): allowed; a private app for each isolates better"), true);
            }
            KEY_TRIPLESEAT_PUBLIC_KEY | KEY_TRIPLESEAT_CLIENT_ID | KEY_TRIPLESEAT_CLIENT_SECRET if apart => {
                share(key, format!("one {name} ({how}): allowed, each names a location of its own"), true);
            }
            KEY_TRIPLESEAT_PUBLIC_KEY | KEY_TRIPLESEAT_CLIENT_ID | KEY_TRIPLESEAT_CLIENT_SECRET => {
                share(key, format!("one {name} ({how}): both make leads in one account"), false);
            }
            _ => share(key, format!("one {name} ({how})"), false),
        }
    }
    if let Some((text, tolerated)) = one_destination(one, other) {
        share("destination", text, tolerated);
    }
    found
}

/// By value where both values are known, else by what the manifest says.
fn same(one: &Credential, other: &Credential) -> Option<&'static str> {
    match (one.digest, other.digest) {
        (Some(one), Some(other)) => (one == other).then_some("the same value"),
        // Two that are set by hand are nothing alike for that.
        _ => (one.reference == other.reference && one.reference != "managed").then_some("the same reference"),
    }
}

/// Whether each names a location, and not the same.
fn two_locations(one: &Holdings, other: &Holdings) -> bool {
    let location = |holdings: &Holdings| match &holdings.destination {
        Destination::Tripleseat { location_id, .. } => *location_id,
        Destination::Http(_) => None,
    };
    location(one).zip(location(other)).is_some_and(|(one, other)| one != other)
}

fn one_destination(one: &Holdings, other: &Holdings) -> Option<(String, bool)> {
    match (&one.destination, &other.destination) {
        (
            Destination::Tripleseat { location_id, site_id, .. },
            Destination::Tripleseat { location_id: other_location, site_id: other_site, .. },
        ) if one.tripleseat_base_uri == other.tripleseat_base_uri => {
            if let (Some(location), true) = (location_id, location_id == other_location) {
                return Some((format!("one Tripleseat location, {location}"), false));
            }
            let site = site_id.filter(|_| site_id == other_site)?;
            Some(match two_locations(one, other) {
                true => (format!("one Tripleseat site, {site}: allowed, each names a location of its own"), true),
                false => (format!("one Tripleseat site, {site}, and not each has a location of its own"), false),
            })
        }
        (Destination::Http(http), Destination::Http(other)) if http.url == other.url => match http.auth {
            Some(_) => Some((format!("one address, {}: allowed for two credentials", http.url), true)),
            None => Some((format!("one address without a credential, {}", http.url), false)),
        },
        _ => None,
    }
}
