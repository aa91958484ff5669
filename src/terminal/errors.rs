//! How errors look: `error[code]: …` for people, and a line of type `error` for programs.

use std::fmt;

use anstyle::{AnsiColor, Style};
use clap::error::ErrorKind;
use deployer_core::error::{Error, ErrorCode};
use deployer_core::manifest::ReportStyle;
use serde_json::json;

use super::{TextStream, line_width};

const RED: Style = AnsiColor::Red.on_default().bold();

/// Prints the error that a command ends with: to stderr for people, and with `--json` to stdout too.
pub fn print_error(error: &Error, json: bool) {
    if json {
        let mut line = json!(error);
        if let Some(members) = line.as_object_mut() {
            members.shift_insert(0, "type".to_owned(), "error".into());
        }
        // If not even errors can be written, there is nobody to tell that.
        let _ = super::print_json(&line);
    }
    match &error.report {
        // The mistakes were printed as lines already.
        Some(report) if !json => {
            let style = ReportStyle { color: true, width: line_width(TextStream::Err) };
            err!("{}", report.render_report(style));
            error.hints.iter().for_each(|hint| errln!("  hint: {hint}"));
        }
        _ => errln!("{}", error_text(error)),
    }
}

/// What every error starts with, whatever its code is called.
pub fn error_head(code: impl fmt::Display) -> String {
    format!("{RED}error[{code}]:{RED:#} ")
}

fn error_text(error: &Error) -> String {
    format!("{}{error}{}", error_head(error.code), explain_line(error))
}

/// Where no hint says what to do, the handbook may.
fn explain_line(error: &Error) -> String {
    let said_all = matches!(error.code, ErrorCode::Canceled | ErrorCode::Output);
    if error.hints.is_empty() && !said_all {
        format!("\n  hint: `deployer explain {}` says more", error.code)
    } else {
        String::new()
    }
}

/// Prints what clap says about a command line: a mistake in the form of all errors, help and version as they are.
///
/// # Errors
/// It couldn't be written.
pub fn print_usage_error(stopped: &clap::Error) -> std::io::Result<()> {
    let plain = stopped.render().to_string();
    match (stopped.use_stderr(), plain.strip_prefix("error: ")) {
        // Help that is shown because nothing was asked for is no error.
        (true, Some(rest)) if stopped.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            err!("{}{rest}", error_head(ErrorCode::CommandLine));
            Ok(())
        }
        _ => stopped.print(),
    }
}
