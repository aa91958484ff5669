//! The commands, one file each.

mod adopt;
mod apply;
mod artifacts;
mod ask;
mod audit;
mod blockers;
mod decommission;
mod destroy;
mod dev;
mod doctor;
mod duplicates;
mod hubspot;
mod init;
mod invoke;
mod locking;
mod logs;
mod meta;
mod migrate_flag;
mod plan;
mod reconcile;
mod report;
mod restore;
mod rollback;
mod saved;
mod secret;
mod secret_values;
mod session;
mod status;
mod unlock;
mod validate;
mod venue;
mod verify;

use crate::cli::{Cli, Command};
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;

/// Runs a command and returns the exit code of the process.
///
/// # Errors
/// Why the command failed; the error has not been shown yet.
pub async fn run_command(cli: Cli) -> Result<ExitCode> {
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
        Command::Status(args) => status::run(&global, &args).await,
        Command::Report(args) => report::run(&global, &args).await,
        Command::Logs(args) => logs::run(&global, &args).await,
        Command::Invoke(args) => invoke::run(&global, &args).await,
        Command::Unlock(args) => unlock::run(&global, &args).await,
        Command::Dev(args) => dev::run(&global, &args).await,
        Command::Venue(command) => venue::run(&global, command),
        Command::Doctor(args) => doctor::run(&global, &args).await,
        Command::Duplicates(args) => duplicates::run(&global, &args).await,
        Command::MigrateFlag(args) => migrate_flag::run(&global, &args).await,
        Command::Audit(args) => audit::run(&global, &args).await,
        Command::Decommission(args) => decommission::run(&global, &args).await,
        Command::Restore(args) => restore::run(&global, &args).await,
        Command::Verify(args) => verify::run(&global, &args).await,
        Command::Completions { shell } => meta::completions(shell),
        Command::Man { directory } => meta::man(directory.as_deref()),
    }
}
