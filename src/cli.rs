//! The command line: flags and help only. [`crate::commands`] runs the commands.

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
/// `deployer plan` shows what would change; `deployer apply` makes AWS match venues.toml. To onboard a venue, edit
/// venues.toml. `deployer dev` runs the whole system on this machine, without any account.
#[derive(Debug, Parser)]
#[command(name = "deployer", version, propagate_version = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
    /// Flags that all commands share.
    #[command(flatten)]
    pub global: GlobalArgs,
}

const EXIT_CODES: &str = "Exit codes: 0 done or nothing to do; 1 failed; 2 mistake in the command line or the manifest; \
3 something could not be read; 4 apply finished in part; 5 the saved plan is stale; 6 refused by a guard; \
10 changes (plan --detailed-exitcode); 130 canceled.";

/// Flags that all commands share.
#[derive(Debug, Clone, Args)]
pub struct GlobalArgs {
    /// Path of the manifest
    #[arg(
        long,
        short = 'f',
        global = true,
        value_name = "PATH",
        default_value = "venues.toml",
        env = "DEPLOYER_MANIFEST"
    )]
    pub manifest: PathBuf,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    pub json: bool,
    /// Use the local cloud (kept under .deployer/) instead of AWS
    #[arg(long, global = true)]
    pub local: bool,
    /// When to use color
    #[arg(long, global = true, value_enum, default_value_t = ColorMode::Auto)]
    pub color: ColorMode,
}

/// When to use color.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorMode {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented venues.toml to start from
    Init(InitArgs),
    /// Check the manifest; needs no network
    Validate,
    /// Print the manifest's JSON Schema, for editors
    Schema,
    /// Show what an apply would change, attribute by attribute
    Plan(PlanArgs),
    /// Make AWS match the manifest: show the plan, ask, apply it
    Apply(ApplyArgs),
    /// Delete everything this deployment owns, and nothing else
    Destroy(DestroyArgs),
    /// Take over unowned resources that have a venue's names
    Adopt(AdoptArgs),
    /// Roll a venue's function back to an earlier version, and keep it there until it changes
    Rollback(RollbackArgs),
    /// Set credentials, and see when they last changed
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Show each venue's state: what is deployed, its last and next run, and what needs attention
    Status(StatusArgs),
    /// Write a status page for people who don't run the venues
    Report(ReportArgs),
    /// Show a venue's log
    Logs(LogsArgs),
    /// Run a venue's sync now and show the result
    Invoke(InvokeArgs),
    /// Show who holds the apply lock, and remove it
    Unlock(UnlockArgs),
    /// Run the whole system on this machine, without any account
    Dev(DevArgs),
    /// Add, pause, resume, block and list venues; edits only the manifest
    #[command(subcommand)]
    Venue(VenueCommand),
    /// Check every credential and connection, and say what to fix; changes nothing
    Doctor(DoctorArgs),
    /// Find duplicate leads, and leads of other venues, in a venue's Tripleseat account
    Duplicates(DuplicatesArgs),
    /// Move contacts from a shared flag to a venue's own flag in HubSpot
    MigrateFlag(MigrateFlagArgs),
    /// Find what nobody in the account needs anymore, and what points where it shouldn't
    Audit(AuditArgs),
    /// Archive and delete what an audit found unneeded
    Decommission(DecommissionArgs),
    /// Restore what was decommissioned
    Restore(RestoreArgs),
    /// Prove with a test contact that a venue is live; with --isolation, that no venue can reach another
    Verify(VerifyArgs),
    /// Print shell completions
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write one page per command to a directory
    Man {
        /// Directory for the pages
        directory: Option<PathBuf>,
    },
}

/// `deployer init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Name of the deployment: prefix and owner tag of every managed resource
    #[arg(long, default_value = "venue-sync")]
    pub name: String,
    /// AWS region
    #[arg(long, default_value = "us-east-1", env = "AWS_REGION")]
    pub region: String,
    /// Overwrite an existing manifest
    #[arg(long)]
    pub force: bool,
}

/// The inputs of a plan.
#[derive(Debug, Clone, Args)]
pub struct PlanInputs {
    /// Only this venue (can be given more than once)
    #[arg(long, value_name = "VENUE")]
    pub target: Vec<String>,
    /// Use this zip (with `bootstrap` at its root) or bootstrap instead of building one
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
    /// Archive the HubSpot contact properties of venues no longer in the manifest (nothing else does)
    #[arg(long)]
    pub archive_properties: bool,
}

/// `deployer plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The inputs of the plan.
    #[command(flatten)]
    pub inputs: PlanInputs,
    /// Save the plan to a file for `deployer apply FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 10 if there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// How much of what exists to read (default: full up to 50 venues, fast above)
    #[arg(long, value_enum)]
    pub refresh: Option<PlanRefresh>,
    /// Output format; --json is the same as --format json
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<PlanFormat>,
}

