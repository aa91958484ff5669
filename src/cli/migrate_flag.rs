//! `deployer migrate-flag`

use clap::Args;

/// `deployer migrate-flag`
#[derive(Debug, Args)]
pub struct MigrateFlagArgs {
    /// Internal name of the checkbox property that the contacts have now
    #[arg(long, value_name = "PROPERTY")]
    pub from: String,
    /// The venue whose flag to set
    #[arg(long, value_name = "VENUE")]
    pub to: String,
    /// Show how many contacts there are and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Also move contacts that are or may be leads of the venue already: they become new leads
    #[arg(long)]
    pub also_synced: bool,
}
