//! The command line: flags and help, nothing else. [`crate::commands`] carries the commands out.

mod audit;
mod decommission;
mod doctor;
mod duplicates;
mod migrate_flag;
mod status;
mod venue;
mod verify;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use audit::*;
pub use decommission::*;
pub use doctor::*;
pub use duplicates::*;
pub use migrate_flag::*;
pub use status::*;
pub use venue::*;
pub use verify::*;

/// Per-venue HubSpot to Tripleseat integrations on AWS, declared in one manifest.
///
/// `deployer plan` shows what would change, `deployer apply` converges AWS to venues.toml. A venue is onboarded by an
/// edit of venues.toml. `deployer dev` runs the whole system on this machine, with no account anywhere.
#[derive(Debug, Parser)]
#[command(name = "deployer", version, propagate_version = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What is done.
    #[command(subcommand)]
    pub command: Command,
    /// Flags of all commands.
    #[command(flatten)]
    pub global: Global,
}

const EXIT_CODES: &str = "Exit codes: 0 done or nothing to do; 1 failed; 2 mistake in the command line or the manifest; \
3 something could not be read; 4 apply finished in part; 5 the saved plan is stale; 6 refused by a guard; \
10 changes (plan --detailed-exitcode); 130 cancelled.";

/// Flags of all commands.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The manifest
    #[arg(
        long,
        short = 'f',
        global = true,
        value_name = "PATH",
        default_value = "venues.toml",
        env = "DEPLOYER_MANIFEST"
    )]
    pub manifest: PathBuf,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Work on the cloud on this machine (kept under .deployer/) in place of AWS
    #[arg(long, global = true)]
    pub local: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What is done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented venues.toml to begin with
    Init(Init),
    /// Check the manifest, without a network
    Validate,
    /// Print the manifest's JSON Schema, for editors
    Schema,
    /// Show what an apply would change, attribute by attribute
    Plan(PlanArgs),
    /// Converge AWS to the manifest: show the plan, ask, carry it out
    Apply(ApplyArgs),
    /// Delete everything that this deployment owns, and nothing else
    Destroy(DestroyArgs),
    /// Take resources that have a venue's names, and that nobody owns, under management
    Adopt(AdoptArgs),
    /// Move a venue's function back to an earlier version, where it stays until it changes
    Rollback(RollbackArgs),
    /// Set credentials, and see when they were changed
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Show how each venue does: what is deployed, its last run, its next, and what somebody should look at
    Status(StatusArgs),
    /// Make a page of how the venues do, for those who don't run them
    Report(ReportArgs),
    /// Show a venue's log
    Logs(LogsArgs),
    /// Run a venue's sync now, and show what came of it
    Invoke(InvokeArgs),
    /// Show who holds the lock of an apply, and take it away
    Unlock(UnlockArgs),
    /// Run the whole system on this machine, with no account anywhere
    Dev(DevArgs),
    /// Add, pause, resume, block and list the venues: edits of the manifest, and nothing else
    #[command(subcommand)]
    Venue(VenueCommand),
    /// Check every credential and connection, and say what to do; nothing is written anywhere
    Doctor(DoctorArgs),
    /// Find duplicate leads in a venue's Tripleseat account, and another venue's leads there
    Duplicates(DuplicatesArgs),
    /// Move contacts from a flag that says no venue to a venue's own flag in HubSpot
    MigrateFlag(MigrateFlagArgs),
    /// Find what in the account nobody needs any more, and what leads where it doesn't belong
    Audit(AuditArgs),
    /// Archive and delete what an audit found that nobody needs
    Decommission(DecommissionArgs),
    /// Bring back what was decommissioned
    Restore(RestoreArgs),
    /// Prove that a venue is live with a test contact; with --isolation, that no venue can reach another
    Verify(VerifyArgs),
    /// Print shell completions
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write one page a command into a directory
    Man {
        /// Where to write the pages
        directory: Option<PathBuf>,
    },
}

/// `deployer init`
#[derive(Debug, Args)]
pub struct Init {
    /// Name of the deployment: prefix and owner tag of all that is managed
    #[arg(long, default_value = "venue-sync")]
    pub name: String,
    /// AWS region
    #[arg(long, default_value = "us-east-1", env = "AWS_REGION")]
    pub region: String,
    /// Overwrite a manifest that is there
    #[arg(long)]
    pub force: bool,
}

/// What a plan is made from.
#[derive(Debug, Clone, Args)]
pub struct PlanInputs {
    /// Only this venue (can be given more than once)
    #[arg(long, value_name = "VENUE")]
    pub target: Vec<String>,
    /// A zip with `bootstrap` at its top, or a bootstrap, in place of a build
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
    /// Archive the contact properties in HubSpot of venues that aren't declared any more (nothing else does)
    #[arg(long)]
    pub archive_properties: bool,
}

