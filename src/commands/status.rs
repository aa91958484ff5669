//! `deployer status`, and the read that `deployer report` shares.

use clap::Args;
use jiff::Timestamp;

use super::shared::session::{Session, find_declared_venue, load_manifest, manifest_directory};
use crate::cli::{GlobalArgs, TimeWindow, parse_time_window};
use crate::render::{JsonLines, status_text};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::Venue;
use deployer_health::status::{self, Overview, StatusPortal};

/// Show each venue's state: what is deployed, its last and next run, and what needs attention
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The venues (default: all)
    #[arg(value_name = "VENUE")]
    pub venue: Vec<String>,
    /// How far back to look for runs: 24h, 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_time_window)]
    pub since: TimeWindow,
}

pub(super) async fn run_status(global: &GlobalArgs, args: &StatusArgs) -> Result<ExitCode> {
    let overview = read_overview(global, &args.venue, &args.since).await?;
    if global.json {
        JsonLines::default().print_status(&overview);
    } else {
        out!("{}", status_text(&overview));
    }
    Ok(overview_exit_code(&overview))
}

/// Reads the state of the venues. If AWS can't be reached, only the manifest's part is known, and the overview says so.
///
/// # Errors
/// A mistake in the manifest, an undeclared venue, or an account other than the manifest's.
pub(super) async fn read_overview(global: &GlobalArgs, venues: &[String], since: &TimeWindow) -> Result<Overview> {
    let loaded = load_manifest(global)?;
    let manifest = &loaded.manifest;
    let chosen: Vec<&Venue> = match venues {
        [] => manifest.venues.iter().collect(),
        names => names.iter().map(|name| find_declared_venue(manifest, name)).collect::<Result<_>>()?,
    };
    let now = Timestamp::now();
    let since = now.checked_sub(since.duration).unwrap_or_default();
    let directory = manifest_directory(&manifest.path);
    let (session, portal) =
        tokio::join!(Session::open(global), StatusPortal::open_portal(manifest, &directory, global.local));
    let session = match session {
        Err(error) if error.exit_code == ExitCode::Failed => Err(error_reason(global, &error)),
        session => Ok(session?),
    };
    let cloud = session.as_ref().map(|session| (&session.aws, &session.scope)).map_err(Clone::clone);
    Ok(status::read_overview(manifest, &chosen, cloud, &portal, (since, now)).await)
}

/// An error on one line. Its hints go to stderr.
fn error_reason(global: &GlobalArgs, error: &Error) -> String {
    if !global.json {
        error.hints.iter().for_each(|hint| errln!("hint: {hint}"));
    }
    let causes = std::iter::once(&error.message).chain(&error.causes);
    causes.cloned().collect::<Vec<_>>().join(": ")
}

/// The exit code: a status with unreadable parts is incomplete.
pub(super) fn overview_exit_code(overview: &Overview) -> ExitCode {
    if overview.unreadable_reasons().is_empty() { ExitCode::Done } else { ExitCode::Incomplete }
}
