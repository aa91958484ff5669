//! `deployer iam-policy`

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::shared::session::load_manifest;
use crate::cli::GlobalArgs;
use crate::render::JsonLines;
use crate::terminal::print_document;
use deployer_core::counted::count_with_noun;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::permissions::{
    MAX_POLICY_CHARACTERS, PolicyCommand, PolicyDocument, PolicyPlace, build_policies_for,
};
use deployer_core::scope::Scope;

/// The word for every command.
const ALL: &str = "all";

/// Print the least IAM policy that commands need for this manifest; needs no network
#[derive(Debug, Args)]
pub struct IamPolicyArgs {
    /// The command that it is for, or all (can be given more than once)
    #[arg(long = "for", value_name = "COMMAND", default_value = "apply", value_parser = parse_commands)]
    pub commands: Vec<PolicyCommands>,
    /// Print only this document, where one isn't enough
    #[arg(long, value_name = "N")]
    pub part: Option<usize>,
}

/// One command, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyCommands {
    /// As given.
    text: String,
    commands: Vec<PolicyCommand>,
}

pub(super) fn run_iam_policy(global: &GlobalArgs, args: &IamPolicyArgs) -> Result<ExitCode> {
    let loaded = load_manifest(global)?;
    let deployment = &loaded.manifest.deployment;
    let account = deployment.account.as_deref();
    let place = PolicyPlace {
        scope: Scope::of_region(account.unwrap_or("*"), &deployment.region),
        roles: deployment.role_place(),
    };
    let commands: Vec<PolicyCommand> = args.commands.iter().flat_map(|given| given.commands.clone()).collect();
    let documents = build_policies_for(&place, &commands, loaded.manifest.alarms.is_some());
    let chosen: Vec<(usize, &PolicyDocument)> =
        (1..).zip(&documents).filter(|(part, _)| args.part.is_none_or(|wanted| wanted == *part)).collect();
    if chosen.is_empty() {
        let parts = count_with_noun(documents.len() as u64, "document");
        return Err(Error::usage(
            ErrorCode::CommandLine,
            format!("--part {}: the policy has {parts}", args.part.unwrap_or_default()),
        ));
    }
    let words: Vec<&str> = args.commands.iter().map(|given| given.text.as_str()).collect();
    if global.json {
        let lines = JsonLines::default();
        for (part, document) in chosen {
            lines.print_line(
                "iam_policy",
                json!({
                    "for": words,
                    "part": part,
                    "parts": documents.len(),
                    "characters": document.characters,
                    "policy": document.json,
                }),
            );
        }
        return Ok(ExitCode::Done);
    }
    let named = if words.contains(&ALL) { "all commands".to_owned() } else { words.join(", ") };
    errln!(
        "The least policy for {named} of deployment {} in {}: {} ({MAX_POLICY_CHARACTERS} are allowed).",
        deployment.name,
        deployment.region,
        describe_sizes(&documents)
    );
    if account.is_none() {
        errln!("It fits any account: set `account` in [deployment] to name yours.");
    }
    if chosen.len() > 1 {
        errln!("One managed policy can't hold it: make one of each document, and attach all of them to the same role.");
    }
    let mut text = String::new();
    for (_, document) in chosen {
        let pretty = serde_json::to_string_pretty(&document.json)
            .map_err(|error| Error::failed(ErrorCode::Internal, "could not print the policy").caused_by(&error))?;
        // Writing to a string can't fail.
        let _ = writeln!(text, "{pretty}");
    }
    print_document(&text).map(|()| ExitCode::Done)
}

/// `4210 characters`, or `3 documents of 6011, 5120 and 900 characters`.
fn describe_sizes(documents: &[PolicyDocument]) -> String {
    let sizes: Vec<String> = documents.iter().map(|document| document.characters.to_string()).collect();
    match sizes.as_slice() {
        [one] => format!("{one} characters"),
        [first @ .., last] => {
            format!("{} documents of {} and {last} characters", documents.len(), first.join(", "))
        }
        [] => "nothing".to_owned(),
    }
}

fn parse_commands(text: &str) -> std::result::Result<PolicyCommands, String> {
    let commands = match PolicyCommand::ALL.into_iter().find(|command| command.name() == text) {
        Some(command) => vec![command],
        None if text == ALL => PolicyCommand::ALL.to_vec(),
        None => {
            let names: Vec<&str> = PolicyCommand::ALL.into_iter().map(PolicyCommand::name).collect();
            return Err(format!("must be {ALL}, or a command that calls AWS: {}", names.join(", ")));
        }
    };
    Ok(PolicyCommands { text: text.to_owned(), commands })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_with_a_policy_is_in_the_command_line() {
        let cli = Cli::command();
        for command in PolicyCommand::ALL {
            assert!(cli.find_subcommand(command.name()).is_some(), "{command}");
        }
        assert_eq!(parse_commands("all").map(|given| given.commands.len()), Ok(PolicyCommand::ALL.len()));
        assert!(parse_commands("validate").is_err_and(|error| error.contains("plan, apply")));
    }
}
