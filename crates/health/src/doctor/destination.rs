//! A venue's `http` destination: whether anything answers at its address. No record is sent, since nobody knows what
//! the platform would accept.

use sync_config::config::DestinationConfig;
use sync_config::config::KEY_DESTINATION_CREDENTIAL;
use sync_lambda::destination::LeadDestination as Client;

use super::credentials::VenueCredentials;
use super::tripleseat::{destination_client, finding_for_run_error, run_credentials};
use super::{CheckArea, DoctorCheck, DoctorFinding, Examination};
use deployer_core::manifest::Venue;

pub(super) async fn check_http_destination(
    examination: &Examination<'_>,
    venue: &Venue,
    given: &VenueCredentials,
) -> Vec<DoctorCheck> {
    let check = |finding: DoctorFinding, name: &str| finding.into_check(CheckArea::Tripleseat, Some(venue), name);
    let DestinationConfig::Http(settings) = &venue.destination else { return Vec::new() };
    if let Some(left_out) = examination.skipped_as_remote(&settings.url) {
        return vec![check(left_out, "destination")];
    }
    let mut checks = Vec::new();
    if settings.auth.is_some() {
        let finding = match given.get(KEY_DESTINATION_CREDENTIAL) {
            None => DoctorFinding::failed("the manifest has none, but the destination's `auth` needs one")
                .with_advice("add `destination_credential` to the venue's secrets"),
            Some(given) => match &given.outcome {
                Err(finding) => finding.clone(),
                Ok(_) => {
                    DoctorFinding::ok(format!("{}, available; only a lead shows whether it is accepted", given.origin))
                }
            },
        };
        let there = given.get(KEY_DESTINATION_CREDENTIAL).is_some_and(|given| given.outcome.is_ok());
        checks.push(check(finding, "destination credential"));
        if !there {
            checks.push(check(DoctorFinding::skipped("not checked without the credential"), "destination address"));
            return checks;
        }
    }
    let finding = match destination_client(examination, venue, &run_credentials(given)) {
        Ok(Client::Http(http)) => match http.probe_endpoint().await {
            Ok(status @ (401 | 403)) => DoctorFinding::warning(format!("OPTIONS {}: {status}", settings.url)).with_advice(
                "the platform may reject the credential, or only this kind of request: compare the credential there",
            ),
            Ok(status @ 300..=399) => DoctorFinding::failed(format!("OPTIONS {}: {status}, it redirects", settings.url))
                .with_advice("use the final address: credentials don't follow redirects"),
            Ok(status) if status >= 500 => DoctorFinding::warning(format!("OPTIONS {}: {status}", settings.url))
                .with_advice("the platform has an error of its own: run this again later"),
            Ok(status) => DoctorFinding::ok(format!("OPTIONS {}: {status}, so something answers there", settings.url)),
            Err(error) => finding_for_run_error("", &error),
        },
        Ok(Client::Tripleseat(_)) => return checks,
        Err(error) => finding_for_run_error("", &error),
    };
    checks.push(check(finding, "destination address"));
    checks
}
