//! Several manifests in one run: `--manifest 'venues/*.toml'`. A command that takes several does its work for each of them
//! side by side, and the rest is said once: what they must not share, the question, the summary, the exit code.
//!
//! - [`pattern`]: which files are meant. [`choice`]: which of them a command works on, according to the venues it names.
//! - [`run`]: one of the runs: its turn, its question, what it leaves for the end.
//! - [`side_by_side`]: all of them.
//! - [`again`]: the command for one of them alone.
//!
//! What a run prints is kept by [`crate::terminal::RunOutput`], so no command knows of any of this, except for those that
//! ask ([`ManifestRun::confirm`]) or make one document of all ([`ManifestRun::keep_document`]).

mod again;
mod choice;
mod pattern;
mod run;
mod side_by_side;

use std::path::{Path, PathBuf};

pub use choice::own_venues;
pub use pattern::{expand_manifests, is_pattern};
pub use run::{ManifestRun, RunDocument, join_documents};

use crate::cli::{Cli, GlobalArgs};
use crate::commands;
use crate::terminal::{self, RunFlags};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::load_manifest;
use deployer_core::permissions::PolicyCommand;

/// What a command does with several manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestUse {
    /// It reads none, or one that needn't exist.
    Nothing,
    /// It works on one. It takes the one that declares the venues it names; otherwise somebody has to choose, and this
    /// says why.
    One(&'static str),
    /// It does its work for each, once they were compared.
    Each(ManifestComparison),
}

/// What several manifests are compared for, before a command does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestComparison {
    /// Everything: it plans or writes.
    Everything,
    /// Whether two of them are one deployment: it only reads.
    Deployments,
    /// Nothing but their syntax: it only formats them.
    Nothing,
}

/// A command line, as it was read.
#[derive(Debug)]
pub struct CommandLine {
    pub cli: Cli,
    /// Its words, without the program's name.
    pub words: Vec<String>,
    /// The venues that it names.
    pub venues: Vec<String>,
}

/// Runs the command for the manifests that the command line names.
///
/// # Errors
/// Why it failed; the error has not been shown yet.
pub async fn run_for_manifests(line: &CommandLine) -> Result<ExitCode> {
    let Cli { command, global } = &line.cli;
    let usage = command.manifest_use();
    let paths = match usage {
        ManifestUse::Nothing => global.manifests.iter().take(1).cloned().collect(),
        ManifestUse::One(_) | ManifestUse::Each(_) => expand_manifests(&global.manifests)?,
    };
    match (paths.as_slice(), usage) {
        ([], _) => run_for_one(line, Path::new("venues.toml")).await,
        ([one], _) => run_for_one(line, one).await,
        ([first, ..], ManifestUse::Nothing) => run_for_one(line, first).await,
        ([_, ..], ManifestUse::One(why)) => {
            // The flags of the run name the manifest once it is known.
            let chosen = choice::choose_by_venue(line, &paths, why)
                .inspect_err(|_| terminal::set_run_flags(line.flags_without_manifest()))?;
            if !global.json {
                errln!("Using {}.", chosen.display());
            }
            run_for_one(line, &chosen).await
        }
        ([_, ..], ManifestUse::Each(comparison)) => {
            terminal::set_run_flags(line.flags_without_manifest());
            side_by_side::run_side_by_side(line, &paths, comparison).await
        }
    }
}

/// The error of a command that takes one manifest and was given several.
fn one_file_error(words: &[String], paths: &[PathBuf], why: &str) -> Error {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let example = again::command_again(words, &[]);
    Error::usage(
        ErrorCode::CommandLine,
        format!("this takes one manifest, because {why}, and --manifest names {}: {}", names.len(), names.join(", ")),
    )
    .hint(format!(
        "choose one: `{example} --manifest {}`",
        terminal::quote_for_shell(names.first().map_or("venues.toml", String::as_str))
    ))
}

async fn run_for_one(line: &CommandLine, path: &Path) -> Result<ExitCode> {
    let Cli { command, global } = &line.cli;
    // Only `--profile ACCOUNT=NAME` depends on the manifest. What is wrong with it, the command says.
    let account = match global.profiles.iter().any(|choice| choice.account.is_some()) {
        true => load_manifest(path).ok().map(|loaded| loaded.manifest.deployment.account),
        false => Some(None),
    };
    let profile = match &account {
        Some(account) => global.choose_profile(path, account.as_deref())?,
        None => None,
    };
    if let Some(profile) = &profile {
        deployer_network::choose_profile(profile);
    }
    let flags = RunFlags::for_run(path, global.local, command.artifact_path());
    let flags = RunFlags { profile: profile.clone(), command: line.policy_word(), venue: line.single_venue(), ..flags };
    terminal::set_run_flags(flags);
    commands::run_command(command, &global.for_manifest(path, profile)).await
}

