//! Each HubSpot token: whether it is accepted, which portal it is for, and which scopes it has.
//!
//! Several venues may share a token; it is checked once.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use jiff::ToSpan as _;
use jiff::civil::Date;
use sync_config::config::{HUBSPOT_TOKEN_PLACE, KEY_HUBSPOT_TOKEN};
use sync_config::hubspot_api::{HUBSPOT_API_SUPPORT_ENDS, HUBSPOT_API_VERSION};
use tokio::time::timeout;

use super::credentials::{GivenCredential, VenueCredentials};
use super::properties::{self, PropertyDefinitions};
use super::scopes::{FOR_LABELS, GrantedScopes, OF_DEPLOYER, OF_VENUES, TokenScope};
use super::{CheckArea, DoctorCheck, DoctorFinding, Examination, TIMEOUT};
use deployer_aws::{Call as _, Found as _};
use deployer_core::manifest::{Status, Venue};
use deployer_core::naming::VenueNames;
use deployer_hubspot::{HubSpotClient, VendorError, VendorFailure};

/// Months before the end of HubSpot's support for the API's version from which the doctor warns.
const WARNING_MONTHS: i32 = 3;

/// What is known about an accepted token.
pub(super) struct AcceptedToken {
    portal_id: u64,
    /// Its scopes.
    scopes: GrantedScopes,
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
    // Each token once, with the scopes that all its uses need.
    let mut distinct: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
    for (venue, given) in &tokens {
        if let Some(token) = given.and_then(GivenCredential::credential_value) {
            let wanted = wanted_scopes(*venue).into_iter().map(|scope| scope.name);
            distinct.entry(token.expose()).or_default().extend(wanted);
        }
    }
    let opened = join_all(distinct.iter().map(|(token, wanted)| inspect_token(examination, token, wanted))).await;
    let opened: BTreeMap<&str, Result<AcceptedToken, VendorError>> = distinct.into_keys().zip(opened).collect();
    let of = |given: &GivenCredential| given.credential_value().and_then(|token| opened.get(token.expose()));
    let shared_definitions = shared.and_then(of).and_then(|opened| opened.as_ref().ok()?.definitions.as_ref().ok());

    let today = examination.patient.now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut checks = vec![check(check_api_version(today), None, "HubSpot API version")];
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
                let scopes = wanted_scopes(venue);
                let scopes = scopes.into_iter().map(|wanted| (wanted.name, opened.scopes.check_scope(wanted)));
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
            let mut findings = properties::property_findings(venue, definitions);
            let created_by_apply = manifest.hubspot.token.is_some() && venue.status != Status::Blocked;
            if created_by_apply
                && definitions
                    .is_some_and(|read| read.is_ok_and(|read| properties::has_no_ledger_property(venue, read)))
                && is_not_deployed(examination, venue).await
            {
                findings[0].1 = DoctorFinding::skipped("none exists yet: `deployer apply` creates them");
            }
            checks.extend(findings.map(|(name, finding)| check(finding, Some(venue), name)));
        }
    }
    checks
}

/// Whether AWS says that the venue's function doesn't exist. Without an answer, it counts as deployed.
async fn is_not_deployed(examination: &Examination<'_>, venue: &Venue) -> bool {
    if examination.caller_identity().await.is_err() {
        return false;
    }
    let names = VenueNames::new(&examination.patient.manifest.deployment.name, &venue.name);
    let request = examination.patient.aws.lambda.get_function().function_name(&names.function).send();
    let Ok(answer) = timeout(TIMEOUT, request).await else { return false };
    answer.call("lambda:GetFunction").found().is_ok_and(|found| found.is_none())
}

/// The scopes that a venue's token needs, or the deployer's own.
fn wanted_scopes(venue: Option<&Venue>) -> Vec<&'static TokenScope> {
    let Some(venue) = venue else { return OF_DEPLOYER.iter().collect() };
    let labels = venue.lead_mapping().is_ok_and(|mapping| !mapping.labeled_properties().is_empty());
    OF_VENUES.iter().chain(labels.then_some(&FOR_LABELS)).collect()
}

/// Finds out everything about a token. A token that is rejected is not used again.
async fn inspect_token(
    examination: &Examination<'_>,
    token: &str,
    wanted: &BTreeSet<&'static str>,
) -> Result<AcceptedToken, VendorError> {
    let patient = examination.patient;
    let secret = sync_lambda::credentials::CredentialValue::new(token);
    let hubspot = &HubSpotClient::new(patient.client.clone(), &patient.manifest.hubspot.base_uri, secret);
    let portal_id = hubspot.portal_id().await?;
    let (scopes, definitions) =
        tokio::join!(GrantedScopes::read_scopes(hubspot, token, wanted), properties::read_definitions(hubspot));
    Ok(AcceptedToken { portal_id, scopes, definitions })
}

/// Whether HubSpot still supports the version of its API that this program and its functions use, and for how long.
fn check_api_version(today: Date) -> DoctorFinding {
    let Ok(ends) = HUBSPOT_API_SUPPORT_ENDS.parse::<Date>() else {
        return DoctorFinding::unknown(format!("{HUBSPOT_API_VERSION}, supported until {HUBSPOT_API_SUPPORT_ENDS}"));
    };
    let advice = "install the newest deployer, and run `deployer apply` to update the functions";
    let warns_from = ends.saturating_sub(WARNING_MONTHS.months());
    if today >= ends {
        DoctorFinding::failed(format!("{HUBSPOT_API_VERSION}: HubSpot's support for it ended on {ends}"))
            .with_advice(advice)
    } else if today >= warns_from {
        DoctorFinding::warning(format!("{HUBSPOT_API_VERSION}: HubSpot's support for it ends on {ends}"))
            .with_advice(advice)
    } else {
        DoctorFinding::ok(format!("{HUBSPOT_API_VERSION}, supported until {ends}"))
    }
}

/// The finding for a failed request.
pub(super) fn finding_for_failure(error: &VendorError) -> DoctorFinding {
    let evidence = error.to_string();
    match &error.failure {
        VendorFailure::Unauthenticated => DoctorFinding::failed(evidence).with_advice(
            format!("the token was revoked, replaced or mistyped: copy the current one from {HUBSPOT_TOKEN_PLACE}, set it here, and in AWS with `deployer secret set`"),
        ),
        VendorFailure::OtherDataCenter(_) => DoctorFinding::failed(evidence)
            .with_advice("set `base_uri` in [hubspot], or use a token that was created in the portal's data center"),
        VendorFailure::Denied(_) => DoctorFinding::failed(evidence)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::DoctorVerdict;

    #[test]
    fn warns_three_months_before_the_api_version_ends() {
        for (today, verdict) in [
            ("2026-11-29", DoctorVerdict::Ok),
            ("2027-12-08", DoctorVerdict::Ok),
            ("2027-12-09", DoctorVerdict::Warning),
            ("2028-03-08", DoctorVerdict::Warning),
            ("2028-03-09", DoctorVerdict::Failed),
        ] {
            let finding = check_api_version(today.parse().expect("a date"));
            assert_eq!(finding.verdict, verdict, "{today}");
            assert!(finding.evidence.contains("2026-09") && finding.evidence.contains("2028-03-09"), "{finding:?}");
            assert_eq!(finding.advice.is_some(), verdict != DoctorVerdict::Ok);
        }
    }
}
