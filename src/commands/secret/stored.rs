//! The secrets on AWS, as all subcommands use them.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sync_lambda::secret::SkippedVersions;

use crate::commands::shared::secret_values::{SecretOwner, find_secret_owner, secret_owners};
use crate::commands::shared::session::Session;
use deployer_aws::{Call, CallError, FailureKind};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{SecretRef, Status};
use deployer_core::naming::{TAG_DEPLOYMENT, VenueNames};
use deployer_core::plan::Action;
use deployer_core::resource::{ResourceAddress, ResourceKind};

/// The state of a venue's secret, without its value.
pub(in crate::commands) enum SecretState {
    Absent,
    /// Deleted at this time, and still recoverable.
    PendingDeletion(String),
    /// Owned by somebody else.
    Foreign,
    /// Ours, last changed at this time.
    Ours(String),
}

/// The name of the venue's secret, if it exists and is ours.
pub(in crate::commands) async fn require_own_secret<'m>(
    session: &Session,
    venue: impl Into<SecretOwner<'m>>,
) -> Result<String> {
    let venue = venue.into();
    let secret = secret_name(session, venue);
    let apply = "`deployer apply` creates it";
    match read_secret_state(session, &secret).await.map_err(|error| secret_error(&secret, &error))? {
        SecretState::Ours(_) => Ok(secret),
        SecretState::Absent if venue.status == Status::Blocked => {
            Err(Error::failed(ErrorCode::VenueStatus, format!("{} is blocked, so it has no secret", venue.name)))
        }
        SecretState::Absent => {
            Err(Error::failed(ErrorCode::SecretState, format!("{} has no secret {secret} yet", venue.name)).hint(apply))
        }
        SecretState::PendingDeletion(at) => {
            Err(Error::failed(ErrorCode::SecretState, format!("the secret {secret} was deleted {at}"))
                .hint("`deployer apply` restores it in time"))
        }
        SecretState::Foreign => Err(Error::refused(
            ErrorCode::NotOurs,
            format!("the secret {secret} isn't owned by this deployment; nothing was changed"),
        )
        .hint(format!("`deployer adopt {}` takes it over", venue.name))),
    }
}

/// What exists under this name, without its value.
pub(in crate::commands) async fn read_secret_state(session: &Session, secret: &str) -> Result<SecretState, CallError> {
    let request = session.aws.secrets.describe_secret().secret_id(secret);
    let answer = match request.send().await.call("secretsmanager:DescribeSecret") {
        Err(error) if error.kind == FailureKind::NotFound => return Ok(SecretState::Absent),
        answer => answer?,
    };
    let owner = answer.tags().iter().find(|tag| tag.key() == Some(TAG_DEPLOYMENT)).and_then(|tag| tag.value());
    let shown = |time: Option<&aws_sdk_secretsmanager::primitives::DateTime>| {
        let time = time.and_then(|time| jiff::Timestamp::from_second(time.secs()).ok());
        time.map_or_else(|| "at an unknown time".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
    };
    Ok(if owner != Some(session.manifest().deployment.name.as_str()) {
        SecretState::Foreign
    } else if answer.deleted_date().is_some() {
        SecretState::PendingDeletion(shown(answer.deleted_date()))
    } else {
        SecretState::Ours(shown(answer.last_changed_date().or(answer.created_date())))
    })
}

/// How often a change is made again to what somebody else wrote in the meantime, and the pause before.
const CHANGES: u32 = 5;
const CHANGE_PAUSE: Duration = Duration::from_millis(200);

/// The credentials in a secret, by key.
pub(in crate::commands) async fn read_secret(session: &Session, secret: &str) -> Result<Map<String, Value>> {
    read_secret_version(session, secret).await.map(|(object, _)| object)
}

/// The credentials in a secret, and the id of the version that has them.
async fn read_secret_version(session: &Session, secret: &str) -> Result<(Map<String, Value>, String)> {
    let request = session.aws.secrets.get_secret_value().secret_id(secret);
    let answer =
        request.send().await.call("secretsmanager:GetSecretValue").map_err(|error| secret_error(secret, &error))?;
    match serde_json::from_str(answer.secret_string().unwrap_or("{}")) {
        Ok(Value::Object(object)) => Ok((object, answer.version_id().unwrap_or_default().to_owned())),
        // The content is not shown: it is a secret.
        _ => Err(Error::failed(ErrorCode::SecretState, format!("the secret {secret} doesn't contain a JSON object"))
            .hint("store {} in it in the AWS console, then set its credentials")),
    }
}

/// Changes the credentials of a secret. The function writes its tokens there too: if anybody writes the secret between
/// the reading and the writing, `change` gets their content and decides again. `None` means that nothing is to be written.
pub(in crate::commands) async fn change_secret<T>(
    session: &Session,
    secret: &str,
    mut change: impl FnMut(&mut Map<String, Value>) -> Option<T>,
) -> Result<Option<T>> {
    let mut skipped = SkippedVersions::default();
    for left in (0..CHANGES).rev() {
        let (mut object, version) = read_secret_version(session, secret).await?;
        let Some(changed) = change(&mut object) else { return Ok(None) };
        let text = Value::Object(object).to_string();
        let request = session.aws.secrets.put_secret_value().secret_id(secret).secret_string(text);
        let request = request.client_request_token(skipped.next_id(&version));
        match request.send().await.call("secretsmanager:PutSecretValue") {
            Ok(_) => return Ok(Some(changed)),
            Err(error) if error.kind == FailureKind::AlreadyExists && left > 0 => {
                tokio::time::sleep(CHANGE_PAUSE).await;
            }
            Err(error) => return Err(secret_error(secret, &error)),
        }
    }
    Err(Error::failed(
        ErrorCode::ChangedMeanwhile,
        format!("the secret {secret} was changed by somebody else each time it was to be written"),
    )
    .hint("run the same command again"))
}

/// Reports each of these credentials.
pub(in crate::commands) fn print_credentials<'m>(
    session: &Session,
    venue: impl Into<SecretOwner<'m>>,
    keys: &[String],
    words: &str,
) {
    let venue = venue.into();
    for key in keys {
        let key = key.to_lowercase();
        match &session.json {
            Some(lines) => lines.print_line("credential", json!({ "venue": venue.name, "key": key, "text": words })),
            None => outln!("{}: {key} {words}.", venue.name),
        }
    }
}

