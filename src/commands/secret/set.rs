//! `deployer secret set`

use std::io::{IsTerminal, Read};

use clap::Args;
use serde_json::Value;

use super::stored::{change_secret, print_credentials, require_own_secret};
use crate::commands::shared::reconcile::wait_for_signal;
use crate::commands::shared::secret_values::{check_credential, find_secret_owner};
use crate::commands::shared::session::Session;
use crate::terminal::QuietTerminal;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::SecretValue;
use deployer_core::naming::SHARED_VENUE;

/// Set one credential of a venue, from a hidden prompt or from stdin
#[derive(Debug, Args)]
pub struct SecretSetArgs {
    /// The venue, or `_all` for the webhooks of chats
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// The credential's key in the manifest: `hubspot_token`, `tripleseat_public_key`, `slack_webhook`, …
    pub key: String,
}

pub(super) async fn run_secret_set(session: &Session, args: &SecretSetArgs) -> Result<ExitCode> {
    let name = args.venue.as_str();
    let venue = find_secret_owner(session.manifest(), name)?;
    let key = args.key.to_uppercase();
    if !venue.secrets.iter().any(|(declared, _)| *declared == key) {
        let keys: Vec<String> = venue.secrets.iter().map(|(key, _)| key.to_lowercase()).collect();
        return Err(Error::usage(
            ErrorCode::UnknownCredential,
            format!("{name} has no credential {}", key.to_lowercase()),
        )
        .hint(match name {
            SHARED_VENUE => format!("it has {}; declare another one in [alarms]", keys.join(", ")),
            name => format!("it has {}; declare another one in [venues.{name}.secrets]", keys.join(", ")),
        }));
    }
    // Checked first, so that nobody types a value that can't be stored.
    let secret = require_own_secret(session, venue).await?;
    let value = read_typed_value(&format!("{} of {name}: ", key.to_lowercase())).await?;
    check_credential(&key, &value)
        .map_err(|why| Error::usage(ErrorCode::SecretValue, format!("{why}; nothing was changed")))?;
    let changed = change_secret(session, &secret, |object| {
        let value = Value::from(value.expose_value());
        (object.insert(key.clone(), value.clone()) != Some(value)).then_some(())
    });
    let words = if changed.await?.is_some() { "is set" } else { "already has that value" };
    print_credentials(session, venue, &[key], words);
    Ok(ExitCode::Done)
}

/// The longest value, in bytes, with the line break after it: the most that Secrets Manager stores.
const MAX_TYPED: u64 = 65_536;

/// Reads a value from a hidden prompt, or from stdin if that is not a terminal.
async fn read_typed_value(prompt: &str) -> Result<SecretValue> {
    let _quiet = QuietTerminal::hold();
    let text = if std::io::stdin().is_terminal() {
        prompt_without_echo(prompt.to_owned()).await?
    } else {
        let mut text = String::new();
        std::io::stdin().lock().take(MAX_TYPED).read_to_string(&mut text).map(|_| text)
    };
    let text =
        text.map_err(|error| Error::failed(ErrorCode::FileUnreadable, "could not read the value").caused_by(&error))?;
    SecretValue::new(text)
        .map_err(|reason| Error::usage(ErrorCode::SecretValue, format!("{reason}; nothing was changed")))
}

/// Asks on the terminal, without showing what is typed. Whatever ends it, the terminal then shows what is typed again.
async fn prompt_without_echo(prompt: String) -> Result<std::io::Result<String>> {
    let before = TerminalEcho::remember();
    let (sender, typed) = tokio::sync::oneshot::channel();
    // Not on the runtime's own threads: a read of a terminal can't be canceled, and would keep the program from ending.
    std::thread::spawn(move || sender.send(rpassword::prompt_password(prompt)));
    // Ctrl-C is a signal, or the end of what is typed, whichever is seen first.
    let typed = tokio::select! {
        typed = typed => typed.ok(),
        _ = wait_for_signal() => None,
    };
    match typed {
        Some(Err(error)) if error.kind() != std::io::ErrorKind::Interrupted => Ok(Err(error)),
        Some(Ok(text)) => Ok(Ok(text)),
        Some(Err(_)) | None => {
            before.restore();
            errln!("");
            Err(Error::new(ExitCode::Cancelled, ErrorCode::Canceled, "canceled; nothing was changed"))
        }
    }
}

/// How the terminal was before a prompt without echo.
struct TerminalEcho {
    #[cfg(unix)]
    modes: Option<rustix::termios::Termios>,
}

impl TerminalEcho {
    fn remember() -> Self {
        Self {
            #[cfg(unix)]
            modes: rustix::termios::tcgetattr(std::io::stdin()).ok(),
        }
    }

    /// Puts it back. If that fails, the terminal is gone.
    fn restore(&self) {
        #[cfg(unix)]
        if let Some(modes) = &self.modes {
            let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Now, modes);
        }
    }
}
