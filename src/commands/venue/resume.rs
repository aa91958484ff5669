//! `deployer venue resume`

use clap::Args;

use super::status::set_venue_status;
use crate::cli::GlobalArgs;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::Status;

/// Enable a paused venue's rule at the next apply
#[derive(Debug, Args)]
pub struct VenueResumeArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
}

pub(super) fn run_venue_resume(global: &GlobalArgs, args: &VenueResumeArgs) -> Result<ExitCode> {
    set_venue_status(global, &args.venue, Status::Active)
}
