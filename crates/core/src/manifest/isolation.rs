//! Checks that no venue can reach another venue's contacts or leads: what two venues must not share.
//!
//! Credentials are compared as references, and by value if the value is available. `managed` never equals anything.

use std::collections::HashMap;

use sync_config::config::{
    Destination, KEY_DESTINATION_CREDENTIAL, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_PUBLIC_KEY, LedgerProperties,
    property_slug,
};

use super::report::{Problem, Span};
use super::venue::{Read, SECRET_KEYS};
use super::{SecretRef, SecretValue};

/// The result of a comparison.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) problems: Vec<Problem>,
    pub(super) advice: Vec<Problem>,
}

/// Compares everything that can be compared without resolving a value.
pub(super) fn by_reference(venues: &[Read]) -> Found {
    let mut found = Found::default();
    names(venues, &mut found);
    flags(venues, &mut found);
    canaries(venues, &mut found);
    let credential = |read: &Read, key: &str| match reference(read, key) {
        Some(SecretRef::Managed) | None => None,
        Some(reference) => Some(reference.to_string()),
    };
    credentials(venues, credential, Compared::References, &mut found);
    found
}

/// Compares the credentials that `resolve` returns a value for. Those that already match by reference are left out.
pub(super) fn by_value(venues: &[Read], resolve: impl Fn(&SecretRef) -> Option<SecretValue>) -> Found {
    let mut found = Found::default();
    let credential = |read: &Read, key: &str| Some(resolve(reference(read, key)?)?.expose().to_owned());
    credentials(venues, credential, Compared::Values, &mut found);
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compared {
    References,
    Values,
}

fn reference<'r>(read: &'r Read, key: &str) -> Option<&'r SecretRef> {
    read.venue.secrets.iter().find(|(name, _)| name == key).map(|(_, reference)| reference)
}

/// The place of a credential in the file, by its key in the secret.
fn place(read: &Read, key: &str) -> Span {
    let manifest_key = SECRET_KEYS.iter().find(|(_, secret_key)| *secret_key == key).map_or("", |(name, _)| *name);
    read.places.secret(manifest_key).unwrap_or_else(|| read.places.name.clone())
}

/// Venue names must differ by more than `-` and `_`, for HubSpot's properties, and by more than case, for IAM roles.
fn names(venues: &[Read], found: &mut Found) {
    pairs(
        venues,
        |read| Some(property_slug(&read.venue.name)),
        |first, second| {
            let (a, b) = (&first.venue.name, &second.venue.name);
            let message = format!(
                "the venues `{a}` and `{b}` would share a function name, a role and a set of HubSpot properties"
            );
            let help = "rename one: names must differ by more than -, _ and case (IAM role names are case-insensitive)";
            let problem = Problem::new("shared_name", second.places.name.clone(), message, "second venue");
            found.problems.push(problem.other(first.places.name.clone(), "first venue").help(help));
        },
    );
}

fn flags(venues: &[Read], found: &mut Found) {
    let same_name = |a: &Read, b: &Read| property_slug(&a.venue.name) == property_slug(&b.venue.name);
    pairs(
        venues,
        |read| Some(read.venue.flag_property.clone()),
        |first, second| {
            if same_name(first, second)
                && first.places.flag == first.places.name
                && second.places.flag == second.places.name
            {
                return;
            }
            let (a, b) = (&first.venue.name, &second.venue.name);
            let message = format!(
                "the venues `{a}` and `{b}` share the flag property `{}`: a contact ticked for one would go to both",
                first.venue.flag_property
            );
            let problem = Problem::new("shared_flag", second.places.flag.clone(), message, "used again here");
            let problem = problem.other(first.places.flag.clone(), "first used here");
            found.problems.push(
                problem.help("give each venue its own flag property, or remove flag_property to use the default"),
            );
        },
    );
    let ledgers = venues.iter().flat_map(|read| {
        let ledger = LedgerProperties::new(&read.venue.name, "");
        [ledger.status, ledger.lead_id, ledger.error, ledger.synced_at].map(|property| (property, read))
    });
    let ledgers: HashMap<String, &Read> = ledgers.collect();
    for read in venues {
        if let Some(owner) = ledgers.get(&read.venue.flag_property) {
            let message = format!(
                "the flag property of `{}` is a ledger property of `{}`, which its sync overwrites",
                read.venue.name, owner.venue.name
            );
            let problem = Problem::new("shared_flag", read.places.flag.clone(), message, "used as a flag here");
            let problem = problem.other(owner.places.name.clone(), "ledger of this venue");
            found
                .problems
                .push(problem.help("choose another flag property, or remove flag_property to use the default"));
        }
    }
}

