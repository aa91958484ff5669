//! `deployer venue`: edits the manifest, and lists its venues. One file per subcommand.

mod add;
mod block;
mod list;
mod pause;
mod remove;
mod rename;
mod resume;
mod show;
mod status;
mod unblock;
pub(super) mod write;

use clap::Subcommand;

use crate::cli::GlobalArgs;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;

/// Add, remove, rename, pause, block, show and list venues; edits only the manifest
#[derive(Debug, Subcommand)]
pub enum VenueCommand {
    List(list::VenueListArgs),
    Show(show::VenueShowArgs),
    Add(Box<add::VenueAddArgs>),
    #[command(aliases = ["rm", "delete"])]
    Remove(remove::VenueRemoveArgs),
    Rename(rename::VenueRenameArgs),
    Pause(pause::VenuePauseArgs),
    Resume(resume::VenueResumeArgs),
    Block(block::VenueBlockArgs),
    Unblock(unblock::VenueUnblockArgs),
}

pub(super) async fn run_venue(global: &GlobalArgs, command: &VenueCommand) -> Result<ExitCode> {
    match command {
        VenueCommand::List(args) => list::run_venue_list(global, args),
        VenueCommand::Show(args) => show::run_venue_show(global, args),
        VenueCommand::Remove(args) => remove::run_venue_remove(global, args),
        VenueCommand::Rename(args) => rename::run_venue_rename(global, args),
        VenueCommand::Add(args) => add::run_venue_add(global, args).await,
        VenueCommand::Pause(args) => pause::run_venue_pause(global, args),
        VenueCommand::Resume(args) => resume::run_venue_resume(global, args),
        VenueCommand::Block(args) => block::run_venue_block(global, args),
        VenueCommand::Unblock(args) => unblock::run_venue_unblock(global, args),
    }
}
