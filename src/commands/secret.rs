//! `deployer secret`: values that an apply never touches once they exist.

use std::io::{IsTerminal, Read};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::reconcile::confirm_changes;
use super::secret_values::{ResolvedCredential, resolve_venue_credentials};
use super::session::{Session, find_declared_venue};
use crate::cli::{GlobalArgs, SecretCommand};
use deployer_aws::{Call, CallError, FailureKind};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{SecretValue, Status, Venue};
use deployer_core::naming::{TAG_DEPLOYMENT, VenueNames};

pub(super) async fn run_secret(global: &GlobalArgs, command: SecretCommand) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    match command {
        SecretCommand::Set { venue, key } => set_credential(&session, &venue, &key).await,
        SecretCommand::Push { venue, yes } => push_secrets(&session, &venue, yes).await,
        SecretCommand::Status { venue, compare } => show_secret_status(&session, &venue, compare).await,
    }
}

/// The state of a venue's secret, without its value.
enum SecretState {
    Absent,
    /// Deleted at this time, and still recoverable.
    PendingDeletion(String),
    /// Owned by somebody else.
    Foreign,
    /// Ours, last changed at this time.
    Ours(String),
}

async fn set_credential(session: &Session, name: &str, key: &str) -> Result<ExitCode> {
    let venue = find_declared_venue(session.manifest(), name)?;
    let key = key.to_uppercase();
    if !venue.secrets.iter().any(|(declared, _)| *declared == key) {
        let keys: Vec<String> = venue.secrets.iter().map(|(key, _)| key.to_lowercase()).collect();
        return Err(Error::usage(format!("{name} has no credential {}", key.to_lowercase()))
            .hint(format!("it has {}; declare another one in [venues.{name}.secrets]", keys.join(", "))));
    }
    // Checked first, so that nobody types a value that can't be stored.
    let secret = require_own_secret(session, venue).await?;
    let value = read_typed_value(&format!("{} of {name}: ", key.to_lowercase()))?;
    let mut object = read_secret(session, &secret).await?;
    let changed = object.insert(key.clone(), Value::from(value.expose_value())).as_ref() != object.get(&key);
    if changed {
        write_secret(session, &secret, object).await?;
    }
    let words = if changed { "is set" } else { "already has that value" };
    print_credentials(session, venue, &[key], words);
    Ok(ExitCode::Done)
}

async fn push_secrets(session: &Session, names: &[String], yes: bool) -> Result<ExitCode> {
    let mut changes = Vec::new();
    let mut unresolved = Vec::new();
    for venue in chosen_venues(session, names)?.into_iter().filter(|venue| venue.status != Status::Blocked) {
        let secret = require_own_secret(session, venue).await?;
        let mut object = read_secret(session, &secret).await?;
        let mut keys = Vec::new();
        for (key, _, resolved) in resolve_venue_credentials(session, venue).await? {
            match resolved {
                Ok(Some(value)) => {
                    let value = Value::from(value.expose_value());
                    if object.get(&key) != Some(&value) {
                        object.insert(key.clone(), value);
                        keys.push(key);
                    }
                }
                Ok(None) => {}
                Err(error) => unresolved.push(format!("{}: {}: {error}", venue.name, key.to_lowercase())),
            }
        }
        if !keys.is_empty() {
            changes.push((venue, secret, object, keys));
        }
    }
    if !unresolved.is_empty() {
        let mut error = Error::usage("could not get every value; nothing was changed");
        error.causes = unresolved;
        return Err(error.hint("set what is missing, or name the venues to push"));
    }
    if changes.is_empty() {
        if session.json.is_none() {
            anstream::println!("Nothing to do: every secret matches its references.");
        }
        return Ok(ExitCode::Done);
    }
    for (venue, _, _, keys) in &changes {
        print_credentials(session, venue, keys, "differs from its reference");
    }
    confirm_changes(session, yes, "Do you want to write the values of the references?", "yes")?;
    for (venue, secret, object, keys) in changes {
        write_secret(session, &secret, object).await?;
        print_credentials(session, venue, &keys, "is set");
    }
    Ok(ExitCode::Done)
}

async fn show_secret_status(session: &Session, names: &[String], compare: bool) -> Result<ExitCode> {
    for venue in chosen_venues(session, names)? {
        let secret = secret_name(session, venue);
        let (state, since) =
            match read_secret_state(session, &secret).await.map_err(|error| secret_error(&secret, &error))? {
                SecretState::Absent => ("absent", None),
                SecretState::PendingDeletion(at) => ("pending_deletion", Some(at)),
                SecretState::Foreign => ("not_ours", None),
                SecretState::Ours(at) => ("present", Some(at)),
            };
        let stored = match (compare, state) {
            (true, "present") => Some(read_secret(session, &secret).await?),
            _ => None,
        };
        let mut credentials = Vec::new();
        if let Some(stored) = &stored {
            for (key, reference, resolved) in resolve_venue_credentials(session, venue).await? {
                credentials.push((key.to_lowercase(), compare_with_reference(stored.get(&key), &reference, &resolved)));
            }
        }
        match &session.json {
            Some(lines) => {
                let credentials: Map<String, Value> = credentials
                    .into_iter()
                    .map(|(key, (found, verdict))| (key, json!({ "fingerprint": found, "is": verdict })))
                    .collect();
                let line = json!({ "venue": venue.name, "secret": secret, "state": state, "since": since, "credentials": credentials });
                lines.print_line("secret", line);
            }
            None => {
                let words = match (state, &since) {
                    ("present", Some(at)) => format!("changed {at}"),
                    ("pending_deletion", Some(at)) => {
                        format!("deleted {at}; restored if the venue is applied again in time")
                    }
                    ("not_ours", _) => "exists, but isn't ours".to_owned(),
                    _ => "doesn't exist".to_owned(),
                };
                anstream::println!("{:<20} {secret}  {words}", venue.name);
                for (key, (found, verdict)) in credentials {
                    let found = found.unwrap_or_else(|| "-".repeat(8));
                    anstream::println!("{:<20}   {key:<26} {found}  {verdict}", "");
                }
            }
        }
    }
    Ok(ExitCode::Done)
}

