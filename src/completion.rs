//! Completion in a shell. The shell asks the program itself, so venues are completed from the manifest.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, ArgMatches, Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;

use crate::cli::Cli;
use crate::manifests::expand_manifests;
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

/// The venues that a command line names: the values of every argument that is one.
pub(crate) fn venues_of_line(command: &Command, matches: &ArgMatches) -> Vec<String> {
    let named = command.get_arguments().filter(|argument| takes_venue(argument));
    let mut venues: Vec<String> = named
        .filter_map(|argument| matches.try_get_many::<String>(argument.get_id().as_str()).ok()?)
        .flatten()
        .cloned()
        .collect();
    if let Some((name, matches)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        venues.extend(venues_of_line(command, matches));
    }
    venues
}

/// The venues of the manifests. Without one there is nothing to complete, and nobody to tell.
fn venue_candidates() -> Vec<CompletionCandidate> {
    let paths = expand_manifests(&manifests_of_line(std::env::args_os())).unwrap_or_default();
    let loaded = paths.iter().filter_map(|path| load_manifest(path).ok());
    let venues = loaded.flat_map(|loaded| loaded.manifest.venues);
    let described = |venue: deployer_core::manifest::Venue| {
        let help = format!("{}, {}", venue.display_name, status_word(venue.status));
        CompletionCandidate::new(venue.name).help(Some(help.into()))
    };
    venues.map(described).collect()
}

/// The manifests that the line to complete names: what is completed isn't parsed yet. A shell passes a pattern as it was
/// typed, in quotes.
fn manifests_of_line(words: impl IntoIterator<Item = OsString>) -> Vec<PathBuf> {
    let words: Vec<OsString> = words.into_iter().collect();
    let unquoted = |word: &str| PathBuf::from(word.trim_matches(['\'', '"']));
    let named = words.iter().enumerate().filter_map(|(at, word)| match word.to_str()? {
        "-f" | "--manifest" => words.get(at + 1)?.to_str().map(unquoted),
        word => word.strip_prefix("--manifest=").map(unquoted),
    });
    let named: Vec<PathBuf> = named.collect();
    let from_environment = || std::env::var_os("DEPLOYER_MANIFEST").map(PathBuf::from);
    match named.is_empty() {
        true => vec![from_environment().unwrap_or_else(|| PathBuf::from("venues.toml"))],
        false => named,
    }
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
    fn the_line_says_which_manifests() {
        let manifests = |line: &str| manifests_of_line(line.split(' ').map(OsString::from));
        assert_eq!(manifests("deployer -- deployer -f other.toml logs v"), [PathBuf::from("other.toml")]);
        assert_eq!(manifests("deployer -- deployer logs --manifest=a/b.toml v"), [PathBuf::from("a/b.toml")]);
        assert_eq!(manifests("deployer -- deployer logs v"), [PathBuf::from("venues.toml")]);
        let several = ["venues/*.toml", "b.toml"].map(PathBuf::from);
        assert_eq!(manifests("deployer -- deployer -f 'venues/*.toml' -f b.toml logs v"), several);
    }

    #[test]
    fn the_venues_of_a_line_are_those_of_all_its_arguments() {
        let venues = |words: &[&str]| {
            let line = ["deployer"].iter().chain(words);
            let matches = Cli::command().try_get_matches_from(line).expect("a command line");
            venues_of_line(&Cli::command(), &matches)
        };
        assert_eq!(venues(&["apply", "--target", "a", "--target=b", "--yes"]), ["a", "b"]);
        assert_eq!(venues(&["status", "a"]), ["a"]);
        assert_eq!(venues(&["venue", "pause", "a"]), ["a"]);
        assert_eq!(venues(&["secret", "set", "a", "hubspot_token"]), ["a"]);
        assert!(venues(&["plan"]).is_empty());
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
