//! Checks everything that a deployment needs: every credential and connection by itself, each with a verdict, the
//! evidence, and what to do.
//!
//! Nothing is written anywhere, except that a venue's function is asked to renew an access token that has expired. A failed
//! check doesn't stop the others. [`examine`] returns the checks in a fixed
//! order. [`deployer_core::permissions`] lists the AWS actions that the deployer must be allowed to do.

mod aws;
mod consent;
mod credentials;
mod destination;
mod hubspot;
mod permissions;
mod properties;
mod quotas;
mod scopes;
mod strangers;
mod tripleseat;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use sync_config::config::{DestinationConfig, KEY_HUBSPOT_TOKEN};
use sync_config::text::name_venue;
use tokio::sync::{Mutex, OnceCell};

use credentials::{GivenCredential, VenueCredentials};
use deployer_aws::Aws;
use deployer_core::manifest::{Manifest, Status, Venue};

/// How long to wait for an answer. Nothing is retried, since whoever runs the doctor can run it again.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckArea {
    /// AWS.
    Aws,
    /// HubSpot.
    HubSpot,
    /// The destination of leads: Tripleseat, or an `http` destination.
    Tripleseat,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DoctorVerdict {
    /// Everything is right.
    Ok,
    /// It works, but not for long, or not as well as it could.
    Warning,
    /// It doesn't work.
    Failed,
    /// The check couldn't find out.
    Unknown,
    /// There was nothing to check, or no way to check it.
    Skipped,
}

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorCheck {
    /// What it is about.
    pub area: CheckArea,
    /// The venue that it is about; none for what all venues share.
    pub venue: Option<String>,
    /// What was checked.
    pub name: String,
    /// The result.
    pub verdict: DoctorVerdict,
    /// What the verdict is based on: the request and its answer, without any credential.
    pub evidence: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// What is examined, and with what.
#[derive(Debug)]
pub struct DoctorInputs<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// Only this venue, and what all venues share.
    pub venue: Option<&'a Venue>,
    /// Only these areas; all of them if empty.
    pub areas: Vec<CheckArea>,
    /// AWS, or the local cloud.
    pub aws: &'a Aws,
    /// Whether it is the local cloud, which works without a network: remote vendors are not asked.
    pub local: bool,
    /// The HTTP client for the vendors.
    pub client: reqwest::Client,
    /// The time, for what ends at some date.
    pub now: Timestamp,
}

/// The result of a check that has no name yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DoctorFinding {
    verdict: DoctorVerdict,
    evidence: String,
    advice: Option<String>,
}

impl DoctorFinding {
    fn new(verdict: DoctorVerdict, evidence: impl Into<String>) -> Self {
        Self { verdict, evidence: evidence.into(), advice: None }
    }

    fn ok(evidence: impl Into<String>) -> Self {
        Self::new(DoctorVerdict::Ok, evidence)
    }

    fn warning(evidence: impl Into<String>) -> Self {
        Self::new(DoctorVerdict::Warning, evidence)
    }

    fn failed(evidence: impl Into<String>) -> Self {
        Self::new(DoctorVerdict::Failed, evidence)
    }

    fn unknown(evidence: impl Into<String>) -> Self {
        Self::new(DoctorVerdict::Unknown, evidence)
    }

    fn skipped(evidence: impl Into<String>) -> Self {
        Self::new(DoctorVerdict::Skipped, evidence)
    }

    fn with_advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    fn into_check(self, area: CheckArea, venue: Option<&Venue>, name: impl Into<String>) -> DoctorCheck {
        let named = |text: String| venue.map_or_else(|| text.clone(), |venue| name_venue(&text, &venue.name));
        DoctorCheck {
            area,
            venue: venue.map(|venue| venue.name.clone()),
            name: name.into(),
            verdict: self.verdict,
            evidence: named(self.evidence),
            advice: self.advice.map(named),
        }
    }
}

/// An examination in progress: what several checks need is asked only once.
struct Examination<'a> {
    patient: &'a DoctorInputs<'a>,
    identity: OnceCell<Result<aws::ExaminedCaller, DoctorFinding>>,
    /// Credentials already resolved, by reference.
    resolved: Mutex<BTreeMap<String, GivenCredential>>,
}

/// Runs all checks: first what the venues share, then venue by venue in the manifest's order.
pub async fn run_checks(patient: &DoctorInputs<'_>) -> Vec<DoctorCheck> {
    let examination = Examination { patient, identity: OnceCell::new(), resolved: Mutex::default() };
    let (of_aws, (of_vendors, secrets)) = tokio::join!(examination.check_aws(), examination.check_vendors());
    let mut checks: Vec<DoctorCheck> = of_aws.into_iter().chain(of_vendors).collect();
    // No module should show a secret; this catches one that is forgotten.
    for check in &mut checks {
        for secret in &secrets {
            check.evidence = check.evidence.replace(secret, "(secret)");
            check.advice = check.advice.take().map(|advice| advice.replace(secret, "(secret)"));
        }
    }
    checks
}

