//! Checks that no venue can reach another venue's contacts or leads: what two venues must not share.
//!
//! Credentials are compared as references, and by value if the value is available. `managed` never equals anything.

use std::collections::HashMap;

use sync_config::config::{
    DestinationConfig, KEY_DESTINATION_CREDENTIAL, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_PUBLIC_KEY, LedgerProperties,
    property_slug,
};

use super::report::{ManifestProblem, Span};
use super::venue::ParsedVenue;
use super::{SecretRef, SecretValue};
use crate::error::ErrorCode;

/// The result of a comparison.
#[derive(Debug, Default)]
pub(super) struct IsolationFindings {
    pub(super) problems: Vec<ManifestProblem>,
    pub(super) advice: Vec<ManifestProblem>,
}

/// The most mistakes, and the most pieces of advice, that are collected: every two venues can share something.
const MOST_FINDINGS: usize = 1_000;

impl IsolationFindings {
    /// Whether another mistake is worth collecting.
    fn has_room(&self) -> bool {
        self.problems.len() < MOST_FINDINGS
    }
}

/// Compares everything that can be compared without resolving a value.
pub(super) fn compare_by_reference(venues: &[ParsedVenue]) -> IsolationFindings {
    let mut found = IsolationFindings::default();
    check_names(venues, &mut found);
    check_display_names(venues, &mut found);
    check_flags(venues, &mut found);
    check_canaries(venues, &mut found);
    let credential = |read: &ParsedVenue, key: &str| match find_reference(read, key) {
        Some(SecretRef::Managed) | None => None,
        Some(reference) => Some(reference.to_string()),
    };
    check_credentials(venues, credential, ComparedBy::References, &mut found);
    found
}

/// Compares the credentials that `resolve` returns a value for. Those that already match by reference are left out.
pub(super) fn compare_by_value(
    venues: &[ParsedVenue],
    resolve: impl Fn(&SecretRef) -> Option<SecretValue>,
) -> IsolationFindings {
    let mut found = IsolationFindings::default();
    let credential =
        |read: &ParsedVenue, key: &str| Some(resolve(find_reference(read, key)?)?.expose_value().to_owned());
    check_credentials(venues, credential, ComparedBy::Values, &mut found);
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ComparedBy {
    References,
    Values,
}

fn find_reference<'r>(read: &'r ParsedVenue, key: &str) -> Option<&'r SecretRef> {
    read.venue.secrets.iter().find(|(name, _)| name == key).map(|(_, reference)| reference)
}

/// The place of a credential in the file, by its key in the secret.
fn credential_place(read: &ParsedVenue, key: &str) -> Span {
    read.places.secret_place(key).unwrap_or_else(|| read.places.name.clone())
}

/// Venue names must differ by more than `-` and `_`, for HubSpot's properties, and by more than case, for IAM roles.
fn check_names(venues: &[ParsedVenue], found: &mut IsolationFindings) {
    for_each_clash(
        venues,
        |read| Some(property_slug(&read.venue.name)),
        |first, second| {
            if !found.has_room() {
                return;
            }
            let (a, b) = (&first.venue.name, &second.venue.name);
            let message = format!(
                "the venues `{a}` and `{b}` would share a function name, a role and a set of HubSpot properties"
            );
            let help = "rename one: names must differ by more than -, _ and case (IAM role names are case-insensitive)";
            let problem =
                ManifestProblem::new(ErrorCode::SharedName, second.places.name.clone(), message, "second venue");
            found.problems.push(problem.with_other_place(first.places.name.clone(), "first venue").with_help(help));
        },
    );
}

/// Staff see nothing but the display name: two checkboxes with one label can't be told apart in HubSpot.
fn check_display_names(venues: &[ParsedVenue], found: &mut IsolationFindings) {
    let shown = |read: &ParsedVenue| {
        let words: Vec<String> = read.venue.display_name.split_whitespace().map(str::to_lowercase).collect();
        // One that is missing or empty has been reported already.
        Some(words.join(" ")).filter(|name| !name.is_empty())
    };
    for_each_clash(venues, shown, |first, second| {
        // Names that clash have been reported already.
        if property_slug(&first.venue.name) == property_slug(&second.venue.name) {
            return;
        }
        let message = format!(
            "the venues `{}` and `{}` have the same display name: staff would see two checkboxes with one label",
            first.venue.name, second.venue.name
        );
        let problem = ManifestProblem::new(
            ErrorCode::SharedDisplayName,
            second.places.display_name.clone(),
            message,
            "used again here",
        );
        let problem = problem.with_other_place(first.places.display_name.clone(), "first used here");
        found.problems.push(problem.with_help("give each venue a display_name that staff can tell from the others"));
    });
}

