//! What a run of several manifests says about all of them: headings, the question, and how each ended.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::JsonLines;
use super::escape::one_line;
use deployer_core::counted::count_with_noun;
use deployer_core::exit_code::ExitCode;

const BOLD: Style = Style::new().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// How a command ended for one manifest.
#[derive(Debug, Clone)]
pub struct RunResult<'r> {
    /// The manifest.
    pub manifest: String,
    /// Its deployment, if it was read.
    pub deployment: Option<&'r str>,
    /// The account, if the manifest or AWS said it.
    pub account: Option<String>,
    /// The region.
    pub region: Option<&'r str>,
    /// The exit code; `None` if nothing was run.
    pub code: Option<ExitCode>,
    /// The command for what is left.
    pub next: Option<String>,
}

/// What comes before the output about one manifest.
pub fn heading_text(manifest: &str) -> String {
    format!("\n{BOLD}== {} =={BOLD:#}\n", one_line(manifest))
}

/// How a command ended, as a word, and its color.
fn result_word(code: Option<ExitCode>) -> (&'static str, Style) {
    match code {
        None => ("not run", YELLOW),
        Some(ExitCode::Done) => ("done", GREEN),
        Some(ExitCode::Changes) => ("changes", YELLOW),
        Some(ExitCode::Failed) => ("failed", RED),
        Some(ExitCode::Usage) => ("rejected", RED),
        Some(ExitCode::Incomplete) => ("incomplete", YELLOW),
        Some(ExitCode::Partial) => ("in part", RED),
        Some(ExitCode::Stale) => ("stale", RED),
        Some(ExitCode::Refused) => ("refused", RED),
        Some(ExitCode::Cancelled) => ("canceled", YELLOW),
    }
}

impl RunResult<'_> {
    /// `sync in account 123456789012, us-east-1`
    fn place_text(&self) -> String {
        let Some(deployment) = self.deployment else { return String::new() };
        let account = self.account.as_ref().map(|account| format!("account {account}"));
        let place: Vec<String> = account.into_iter().chain(self.region.map(ToOwned::to_owned)).collect();
        format!("{deployment} in {}", place.join(", "))
    }
}

/// What is asked once for all: what each would do, and what isn't part of it. `all` is the number of manifests.
pub fn question_text(asked: &[(RunResult<'_>, &str, &str)], all: usize) -> String {
    let mut out = String::new();
    for (result, summary, _) in asked {
        let _ = writeln!(out, "{BOLD}{}{BOLD:#}: {}", one_line(&result.manifest), result.place_text());
        let _ = writeln!(out, "  {summary}");
    }
    if asked.len() < all {
        let rest = count_with_noun((all - asked.len()) as u64, "manifest");
        let _ = writeln!(out, "The other {rest} above: nothing to do, or it can't be done.");
    }
    let mut questions: Vec<&str> = asked.iter().map(|(.., question)| *question).collect();
    questions.dedup();
    questions.iter().for_each(|question| {
        let _ = writeln!(out, "{question}");
    });
    out
}

/// How it ended for each, with the command for what is left.
pub fn run_results_text(results: &[RunResult<'_>]) -> String {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for result in results {
        let (word, _) = result_word(result.code);
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let counts: Vec<String> = counts.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
    let total = count_with_noun(results.len() as u64, "manifest");
    let mut out = format!("{BOLD}== {total}: {} =={BOLD:#}\n", counts.join(", "));
    let words = results.iter().map(|result| result_word(result.code).0.len()).max().unwrap_or_default();
    let names = results.iter().map(|result| one_line(&result.manifest).chars().count()).max().unwrap_or_default();
    for result in results {
        let (word, style) = result_word(result.code);
        let line =
            format!("  {style}{word:words$}{style:#}  {:names$}  {}", one_line(&result.manifest), result.place_text());
        let _ = writeln!(out, "{}", line.trim_end());
        if let Some(next) = &result.next {
            let _ = writeln!(out, "  {:words$}  left, run: `{next}`", "");
        }
    }
    out
}

/// The same, as the last line of `--json`.
pub fn print_run_results(lines: &JsonLines, results: &[RunResult<'_>], code: ExitCode) {
    let each: Vec<_> = results
        .iter()
        .map(|result| {
            json!({
                "manifest": result.manifest,
                "deployment": result.deployment,
                "account": result.account,
                "region": result.region,
                "result": result_word(result.code).0,
                "exit_code": result.code.map(|code| code as u8),
                "next": result.next,
            })
        })
        .collect();
    lines.print_line("manifests", json!({ "manifests": each, "exit_code": code as u8 }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(manifest: &str, code: Option<ExitCode>, next: Option<&str>) -> RunResult<'static> {
        RunResult {
            manifest: manifest.to_owned(),
            deployment: Some("sync"),
            account: Some("123456789012".to_owned()),
            region: Some("us-east-1"),
            code,
            next: next.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn the_table_says_what_is_left_and_how_to_go_on() {
        let results = [
            result("eu.toml", Some(ExitCode::Done), None),
            result("venues/us.toml", Some(ExitCode::Partial), Some("deployer apply --manifest venues/us.toml")),
            RunResult { deployment: None, ..result("ap.toml", None, None) },
            result("it.toml", Some(ExitCode::Done), None),
        ];
        let plain = anstream::adapter::strip_str(&run_results_text(&results)).to_string();
        assert_eq!(
            plain,
            "== 4 manifests: 2 done, 1 in part, 1 not run ==\n  done     eu.toml         sync in account 123456789012, \
             us-east-1\n  in part  venues/us.toml  sync in account 123456789012, us-east-1\n           left, run: `deployer \
             apply --manifest venues/us.toml`\n  not run  ap.toml\n  done     it.toml         sync in account 123456789012, \
             us-east-1\n"
        );
    }

    #[test]
    fn one_question_names_every_deployment_account_and_region() {
        let (one, other) = (result("eu.toml", None, None), result("us.toml", None, None));
        let asked = [(one, "Plan: 2 to create", "Do it?"), (other, "Plan: 1 to delete", "Do it?")];
        let plain = anstream::adapter::strip_str(&question_text(&asked, 3)).to_string();
        assert_eq!(
            plain,
            "eu.toml: sync in account 123456789012, us-east-1\n  Plan: 2 to create\nus.toml: sync in account 123456789012, \
             us-east-1\n  Plan: 1 to delete\nThe other 1 manifest above: nothing to do, or it can't be done.\nDo it?\n"
        );
    }
}