impl Examination<'_> {
    fn wants_area(&self, area: CheckArea) -> bool {
        self.patient.areas.is_empty() || self.patient.areas.contains(&area)
    }

    /// The venues to examine.
    fn examined_venues(&self) -> Vec<&Venue> {
        match self.patient.venue {
            Some(venue) => vec![venue],
            None => self.patient.manifest.venues.iter().collect(),
        }
    }

    /// Whether to examine a venue's credentials: a blocked venue's only if it is named explicitly.
    fn examines_credentials(&self, venue: &Venue) -> bool {
        self.patient.venue.is_some() || venue.status != Status::Blocked
    }

    /// The finding if a vendor at this address must not be asked.
    fn skipped_as_remote(&self, base_uri: &str) -> Option<DoctorFinding> {
        (self.patient.local && base_uri.starts_with("https:"))
            .then(|| DoctorFinding::skipped(format!("--local works without a network, and {base_uri} needs one")))
    }

    fn asks_hubspot(&self) -> bool {
        self.wants_area(CheckArea::HubSpot) && self.skipped_as_remote(&self.patient.manifest.hubspot.base_uri).is_none()
    }

    /// Whether some check uses the credential of this key.
    fn uses_credential(&self, venue: &Venue, key: &str) -> bool {
        if key == KEY_HUBSPOT_TOKEN {
            return self.asks_hubspot();
        }
        let address = match &venue.destination {
            DestinationConfig::Tripleseat { .. } => venue.tripleseat_base_uri.as_deref().unwrap_or_default(),
            DestinationConfig::Http(http) => &http.url,
        };
        self.wants_area(CheckArea::Tripleseat) && self.skipped_as_remote(address).is_none()
    }

    async fn check_aws(&self) -> Vec<DoctorCheck> {
        if !self.wants_area(CheckArea::Aws) {
            return Vec::new();
        }
        let mut checks = aws::check_identity(self).await;
        let (permissions, quotas, strangers) = tokio::join!(
            permissions::check_permissions(self),
            quotas::check_quotas(self),
            strangers::check_strangers(self)
        );
        checks.extend(permissions);
        checks.extend(quotas);
        checks.extend(strangers);
        checks
    }

    /// The checks of both vendors, and all secrets that were used.
    async fn check_vendors(&self) -> (Vec<DoctorCheck>, Vec<String>) {
        if !self.wants_area(CheckArea::HubSpot) && !self.wants_area(CheckArea::Tripleseat) {
            return (Vec::new(), Vec::new());
        }
        let examined: Vec<&Venue> =
            self.examined_venues().into_iter().filter(|venue| self.examines_credentials(venue)).collect();
        let credentials = join_all(examined.iter().map(|venue| credentials::venue_credentials(self, venue)));
        let (shared, credentials) = tokio::join!(credentials::shared_token(self), credentials);
        let venues: Vec<(&Venue, VenueCredentials)> = examined.into_iter().zip(credentials).collect();
        let (mut of_hubspot, mut of_destinations) = tokio::join!(
            async {
                if !self.wants_area(CheckArea::HubSpot) {
                    return Vec::new();
                }
                hubspot::check_hubspot(self, shared.as_ref(), &venues).await
            },
            async {
                if !self.wants_area(CheckArea::Tripleseat) {
                    return Vec::new();
                }
                let checks = venues.iter().map(|(venue, credentials)| async move {
                    match &venue.destination {
                        DestinationConfig::Tripleseat { .. } => {
                            tripleseat::check_tripleseat(self, venue, credentials).await
                        }
                        DestinationConfig::Http(_) => {
                            destination::check_http_destination(self, venue, credentials).await
                        }
                    }
                });
                join_all(checks).await.concat()
            }
        );
        let mut checks: Vec<DoctorCheck> = of_hubspot.extract_if(.., |check| check.venue.is_none()).collect();
        for venue in self.examined_venues() {
            let of_venue = |check: &mut DoctorCheck| check.venue.as_deref() == Some(venue.name.as_str());
            if !self.examines_credentials(venue) {
                let why = "not deployed, so nothing was checked";
                let advice = format!("`deployer doctor {}` checks it anyway", venue.name);
                checks.push(DoctorFinding::skipped(why).with_advice(advice).into_check(
                    CheckArea::HubSpot,
                    Some(venue),
                    "blocked",
                ));
            }
            checks.extend(of_hubspot.extract_if(.., of_venue));
            checks.extend(of_destinations.extract_if(.., of_venue));
        }
        let all = shared.iter().chain(venues.iter().flat_map(|(_, credentials)| credentials.values()));
        let values = all.filter_map(GivenCredential::credential_value).map(|secret| secret.expose().to_owned());
        // Shorter values are no secrets, and could be part of any word.
        (checks, values.filter(|value| value.len() >= 4).collect())
    }
}