fn check_flags(venues: &[ParsedVenue], found: &mut IsolationFindings) {
    let same_name = |a: &ParsedVenue, b: &ParsedVenue| property_slug(&a.venue.name) == property_slug(&b.venue.name);
    for_each_clash(
        venues,
        |read| Some(read.venue.flag_property.clone()),
        |first, second| {
            if !found.has_room() {
                return;
            }
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
            let problem =
                ManifestProblem::new(ErrorCode::SharedFlag, second.places.flag.clone(), message, "used again here");
            let problem = problem.with_other_place(first.places.flag.clone(), "first used here");
            found.problems.push(
                problem.with_help("give each venue its own flag property, or remove flag_property to use the default"),
            );
        },
    );
    let ledgers = venues.iter().flat_map(|read| {
        let ledger = LedgerProperties::new(&read.venue.name, "");
        [ledger.status, ledger.lead_id, ledger.error, ledger.synced_at].map(|property| (property, read))
    });
    let ledgers: HashMap<String, &ParsedVenue> = ledgers.collect();
    for read in venues {
        if let Some(owner) = ledgers.get(&read.venue.flag_property) {
            let message = format!(
                "the flag property of `{}` is a ledger property of `{}`, which its sync overwrites",
                read.venue.name, owner.venue.name
            );
            let problem =
                ManifestProblem::new(ErrorCode::SharedFlag, read.places.flag.clone(), message, "used as a flag here");
            let problem = problem.with_other_place(owner.places.name.clone(), "ledger of this venue");
            found
                .problems
                .push(problem.with_help("choose another flag property, or remove flag_property to use the default"));
        }
    }
}

fn check_canaries(venues: &[ParsedVenue], found: &mut IsolationFindings) {
    for_each_clash(
        venues,
        |read| read.venue.canary.then_some(()),
        |first, second| {
            if !found.has_room() {
                return;
            }
            let message = format!("both `{}` and `{}` are marked as the canary", first.venue.name, second.venue.name);
            let span = |read: &ParsedVenue| read.places.canary.clone().unwrap_or(read.places.name.clone());
            let problem = ManifestProblem::new(ErrorCode::Canary, span(second), message, "second canary")
                .with_other_place(span(first), "first canary");
            found.problems.push(problem.with_help("keep one canary: a new artifact goes to one venue first"));
        },
    );
}

fn check_credentials(
    venues: &[ParsedVenue],
    credential: impl Fn(&ParsedVenue, &str) -> Option<String>,
    compared: ComparedBy,
    found: &mut IsolationFindings,
) {
    // Credentials that are equal by reference have been reported already.
    let news = |first: &ParsedVenue, second: &ParsedVenue, key: &str| {
        compared == ComparedBy::References || find_reference(first, key) != find_reference(second, key)
    };
    let key_of = |read: &ParsedVenue| match read.venue.destination {
        DestinationConfig::Tripleseat { .. } => credential(read, KEY_TRIPLESEAT_PUBLIC_KEY),
        DestinationConfig::Http(_) => None,
    };
    for_each_clash(venues, key_of, |first, second| {
        if found.has_room() && news(first, second, KEY_TRIPLESEAT_PUBLIC_KEY) {
            report_same_account(first, second, compared, found);
        }
    });
    let endpoint = |read: &ParsedVenue| match &read.venue.destination {
        DestinationConfig::Tripleseat { .. } => None,
        DestinationConfig::Http(http) if http.auth.is_none() => Some((http.url.clone(), None)),
        DestinationConfig::Http(http) => Some((http.url.clone(), Some(credential(read, KEY_DESTINATION_CREDENTIAL)?))),
    };
    for_each_clash(venues, endpoint, |first, second| {
        if !found.has_room() {
            return;
        }
        let has_auth = matches!(&first.venue.destination, DestinationConfig::Http(http) if http.auth.is_some());
        if compared == ComparedBy::References || (has_auth && news(first, second, KEY_DESTINATION_CREDENTIAL)) {
            let same = if has_auth { "the same URL and the same credential" } else { "the same URL" };
            found.problems.push(same_destination_problem(
                first,
                second,
                same,
                first.places.destination.clone(),
                second.places.destination.clone(),
            ));
        }
    });
    for_each_clash(
        venues,
        |read| credential(read, KEY_HUBSPOT_TOKEN),
        |first, second| {
            if found.advice.len() < MOST_FINDINGS && news(first, second, KEY_HUBSPOT_TOKEN) {
                let message = format!("`{}` and `{}` share a HubSpot token", first.venue.name, second.venue.name);
                let advice = ManifestProblem::new(
                    ErrorCode::SharedHubspotToken,
                    credential_place(second, KEY_HUBSPOT_TOKEN),
                    message,
                    "",
                );
                found.advice.push(
                    advice.with_help("use a service key for each venue: then each token can be revoked on its own"),
                );
            }
        },
    );
}

