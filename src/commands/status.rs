//! `deployer status`, and the read that `deployer report` shares.

use jiff::Timestamp;

use super::session::{Session, declared, load, manifest_directory};
use crate::cli::{Global, StatusArgs, Window};
use crate::render::{JsonLines, status_text};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::Venue;
use deployer_health::status::{self, Overview, Portal};

pub(super) async fn run_status(global: &Global, args: &StatusArgs) -> Result<ExitCode> {
    let overview = read(global, &args.venue, &args.since).await?;
    if global.json {
        JsonLines::default().status(&overview);
    } else {
        anstream::print!("{}", status_text(&overview));
    }
    Ok(code(&overview))
}

/// Reads the state of the venues. If AWS can't be reached, only the manifest's part is known, and the overview says so.
///
/// # Errors
/// A mistake in the manifest, an undeclared venue, or an account other than the manifest's.
pub(super) async fn read_overview(global: &Global, venues: &[String], since: &Window) -> Result<Overview> {
    let loaded = load(global)?;
    let manifest = &loaded.manifest;
    let chosen: Vec<&Venue> = match venues {
        [] => manifest.venues.iter().collect(),
        names => names.iter().map(|name| declared(manifest, name)).collect::<Result<_>>()?,
    };
    let now = Timestamp::now();
    let since = now.checked_sub(since.duration).unwrap_or_default();
    let directory = manifest_directory(&manifest.path);
    let (session, portal) = tokio::join!(Session::open(global), Portal::open(manifest, &directory, global.local));
    let session = match session {
        Err(error) if error.code == ExitCode::Failed => Err(reason(global, &error)),
        session => Ok(session?),
    };
    let cloud = session.as_ref().map(|session| (&session.aws, &session.scope)).map_err(Clone::clone);
    Ok(status::read(manifest, &chosen, cloud, &portal, (since, now)).await)
}

/// An error on one line. Its hints go to stderr.
fn error_reason(global: &Global, error: &Error) -> String {
    if !global.json {
        error.hints.iter().for_each(|hint| anstream::eprintln!("hint: {hint}"));
    }
    let causes = std::iter::once(&error.message).chain(&error.causes);
    causes.cloned().collect::<Vec<_>>().join(": ")
}

/// The exit code: a status with unreadable parts is incomplete.
pub(super) fn overview_exit_code(overview: &Overview) -> ExitCode {
    if overview.unreadable().is_empty() { ExitCode::Done } else { ExitCode::Incomplete }
}
