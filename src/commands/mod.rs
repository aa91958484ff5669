//! The verbs of the command line, one file each.

mod adopt;
mod apply;
mod artifacts;
mod ask;
mod blockers;
mod destroy;
mod dev;
mod doctor;
mod duplicates;
mod hubspot;
mod init;
mod locking;
mod meta;
mod plan;
mod reconcile;
mod rollback;
mod saved;
mod secret;
mod secret_values;
mod session;
mod unlock;
mod validate;
mod venue;

use crate::cli::{Cli, Command};
use crate::error::Result;
use crate::exit_code::ExitCode;

/// Carries out a command and gives what the process exits with.
///
/// # Errors
/// What the command failed with; it has not been shown.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    let Cli { command, global } = cli;
    match command {
        Command::Init(args) => init::run(&global, &args),
        Command::Validate => validate::run(&global),
        Command::Schema => meta::schema(),
        Command::Plan(args) => plan::run(&global, &args).await,
        Command::Apply(args) => apply::run(&global, &args).await,
        Command::Destroy(args) => destroy::run(&global, &args).await,
        Command::Adopt(args) => adopt::run(&global, &args).await,
        Command::Rollback(args) => rollback::run(&global, &args).await,
        Command::Secret(command) => secret::run(&global, command).await,
        Command::Unlock(args) => unlock::run(&global, &args).await,
        Command::Dev(args) => dev::run(&global, &args).await,
        Command::Venue(command) => venue::run(&global, command),
        Command::Doctor(args) => doctor::run(&global, &args).await,
        Command::Duplicates(args) => duplicates::run(&global, &args).await,
        Command::Completions { shell } => meta::completions(shell),
        Command::Man { directory } => meta::man(directory.as_deref()),
    }
}
