//! `deployer fmt`

use clap::Args;
use serde_json::json;

use super::venue::write::replace_manifest;
use crate::cli::GlobalArgs;
use crate::render::JsonLines;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::tidy_manifest;

/// Align and tidy the manifest; changes only spaces and empty lines
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Change nothing; exit 1 if the manifest isn't tidy
    #[arg(long)]
    pub check: bool,
}

pub(super) fn run_fmt(global: &GlobalArgs, args: &FmtArgs) -> Result<ExitCode> {
    let shown = &global.manifest;
    let unreadable = |error: std::io::Error| {
        Error::failed(ErrorCode::FileUnreadable, format!("could not read {}", shown.display())).caused_by(&error)
    };
    let path = std::fs::canonicalize(shown).map_err(unreadable)?;
    let text = bounds::read_regular_text(&path, bounds::MAX_TEXT_FILE).map_err(unreadable)?;
    let tidy = tidy_manifest(&text).map_err(|why| {
        Error::usage(ErrorCode::Syntax, format!("{} can't be tidied: {why}", shown.display()))
            .hint("`deployer validate` shows the place of every mistake")
    })?;
    let changed = tidy != text;
    if changed && !args.check {
        replace_manifest(&path, shown, &text, &tidy)?;
    }
    let lines = first_difference(&text, &tidy);
    match (global.json, changed) {
        (true, _) => JsonLines::default()
            .print_line("formatted", json!({ "changed": changed, "written": changed && !args.check })),
        (false, false) => outln!("{} is tidy.", shown.display()),
        (false, true) if args.check => {
            outln!("{} isn't tidy, from line {lines} on. To tidy it:\n  deployer fmt", shown.display())
        }
        (false, true) => outln!("{} is tidy now.", shown.display()),
    }
    Ok(if changed && args.check { ExitCode::Failed } else { ExitCode::Done })
}

/// The number of the first line that differs, from 1.
fn first_difference(before: &str, after: &str) -> usize {
    before.lines().zip(after.lines()).take_while(|(before, after)| before == after).count() + 1
}