/// Two venues with the same public key are either two locations of one account, or one destination.
fn report_same_account(first: &ParsedVenue, second: &ParsedVenue, compared: ComparedBy, found: &mut IsolationFindings) {
    let location = |read: &ParsedVenue| match &read.venue.destination {
        DestinationConfig::Tripleseat(place) => place.location_id,
        DestinationConfig::Http(_) => None,
    };
    let key = |read: &ParsedVenue| credential_place(read, KEY_TRIPLESEAT_PUBLIC_KEY);
    let same = match compared {
        ComparedBy::References => "the same Tripleseat public key",
        ComparedBy::Values => "the same Tripleseat public key (two references with the same value)",
    };
    match (location(first), location(second)) {
        (Some(a), Some(b)) if a != b && found.advice.len() >= MOST_FINDINGS => {}
        (Some(a), Some(b)) if a != b => {
            let message = format!(
                "`{}` and `{}` are two locations ({a} and {b}) of the same Tripleseat account",
                first.venue.name, second.venue.name
            );
            let advice = ManifestProblem::new(ErrorCode::SharedTripleseatAccount, key(second), message, "");
            found.advice.push(advice.with_help("this is allowed, but only location_id keeps them apart"));
        }
        (Some(_), Some(_)) => {
            let same = format!("{same} and the same location");
            let span = |read: &ParsedVenue| read.places.location.clone().unwrap_or_else(|| key(read));
            found.problems.push(same_destination_problem(first, second, &same, span(first), span(second)));
        }
        _ => {
            let same = format!("{same}, and at least one has no location_id");
            found.problems.push(same_destination_problem(first, second, &same, key(first), key(second)));
        }
    }
}

fn same_destination_problem(
    first: &ParsedVenue,
    second: &ParsedVenue,
    same: &str,
    first_at: Span,
    second_at: Span,
) -> ManifestProblem {
    let message =
        format!("the venues `{}` and `{}` have the same destination: {same}", first.venue.name, second.venue.name);
    ManifestProblem::new(ErrorCode::SharedDestination, second_at, message, "used again here").with_other_place(first_at, "first used here").with_help(
        "give each venue its own destination, or the contacts of one become leads of the other. Two locations of one \
         account need different location_ids",
    )
}

/// Calls `clash` for each venue that has the same key as an earlier one, with the earlier one first.
fn for_each_clash<K: Eq + std::hash::Hash>(
    venues: &[ParsedVenue],
    key: impl Fn(&ParsedVenue) -> Option<K>,
    mut clash: impl FnMut(&ParsedVenue, &ParsedVenue),
) {
    let mut seen: HashMap<K, Vec<&ParsedVenue>> = HashMap::new();
    for read in venues {
        let Some(key) = key(read) else { continue };
        let earlier = seen.entry(key).or_default();
        earlier.iter().for_each(|first| clash(first, read));
        earlier.push(read);
    }
}
