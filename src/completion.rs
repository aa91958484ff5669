//! Completion in a shell. The shell asks the program itself, so venues are completed from the manifest.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;

use crate::cli::Cli;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{load_manifest, status_word};

/// The variable that says which shell asks.
const ASKING_SHELL: &str = "DEPLOYER_COMPLETE";

/// Answers a shell that asks for completions, and ends the process then.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(completed_command).var(ASKING_SHELL).bin("deployer").complete();
}

/// The script that makes a shell ask.
///
/// # Errors
/// The shell isn't one of those that can ask.
pub(crate) fn registration_script(shell: &str) -> Result<String> {
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(shell) else {
        let known = shells.names().collect::<Vec<_>>().join(", ");
        return Err(Error::usage(ErrorCode::CommandLine, format!("no completions for {shell}"))
            .hint(format!("known shells: {known}")));
    };
    let mut script = Vec::new();
    let written = completer.write_registration(ASKING_SHELL, "deployer", "deployer", "deployer", &mut script);
    written.map_err(|error| Error::failed(ErrorCode::Internal, "could not make the script").caused_by(&error))?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

fn completed_command() -> Command {
    complete_venues(Cli::command())
}

/// Every argument that is a venue is completed from the manifest.
fn complete_venues(command: Command) -> Command {
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = names.into_iter().fold(command, |command, name| command.mut_subcommand(name, complete_venues));
    command.mut_args(|argument| match takes_venue(&argument) {
        true => argument.add(ArgValueCandidates::new(venue_candidates)),
        false => argument,
    })
}

fn takes_venue(argument: &clap::Arg) -> bool {
    let is_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    is_value && argument.get_value_names().is_some_and(|names| names.iter().any(|name| name.as_str() == "VENUE"))
}

/// The venues of the manifest. Without a manifest there is nothing to complete, and nobody to tell.
fn venue_candidates() -> Vec<CompletionCandidate> {
    let Ok(loaded) = load_manifest(manifest_of_line(std::env::args_os())) else { return Vec::new() };
    let venues = loaded.manifest.venues.into_iter();
    let described = |venue: deployer_core::manifest::Venue| {
        let help = format!("{}, {}", venue.display_name, status_word(venue.status));
        CompletionCandidate::new(venue.name).help(Some(help.into()))
    };
    venues.map(described).collect()
}

/// The manifest that the line to complete names: what is completed isn't parsed yet.
fn manifest_of_line(words: impl IntoIterator<Item = OsString>) -> PathBuf {
    let words: Vec<OsString> = words.into_iter().collect();
    let named = words.iter().enumerate().find_map(|(at, word)| match word.to_str() {
        Some("-f" | "--manifest") => words.get(at + 1).map(PathBuf::from),
        Some(word) => word.strip_prefix("--manifest=").map(PathBuf::from),
        None => None,
    });
    let from_environment = || std::env::var_os("DEPLOYER_MANIFEST").map(PathBuf::from);
    named.or_else(from_environment).unwrap_or_else(|| PathBuf::from("venues.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn venue_arguments(command: &Command, path: &str, found: &mut Vec<String>) {
        found.extend(command.get_arguments().filter(|argument| takes_venue(argument)).map(|_| path.to_owned()));
        command.get_subcommands().for_each(|sub| venue_arguments(sub, &format!("{path} {}", sub.get_name()), found));
    }

    #[test]
    fn venues_are_completed_wherever_one_is_meant() {
        let mut found = Vec::new();
        venue_arguments(&Cli::command(), "deployer", &mut found);
        for command in ["plan", "apply", "logs", "status", "secret set", "venue pause", "migrate-flag", "verify"] {
            assert!(found.contains(&format!("deployer {command}")), "{command} is not in {found:?}");
        }
        // A new venue's name isn't one of those that exist.
        assert!(!found.contains(&"deployer venue add".to_owned()));
    }

    #[test]
    fn the_line_says_which_manifest() {
        let manifest = |line: &str| manifest_of_line(line.split(' ').map(OsString::from));
        assert_eq!(manifest("deployer -- deployer -f other.toml logs v"), PathBuf::from("other.toml"));
        assert_eq!(manifest("deployer -- deployer logs --manifest=a/b.toml v"), PathBuf::from("a/b.toml"));
        assert_eq!(manifest("deployer -- deployer logs v"), PathBuf::from("venues.toml"));
    }

    #[test]
    fn every_shell_has_a_script() {
        for shell in Shells::builtins().names() {
            let script = registration_script(shell).expect("it is known");
            assert!(script.contains(ASKING_SHELL), "{script}");
        }
        assert!(registration_script("csh").is_err());
    }
}
