//! The credentials to test: from the manifest's references or, if `managed`, from the venue's secret in AWS. No value
//! is shown.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use sync_lambda::credentials::CredentialValue;
use tokio::time::timeout;

use super::{DoctorFinding, Examination, TIMEOUT};
use deployer_aws::{Call, CallError, FailureKind};
use deployer_core::manifest::{SecretRef, Venue};
use deployer_core::naming::VenueNames;
use deployer_hubspot::{UnresolvedSecret, resolve_secret};

/// A credential: where it came from, and its value or why there is none.
#[derive(Debug, Clone)]
pub(super) struct GivenCredential {
    pub(super) origin: String,
    pub(super) outcome: Result<CredentialValue, DoctorFinding>,
}

/// A venue's credentials, by their key in its secret.
pub(super) type VenueCredentials = BTreeMap<String, GivenCredential>;

impl GivenCredential {
    pub(super) fn credential_value(&self) -> Option<&CredentialValue> {
        self.outcome.as_ref().ok()
    }
}

/// The deployer's own token, `[hubspot] token`.
pub(super) async fn shared_token(examination: &Examination<'_>) -> Option<GivenCredential> {
    let hubspot = &examination.patient.manifest.hubspot;
    let reference = hubspot.token.as_ref().filter(|_| examination.asks_hubspot())?;
    Some(resolve_reference(examination, reference).await)
}

/// The venue's credentials in the manifest that some check uses.
pub(super) async fn venue_credentials(examination: &Examination<'_>, venue: &Venue) -> VenueCredentials {
    let tried: Vec<&(String, SecretRef)> =
        venue.secrets.iter().filter(|(key, _)| examination.uses_credential(venue, key)).collect();
    let managed = tried.iter().any(|(_, reference)| *reference == SecretRef::Managed);
    let stored = if managed { Some(read_stored_secret(examination, venue).await) } else { None };
    let mut credentials = VenueCredentials::new();
    for (key, reference) in tried {
        let given = match (reference, &stored) {
            (SecretRef::Managed, Some(stored)) => read_managed_credential(examination, venue, key, stored),
            _ => resolve_reference(examination, reference).await,
        };
        credentials.insert(key.clone(), given);
    }
    credentials
}

/// Resolves references one at a time, each only once: a password manager may prompt a person.
async fn resolve_reference(examination: &Examination<'_>, reference: &SecretRef) -> GivenCredential {
    let mut resolved = examination.resolved.lock().await;
    let origin = reference.to_string();
    if let Some(given) = resolved.get(&origin) {
        return given.clone();
    }
    let directory = match examination.patient.manifest.path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let outcome = resolve_secret(reference, directory).await.map_err(|error| {
        let advice = match &error {
            UnresolvedSecret::Managed => {
                "use a reference that resolves on this machine: env:NAME, file:PATH or cmd:PROGRAM ARGS"
            }
            _ => "set it here and run this again; `deployer secret status --compare` compares it with what AWS stores",
        };
        DoctorFinding::unknown(format!("{reference}: {error}")).with_advice(advice)
    });
    let given = GivenCredential { origin: origin.clone(), outcome };
    resolved.insert(origin, given.clone());
    given
}

fn read_managed_credential(
    examination: &Examination<'_>,
    venue: &Venue,
    key: &str,
    stored: &Result<Map<String, Value>, DoctorFinding>,
) -> GivenCredential {
    let name = secret_name(examination, venue);
    let set = format!("`deployer secret set {} {}` sets it", venue.name, key.to_lowercase());
    let outcome = match stored {
        Err(finding) => Err(finding.clone()),
        Ok(object) => match object.get(key).and_then(Value::as_str).filter(|value| !value.trim().is_empty()) {
            Some(value) => Ok(CredentialValue::new(value)),
            None => {
                Err(DoctorFinding::failed(format!("managed: the secret {name} in AWS has no {key}")).with_advice(set))
            }
        },
    };
    GivenCredential { origin: format!("managed, read from the secret {name} in AWS"), outcome }
}

/// The content of a venue's secret.
async fn read_stored_secret(examination: &Examination<'_>, venue: &Venue) -> Result<Map<String, Value>, DoctorFinding> {
    let name = secret_name(examination, venue);
    if examination.caller_identity().await.is_err() {
        return Err(DoctorFinding::unknown(format!("managed: the secret {name} wasn't read: see the AWS checks")));
    }
    let request = examination.patient.aws.secrets.get_secret_value().secret_id(&name).send();
    let Ok(answer) = timeout(TIMEOUT, request).await else {
        return Err(DoctorFinding::unknown(format!("managed: secretsmanager:GetSecretValue of {name}: no answer")));
    };
    let answer =
        answer.call("secretsmanager:GetSecretValue").map_err(|error| unreadable_secret(&name, venue, &error))?;
    match serde_json::from_str(answer.secret_string().unwrap_or("{}")) {
        Ok(Value::Object(object)) => Ok(object),
        // The content is not shown: it is a secret.
        _ => Err(DoctorFinding::failed(format!("managed: the secret {name} doesn't contain a JSON object"))
            .with_advice("store {} in it in the AWS console, then set its credentials")),
    }
}

pub(super) fn unreadable_secret(name: &str, venue: &Venue, error: &CallError) -> DoctorFinding {
    match error.kind {
        FailureKind::NotFound => DoctorFinding::failed(format!("managed: there is no secret {name} in AWS yet"))
            .with_advice(format!("`deployer apply` creates it; then `deployer secret set {} …` sets it", venue.name)),
        FailureKind::PendingDeletion => DoctorFinding::failed(format!("managed: the secret {name} was deleted"))
            .with_advice("`deployer apply` restores it in time"),
        _ => {
            let finding = DoctorFinding::unknown(format!("managed: the secret {name} is unreadable: {error}"));
            DoctorFinding { advice: error.hint(), ..finding }
        }
    }
}

fn secret_name(examination: &Examination<'_>, venue: &Venue) -> String {
    VenueNames::new(&examination.patient.manifest.deployment.name, &venue.name).secret
}