/// Says which declared credentials the secrets of these venues lack. Only for secrets whose value was there before: adopted
/// or restored ones. What can't be read is said too, as the function would fail on it.
pub(in crate::commands) async fn print_missing_credentials(session: &Session, venues: &[String]) {
    let owners = secret_owners(session.manifest());
    for venue in owners.into_iter().filter(|venue| venues.iter().any(|name| name == venue.name)) {
        let object = match read_secret(session, &secret_name(session, venue)).await {
            Ok(object) => object,
            Err(error) => {
                errln!("Could not check which credentials the secret of {} has: {error}", venue.name);
                continue;
            }
        };
        let is_set = |key: &str| object.get(key).and_then(Value::as_str).is_some_and(|value| !value.is_empty());
        for (key, reference) in venue.secrets.iter().filter(|(key, _)| !is_set(key)) {
            let key = key.to_lowercase();
            let command = match reference {
                SecretRef::Managed => format!("deployer secret set {} {key}", venue.name),
                SecretRef::Env(_) | SecretRef::File(_) | SecretRef::Cmd(_) => {
                    format!("deployer secret push {}", venue.name)
                }
            };
            let words = format!("is missing in the secret: `{command}` writes it");
            print_credentials(session, venue, &[key], &words);
        }
    }
}

/// The venues whose secret is among `done` with this action.
pub(in crate::commands) fn venues_with_secret(done: &[(ResourceAddress, Action)], action: Action) -> Vec<String> {
    let secrets = done.iter().filter(|(address, found)| address.kind == ResourceKind::Secret && *found == action);
    secrets.map(|(address, _)| address.venue.clone()).collect()
}

/// The venues of these names, or all.
pub(in crate::commands) fn chosen_venues<'s>(session: &'s Session, names: &[String]) -> Result<Vec<SecretOwner<'s>>> {
    if names.is_empty() {
        return Ok(secret_owners(session.manifest()));
    }
    names.iter().map(|name| find_secret_owner(session.manifest(), name)).collect()
}

/// The name of the venue's secret, whether or not it exists.
pub(in crate::commands) fn secret_name<'m>(session: &Session, venue: impl Into<SecretOwner<'m>>) -> String {
    VenueNames::new(&session.manifest().deployment.name, venue.into().name).secret
}

/// The error of a failed call, without any value.
pub(in crate::commands) fn secret_error(secret: &str, error: &CallError) -> Error {
    let failed = Error::failed(ErrorCode::AwsCall, format!("could not use the secret {secret}")).caused_by(error);
    match error.hint() {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
