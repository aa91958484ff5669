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
mod init;
mod invoke;
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
        Command::Init(args) => init::run_init(&global, &args),
        Command::Validate => validate::run_validate(&global),
        Command::Schema => meta::print_schema(),
        Command::Plan(args) => plan::run_plan(&global, &args).await,
        Command::Apply(args) => apply::run_apply(&global, &args).await,
        Command::Destroy(args) => destroy::run_destroy(&global, &args).await,
        Command::Adopt(args) => adopt::run_adopt(&global, &args).await,
        Command::Rollback(args) => rollback::run_rollback(&global, &args).await,
        Command::Secret(command) => secret::run_secret(&global, command).await,
        Command::Status(args) => status::run_status(&global, &args).await,
        Command::Report(args) => report::run_report(&global, &args).await,
        Command::Logs(args) => logs::run_logs(&global, &args).await,
        Command::Invoke(args) => invoke::run_invoke(&global, &args).await,
        Command::Unlock(args) => unlock::run_unlock(&global, &args).await,
        Command::Dev(args) => dev::run_dev(&global, &args).await,
        Command::Venue(command) => venue::run_venue(&global, command),
        Command::Doctor(args) => doctor::run_doctor(&global, &args).await,
        Command::Duplicates(args) => duplicates::run_duplicates(&global, &args).await,
        Command::MigrateFlag(args) => migrate_flag::run_migrate_flag(&global, &args).await,
        Command::Audit(args) => audit::run_audit(&global, &args).await,
        Command::Decommission(args) => decommission::run_decommission(&global, &args).await,
        Command::Restore(args) => restore::run_restore(&global, &args).await,
        Command::Verify(args) => verify::run_verify(&global, &args).await,
        Command::Completions { shell } => meta::print_completions(shell),
        Command::Man { directory } => meta::write_manual_pages(directory.as_deref()),
    }
}
