//! The consent with which a venue's leads are looked up: whether somebody gave it, whether it works, and until when.

use jiff::Timestamp;
use sync_lambda::destination::OAuthAccess;
use sync_lambda::error::RunError;
use tokio::time::timeout;

use super::credentials::unreadable_secret;
use super::tripleseat::{finding_for_run_error, list_ids};
use super::{DoctorFinding, Examination, TIMEOUT};
use crate::consent::{StoredConsent, read_consent};
use deployer_core::manifest::Venue;
use deployer_core::naming::VenueNames;

/// The consent in the venue's secret, or why there is none.
pub(super) async fn read_venue_consent(
    examination: &Examination<'_>,
    venue: &Venue,
) -> Result<StoredConsent, DoctorFinding> {
    let aws = examination.patient.aws;
    let names = VenueNames::new(&examination.patient.manifest.deployment.name, &venue.name);
    if examination.caller_identity().await.is_err() {
        return Err(DoctorFinding::unknown(format!("the secret {} wasn't read: see the AWS checks", names.secret)));
    }
    let Ok(read) = timeout(TIMEOUT, read_consent(aws, &names)).await else {
        let what = format!("secretsmanager:GetSecretValue of {}: no answer", names.secret);
        return Err(DoctorFinding::unknown(what));
    };
    match read {
        Ok(Some(consent)) => Ok(consent.with_function(aws, &names)),
        Ok(None) => Err(DoctorFinding::failed("nobody has consented yet, so leads are sent but can't be looked up")
            .with_advice(format!("let an admin of the Tripleseat account run `deployer connect {}`", venue.name))),
        Err(error) => Err(unreadable_secret(&names.secret, venue, &error)),
    }
}

/// The finding on a consent, from what Tripleseat says about its access token. `now` is what the secret has since then:
/// the function may have renewed the pair.
pub(super) fn check_consent(
    consent: &Result<StoredConsent, DoctorFinding>,
    account: Option<&Result<OAuthAccess, RunError>>,
    now: Option<StoredConsent>,
) -> DoctorFinding {
    let consent = match consent {
        Ok(consent) => consent,
        Err(finding) => return finding.clone(),
    };
    let minute = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let since = consent.connected_at.map_or_else(String::new, |at| format!("connected {}, ", minute(at)));
    match account {
        Some(Ok(account)) => {
            let expires_at = now.as_ref().unwrap_or(consent).expires_at();
            let until = expires_at.map_or_else(
                || "until when its access token is valid is unknown".to_owned(),
                |at| format!("its access token is valid until {}", minute(at)),
            );
            DoctorFinding::ok(format!(
                "{since}for site {}; {until}, and the function renews it: connect again only when this check fails",
                list_ids(&account.site_ids)
            ))
        }
        Some(Err(error)) => finding_for_run_error(&format!("{since}the tokens in the secret"), error),
        None => DoctorFinding::unknown("it was not tried"),
    }
}
