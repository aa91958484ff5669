//! A venue's `http` destination: whether anything answers at its address. No record is sent, since nobody knows what
//! the platform would accept.

use sync_config::config::Destination;
use sync_config::config::KEY_DESTINATION_CREDENTIAL;
use sync_lambda::destination::Destination as Client;

use super::credentials::VenueCredentials;
use super::tripleseat::{client, credentials, failure};
use super::{Area, Check, Examination, Finding};
use deployer_core::manifest::Venue;

pub(super) async fn checks(examination: &Examination<'_>, venue: &Venue, given: &VenueCredentials) -> Vec<Check> {
    let check = |finding: Finding, name: &str| finding.check(Area::Tripleseat, Some(venue), name);
    let Destination::Http(settings) = &venue.destination else { return Vec::new() };
    if let Some(left_out) = examination.left_out(&settings.url) {
        return vec![check(left_out, "destination")];
    }
    let mut checks = Vec::new();
    if settings.auth.is_some() {
        let finding = match given.get(KEY_DESTINATION_CREDENTIAL) {
            None => Finding::failed("the manifest has none, but the destination's `auth` needs one")
                .advice("add `destination_credential` to the venue's secrets"),
            Some(given) => match &given.outcome {
                Err(finding) => finding.clone(),
                Ok(_) => Finding::ok(format!("{}, available; only a lead shows whether it is accepted", given.origin)),
            },
        };
        let there = given.get(KEY_DESTINATION_CREDENTIAL).is_some_and(|given| given.outcome.is_ok());
        checks.push(check(finding, "destination credential"));
        if !there {
            checks.push(check(Finding::skipped("not checked without the credential"), "destination address"));
            return checks;
        }
    }
    let finding = match client(examination, venue, &credentials(given)) {
        Ok(Client::Http(http)) => match http.probe().await {
            Ok(status @ (401 | 403)) => Finding::warning(format!("OPTIONS {}: {status}", settings.url)).advice(
                "the platform may reject the credential, or only this kind of request: compare the credential there",
            ),
            Ok(status @ 300..=399) => Finding::failed(format!("OPTIONS {}: {status}, it redirects", settings.url))
                .advice("use the final address: credentials don't follow redirects"),
            Ok(status) if status >= 500 => Finding::warning(format!("OPTIONS {}: {status}", settings.url))
                .advice("the platform has an error of its own: run this again later"),
            Ok(status) => Finding::ok(format!("OPTIONS {}: {status}, so something answers there", settings.url)),
            Err(error) => failure("", &error),
        },
        Ok(Client::Tripleseat(_)) => return checks,
        Err(error) => failure("", &error),
    };
    checks.push(check(finding, "destination address"));
    checks
}
