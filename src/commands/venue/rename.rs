//! `deployer venue rename`

use clap::Args;
use serde_json::json;

use super::write::{EditableManifest, differs_only_in};
use crate::cli::GlobalArgs;
use crate::render::JsonLines;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Status, check_name, rename_venue};

/// Rename a venue in the manifest, and say what moves with the next apply and what stays behind
#[derive(Debug, Args)]
pub struct VenueRenameArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// Its new name
    #[arg(value_name = "NAME")]
    pub name: String,
}

pub(super) fn run_venue_rename(global: &GlobalArgs, args: &VenueRenameArgs) -> Result<ExitCode> {
    let (from, to) = (args.venue.as_str(), args.name.as_str());
    check_name(to).map_err(|flaw| Error::usage(ErrorCode::Name, flaw.message).hint(flaw.help))?;
    let manifest = EditableManifest::open(global)?;
    let venue = manifest.find_venue(from)?.clone();
    if manifest.find_venue(to).is_ok() {
        return Err(
            Error::usage(ErrorCode::VenueExists, format!("there is a venue {to} already")).hint("choose another name")
        );
    }
    if venue.protect {
        return Err(Error::usage(
            ErrorCode::VenueStatus,
            format!("{from} is protected, so the next apply would refuse to delete what has its name"),
        )
        .hint("set `protect = false` in its table, run `deployer apply`, then rename it"));
    }
    let mut flag = String::new();
    manifest.edit_manifest(
        |text| rename_venue(text, from, to),
        |before, after| {
            let found = after.venues.iter().find(|venue| venue.name == to);
            flag = found.map(|venue| venue.flag_property.clone()).unwrap_or_default();
            found.is_some() && after.venues.len() == before.venues.len() && differs_only_in(&[from, to], before, after)
        },
    )?;
    let moves_flags = flag != venue.flag_property && venue.status != Status::Blocked;
    let migration = format!("deployer migrate-flag --from {} --to {to}", venue.flag_property);
    let mut next = vec!["deployer plan".to_owned(), "deployer apply".to_owned()];
    next.extend(moves_flags.then_some(migration));
    if global.json {
        let line = json!({ "venue": to, "renamed_from": from, "changed": true, "next": next });
        JsonLines::default().print_line("venue_edited", line);
        return Ok(ExitCode::Done);
    }
    outln!("{from} is {to} in {}.", global.manifest.display());
    if venue.status != Status::Blocked {
        outln!(
            "The next apply creates its resources under the new name, and deletes those of {from}, with their logs."
        );
        outln!("Its credentials come from the manifest's references; a `managed` one has to be set again.");
    }
    if moves_flags {
        outln!(
            "In HubSpot, flags and ledger of {from} stay behind: flags that are set in `{}` are not seen by",
            venue.flag_property
        );
        outln!("{to}, and whoever is ticked again becomes a new lead. The last command moves the flags:");
    }
    next.iter().for_each(|command| outln!("  {command}"));
    Ok(ExitCode::Done)
}
