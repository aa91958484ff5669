//! `deployer venue unblock`

use clap::Args;

use super::status::{DeployedStatus, manifest_status, print_edit};
use super::write::EditableManifest;
use crate::cli::GlobalArgs;
use crate::commands::shared::ask;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Status, remove_blocker, set_status, status_word};

/// Remove a venue's blocker
#[derive(Debug, Args)]
pub struct VenueUnblockArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// Its new status; asked for on a terminal
    #[arg(long, value_enum)]
    pub status: Option<DeployedStatus>,
}

pub(super) fn run_venue_unblock(global: &GlobalArgs, args: &VenueUnblockArgs) -> Result<ExitCode> {
    let name = args.venue.as_str();
    let manifest = EditableManifest::open(global)?;
    let venue = manifest.find_venue(name)?;
    if venue.status != Status::Blocked && venue.blocker.is_none() {
        return Err(Error::usage(
            ErrorCode::VenueStatus,
            format!("{name} isn't blocked: it is {}", status_word(venue.status)),
        ));
    }
    let status = match args.status {
        Some(status) => manifest_status(status),
        None if venue.status != Status::Blocked => venue.status,
        None => {
            let mut person = ask::terminal_prompter(global).ok_or_else(|| ask::missing_flags_error(&["--status"]))?;
            person.ask_until_valid("New status (active or paused)", Some("active"), |answer| match answer {
                "active" => Ok(Status::Active),
                "paused" => Ok(Status::Paused),
                _ => Err("enter active or paused".to_owned()),
            })?
        }
    };
    let changed = manifest.edit_venue(
        name,
        |text| remove_blocker(&set_status(text, name, status)?, name),
        |venue| venue.status == status && venue.blocker.is_none(),
    )?;
    print_edit(global, name, status, changed);
    Ok(ExitCode::Done)
}
