//! `deployer verify`: one file for each of its two checks.

mod isolation;
mod venue;

use std::time::Duration;

use clap::Args;

use crate::cli::{GlobalArgs, parse_positive_duration};
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;

/// Prove with a test contact that a venue is live; with --isolation, that no venue can reach another
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The venue to verify
    #[arg(value_name = "VENUE", required_unless_present = "isolation", conflicts_with = "isolation")]
    pub venue: Option<String>,
    /// Invoke the function now instead of waiting for its schedule
    #[arg(long, conflicts_with = "isolation")]
    pub now: bool,
    /// Domain of the test contact's address (default: the `test_domain` of the manifest, or example.com)
    #[arg(long, value_name = "DOMAIN", value_parser = parse_test_domain, conflicts_with = "isolation")]
    pub domain: Option<String>,
    /// How long to wait for the lead (default: two scheduled runs, plus the time they may take)
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration, conflicts_with = "isolation")]
    pub timeout: Option<Duration>,
    /// Leave the test contact in HubSpot; the next verify removes it
    #[arg(long, conflicts_with = "isolation")]
    pub keep: bool,
    /// Show for every pair of venues that neither can reach the other's secret, log group, function or role, and that
    /// they share nothing
    #[arg(long)]
    pub isolation: bool,
    /// Judge what the manifest would deploy, without AWS or credentials
    #[arg(long, requires = "isolation")]
    pub offline: bool,
}

pub(super) async fn run_verify(global: &GlobalArgs, args: &VerifyArgs) -> Result<ExitCode> {
    match &args.venue {
        Some(name) => venue::run_verify_venue(global, args, name).await,
        None => isolation::run_isolation(global, args).await,
    }
}

fn parse_test_domain(text: &str) -> Result<String, String> {
    match deployer_core::manifest::check_domain(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(flaw) => Err(format!("{}: {}", flaw.message, flaw.help)),
    }
}
