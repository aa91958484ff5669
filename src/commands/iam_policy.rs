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
use deployer_core::manifest::{Deployment, Scheduler};
use deployer_core::permissions::{
    MAX_POLICY_CHARACTERS, OptionalParts, PolicyCommand, PolicyDocument, PolicyPlace, build_move_policies,
    build_policies_for,
};
use deployer_core::scope::Scope;

/// The word for every command.
const ALL: &str = "all";
/// The account of a policy that fits any: one never reaches further than the account that it is in.
const ANY_ACCOUNT: &str = "*";

/// Print the least IAM policy that commands need for this manifest; needs no network
#[derive(Debug, Args)]
pub struct IamPolicyArgs {
    /// The command that it is for, or all (can be given more than once)
    #[arg(long = "for", value_name = "COMMAND", default_value = "apply", value_parser = parse_commands)]
    pub commands: Vec<PolicyCommands>,
    /// With `--for move`: the region that it moves to (default: the manifest's)
    #[arg(long, value_name = "REGION")]
    pub to_region: Option<String>,
    /// With `--for move`: the account that it moves to (default: the manifest's)
    #[arg(long, value_name = "ID", value_parser = parse_account)]
    pub to_account: Option<String>,
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

/// The documents for one place, and what they are for in words.
struct PlacePolicies {
    title: String,
    place: PolicyPlace,
    documents: Vec<PolicyDocument>,
}

pub(super) fn run_iam_policy(global: &GlobalArgs, args: &IamPolicyArgs) -> Result<ExitCode> {
    let loaded = load_manifest(global)?;
    let parts = OptionalParts {
        alarms: loaded.manifest.alarms.is_some(),
        schedules: loaded.manifest.deployment.scheduler != Scheduler::Rules,
    };
    let policies = list_policies(args, &loaded.manifest.deployment, parts)?;
    let words: Vec<&str> = args.commands.iter().map(|given| given.text.as_str()).collect();
    let all = policies.iter().flat_map(|of| of.documents.iter().map(move |document| (of, document)));
    let all: Vec<(usize, (&PlacePolicies, &PolicyDocument))> = (1..).zip(all).collect();
    let parts = all.len();
    let chosen: Vec<_> = all.into_iter().filter(|(part, _)| args.part.is_none_or(|wanted| wanted == *part)).collect();
    if chosen.is_empty() {
        let parts = count_with_noun(parts as u64, "document");
        return Err(Error::usage(
            ErrorCode::CommandLine,
            format!("--part {}: the policy has {parts}", args.part.unwrap_or_default()),
        ));
    }
    if global.json {
        let lines = JsonLines::default();
        for (part, (of, document)) in chosen {
            lines.print_line(
                "iam_policy",
                json!({
                    "for": words,
                    "account": of.place.scope.account,
                    "region": of.place.scope.region,
                    "part": part,
                    "parts": parts,
                    "characters": document.characters,
                    "policy": document.json,
                }),
            );
        }
        return Ok(ExitCode::Done);
    }
    let mut first = 1;
    for PlacePolicies { title, place, documents } in &policies {
        let sizes = describe_sizes(documents);
        let region = &place.scope.region;
        let numbers = match (policies.len(), documents.len()) {
            (1, _) => String::new(),
            (_, 1) => format!(" Part {first}."),
            (_, more) => format!(" Parts {first} to {}.", first + more - 1),
        };
        errln!("The least policy for {title} in {region}: {sizes} ({MAX_POLICY_CHARACTERS} are allowed).{numbers}");
        if place.scope.account == ANY_ACCOUNT {
            errln!("It fits any account: set `account` in [deployment] to name yours.");
        }
        first += documents.len();
    }
    if policies.len() == 1 && chosen.len() > 1 {
        errln!("One managed policy can't hold it: make one of each document, and attach all of them to the same role.");
    }
    let mut text = String::new();
    for (_, (_, document)) in chosen {
        let pretty = serde_json::to_string_pretty(&document.json)
            .map_err(|error| Error::failed(ErrorCode::Internal, "could not print the policy").caused_by(&error))?;
        // Writing to a string can't fail.
        let _ = writeln!(text, "{pretty}");
    }
    print_document(&text).map(|()| ExitCode::Done)
}

/// The policies that were asked for: one place's, or both places' of a move.
fn list_policies(args: &IamPolicyArgs, deployment: &Deployment, parts: OptionalParts) -> Result<Vec<PlacePolicies>> {
    let name = &deployment.name;
    let here = PolicyPlace {
        scope: Scope::of_region(deployment.account.as_deref().unwrap_or(ANY_ACCOUNT), &deployment.region),
        roles: deployment.role_place(),
    };
    let commands: Vec<PolicyCommand> = args.commands.iter().flat_map(|given| given.commands.clone()).collect();
    if args.to_region.is_none() && args.to_account.is_none() {
        let words: Vec<&str> = args.commands.iter().map(|given| given.text.as_str()).collect();
        let named = if words.contains(&ALL) { "all commands".to_owned() } else { words.join(", ") };
        let documents = build_policies_for(&here, &commands, parts);
        if commands == [PolicyCommand::Move] {
            errln!("This is for both sides of a move in one region: --to-region and --to-account tell them apart.");
        }
        return Ok(vec![PlacePolicies { title: format!("{named} of deployment {name}"), place: here, documents }]);
    }
    if commands != [PolicyCommand::Move] {
        return Err(Error::usage(ErrorCode::CommandLine, "--to-region and --to-account say where a move ends")
            .hint("write `--for move`"));
    }
    let moved = Deployment {
        region: args.to_region.clone().unwrap_or_else(|| deployment.region.clone()),
        account: args.to_account.clone().or_else(|| deployment.account.clone()),
        ..deployment.clone()
    };
    if (&moved.region, &moved.account) == (&deployment.region, &deployment.account) {
        return Err(Error::usage(
            ErrorCode::CommandLine,
            "the deployment is there already: --to-region and --to-account say where a move ends",
        ));
    }
    let there = PolicyPlace {
        scope: Scope::of_region(moved.account.as_deref().unwrap_or(ANY_ACCOUNT), &moved.region),
        roles: moved.role_place(),
    };
    let [leaving, arriving] = build_move_policies(&here, &there);
    let title = |verb: &str, place: &PolicyPlace| match (args.to_account.is_some(), place.scope.account.as_str()) {
        (false, _) => format!("a move of deployment {name}: what {verb}"),
        (true, ANY_ACCOUNT) => format!("a move of deployment {name}: what {verb}, for a role of the former account,"),
        (true, account) => format!("a move of deployment {name}: what {verb}, for a role of account {account},"),
    };
    Ok(vec![
        PlacePolicies { title: title("pauses and deletes it", &here), place: here, documents: leaving },
        PlacePolicies { title: title("creates and resumes it", &there), place: there, documents: arriving },
    ])
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

fn parse_account(text: &str) -> std::result::Result<String, String> {
    match text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err("an account ID has twelve digits".to_owned()),
    }
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
