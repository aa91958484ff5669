//! `deployer secret`: values that an apply never touches once they exist. One file per subcommand.

mod push;
mod set;
mod status;
pub(in crate::commands) mod stored;

use clap::Subcommand;

use super::shared::session::Session;
use crate::cli::GlobalArgs;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;

/// Set credentials, and see when they last changed
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    Set(set::SecretSetArgs),
    Push(push::SecretPushArgs),
    Status(status::SecretStatusArgs),
}

pub(super) async fn run_secret(global: &GlobalArgs, command: &SecretCommand) -> Result<ExitCode> {
    let venues = match command {
        SecretCommand::Set(args) => std::slice::from_ref(&args.venue),
        SecretCommand::Push(args) => &args.venue,
        SecretCommand::Status(args) => &args.venue,
    };
    let session = Session::open_for_venues(global, venues).await?;
    match command {
        SecretCommand::Set(args) => set::run_secret_set(&session, args).await,
        SecretCommand::Push(args) => push::run_secret_push(&session, args).await,
        SecretCommand::Status(args) => status::run_secret_status(&session, args).await,
    }
}
