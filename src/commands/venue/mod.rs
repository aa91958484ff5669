//! `deployer venue`: edits the manifest, and lists its venues. One file per subcommand.

mod add;
mod block;
mod list;
mod pause;
mod resume;
mod status;
mod unblock;
mod write;

use clap::Subcommand;

use crate::cli::GlobalArgs;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;

/// Add, pause, resume, block and list venues; edits only the manifest
#[derive(Debug, Subcommand)]
pub enum VenueCommand {
    List(list::VenueListArgs),
    Add(Box<add::VenueAddArgs>),
    Pause(pause::VenuePauseArgs),
    Resume(resume::VenueResumeArgs),
    Block(block::VenueBlockArgs),
    Unblock(unblock::VenueUnblockArgs),
}

pub(super) async fn run_venue(global: &GlobalArgs, command: &VenueCommand) -> Result<ExitCode> {
    match command {
        VenueCommand::List(args) => list::run_venue_list(global, args),
        VenueCommand::Add(args) => add::run_venue_add(global, args).await,
        VenueCommand::Pause(args) => pause::run_venue_pause(global, args),
        VenueCommand::Resume(args) => resume::run_venue_resume(global, args),
        VenueCommand::Block(args) => block::run_venue_block(global, args),
        VenueCommand::Unblock(args) => unblock::run_venue_unblock(global, args),
    }
}
