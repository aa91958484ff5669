//! `deployer venue pause`

use clap::Args;

use super::status::set_venue_status;
use crate::cli::GlobalArgs;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::Status;

/// Disable a venue's rule at the next apply; everything stays deployed
#[derive(Debug, Args)]
pub struct VenuePauseArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
}

pub(super) fn run_venue_pause(global: &GlobalArgs, args: &VenuePauseArgs) -> Result<ExitCode> {
    set_venue_status(global, &args.venue, Status::Paused)
}
