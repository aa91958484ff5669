//! `deployer migrate-flag`

use clap::Args;

/// `deployer migrate-flag`
#[derive(Debug, Args)]
pub struct MigrateFlagArgs {
    /// Internal name of the tick box that the contacts carry now
    #[arg(long, value_name = "PROPERTY")]
    pub from: String,
    /// The venue whose flag they get
    #[arg(long, value_name = "VENUE")]
    pub to: String,
    /// Show how many contacts there are, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Move contacts too that are leads of the venue already, or may be: they become new leads
    #[arg(long)]
    pub also_synced: bool,
}
