//! The values of the secrets that an apply creates, from their references. No other secret's value is resolved.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::session::{Session, find_declared_venue, manifest_directory};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{Manifest, SecretRef, SecretValue, Status, Venue};
use deployer_core::naming::SHARED_VENUE;
use deployer_core::plan::{Operation, Plan, SecretsManagerOperation};
use pacing::CallUnderWay;
use sync_config::chat::ChatKind;

/// Whose a secret is: a venue's, or that of all venues, which has the webhooks of chats.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct SecretOwner<'m> {
    pub(in crate::commands) name: &'m str,
    /// Its credentials and their references, by key.
    pub(in crate::commands) secrets: &'m [(String, SecretRef)],
    pub(in crate::commands) status: Status,
}

impl<'m> From<&'m Venue> for SecretOwner<'m> {
    fn from(venue: &'m Venue) -> Self {
        Self { name: &venue.name, secrets: &venue.secrets, status: venue.status }
    }
}

/// All owners of secrets: what belongs to all venues comes last, and has none without a chat.
pub(in crate::commands) fn secret_owners(manifest: &Manifest) -> Vec<SecretOwner<'_>> {
    let shared = manifest.secret_references(SHARED_VENUE).filter(|secrets| !secrets.is_empty());
    let shared = shared.map(|secrets| SecretOwner { name: SHARED_VENUE, secrets, status: Status::Active });
    manifest.venues.iter().map(SecretOwner::from).chain(shared).collect()
}

/// The owner with this name.
pub(in crate::commands) fn find_secret_owner<'m>(manifest: &'m Manifest, name: &str) -> Result<SecretOwner<'m>> {
    if name == SHARED_VENUE && manifest.secret_references(name).is_some_and(<[_]>::is_empty) {
        return Err(Error::usage(ErrorCode::UnknownCredential, format!("{name} has no credentials, and so no secret"))
            .hint("declare `slack_webhook` or `teams_webhook` in [alarms]"));
    }
    let found = secret_owners(manifest).into_iter().find(|owner| owner.name == name);
    found.map_or_else(|| find_declared_venue(manifest, name).map(SecretOwner::from), Ok)
}

/// Checks a credential whose form is known: the webhook of a chat. The value isn't repeated.
///
/// # Errors
/// What is wrong with it.
pub(in crate::commands) fn check_credential(key: &str, value: &SecretValue) -> std::result::Result<(), String> {
    ChatKind::from_secret_key(key).map_or(Ok(()), |chat| chat.check_webhook(value.expose_value().trim()))
}

/// The JSON object of each secret that `plan` creates, by the secret's name. References that don't resolve are all
/// reported together, before anything is changed; on the local cloud, a placeholder takes the place of such a value.
pub(in crate::commands) async fn resolve_new_secrets(
    session: &Session,
    plan: &Plan,
) -> Result<BTreeMap<String, SecretValue>> {
    let mut values = BTreeMap::new();
    let mut unresolved = Vec::new();
    let mut stand_ins = Vec::new();
    let mut known: BTreeMap<String, SecretValue> = BTreeMap::new();
    for change in &plan.changes {
        for operation in &change.operations {
            let Operation::SecretsManager(SecretsManagerOperation::CreateSecret { secret }) = operation else {
                continue;
            };
            let owners = secret_owners(session.manifest());
            let Some(venue) = owners.into_iter().find(|owner| owner.name == change.address.venue) else { continue };
            let mut object = Map::new();
            for (key, reference, resolved) in resolve_venue_credentials(session, venue).await? {
                match resolved {
                    Ok(Some(value)) => {
                        if let Err(why) = check_credential(&key, &value) {
                            unresolved.push(format!("{}: {}: {why}", venue.name, key.to_lowercase()));
                        }
                        object.insert(key, Value::from(value.expose_value()));
                        known.insert(reference, value);
                    }
                    Ok(None) => {}
                    Err(_) if session.local => {
                        stand_ins.push(format!("{}/{key}", venue.name));
                        object.insert(key.clone(), Value::from(format!("stand-in-for-{}-{key}", venue.name)));
                    }
                    Err(error) => unresolved.push(format!("{}: {key}: {error}", venue.name)),
                }
            }
            let value = SecretValue::new(Value::Object(object).to_string()).map_err(|reason| {
                Error::failed(ErrorCode::SecretValue, format!("could not create the secret {}: {reason}", secret.name))
            })?;
            values.insert(secret.name.clone(), value);
        }
    }
    if !stand_ins.is_empty() && session.json.is_none() {
        errln!("Using placeholder values for: {}", stand_ins.join(", "));
    }
    if unresolved.is_empty() {
        // Loading the manifest compared only values from the environment and files. Those from programs are known only
        // now.
        session.loaded.compare_credential_values(|reference| known.get(&reference.to_string()).cloned())?;
        return Ok(values);
    }
    let mut error = Error::usage(ErrorCode::SecretValue, "these secrets have no value yet; nothing was changed");
    error.causes = unresolved;
    Err(error.hint("set what is missing, or write `managed` in the manifest for values set by hand"))
}

/// What an apply of this plan would lack: a note for each value of a new secret that isn't there yet. Nothing is run for
/// it: a password manager could ask somebody. The local cloud takes placeholders.
pub(in crate::commands) fn note_missing_values(session: &Session, plan: &Plan) -> Vec<String> {
    if session.local {
        return Vec::new();
    }
    let directory = manifest_directory(&session.manifest().path);
    let created: Vec<&str> = plan
        .changes
        .iter()
        .filter(|change| change.operations.iter().any(creates_secret))
        .map(|change| change.address.venue.as_str())
        .collect();
    let venues = secret_owners(session.manifest()).into_iter().filter(|venue| created.contains(&venue.name));
    let credentials = venues.flat_map(|venue| venue.secrets.iter().map(move |(key, found)| (venue, key, found)));
    credentials
        .filter_map(|(venue, key, reference)| match reference {
            SecretRef::Env(_) | SecretRef::File(_) => {
                let error = reference.resolve_value(&directory).err()?;
                let why = match std::error::Error::source(&error) {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                };
                Some(format!("{}: {} has no value yet: {why}; an apply needs it", venue.name, key.to_lowercase()))
            }
            SecretRef::Cmd(_) | SecretRef::Managed => None,
        })
        .collect()
}

fn creates_secret(operation: &Operation) -> bool {
    matches!(operation, Operation::SecretsManager(SecretsManagerOperation::CreateSecret { .. }))
}

pub(in crate::commands) type ResolvedCredential =
    std::result::Result<Option<SecretValue>, deployer_core::manifest::ResolveError>;

/// For each credential: its key, its reference as written in the manifest, and the resolved value.
pub(in crate::commands) async fn resolve_venue_credentials<'m>(
    session: &Session,
    venue: impl Into<SecretOwner<'m>>,
) -> Result<Vec<(String, String, ResolvedCredential)>> {
    let directory = manifest_directory(&session.manifest().path);
    let references = venue.into().secrets.to_vec();
    let _under_way = CallUnderWay::begin("the values of the references (a password manager may ask for yours)");
    // A reference can run a password manager, which blocks.
    tokio::task::spawn_blocking(move || {
        let resolved =
            |(key, reference): (String, SecretRef)| (key, reference.to_string(), reference.resolve_value(&directory));
        references.into_iter().map(resolved).collect()
    })
    .await
    .map_err(|error| Error::failed(ErrorCode::SecretValue, "could not get the values of the secrets").caused_by(&error))
}