/// `deployer plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// What the plan is made from.
    #[command(flatten)]
    pub inputs: PlanInputs,
    /// Save the plan, for `deployer apply FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 10 if there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// How much is read of what exists (default: full up to 50 venues, fast above)
    #[arg(long, value_enum)]
    pub refresh: Option<Refresh>,
    /// How the plan is printed; --json is the same as --format json
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<PlanFormat>,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal
    Text,
    /// One object a line, for programs
    Json,
    /// For a pull request
    Markdown,
    /// One page that needs nothing else
    Html,
}

/// How much a plan reads of what exists. An apply always reads everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Refresh {
    /// Lists only; the plan says what it didn't look at
    Fast,
    /// Everything
    Full,
}

/// `deployer apply`
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A plan that `plan --out` saved: it is carried out without a question, or refused if anything has moved since
    #[arg(value_name = "PLANFILE", conflicts_with_all = ["target", "archive_properties"])]
    pub plan: Option<PathBuf>,
    /// What the plan is made from.
    #[command(flatten)]
    pub inputs: PlanInputs,
    /// How it is carried out.
    #[command(flatten)]
    pub execution: Execution,
    /// Refuse to delete more venues than this (default: at most half of them)
    #[arg(long, value_name = "N")]
    pub max_delete: Option<usize>,
    /// Don't try new code in a dry run at the first venue before the others get it
    #[arg(long)]
    pub no_canary: bool,
}

/// What comes before anything is changed.
#[derive(Debug, Clone, Args)]
pub struct Asking {
    /// Don't ask
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// How long to wait while another apply is under way (`0s` doesn't)
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration_or_none)]
    pub lock_timeout: Duration,
}

/// How a plan is carried out.
#[derive(Debug, Clone, Args)]
pub struct Execution {
    /// How it is carried out.
    #[command(flatten)]
    pub asking: Asking,
    /// Venues that are worked on at one time
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
}

/// `deployer adopt`
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The venue
    pub venue: String,
    /// A zip with `bootstrap` at its top, or a bootstrap, in place of a build
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
    /// How it is carried out.
    #[command(flatten)]
    pub asking: Asking,
}

/// `deployer rollback`
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The venue
    pub venue: String,
    /// The version (default: the one before)
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Take back a rollback: the next apply moves the venue forward again
    #[arg(long, conflicts_with = "to")]
    pub unpin: bool,
    /// How it is carried out.
    #[command(flatten)]
    pub asking: Asking,
}

/// `deployer secret`
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Set one credential of a venue, from a prompt without echo or from standard input
    Set {
        /// The venue
        venue: String,
        /// The credential, as it stands in the manifest: `hubspot_token`, `tripleseat_public_key`, …
        key: String,
    },
    /// Write what the manifest's references give into the venues' secrets
    Push {
        /// The venues; all that are deployed when none is given
        venue: Vec<String>,
        /// Don't ask
        #[arg(long, short = 'y')]
        yes: bool,
    },
    /// Show each venue's secret: whether it is there, when it was changed
    Status {
        /// The venues; all when none is given
        venue: Vec<String>,
        /// Read the values, and say of each credential whether it is what its reference gives
        #[arg(long)]
        compare: bool,
    },
}

/// `deployer destroy`
#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// Delete the secrets for good, without a window in which they could be restored
    #[arg(long)]
    pub force_delete_secrets: bool,
    /// Archive the contact properties in HubSpot too
    #[arg(long)]
    pub archive_properties: bool,
    /// Only this venue (can be given more than once)
    #[arg(long, value_name = "VENUE")]
    pub target: Vec<String>,
    /// How it is carried out.
    #[command(flatten)]
    pub execution: Execution,
}

/// `deployer unlock`
#[derive(Debug, Args)]
pub struct UnlockArgs {
    /// Don't ask
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// `deployer dev`
#[derive(Debug, Args)]
pub struct DevArgs {
    /// Contacts, in the CSV format of HubSpot's export (default: the sample)
    #[arg(long, value_name = "FILE")]
    pub contacts: Option<PathBuf>,
    /// Fire every rule this often (`5s`, `1m`) in place of its schedule
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub every: Option<Duration>,
    /// Run every venue once, print the result, and end
    #[arg(long)]
    pub once: bool,
    /// Port of the page; the next free one if it is taken
    #[arg(long, default_value_t = 8787)]
    pub port: u16,
    /// A zip with `bootstrap` at its top, or a bootstrap, in place of a build
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    match duration_or_none(text)? {
        Duration::ZERO => Err("it must be longer than nothing".to_owned()),
        duration => Ok(duration),
    }
}

fn duration_or_none(text: &str) -> Result<Duration, String> {
    match deployer_core::manifest::parse_duration(text) {
        Ok(seconds) => Ok(Duration::from_secs(u64::from(seconds))),
        Err(flaw) => Err(format!("{}: {}", flaw.message, flaw.help)),
    }
}
