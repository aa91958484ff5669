//! `deployer secret status`

use clap::Args;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::stored::{SecretState, chosen_venues, read_secret, read_secret_state, secret_error, secret_name};
use crate::commands::shared::secret_values::{ResolvedCredential, resolve_venue_credentials};
use crate::commands::shared::session::Session;
use crate::manifests::own_venues;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;

/// Show whether each venue's secret exists, and when it last changed
#[derive(Debug, Args)]
pub struct SecretStatusArgs {
    /// The venues (default: all)
    #[arg(value_name = "VENUE")]
    pub venue: Vec<String>,
    /// Read the values, and say whether each credential matches its reference
    #[arg(long)]
    pub compare: bool,
}

pub(super) async fn run_secret_status(session: &Session, args: &SecretStatusArgs) -> Result<ExitCode> {
    for venue in chosen_venues(session, &own_venues(session.manifest(), &args.venue))? {
        let secret = secret_name(session, venue);
        let (state, since) =
            match read_secret_state(session, &secret).await.map_err(|error| secret_error(&secret, &error))? {
                SecretState::Absent => ("absent", None),
                SecretState::PendingDeletion(at) => ("pending_deletion", Some(at)),
                SecretState::Foreign => ("not_ours", None),
                SecretState::Ours(at) => ("present", Some(at)),
            };
        let stored = match (args.compare, state) {
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
                outln!("{:<20} {secret}  {words}", venue.name);
                for (key, (found, verdict)) in credentials {
                    let found = found.unwrap_or_else(|| "-".repeat(8));
                    outln!("{:<20}   {key:<26} {found}  {verdict}", "");
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