/// The output format of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal
    Text,
    /// One object per line, for programs
    Json,
    /// For a pull request
    Markdown,
    /// One self-contained page
    Html,
}

/// How much of what exists a plan reads. An apply always reads everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanRefresh {
    /// Lists only; the plan says what it didn't check
    Fast,
    /// Everything
    Full,
}

/// `deployer apply`
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A plan saved by `plan --out`: applied without asking, or refused if anything has changed since
    #[arg(value_name = "PLANFILE", conflicts_with_all = ["target", "archive_properties"])]
    pub plan: Option<PathBuf>,
    /// The inputs of the plan.
    #[command(flatten)]
    pub inputs: PlanInputs,
    /// How to apply it.
    #[command(flatten)]
    pub execution: ExecutionArgs,
    /// Refuse to delete more venues than this (default: at most half of them)
    #[arg(long, value_name = "N")]
    pub max_delete: Option<usize>,
    /// Skip the canary: don't dry-run new code at one venue before the others get it
    #[arg(long)]
    pub no_canary: bool,
}

/// What happens before any change: confirmation and lock.
#[derive(Debug, Clone, Args)]
pub struct ConfirmArgs {
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// How long to wait for another apply to finish (`0s`: don't wait)
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = parse_duration_or_zero)]
    pub lock_timeout: Duration,
}

/// How a plan is applied.
#[derive(Debug, Clone, Args)]
pub struct ExecutionArgs {
    /// How to apply it.
    #[command(flatten)]
    pub asking: ConfirmArgs,
    /// How many venues to work on at a time
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
}

/// `deployer adopt`
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The venue
    pub venue: String,
    /// Use this zip (with `bootstrap` at its root) or bootstrap instead of building one
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
    /// How to apply it.
    #[command(flatten)]
    pub asking: ConfirmArgs,
}

/// `deployer rollback`
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The venue
    pub venue: String,
    /// The version (default: the previous one)
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Undo a rollback: the next apply moves the venue forward again
    #[arg(long, conflicts_with = "to")]
    pub unpin: bool,
    /// How to apply it.
    #[command(flatten)]
    pub asking: ConfirmArgs,
}

/// `deployer secret`
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Set one credential of a venue, from a hidden prompt or from stdin
    Set {
        /// The venue
        venue: String,
        /// The credential's key in the manifest: `hubspot_token`, `tripleseat_public_key`, …
        key: String,
    },
    /// Write the values of the manifest's references to the venues' secrets
    Push {
        /// The venues (default: all that are deployed)
        venue: Vec<String>,
        /// Don't ask for confirmation
        #[arg(long, short = 'y')]
        yes: bool,
    },
    /// Show whether each venue's secret exists, and when it last changed
    Status {
        /// The venues (default: all)
        venue: Vec<String>,
        /// Read the values, and say whether each credential matches its reference
        #[arg(long)]
        compare: bool,
    },
}

/// `deployer destroy`
#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// Delete the secrets permanently, without a recovery window
    #[arg(long)]
    pub force_delete_secrets: bool,
    /// Archive the contact properties in HubSpot too
    #[arg(long)]
    pub archive_properties: bool,
    /// Only this venue (can be given more than once)
    #[arg(long, value_name = "VENUE")]
    pub target: Vec<String>,
    /// How to apply it.
    #[command(flatten)]
    pub execution: ExecutionArgs,
}

/// `deployer unlock`
#[derive(Debug, Args)]
pub struct UnlockArgs {
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// `deployer dev`
#[derive(Debug, Args)]
pub struct DevArgs {
    /// Contacts to load, as a CSV export from HubSpot (default: a sample)
    #[arg(long, value_name = "FILE")]
    pub contacts: Option<PathBuf>,
    /// Fire every rule this often (`5s`, `1m`) instead of on its schedule
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    pub every: Option<Duration>,
    /// Run every venue once, print the result, and exit
    #[arg(long)]
    pub once: bool,
    /// Port of the page; if it is taken, the next free one
    #[arg(long, default_value_t = 8787)]
    pub port: u16,
    /// Use this zip (with `bootstrap` at its root) or bootstrap instead of building one
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
}

fn parse_positive_duration(text: &str) -> Result<Duration, String> {
    match parse_duration_or_zero(text)? {
        Duration::ZERO => Err("must be greater than zero".to_owned()),
        duration => Ok(duration),
    }
}

fn parse_duration_or_zero(text: &str) -> Result<Duration, String> {
    match deployer_core::manifest::parse_duration(text) {
        Ok(seconds) => Ok(Duration::from_secs(u64::from(seconds))),
        Err(flaw) => Err(format!("{}: {}", flaw.message, flaw.help)),
    }
}
