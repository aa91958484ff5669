//! Each HubSpot token: whether it is accepted, which portal it is for, and which scopes it has.
//!
//! Several venues may share a token; it is checked once.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sync_config::config::{HUBSPOT_TOKEN_PLACE, KEY_HUBSPOT_TOKEN};
use sync_lambda::hubspot::VERSION;

use super::credentials::{GivenCredential, VenueCredentials};
use super::properties::{self, PropertyDefinitions};
use super::{CheckArea, DoctorCheck, DoctorFinding, Examination};
use deployer_core::manifest::Venue;
use deployer_hubspot::hubspot::Retryable;
use deployer_hubspot::{HubSpotClient, VendorError, VendorFailure};

const TOKEN_INFO: &str = "/oauth/v2/private-apps/get/access-token-info";
const CONTACTS_READ: &str = "crm.objects.contacts.read";
const CONTACTS_WRITE: &str = "crm.objects.contacts.write";
const SCHEMAS_READ: &str = "crm.schemas.contacts.read";
const SCHEMAS_WRITE: &str = "crm.schemas.contacts.write";

/// A scope, and which command needs it if it is optional.
struct TokenScope {
    name: &'static str,
    only_for: Option<&'static str>,
}

/// The scopes that a venue's runs need.
const OF_VENUES: [TokenScope; 2] =
    [TokenScope { name: CONTACTS_READ, only_for: None }, TokenScope { name: CONTACTS_WRITE, only_for: None }];
/// The scope that a venue's runs need besides, if its mapping turns values into their labels.
const FOR_LABELS: TokenScope = TokenScope { name: SCHEMAS_READ, only_for: None };
/// The scopes that the deployer's own `[hubspot] token` needs.
const OF_DEPLOYER: [TokenScope; 4] = [
    TokenScope { name: SCHEMAS_READ, only_for: None },
    TokenScope { name: SCHEMAS_WRITE, only_for: None },
    TokenScope {
        name: CONTACTS_READ,
        only_for: Some("`deployer duplicates` needs it, to find out which venue a lead belongs to"),
    },
    TokenScope { name: "automation", only_for: Some("`deployer audit` needs it, to read workflows") },
];

/// What is known about an accepted token.
pub(super) struct AcceptedToken {
    portal_id: u64,
    /// Its scopes, according to HubSpot.
    scopes: Result<Vec<String>, VendorError>,
    /// Whether it can read contacts, if its scopes are unknown.
    contacts: Option<Result<(), VendorError>>,
    /// The portal's contact properties.
    definitions: Result<PropertyDefinitions, VendorError>,
}

pub(super) async fn check_hubspot(
    examination: &Examination<'_>,
    shared: Option<&GivenCredential>,
    venues: &[(&Venue, VenueCredentials)],
) -> Vec<DoctorCheck> {
    let manifest = examination.patient.manifest;
    let check =
        |finding: DoctorFinding, venue: Option<&Venue>, name: &str| finding.into_check(CheckArea::HubSpot, venue, name);
    if let Some(left_out) = examination.skipped_as_remote(&manifest.hubspot.base_uri) {
        return vec![check(left_out, None, "HubSpot")];
    }
    let tokens: Vec<(Option<&Venue>, Option<&GivenCredential>)> = [(None, shared)]
        .into_iter()
        .chain(venues.iter().map(|(venue, credentials)| (Some(*venue), credentials.get(KEY_HUBSPOT_TOKEN))))
        .collect();
    let mut distinct: Vec<&str> =
        tokens.iter().filter_map(|(_, given)| Some(given.as_ref()?.credential_value()?.expose())).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let opened = join_all(distinct.iter().map(|token| inspect_token(examination, token))).await;
    let opened: BTreeMap<&str, Result<AcceptedToken, VendorError>> = distinct.into_iter().zip(opened).collect();
    let of = |given: &GivenCredential| given.credential_value().and_then(|token| opened.get(token.expose()));
    let shared_definitions = shared.and_then(of).and_then(|opened| opened.as_ref().ok()?.definitions.as_ref().ok());

    let mut checks = Vec::new();
    for (venue, given) in tokens {
        let Some(given) = given else {
            if venue.is_none() {
                let why = "the manifest has no `token` in [hubspot]";
                let advice = "with one, the deployer can check the properties in HubSpot and which portal it is";
                checks.push(check(DoctorFinding::skipped(why).with_advice(advice), None, "HubSpot token"));
            }
            continue;
        };
        let opened = match (&given.outcome, of(given)) {
            (Err(finding), _) => {
                checks.push(check(finding.clone(), venue, "HubSpot token"));
                None
            }
            (Ok(_), Some(Ok(opened))) => {
                checks.push(check(DoctorFinding::ok(format!("{}, accepted", given.origin)), venue, "HubSpot token"));
                checks.push(check(check_portal(opened, manifest.hubspot.portal_id), venue, "HubSpot portal"));
                let scopes = if venue.is_some() { &OF_VENUES[..] } else { &OF_DEPLOYER[..] };
                let labels = venue.is_some_and(|venue| {
                    venue.lead_mapping().is_ok_and(|mapping| !mapping.labeled_properties().is_empty())
                });
                let scopes = scopes
                    .iter()
                    .chain(labels.then_some(&FOR_LABELS))
                    .map(|wanted| (wanted.name, check_scope(opened, wanted)));
                checks.extend(scopes.map(|(name, finding)| check(finding, venue, &format!("HubSpot scope {name}"))));
                Some(opened)
            }
            (Ok(_), Some(Err(error))) => {
                checks.push(check(finding_for_token(&given.origin, error), venue, "HubSpot token"));
                None
            }
            (Ok(_), None) => None,
        };
        if let Some(venue) = venue {
            let own = opened.map(|opened| &opened.definitions);
            let definitions = match (shared_definitions, own) {
                (Some(definitions), _) => Some(Ok(definitions)),
                (None, Some(own)) => Some(own.as_ref()),
                (None, None) => None,
            };
            for (name, finding) in properties::property_findings(venue, definitions) {
                checks.push(check(finding, Some(venue), name));
            }
        }
    }
    checks
}

