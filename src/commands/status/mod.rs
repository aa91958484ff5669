//! `deployer status`, and the read that `deployer report` shares.

mod drift;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::shared::session::{Session, find_declared_venue, load_manifest, manifest_directory};
use crate::cli::{GlobalArgs, TimeWindow, parse_time_window};
use crate::render::{JsonLines, StatusLook, status_metrics, status_text};
use crate::terminal::{output_width, shows_unicode};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::Venue;
use deployer_health::status::{self, DriftFindings, Overview, StatusPeriod, StatusPortal, StatusZone};

/// Show each venue's state: its last and next run, counts, version and drift, and what needs attention
///
/// Exits with 1 if a venue is unhealthy: the manifest says active, but its leads don't arrive or may not arrive. Exits
/// with 3 if something is unreadable.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The venues, in all their parts (default: all, one line each)
    #[arg(value_name = "VENUE")]
    pub venue: Vec<String>,
    /// How far back to look for runs: 24h, 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_time_window)]
    pub since: TimeWindow,
    /// Show times in UTC instead of each venue's `timezone`
    #[arg(long)]
    pub utc: bool,
    /// Don't compare with the manifest, which lists all functions, roles, rules and secrets
    #[arg(long)]
    pub no_drift: bool,
    /// Output format; --json is the same as --format json
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<StatusFormat>,
}

/// The output format of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// For a terminal
    Text,
    /// One object per line, for programs
    Json,
    /// Prometheus' text format, for a file that its node exporter collects
    Prometheus,
}

pub(super) async fn run_status(global: &GlobalArgs, args: &StatusArgs) -> Result<ExitCode> {
    let format = match (global.json, args.format) {
        (true, Some(StatusFormat::Text | StatusFormat::Prometheus)) => {
            return Err(Error::usage("--json and --format contradict each other").hint("leave out --json"));
        }
        (true, _) => StatusFormat::Json,
        (false, format) => format.unwrap_or(StatusFormat::Text),
    };
    let global = GlobalArgs { json: format == StatusFormat::Json, ..global.clone() };
    let choice = OverviewChoice::from_args(args);
    let overview = read_overview(&global, &choice).await?;
    match format {
        StatusFormat::Text => out!("{}", status_text(&overview, &status_look(args))),
        StatusFormat::Json => JsonLines::default().print_status(&overview),
        StatusFormat::Prometheus => crate::terminal::print_document(&status_metrics(&overview))?,
    }
    Ok(status_exit_code(&overview))
}

/// How the status looks on this terminal.
fn status_look(args: &StatusArgs) -> StatusLook {
    StatusLook { width: output_width(), unicode: shows_unicode(), details: !args.venue.is_empty() }
}

/// What of the venues is read.
pub(super) struct OverviewChoice<'a> {
    /// The venues' names; all if there are none.
    pub(super) venues: &'a [String],
    pub(super) since: &'a TimeWindow,
    pub(super) zone: StatusZone,
    /// Whether they are compared with the manifest.
    pub(super) drift: bool,
}

impl<'a> OverviewChoice<'a> {
    fn from_args(args: &'a StatusArgs) -> Self {
        let zone = if args.utc { StatusZone::Utc } else { StatusZone::OfVenue };
        Self { venues: &args.venue, since: &args.since, zone, drift: !args.no_drift }
    }

    fn period(&self) -> StatusPeriod {
        let now = Timestamp::now();
        StatusPeriod { since: now.checked_sub(self.since.duration).unwrap_or_default(), now, zone: self.zone }
    }
}

/// Reads the state of the venues. If AWS can't be reached, only the manifest's part is known, and the overview says so.
///
/// # Errors
/// A mistake in the manifest, an undeclared venue, or an account other than the manifest's.
pub(super) async fn read_overview(global: &GlobalArgs, choice: &OverviewChoice<'_>) -> Result<Overview> {
    let manifest = load_manifest(global)?.manifest;
    for name in choice.venues {
        find_declared_venue(&manifest, name)?;
    }
    let session = match Session::open(global).await {
        Err(error) if error.code == ExitCode::Failed => Err(error_reason(global, &error)),
        session => Ok(session?),
    };
    let manifest = session.as_ref().map_or(&manifest, |session| session.manifest());
    let directory = manifest_directory(&manifest.path);
    let portal = StatusPortal::open_portal(manifest, &directory, global.local).await;
    let chosen: Vec<&Venue> = match choice.venues {
        [] => manifest.venues.iter().collect(),
        names => names.iter().map(|name| find_declared_venue(manifest, name)).collect::<Result<_>>()?,
    };
    let drift = async {
        match &session {
            Ok(session) if choice.drift => drift::compare_with_manifest(session).await,
            Ok(_) => DriftFindings::Unknown("nobody asked for it".to_owned()),
            Err(_) => DriftFindings::Unknown("AWS can't be reached".to_owned()),
        }
    };
    let cloud = session.as_ref().map(|session| (&session.aws, &session.scope)).map_err(Clone::clone);
    Ok(status::read_overview(manifest, &chosen, cloud, &portal, choice.period(), drift).await)
}

/// An error on one line. Its hints go to stderr.
fn error_reason(global: &GlobalArgs, error: &Error) -> String {
    if !global.json {
        error.hints.iter().for_each(|hint| errln!("hint: {hint}"));
    }
    let causes = std::iter::once(&error.message).chain(&error.causes);
    causes.cloned().collect::<Vec<_>>().join(": ")
}

/// An unhealthy venue is a failure, and a status with unreadable parts is incomplete.
fn status_exit_code(overview: &Overview) -> ExitCode {
    if overview.has_unhealthy_venue() { ExitCode::Failed } else { overview_exit_code(overview) }
}

/// The exit code of a page, which was written whatever it says: one with unreadable parts is incomplete.
pub(super) fn overview_exit_code(overview: &Overview) -> ExitCode {
    if overview.unreadable_reasons().is_empty() { ExitCode::Done } else { ExitCode::Incomplete }
}