impl CommandLine {
    /// The flags that a proposed command needs, whichever manifest it is for.
    fn flags_without_manifest(&self) -> RunFlags {
        let Cli { command, global } = &self.cli;
        let usual = RunFlags::for_run(Path::new("venues.toml"), global.local, command.artifact_path());
        RunFlags { manifest: None, command: self.policy_word(), venue: self.single_venue(), ..usual }
    }

    /// The venue that it is about, if it is about one.
    fn single_venue(&self) -> Option<String> {
        match self.venues.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }
    }

    fn policy_word(&self) -> Option<&'static str> {
        self.cli.command.policy_command().map(PolicyCommand::name)
    }

    /// Whether it prints lines of JSON.
    fn prints_json(&self) -> bool {
        self.cli.global.json || self.cli.command.asks_for_json()
    }
}

impl GlobalArgs {
    /// The same flags, for this manifest and with this profile.
    fn for_manifest(&self, path: &Path, profile: Option<String>) -> Self {
        Self { manifest: path.to_owned(), profile, ..self.clone() }
    }

    /// The profile for a manifest of this account.
    ///
    /// # Errors
    /// The flags name profiles, but none or more than one for it.
    fn choose_profile(&self, manifest: &Path, account: Option<&str>) -> Result<Option<String>> {
        let of = |wanted: Option<&str>| -> Vec<&str> {
            let fitting = self.profiles.iter().filter(|choice| choice.account.as_deref() == wanted);
            fitting.map(|choice| choice.name.as_str()).collect()
        };
        let for_account = account.map(|account| of(Some(account))).filter(|names| !names.is_empty());
        let shown = manifest.display();
        match for_account.unwrap_or_else(|| of(None)).as_slice() {
            [one] => Ok(Some((*one).to_owned())),
            [] if self.profiles.is_empty() => Ok(None),
            [] => {
                let (what, hint) = match account {
                    Some(account) => {
                        (format!("is for account {account}"), format!("add `--profile {account}=NAME` to the command"))
                    }
                    None => (
                        "doesn't say which account it is for".to_owned(),
                        "set `account` in its [deployment], or pass --profile NAME for the rest".to_owned(),
                    ),
                };
                Err(Error::usage(ErrorCode::CommandLine, format!("no --profile is for {shown}, which {what}"))
                    .hint(hint))
            }
            several => {
                let what = format!("several --profile are for {shown}: {}", several.join(", "));
                Err(Error::usage(ErrorCode::CommandLine, what)
                    .hint("pass one for all, or one for each account: --profile ACCOUNT=NAME"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn each_manifest_gets_the_profile_of_its_account() {
        let choose = |flags: &[&str], account: Option<&str>| {
            let words = ["deployer", "plan"].iter().chain(flags.iter());
            let cli = Cli::parse_from(words);
            cli.global.choose_profile(Path::new("eu.toml"), account).map_err(|error| error.to_string())
        };
        let (eu, us) = ("111111111111", "222222222222");
        let named = |name: &str| Ok(Some(name.to_owned()));
        assert_eq!(choose(&[], Some(eu)), Ok(None));
        assert_eq!(choose(&["--profile", "all"], Some(eu)), named("all"));
        let both = ["--profile", "111111111111=eu", "--profile", "222222222222=us"];
        assert_eq!(choose(&both, Some(eu)), named("eu"));
        assert_eq!(choose(&both, Some(us)), named("us"));
        // Never those of the environment by accident.
        let error = choose(&both, None).expect_err("no account");
        assert!(error.contains("eu.toml, which doesn't say which account") && error.contains("`account`"), "{error}");
        let error = choose(&both[..2], Some(us)).expect_err("another account");
        assert!(error.contains("--profile 222222222222=NAME"), "{error}");
        assert_eq!(choose(&["--profile", "rest", "--profile", "111111111111=eu"], Some(us)), named("rest"));
        assert!(choose(&["--profile", "a", "--profile", "b"], None).is_err_and(|error| error.contains("a, b")));
    }
}
