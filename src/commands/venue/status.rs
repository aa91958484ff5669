//! The status of a venue: what the subcommands that change it share.

use clap::ValueEnum;
use serde_json::json;

use super::write::EditableManifest;
use crate::cli::GlobalArgs;
use crate::render::JsonLines;
use crate::terminal::complete_command;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Status, set_status, status_word};

/// Whether the rule of a deployed venue fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeployedStatus {
    /// Its rule fires
    Active,
    /// Its rule is disabled
    Paused,
}

/// Sets the status of a venue that is deployed, and reports it.
pub(super) fn set_venue_status(global: &GlobalArgs, name: &str, status: Status) -> Result<ExitCode> {
    let manifest = EditableManifest::open(global)?;
    if manifest.find_venue(name)?.status == Status::Blocked {
        let word = status_word(status);
        return Err(Error::usage(ErrorCode::VenueStatus, format!("{name} is blocked, so it has no rule"))
            .hint(format!("`deployer venue unblock {name} --status {word}` removes its blocker")));
    }
    let changed = manifest.edit_venue(name, |text| set_status(text, name, status), |venue| venue.status == status)?;
    print_edit(global, name, status, changed);
    Ok(ExitCode::Done)
}

pub(super) fn manifest_status(deployed: DeployedStatus) -> Status {
    match deployed {
        DeployedStatus::Active => Status::Active,
        DeployedStatus::Paused => Status::Paused,
    }
}

/// Reports a new status, and the command that makes it take effect.
pub(super) fn print_edit(global: &GlobalArgs, name: &str, status: Status, changed: bool) {
    let word = status_word(status);
    let next = complete_command(&format!("deployer apply --target {name}"));
    if global.json {
        let next: &[&str] = if changed { &[&next] } else { &[] };
        let line = json!({ "venue": name, "status": word, "changed": changed, "next": next });
        return JsonLines::default().print_line("venue_edited", line);
    }
    let manifest = global.manifest.display();
    match (changed, status) {
        (false, _) => {
            outln!("{name} is already {word}; {manifest} was not changed.")
        }
        (true, Status::Blocked) => {
            outln!("{name} is blocked in {manifest}. The next apply removes its resources from AWS:\n  {next}")
        }
        (true, _) => {
            outln!("{name} is {word} in {manifest}. It takes effect with the next apply:\n  {next}");
        }
    }
}