/// Finds out everything about a token. A token that is rejected is not used again.
async fn inspect_token(examination: &Examination<'_>, token: &str) -> Result<AcceptedToken, VendorError> {
    let patient = examination.patient;
    let secret = sync_lambda::credentials::CredentialValue::new(token);
    let hubspot = &HubSpotClient::new(patient.client.clone(), &patient.manifest.hubspot.base_uri, secret);
    let portal_id = hubspot.portal_id().await?;
    let (scopes, definitions) = tokio::join!(read_token_scopes(hubspot, token), properties::read_definitions(hubspot));
    let contacts = match scopes {
        Ok(_) => None,
        Err(_) => Some(hubspot.get_json(&format!("/crm/objects/{VERSION}/contacts?limit=1")).await.map(drop)),
    };
    Ok(AcceptedToken { portal_id, scopes, contacts, definitions })
}

async fn read_token_scopes(hubspot: &HubSpotClient, token: &str) -> Result<Vec<String>, VendorError> {
    let info =
        hubspot.request_json(Method::POST, TOKEN_INFO, Some(&json!({ "tokenKey": token })), Retryable::Yes).await?;
    let scopes = info.get("scopes").and_then(Value::as_array);
    let scopes = scopes.map(|scopes| scopes.iter().filter_map(|scope| scope.as_str().map(ToOwned::to_owned)).collect());
    scopes.ok_or_else(|| VendorError {
        request: format!("POST {TOKEN_INFO}"),
        failure: VendorFailure::Unavailable(200),
        message: "the answer has no scopes".to_owned(),
        correlation_id: String::new(),
    })
}

/// The finding for a failed request.
pub(super) fn finding_for_failure(error: &VendorError) -> DoctorFinding {
    let evidence = error.to_string();
    match &error.failure {
        VendorFailure::Unauthenticated => DoctorFinding::failed(evidence).with_advice(
            format!("the token was revoked, replaced or mistyped: copy the current one from {HUBSPOT_TOKEN_PLACE}, set it here, and in AWS with `deployer secret set`"),
        ),
        VendorFailure::Denied => DoctorFinding::failed(evidence)
            .with_advice(format!("add the scope in {HUBSPOT_TOKEN_PLACE}")),
        VendorFailure::NotFound => DoctorFinding::failed(evidence).with_advice("check `base_uri` in [hubspot]"),
        VendorFailure::RateLimited(_) => {
            DoctorFinding::unknown(evidence).with_advice("run this again when the rate limit has reset")
        }
        VendorFailure::NoAnswer(_) => {
            DoctorFinding::unknown(evidence).with_advice("check the network, and `base_uri` in [hubspot]")
        }
        VendorFailure::Conflict | VendorFailure::Refused(_) | VendorFailure::Unavailable(_) => {
            DoctorFinding::unknown(evidence)
                .with_advice("run this again; HubSpot's support will ask for the correlation ID")
        }
    }
}

fn finding_for_token(origin: &str, error: &VendorError) -> DoctorFinding {
    let finding = finding_for_failure(error);
    DoctorFinding { evidence: format!("{origin}: {}", finding.evidence), ..finding }
}

fn check_portal(opened: &AcceptedToken, guard: Option<u64>) -> DoctorFinding {
    let portal_id = opened.portal_id;
    match guard {
        None => DoctorFinding::ok(format!("{portal_id}; set `portal_id` in the manifest to refuse any other")),
        Some(guard) if guard == portal_id => DoctorFinding::ok(format!("{portal_id}, matches the manifest")),
        Some(guard) => {
            DoctorFinding::failed(format!("the token is for portal {portal_id}, but the manifest is for {guard}"))
                .with_advice("use a token for that portal, or correct `portal_id`")
        }
    }
}

fn check_scope(opened: &AcceptedToken, wanted: &TokenScope) -> DoctorFinding {
    let missing = |evidence: String| match wanted.only_for {
        None => DoctorFinding::failed(evidence)
            .with_advice(format!("add {} to the token's scopes in {HUBSPOT_TOKEN_PLACE}", wanted.name)),
        Some(who) => DoctorFinding::skipped(format!("{evidence}; only {who}")),
    };
    let unanswered = match &opened.scopes {
        Ok(scopes) if scopes.iter().any(|scope| scope == wanted.name) => return DoctorFinding::ok("granted"),
        Ok(_) => return missing("not granted".to_owned()),
        Err(error) => error,
    };
    // A harmless read shows whether reading is allowed. No harmless request shows it for writing.
    let tried = match wanted.name {
        CONTACTS_READ => opened.contacts.as_ref().map(|read| (read.as_ref().err(), "reading a contact works")),
        SCHEMAS_READ => Some((opened.definitions.as_ref().err(), "reading the properties works")),
        _ => None,
    };
    match tried {
        Some((None, how)) => DoctorFinding::ok(format!("{how}; the token's scopes are unknown ({unanswered})")),
        Some((Some(error), _)) if error.failure == VendorFailure::Denied => missing(error.to_string()),
        Some((Some(error), _)) => finding_for_failure(error),
        None if wanted.only_for.is_some() => DoctorFinding::skipped(format!("unknown: {unanswered}")),
        None => DoctorFinding::unknown(format!("unknown: {unanswered}"))
            .with_advice(format!("check in {HUBSPOT_TOKEN_PLACE} whether the token has {}", wanted.name)),
    }
}