fn canaries(venues: &[Read], found: &mut Found) {
    pairs(
        venues,
        |read| read.venue.canary.then_some(()),
        |first, second| {
            let message = format!("both `{}` and `{}` are marked as the canary", first.venue.name, second.venue.name);
            let span = |read: &Read| read.places.canary.clone().unwrap_or(read.places.name.clone());
            let problem =
                Problem::new("canary", span(second), message, "second canary").other(span(first), "first canary");
            found.problems.push(problem.help("keep one canary: a new artifact goes to one venue first"));
        },
    );
}

fn credentials(
    venues: &[Read],
    credential: impl Fn(&Read, &str) -> Option<String>,
    compared: Compared,
    found: &mut Found,
) {
    // Credentials that are equal by reference have been reported already.
    let news = |first: &Read, second: &Read, key: &str| {
        compared == Compared::References || reference(first, key) != reference(second, key)
    };
    let key_of = |read: &Read| match read.venue.destination {
        Destination::Tripleseat { .. } => credential(read, KEY_TRIPLESEAT_PUBLIC_KEY),
        Destination::Http(_) => None,
    };
    pairs(venues, key_of, |first, second| {
        if news(first, second, KEY_TRIPLESEAT_PUBLIC_KEY) {
            same_account(first, second, compared, found);
        }
    });
    let endpoint = |read: &Read| match &read.venue.destination {
        Destination::Tripleseat { .. } => None,
        Destination::Http(http) if http.auth.is_none() => Some((http.url.clone(), None)),
        Destination::Http(http) => Some((http.url.clone(), Some(credential(read, KEY_DESTINATION_CREDENTIAL)?))),
    };
    pairs(venues, endpoint, |first, second| {
        let has_auth = matches!(&first.venue.destination, Destination::Http(http) if http.auth.is_some());
        if compared == Compared::References || (has_auth && news(first, second, KEY_DESTINATION_CREDENTIAL)) {
            let same = if has_auth { "the same URL and the same credential" } else { "the same URL" };
            found.problems.push(one_destination(
                first,
                second,
                same,
                first.places.destination.clone(),
                second.places.destination.clone(),
            ));
        }
    });
    pairs(
        venues,
        |read| credential(read, KEY_HUBSPOT_TOKEN),
        |first, second| {
            if news(first, second, KEY_HUBSPOT_TOKEN) {
                let message = format!("`{}` and `{}` share a HubSpot token", first.venue.name, second.venue.name);
                let advice = Problem::new("shared_hubspot_token", place(second, KEY_HUBSPOT_TOKEN), message, "");
                found
                    .advice
                    .push(advice.help("use a private app for each venue: then each token can be revoked on its own"));
            }
        },
    );
}

/// Two venues with the same public key are either two locations of one account, or one destination.
fn same_account(first: &Read, second: &Read, compared: Compared, found: &mut Found) {
    let location = |read: &Read| match read.venue.destination {
        Destination::Tripleseat { location_id, .. } => location_id,
        Destination::Http(_) => None,
    };
    let key = |read: &Read| place(read, KEY_TRIPLESEAT_PUBLIC_KEY);
    let same = match compared {
        Compared::References => "the same Tripleseat public key",
        Compared::Values => "the same Tripleseat public key (two references with the same value)",
    };
    match (location(first), location(second)) {
        (Some(a), Some(b)) if a != b => {
            let message = format!(
                "`{}` and `{}` are two locations ({a} and {b}) of the same Tripleseat account",
                first.venue.name, second.venue.name
            );
            let advice = Problem::new("shared_tripleseat_account", key(second), message, "");
            found.advice.push(advice.help("this is allowed, but only location_id keeps them apart"));
        }
        (Some(_), Some(_)) => {
            let same = format!("{same} and the same location");
            let span = |read: &Read| read.places.location.clone().unwrap_or_else(|| key(read));
            found.problems.push(one_destination(first, second, &same, span(first), span(second)));
        }
        _ => {
            let same = format!("{same}, and at least one has no location_id");
            found.problems.push(one_destination(first, second, &same, key(first), key(second)));
        }
    }
}

fn one_destination(first: &Read, second: &Read, same: &str, first_at: Span, second_at: Span) -> Problem {
    let message =
        format!("the venues `{}` and `{}` have the same destination: {same}", first.venue.name, second.venue.name);
    Problem::new("shared_destination", second_at, message, "used again here").other(first_at, "first used here").help(
        "give each venue its own destination, or the contacts of one become leads of the other. Two locations of one \
         account need different location_ids",
    )
}

/// Calls `clash` for each venue that has the same key as an earlier one, with the earlier one first.
fn pairs<K: Eq + std::hash::Hash>(
    venues: &[Read],
    key: impl Fn(&Read) -> Option<K>,
    mut clash: impl FnMut(&Read, &Read),
) {
    let mut seen: HashMap<K, Vec<&Read>> = HashMap::new();
    for read in venues {
        let Some(key) = key(read) else { continue };
        let earlier = seen.entry(key).or_default();
        earlier.iter().for_each(|first| clash(first, read));
        earlier.push(read);
    }
}
