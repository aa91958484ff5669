//! `deployer decommission` and `deployer restore`

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;

/// `deployer decommission`
#[derive(Debug, Args)]
pub struct DecommissionArgs {
    /// The audit, as written by `deployer audit --out FILE`
    #[arg(required_unless_present = "resume")]
    pub audit: Option<PathBuf>,
    /// ARNs or names of what to decommission
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Everything stale or orphaned; suspect items must be named explicitly
    #[arg(long)]
    pub stale: bool,
    /// The archive: a new directory, or an earlier run's. It contains the functions' environment variables, including
    /// secrets
    #[arg(long, value_name = "DIR")]
    pub archive: PathBuf,
    /// Disable for this many days instead of deleting; a later run deletes what stayed quiet and restores what was
    /// called
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=365))]
    pub quarantine: Option<u16>,
    /// Only resume what the archive has open: quarantines, and what an interrupted run started
    #[arg(long, conflicts_with_all = ["audit", "ids", "stale", "quarantine"])]
    pub resume: bool,
    /// Refuse an audit older than this: 1d, 12h
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = parse_max_age)]
    pub max_age: SignedDuration,
    /// Include log groups, although their events are not archived
    #[arg(long)]
    pub with_logs: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// `deployer restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The archive written by `deployer decommission`
    pub archive: PathBuf,
    /// ARNs or names of what to restore (default: everything deleted or in quarantine)
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
}

fn parse_max_age(text: &str) -> Result<SignedDuration, String> {
    super::duplicates::parse_time_window(text).map(|window| window.duration)
}
