//! `deployer decommission` and `deployer restore`

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;

/// `deployer decommission`
#[derive(Debug, Args)]
pub struct DecommissionArgs {
    /// The audit, as `deployer audit --out FILE` wrote it
    #[arg(required_unless_present = "resume")]
    pub audit: Option<PathBuf>,
    /// ARNs or names of what is to go
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// All that is stale or orphaned (what is suspect has to be named)
    #[arg(long)]
    pub stale: bool,
    /// The archive: a directory that isn't there yet, or an earlier run's. It has the functions' environment, secrets
    /// included
    #[arg(long, value_name = "DIR")]
    pub archive: PathBuf,
    /// Disable for so many days in place of deleting; a later run deletes what stayed quiet, and brings back what was called
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=365))]
    pub quarantine: Option<u16>,
    /// Only what the archive has under way: quarantines, and what an interrupted run had begun
    #[arg(long, conflicts_with_all = ["audit", "ids", "stale", "quarantine"])]
    pub resume: bool,
    /// Refuse an audit that is older: 1d, 12h
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = age)]
    pub max_age: SignedDuration,
    /// Log groups too, although their events are in no archive
    #[arg(long)]
    pub with_logs: bool,
    /// Show the plan, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// `deployer restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The archive that `deployer decommission` wrote
    pub archive: PathBuf,
    /// ARNs or names of what is to come back (default: all that was deleted or is in quarantine)
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Show the plan, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long, short = 'y')]
    pub yes: bool,
}

fn age(text: &str) -> Result<SignedDuration, String> {
    super::duplicates::window(text).map(|window| window.duration)
}
