//! The command line, and the flags that several commands share. Each command's own flags are in its file in
//! [`crate::commands`].

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, ValueEnum, ValueHint};
use jiff::SignedDuration;

use crate::commands::Command;

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
    /// Path of the manifest, or a quoted pattern such as 'venues/*.toml' (can be given more than once)
    #[arg(
        id = "manifests",
        long = "manifest",
        short = 'f',
        global = true,
        value_name = "PATH",
        default_value = "venues.toml",
        env = "DEPLOYER_MANIFEST",
        value_hint = ValueHint::FilePath
    )]
    pub manifests: Vec<PathBuf>,
    /// The one of them that a command works on.
    #[arg(skip)]
    pub manifest: PathBuf,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    pub json: bool,
    /// Show every attribute of a plan, and policies as JSON
    #[arg(long, short = 'v', global = true)]
    pub verbose: bool,
    /// Use the local cloud (kept under .deployer/) instead of AWS
    #[arg(long, global = true)]
    pub local: bool,
    /// Use this AWS profile, instead of AWS_PROFILE or keys in the environment; for the manifests of one account,
    /// ACCOUNT=NAME (can be given more than once)
    #[arg(
        id = "profiles",
        long = "profile",
        global = true,
        value_name = "NAME",
        conflicts_with = "local",
        value_parser = parse_profile
    )]
    pub profiles: Vec<ProfileChoice>,
    /// The one that is for the manifest that a command works on.
    #[arg(skip)]
    pub profile: Option<String>,
    /// When to use color
    #[arg(long, global = true, value_enum, default_value_t = ColorMode::Auto)]
    pub color: ColorMode,
    /// The same as `--color never`
    #[arg(long, global = true, hide = true)]
    pub no_color: bool,
}

/// A profile of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileChoice {
    /// The account whose manifests it is for; all others if there is none.
    pub account: Option<String>,
    /// Its name.
    pub name: String,
}

/// `NAME` or `ACCOUNT=NAME`.
///
/// # Errors
/// What to write instead.
fn parse_profile(text: &str) -> Result<ProfileChoice, String> {
    let is_account = |word: &str| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit());
    let (account, name) = match text.split_once('=').filter(|(account, _)| is_account(account)) {
        Some((account, name)) => (Some(account.to_owned()), name),
        None => (None, text),
    };
    match name.trim().is_empty() {
        true => Err("write the name of a profile, or ACCOUNT=NAME".to_owned()),
        false => Ok(ProfileChoice { account, name: name.to_owned() }),
    }
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

/// What a plan without a terminal may do. The pipeline says so, and not the manifest.
#[derive(Debug, Clone, Copy, Args)]
pub struct TrustArgs {
    /// Without a terminal: run the programs of `cmd:` references
    #[arg(long, env = "DEPLOYER_ALLOW_CMD", value_parser = FalseyValueParser::new())]
    pub allow_cmd: bool,
    /// Without a terminal: send credentials to a `base_uri` that is neither the vendor's nor this machine
    #[arg(long, env = "DEPLOYER_ALLOW_BASE_URI", value_parser = FalseyValueParser::new())]
    pub allow_base_uri: bool,
}

/// The output format of a plan or an audit.
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

/// What happens before any change: confirmation and lock.
#[derive(Debug, Clone, Args)]
pub struct ConfirmArgs {
    /// Don't ask for confirmation
    #[arg(long, short = 'y', alias = "auto-approve")]
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
    #[arg(long, value_name = "N", default_value_t = deployer_reconcile::apply::VENUES_AT_ONCE)]
    pub parallelism: usize,
}

/// Parses a duration as the manifest does, but not zero.
///
/// # Errors
/// What to write instead.
pub fn parse_positive_duration(text: &str) -> Result<Duration, String> {
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

/// A time window, and its text as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeWindow {
    /// The length of the window.
    pub duration: SignedDuration,
    /// The text as given.
    pub text: String,
}

/// The longest time window, in days: no account is older.
const MAX_WINDOW_DAYS: i64 = 36_500;

/// Parses `30d` or what the manifest takes as a duration.
///
/// # Errors
/// What to write instead.
pub fn parse_time_window(text: &str) -> Result<TimeWindow, String> {
    let duration = match text.strip_suffix('d') {
        Some(days) => match days.parse::<i64>() {
            Ok(days) if (0..=MAX_WINDOW_DAYS).contains(&days) => SignedDuration::from_hours(24 * days),
            _ => return Err(format!("write whole days, such as 30d, at most {MAX_WINDOW_DAYS}d")),
        },
        None => match deployer_core::manifest::parse_duration(text) {
            Ok(seconds) => SignedDuration::from_secs(i64::from(seconds)),
            Err(flaw) => return Err(format!("{}: write whole days, such as 30d, or hours, such as 12h", flaw.message)),
        },
    };
    Ok(TimeWindow { duration, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_windows_in_days_or_smaller_units() {
        assert_eq!(parse_time_window("30d").map(|window| window.duration), Ok(SignedDuration::from_hours(720)));
        assert_eq!(parse_time_window("1h30m").map(|window| window.duration), Ok(SignedDuration::from_mins(90)));
        for text in ["", "d", "-1d", "1.5d", "30", "99999d", "1w"] {
            assert!(parse_time_window(text).is_err(), "{text}");
        }
    }
}