/// The fingerprint of the stored value, and how it compares to the reference's.
fn compare_with_reference(
    stored: Option<&Value>,
    reference: &str,
    resolved: &ResolvedCredential,
) -> (Option<String>, String) {
    let stored = stored.and_then(Value::as_str);
    let verdict = match (stored, resolved) {
        (None, Ok(None)) => "missing: set it with `deployer secret set`".to_owned(),
        (None, _) => "missing: `deployer secret push` writes it".to_owned(),
        (Some(_), Ok(None)) => "set by hand (managed)".to_owned(),
        (Some(stored), Ok(Some(value))) if stored == value.expose_value() => format!("matches {reference}"),
        (Some(_), Ok(Some(_))) => format!("differs from {reference}"),
        (Some(_), Err(error)) => format!("not compared: {error}"),
    };
    (stored.map(fingerprint_value), verdict)
}

/// Eight hex digits that let two people check whether they have the same value, without revealing it.
fn fingerprint_value(value: &str) -> String {
    Sha256::digest(value).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The name of the venue's secret, if it exists and is ours.
async fn require_own_secret(session: &Session, venue: &Venue) -> Result<String> {
    let secret = secret_name(session, venue);
    let apply = "`deployer apply` creates it";
    match read_secret_state(session, &secret).await.map_err(|error| secret_error(&secret, &error))? {
        SecretState::Ours(_) => Ok(secret),
        SecretState::Absent if venue.status == Status::Blocked => {
            Err(Error::failed(format!("{} is blocked, so it has no secret", venue.name)))
        }
        SecretState::Absent => Err(Error::failed(format!("{} has no secret {secret} yet", venue.name)).hint(apply)),
        SecretState::PendingDeletion(at) => {
            Err(Error::failed(format!("the secret {secret} was deleted {at}"))
                .hint("`deployer apply` restores it in time"))
        }
        SecretState::Foreign => {
            Err(Error::refused(format!("the secret {secret} isn't owned by this deployment; nothing was changed"))
                .hint(format!("`deployer adopt {}` takes it over", venue.name)))
        }
    }
}

async fn read_secret_state(session: &Session, secret: &str) -> Result<SecretState, CallError> {
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

async fn read_secret(session: &Session, secret: &str) -> Result<Map<String, Value>> {
    let request = session.aws.secrets.get_secret_value().secret_id(secret);
    let answer =
        request.send().await.call("secretsmanager:GetSecretValue").map_err(|error| secret_error(secret, &error))?;
    match serde_json::from_str(answer.secret_string().unwrap_or("{}")) {
        Ok(Value::Object(object)) => Ok(object),
        // The content is not shown: it is a secret.
        _ => Err(Error::failed(format!("the secret {secret} doesn't contain a JSON object"))
            .hint("store {} in it in the AWS console, then set its credentials")),
    }
}

async fn write_secret(session: &Session, secret: &str, object: Map<String, Value>) -> Result<()> {
    let text = Value::Object(object).to_string();
    let request = session.aws.secrets.put_secret_value().secret_id(secret).secret_string(text);
    request.send().await.call("secretsmanager:PutSecretValue").map(drop).map_err(|error| secret_error(secret, &error))
}

/// Reads a value from a hidden prompt, or from stdin if that is not a terminal.
fn read_typed_value(prompt: &str) -> Result<SecretValue> {
    let text = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(prompt)
    } else {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
    };
    let text = text.map_err(|error| Error::failed("could not read the value").caused_by(&error))?;
    SecretValue::new(text).map_err(|reason| Error::usage(format!("{reason}; nothing was changed")))
}

fn print_credentials(session: &Session, venue: &Venue, keys: &[String], words: &str) {
    for key in keys {
        let key = key.to_lowercase();
        match &session.json {
            Some(lines) => lines.print_line("credential", json!({ "venue": venue.name, "key": key, "text": words })),
            None => anstream::println!("{}: {key} {words}.", venue.name),
        }
    }
}

fn chosen_venues<'s>(session: &'s Session, names: &[String]) -> Result<Vec<&'s Venue>> {
    if names.is_empty() {
        return Ok(session.manifest().venues.iter().collect());
    }
    names.iter().map(|name| find_declared_venue(session.manifest(), name)).collect()
}

fn secret_name(session: &Session, venue: &Venue) -> String {
    VenueNames::new(&session.manifest().deployment.name, &venue.name).secret
}

fn secret_error(secret: &str, error: &CallError) -> Error {
    let failed = Error::failed(format!("could not use the secret {secret}")).caused_by(error);
    match error.hint() {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
