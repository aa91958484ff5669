//! That no venue can reach another's contacts or leads: what two venues may not have in common.
//!
//! Credentials are compared as references, and as values where they are to be had. `managed` is equal to nothing.

use std::collections::HashMap;

use sync_config::config::{
    Destination, KEY_DESTINATION_CREDENTIAL, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_PUBLIC_KEY, LedgerProperties,
    property_slug,
};

use super::report::{Problem, Span};
use super::venue::{Read, SECRET_KEYS};
use super::{SecretRef, SecretValue};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) problems: Vec<Problem>,
    pub(super) advice: Vec<Problem>,
}

/// Compares all that can be compared without a look at any value.
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

/// Compares the credentials that `resolve` gives a value for. What their references show already is left out.
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

/// Function names differ by more than `-`, `_` and, for the roles' sake, case; so do the ledger's properties.
fn names(venues: &[Read], found: &mut Found) {
    pairs(
        venues,
        |read| Some(property_slug(&read.venue.name)),
        |first, second| {
            let (a, b) = (&first.venue.name, &second.venue.name);
            let message = format!(
                "the venues `{a}` and `{b}` would share one function name, one role and one set of HubSpot properties"
            );
            let help =
                "names have to differ by more than case (a role's name is unique without regard to case), - and _";
            let problem = Problem::new("shared_name", second.places.name.clone(), message, "second here");
            found.problems.push(problem.other(first.places.name.clone(), "first here").help(help));
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
            let problem = Problem::new("shared_flag", second.places.flag.clone(), message, "second here");
            let problem = problem.other(first.places.flag.clone(), "first here");
            found.problems.push(problem.help("give each venue a flag property of its own, or leave flag_property out"));
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
                "the flag property of `{}` is a property that the sync of `{}` writes",
                read.venue.name, owner.venue.name
            );
            let problem = Problem::new("shared_flag", read.places.flag.clone(), message, "here");
            let problem = problem.other(owner.places.name.clone(), "written for this venue");
            found.problems.push(problem.help("choose another flag property, or leave flag_property out"));
        }
    }
}

fn canaries(venues: &[Read], found: &mut Found) {
    pairs(
        venues,
        |read| read.venue.canary.then_some(()),
        |first, second| {
            let message = format!("both `{}` and `{}` are the canary", first.venue.name, second.venue.name);
            let span = |read: &Read| read.places.canary.clone().unwrap_or(read.places.name.clone());
            let problem = Problem::new("canary", span(second), message, "second here").other(span(first), "first here");
            found.problems.push(problem.help("a new artifact goes to one venue first: keep one"));
        },
    );
}

fn credentials(
    venues: &[Read],
    credential: impl Fn(&Read, &str) -> Option<String>,
    compared: Compared,
    found: &mut Found,
) {
    // By value, two that are equal by reference have been reported already.
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
            let same = if has_auth { "the same address and the same credential" } else { "the same address" };
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
                let message = format!("`{}` and `{}` use one HubSpot token", first.venue.name, second.venue.name);
                let advice = Problem::new("shared_hubspot_token", place(second, KEY_HUBSPOT_TOKEN), message, "");
                found
                    .advice
                    .push(advice.help("a private app for each venue isolates better: its token can be revoked alone"));
            }
        },
    );
}

/// Two venues with one public key: two locations of one account, or one destination.
fn same_account(first: &Read, second: &Read, compared: Compared, found: &mut Found) {
    let location = |read: &Read| match read.venue.destination {
        Destination::Tripleseat { location_id, .. } => location_id,
        Destination::Http(_) => None,
    };
    let key = |read: &Read| place(read, KEY_TRIPLESEAT_PUBLIC_KEY);
    let same = match compared {
        Compared::References => "one Tripleseat public key",
        Compared::Values => "one Tripleseat public key (two references, and the same value)",
    };
    match (location(first), location(second)) {
        (Some(a), Some(b)) if a != b => {
            let message = format!(
                "`{}` and `{}` are two locations ({a} and {b}) of one Tripleseat account",
                first.venue.name, second.venue.name
            );
            let advice = Problem::new("shared_tripleseat_account", key(second), message, "");
            found.advice.push(advice.help("that is allowed; the location of each is all that tells them apart"));
        }
        (Some(_), Some(_)) => {
            let same = format!("{same} and one location");
            let span = |read: &Read| read.places.location.clone().unwrap_or_else(|| key(read));
            found.problems.push(one_destination(first, second, &same, span(first), span(second)));
        }
        _ => {
            let same = format!("{same}, and not each has a location_id of its own");
            found.problems.push(one_destination(first, second, &same, key(first), key(second)));
        }
    }
}

fn one_destination(first: &Read, second: &Read, same: &str, first_at: Span, second_at: Span) -> Problem {
    let message = format!("the venues `{}` and `{}` have one destination: {same}", first.venue.name, second.venue.name);
    Problem::new("shared_destination", second_at, message, "second here").other(first_at, "first here").help(
        "give each venue its own: the contacts of one would become leads of the other. Two locations of one account are \
         told apart by location_id",
    )
}

/// Calls `clash` with each venue that has the key of an earlier one, and the first that has it.
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
