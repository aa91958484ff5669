//! `deployer explain`

use std::fmt::Write;

use anstyle::Style;
use clap::Args;
use serde_json::json;

use crate::cli::GlobalArgs;
use crate::render::JsonLines;
use deployer_core::error::{Error, ErrorCode, HANDBOOK, Result};
use deployer_core::exit_code::ExitCode;

/// Explain an error code: what it means, why it happens, what to do
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The code, as in `error[CODE]` (default: list all)
    pub code: Option<String>,
}

const BOLD: Style = Style::new().bold();

/// Where the handbook is in the repository.
const PAGE: &str = "docs/errors.md";

pub(super) fn run_explain(global: &GlobalArgs, args: &ExplainArgs) -> Result<ExitCode> {
    let codes = match &args.code {
        Some(text) => vec![find_code(text)?],
        None => ErrorCode::ALL.to_vec(),
    };
    if global.json {
        let lines = JsonLines::default();
        for code in codes {
            let text = code.handbook_section().unwrap_or_default();
            lines.print_line("error_code", json!({ "code": code, "text": text, "page": format!("{PAGE}#{code}") }));
        }
        return Ok(ExitCode::Done);
    }
    match &args.code {
        Some(_) => codes.iter().for_each(|code| out!("{}", section_text(*code))),
        None => out!("{}", list_text()),
    }
    Ok(ExitCode::Done)
}

fn find_code(text: &str) -> Result<ErrorCode> {
    ErrorCode::parse_code(text).ok_or_else(|| {
        let names = || ErrorCode::ALL.iter().map(|code| code.as_str());
        let mut near: Vec<&str> = names().filter(|name| name.contains(text)).take(3).collect();
        if near.is_empty() {
            near.extend(names().filter(|name| strsim::damerau_levenshtein(name, text) <= name.len() / 3).take(3));
        }
        let error = Error::usage(ErrorCode::CommandLine, format!("no error has the code {text}"));
        match &near[..] {
            [] => error.hint("`deployer explain` lists all codes"),
            near => error.hint(format!("did you mean {}?", near.join(" or "))),
        }
    })
}

/// A section as a terminal shows it: paragraphs on one line, which is wrapped where it is printed.
fn section_text(code: ErrorCode) -> String {
    let mut out = format!("{BOLD}error[{code}]{BOLD:#}\n\n");
    out.push_str(&join_paragraphs(code.handbook_section().unwrap_or_default()));
    let _ = writeln!(out, "\nSee {PAGE}#{code}");
    out
}

/// Markdown as plain text: lines of a paragraph are joined, links have their address behind them.
fn join_paragraphs(markdown: &str) -> String {
    let mut out = String::new();
    for paragraph in markdown.split("\n\n") {
        let mut lines = paragraph.lines().peekable();
        while let Some(line) = lines.next() {
            out.push_str(if line.starts_with("- ") { "  " } else { "" });
            out.push_str(&replace_links(line.trim_start()));
            let goes_on = lines.peek().is_some_and(|next| !next.starts_with("- "));
            out.push(if goes_on { ' ' } else { '\n' });
        }
        out.push('\n');
    }
    out.pop();
    out
}

/// `[words](address)` as `words`, or as `words (docs/page.md)` where the words don't say the page.
fn replace_links(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, link)) = rest.split_once('[') {
        let Some((words, (address, after))) =
            link.split_once("](").and_then(|(words, tail)| Some((words, tail.split_once(')')?)))
        else {
            break;
        };
        out.push_str(before);
        out.push_str(words);
        let page = address.trim_start_matches("../");
        if !words.contains(page.split('#').next().unwrap_or_default()) {
            let _ = write!(out, " ({page})");
        }
        rest = after;
    }
    out + rest
}

/// All codes by their groups of the handbook.
fn list_text() -> String {
    let mut out = String::new();
    for group in HANDBOOK.split("\n## ").skip(1) {
        let title = group.lines().next().unwrap_or_default();
        let codes: Vec<&str> = group.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let _ = writeln!(out, "{BOLD}{title}{BOLD:#}\n  {}\n", codes.join(" "));
    }
    out.push_str("`deployer explain CODE` explains one.\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_every_section_as_text() {
        for code in ErrorCode::ALL {
            let text = section_text(*code);
            assert!(!text.contains("](") && text.contains(&format!("error[{code}]")), "{text}");
        }
        assert_eq!(replace_links("see [the page](x.md) and [docs/y.md](y.md)."), "see the page (x.md) and docs/y.md.");
        assert_eq!(join_paragraphs("a\nb\n\n- c\n- d\n  e\n"), "a b\n\n  - c\n  - d e\n");
    }

    #[test]
    fn lists_every_code() {
        let text = list_text();
        assert!(ErrorCode::ALL.iter().all(|code| text.split_whitespace().any(|word| word == code.as_str())));
    }
}
