//! `deployer status`, and the read that `deployer report` shares.

mod drift;
mod watch;

use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::shared::session::{Session, find_declared_venue, load_manifest, manifest_directory};
use crate::cli::{GlobalArgs, TimeWindow, parse_positive_duration, parse_time_window};
use crate::manifests::own_venues;
use crate::render::{JsonLines, StatusLook, status_metrics, status_text};
use crate::terminal::{TextStream, line_width, shows_unicode};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Manifest, Venue};
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
    /// Redraw it in place until `q`
    #[arg(long, conflicts_with = "format")]
    pub watch: bool,
    /// With --watch: how long to wait between two reads
    #[arg(long, value_name = "DURATION", default_value = "10s", requires = "watch", value_parser = parse_positive_duration)]
    pub interval: Duration,
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
    if args.watch {
        if global.json {
            return Err(Error::usage(ErrorCode::CommandLine, "--json and --watch contradict each other")
                .hint("leave out --watch"));
        }
        return watch::watch_status(global, args).await;
    }
    let format = match (global.json, args.format) {
        (true, Some(StatusFormat::Text | StatusFormat::Prometheus)) => {
            return Err(Error::usage(ErrorCode::CommandLine, "--json and --format contradict each other")
                .hint("leave out --json"));
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

/// Nothing can be laid out in less.
const LEAST_WIDTH: usize = 40;

/// How the status looks on this terminal.
fn status_look(args: &StatusArgs) -> StatusLook {
    StatusLook {
        width: line_width(TextStream::Out).max(LEAST_WIDTH),
        unicode: shows_unicode(),
        details: !args.venue.is_empty(),
    }
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
    let sources = StatusSources::open(global, choice).await?;
    Ok(sources.read_overview(choice, None).await.0)
}

/// What a digest is made from: the state of all venues, and where it was read.
pub(super) struct DigestSources {
    pub(super) overview: Overview,
    pub(super) session: Session,
}

/// Reads the state of all venues, and returns the connection that it was read with.
///
/// # Errors
/// AWS can't be reached, or the manifest declares no alarms.
pub(super) async fn read_digest_sources(global: &GlobalArgs, since: &TimeWindow) -> Result<DigestSources> {
    let choice = OverviewChoice { venues: &[], since, zone: StatusZone::OfVenue, drift: false };
    let sources = StatusSources::open(global, &choice).await?;
    if sources.manifest.alarms.is_none() {
        let path = sources.manifest.path.display();
        return Err(Error::usage(
            ErrorCode::NoAlarms,
            format!("a digest goes to the topic of the alarms, and {path} declares no [alarms]"),
        )
        .hint("add `[alarms]` with `email = [\"ops@example.com\"]`, and apply it: docs/alarms.md")
        .hint("`deployer report` writes the same to a file or a pipe"));
    }
    let (overview, _) = sources.read_overview(&choice, None).await;
    match sources.session {
        Ok(session) => Ok(DigestSources { overview, session }),
        Err(reason) => {
            let message = format!("could not read what a digest says: AWS can't be reached: {reason}");
            Err(Error::failed(ErrorCode::AwsCall, message))
        }
    }
}

/// What a status is read from.
struct StatusSources {
    manifest: Manifest,
    /// AWS, or why it can't be reached.
    session: std::result::Result<Session, String>,
    portal: StatusPortal,
}

impl StatusSources {
    /// Opens everything that a status is read from. That AWS can't be reached is no error.
    async fn open(global: &GlobalArgs, choice: &OverviewChoice<'_>) -> Result<Self> {
        let manifest = load_manifest(global)?.manifest;
        for name in own_venues(&manifest, choice.venues) {
            find_declared_venue(&manifest, &name)?;
        }
        let session = match Session::open(global).await {
            Err(error) if error.exit_code == ExitCode::Failed => Err(error_reason(global, &error)),
            session => Ok(session?),
        };
        // Of a running `dev`, it is pointed at the sandboxes.
        let manifest = session.as_ref().map_or(manifest, |session| session.manifest().clone());
        let portal = StatusPortal::open_portal(&manifest, &manifest_directory(&manifest.path), global.local).await;
        Ok(Self { manifest, session, portal })
    }

    /// Reads the state of the venues. They are compared with the manifest unless what that showed is `known`; the second
    /// value is what it showed.
    async fn read_overview(
        &self,
        choice: &OverviewChoice<'_>,
        known: Option<DriftFindings>,
    ) -> (Overview, Option<DriftFindings>) {
        let chosen: Vec<&Venue> = match own_venues(&self.manifest, choice.venues).as_slice() {
            [] => self.manifest.venues.iter().collect(),
            names => {
                names.iter().filter_map(|name| self.manifest.venues.iter().find(|venue| venue.name == *name)).collect()
            }
        };
        let found = parking_lot::Mutex::new(None);
        let drift = async {
            let findings = match (&self.session, known) {
                (_, Some(known)) => known,
                (Ok(session), None) if choice.drift => drift::compare_with_manifest(session).await,
                (Ok(_), None) => DriftFindings::Unknown("nobody asked for it".to_owned()),
                (Err(_), None) => DriftFindings::Unknown("AWS can't be reached".to_owned()),
            };
            *found.lock() = Some(findings.clone());
            findings
        };
        let cloud = self.session.as_ref().map(|session| (&session.aws, &session.scope)).map_err(Clone::clone);
        let overview =
            status::read_overview(&self.manifest, &chosen, cloud, &self.portal, choice.period(), drift).await;
        (overview, found.into_inner())
    }
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
