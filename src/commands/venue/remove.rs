//! `deployer venue remove`

use clap::Args;
use serde_json::json;

use super::write::{EditableManifest, differs_only_in};
use crate::cli::GlobalArgs;
use crate::render::JsonLines;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Status, remove_venue};

/// Remove a venue from the manifest; the next apply deletes what it has in AWS
#[derive(Debug, Args)]
pub struct VenueRemoveArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
}

pub(super) fn run_venue_remove(global: &GlobalArgs, args: &VenueRemoveArgs) -> Result<ExitCode> {
    let name = args.venue.as_str();
    let manifest = EditableManifest::open(global)?;
    let venue = manifest.find_venue(name)?;
    if venue.protect {
        return Err(Error::usage(
            ErrorCode::VenueStatus,
            format!("{name} is protected, so the next apply would refuse to delete it"),
        )
        .hint("set `protect = false` in its table, run `deployer apply`, then remove it"));
    }
    let (status, flag) = (venue.status, venue.flag_property.clone());
    manifest.edit_manifest(
        |text| remove_venue(text, name),
        |before, after| after.venues.iter().all(|venue| venue.name != name) && differs_only_in(&[name], before, after),
    )?;
    if global.json {
        JsonLines::default().print_line(
            "venue_edited",
            json!({ "venue": name, "removed": true, "changed": true, "next": ["deployer plan"] }),
        );
        return Ok(ExitCode::Done);
    }
    outln!("{name} was removed from {}.", global.manifest.display());
    if status != Status::Blocked {
        outln!(
            "The next apply deletes its function, rule, role and log group; its secret can be restored for some days."
        );
        outln!("Contacts that are still flagged for it (`{flag}`) stay flagged: HubSpot's properties are not deleted.");
        outln!("See what would happen:\n  deployer plan");
    }
    Ok(ExitCode::Done)
}
