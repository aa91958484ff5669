//! What people type who come from other tools. Where the meaning is the same, it is taken; where it isn't, one sentence
//! names our command.
//!
//! Commands whose meaning is the same are hidden aliases, in [`crate::commands::Command`]. This file has the flags that Terraform
//! writes with one dash, and the words that get a sentence.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Terraform's flags that we have too, as it writes them. They are taken with one dash as with two.
const ONE_DASH_FLAGS: &[&str] = &[
    "auto-approve",
    "detailed-exitcode",
    "help",
    "json",
    "lock-timeout",
    "no-color",
    "out",
    "parallelism",
    "target",
    "version",
];

/// What other tools call a command, and what to say.
const OTHER_WORDS: &[(&[&str], &str)] = &[
    (
        &["show", "state", "output", "describe", "list", "ls"],
        "`deployer status` shows what is deployed, `deployer plan` what would change, `deployer venue list` the venues",
    ),
    (
        &["refresh", "drift", "detect-drift"],
        "there is no state to refresh: `deployer plan` reads AWS each time and shows drift",
    ),
    (&["synth", "bootstrap"], "nothing has to be synthesized or bootstrapped: `deployer plan` shows what would change"),
    (&["login", "auth"], "sign in to AWS with `aws sso login` or `aws login`, then check with `deployer doctor`"),
    (
        &["test", "smoke"],
        "`deployer verify VENUE` runs the go-live test of a venue, `deployer doctor` checks every connection",
    ),
    (&["run", "exec", "trigger", "sync"], "`deployer invoke VENUE` runs a venue now"),
    (&["tail"], "`deployer logs VENUE --follow` shows a venue's log as it is written"),
    (&["start", "serve", "local"], "`deployer dev` runs the whole system on this machine"),
    (
        &["add", "new", "create"],
        "`deployer venue add NAME` adds a venue to the manifest, `deployer init` writes a new manifest",
    ),
    (
        &["remove", "rm", "delete", "down", "teardown"],
        "`deployer venue remove NAME` removes a venue from the manifest; `deployer destroy` deletes the whole deployment",
    ),
    (&["rename"], "`deployer venue rename OLD NEW` renames a venue in the manifest"),
    (&["pause", "stop"], "`deployer venue pause NAME` stops a venue's runs at the next apply"),
    (&["resume"], "`deployer venue resume NAME` starts a venue's runs again at the next apply"),
    (&["undo", "revert"], "`deployer rollback VENUE` moves a venue back to its previous code"),
    (&["workspace", "stack", "env"], "each manifest is one deployment: choose it with --manifest"),
    (&["taint", "untaint", "replace"], "nothing has to be marked for replacement: `deployer apply` puts drift back"),
    (&["cost", "price"], "`deployer plan` ends with the monthly cost before and after"),
    (
        &["graph"],
        "`deployer report --out report.html` draws each venue's path, `deployer audit --format html` who calls whom",
    ),
    (&["force-unlock"], "`deployer unlock` shows who holds the lock, asks, and removes it"),
];

/// What deletes everything is never what somebody meant who typed something else.
const NEVER_SUGGESTED: &str = "destroy";

/// The arguments as our command line knows them.
pub(crate) fn translate_arguments(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut literal = false;
    let translated = arguments.into_iter().enumerate().map(|(position, argument)| {
        literal |= argument == "--";
        match argument.to_str() {
            Some("version") if position == 1 => OsString::from("--version"),
            Some(text) if position > 0 && !literal && is_one_dash_flag(text) => OsString::from(format!("-{text}")),
            _ => argument,
        }
    });
    translated.collect()
}

fn is_one_dash_flag(text: &str) -> bool {
    let Some(flag) = text.strip_prefix('-') else { return false };
    let name = flag.split_once('=').map_or(flag, |(name, _)| name);
    ONE_DASH_FLAGS.contains(&name)
}

/// The sentence for a command of other tools.
pub(crate) fn explain_word(word: &str) -> Option<&'static str> {
    OTHER_WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, sentence)| *sentence)
}

/// Improves what clap says about an unknown command.
pub(crate) fn improve_error(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let typed = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(typed)) => typed.clone(),
        _ => return error,
    };
    if let Some(sentence) = explain_word(&typed) {
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![sentence.into()]));
        return error;
    }
    if let Some(ContextValue::Strings(suggested)) = error.remove(ContextKind::SuggestedSubcommand) {
        let close = |name: &String| name != NEVER_SUGGESTED || strsim::damerau_levenshtein(name, &typed) <= 2;
        let kept: Vec<_> = suggested.into_iter().filter(close).collect();
        if !kept.is_empty() {
            error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(kept));
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Cli;

    fn parse_line(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(translate_arguments(line.split(' ').map(OsString::from))).map_err(improve_error)
    }

    fn refusal_text(line: &str) -> String {
        parse_line(line).map(drop).expect_err("our command line doesn't know this").to_string()
    }

    #[test]
    fn what_means_the_same_is_taken() {
        let lines = [
            "deployer deploy -auto-approve",
            "deployer up --auto-approve -parallelism=3",
            "deployer plan -out=saved.plan -target=venue-a -detailed-exitcode",
            "deployer plan -out saved.plan -json -no-color",
            "deployer preview",
            "deployer import venue-a",
            "deployer lint",
        ];
        for line in lines {
            assert!(parse_line(line).is_ok(), "{line}: {}", refusal_text(line));
        }
        for line in ["deployer version", "deployer -version", "deployer --version"] {
            assert_eq!(
                parse_line(line).map(drop).map_err(|error| error.kind()),
                Err(ErrorKind::DisplayVersion),
                "{line}"
            );
        }
    }

    #[test]
    fn values_are_left_as_they_are() {
        let line = "deployer venue block venue-a --reason version -- -out";
        let words = translate_arguments(line.split(' ').map(OsString::from));
        assert_eq!(words, line.split(' ').map(OsString::from).collect::<Vec<_>>());
        // Our own short flags aren't Terraform's.
        assert!(!is_one_dash_flag("-y") && !is_one_dash_flag("-f") && !is_one_dash_flag("--out"));
    }

    #[test]
    fn other_tools_words_name_ours() {
        for (words, sentence) in OTHER_WORDS {
            for word in *words {
                assert!(
                    Cli::command().find_subcommand(word).is_none(),
                    "{word} is a command, so its sentence is never said"
                );
                let said = refusal_text(&format!("deployer {word}"));
                assert!(said.contains(sentence), "{said}");
            }
            // Every command in the sentence exists.
            for quoted in sentence.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("deployer ")) {
                let name = quoted.split(' ').nth(1).expect("a command follows");
                assert!(Cli::command().find_subcommand(name).is_some(), "{quoted}");
            }
        }
    }

    #[test]
    fn destroy_is_suggested_only_for_itself() {
        assert!(refusal_text("deployer destory").contains("destroy"));
        for word in ["deplo", "deploi", "destruct", "dest", "deployer"] {
            let said = refusal_text(&format!("deployer {word}"));
            assert!(!said.contains("destroy"), "{said}");
        }
        assert!(refusal_text("deployer plam").contains("plan"));
    }
}
