//! `deployer secret push`

use clap::Args;
use serde_json::{Map, Value};

use super::stored::{change_secret, chosen_venues, print_credentials, read_secret, require_own_secret};
use crate::commands::shared::reconcile::confirm_on_terminal;
use crate::commands::shared::secret_values::{check_credential, resolve_venue_credentials};
use crate::commands::shared::session::Session;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::Status;

/// Write the values of the manifest's references to the venues' secrets
#[derive(Debug, Args)]
pub struct SecretPushArgs {
    /// The venues (default: all that are deployed)
    #[arg(value_name = "VENUE")]
    pub venue: Vec<String>,
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
}

pub(super) async fn run_secret_push(session: &Session, args: &SecretPushArgs) -> Result<ExitCode> {
    let mut changes = Vec::new();
    let mut unresolved = Vec::new();
    for venue in chosen_venues(session, &args.venue)?.into_iter().filter(|venue| venue.status != Status::Blocked) {
        let secret = require_own_secret(session, venue).await?;
        let object = read_secret(session, &secret).await?;
        let mut values = Map::new();
        for (key, _, resolved) in resolve_venue_credentials(session, venue).await? {
            match resolved {
                Ok(Some(value)) => {
                    if let Err(why) = check_credential(&key, &value) {
                        unresolved.push(format!("{}: {}: {why}", venue.name, key.to_lowercase()));
                    }
                    let value = Value::from(value.expose_value());
                    if object.get(&key) != Some(&value) {
                        values.insert(key, value);
                    }
                }
                Ok(None) => {}
                Err(error) => unresolved.push(format!("{}: {}: {error}", venue.name, key.to_lowercase())),
            }
        }
        if !values.is_empty() {
            changes.push((venue, secret, values));
        }
    }
    if !unresolved.is_empty() {
        let mut error = Error::usage(ErrorCode::SecretValue, "could not get every value; nothing was changed");
        error.causes = unresolved;
        return Err(error.hint("set what is missing, or name the venues to push"));
    }
    if changes.is_empty() {
        if session.json.is_none() {
            outln!("Nothing to do: every secret matches its references.");
        }
        return Ok(ExitCode::Done);
    }
    let keys = |values: &Map<String, Value>| values.keys().cloned().collect::<Vec<_>>();
    for (venue, _, values) in &changes {
        print_credentials(session, *venue, &keys(values), "differs from its reference");
    }
    let question = "Do you want to write the values of the references?";
    let review = "see what differs with `deployer secret status --compare`";
    confirm_on_terminal(session.json.is_some(), args.yes, question, "yes", review)?;
    for (venue, secret, values) in changes {
        let set = |object: &mut Map<String, Value>| {
            object.extend(values.clone());
            Some(())
        };
        change_secret(session, &secret, set).await?;
        print_credentials(session, venue, &keys(&values), "is set");
    }
    Ok(ExitCode::Done)
}
