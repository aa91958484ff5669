//! `deployer validate`

use clap::Args;
use serde_json::json;

use super::shared::session::load_manifest;
use crate::cli::GlobalArgs;
use crate::render::JsonLines;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::Status;

/// Check the manifest; needs no network
#[derive(Debug, Args)]
pub struct ValidateArgs {}

pub(super) fn run_validate(global: &GlobalArgs, _args: &ValidateArgs) -> Result<ExitCode> {
    let loaded = load_manifest(global)?;
    let count = |status| loaded.manifest.venues.iter().filter(|venue| venue.status == status).count();
    let (active, paused, blocked) = (count(Status::Active), count(Status::Paused), count(Status::Blocked));
    if global.json {
        let lines = JsonLines::default();
        for advice in &loaded.advice {
            lines.print_line("advice", advice);
        }
        lines.print_line("valid", json!({ "active": active, "paused": paused, "blocked": blocked }));
        return Ok(ExitCode::Done);
    }
    for advice in &loaded.advice {
        outln!("advice: {advice}");
    }
    outln!("{} is valid: {active} active, {paused} paused, {blocked} blocked.", loaded.manifest.path.display());
    Ok(ExitCode::Done)
}
