//! Output generated from the program itself: the manifest's schema, shell completions, manual pages.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;

pub(super) fn print_schema() -> Result<ExitCode> {
    let text = serde_json::to_string_pretty(&deployer_core::manifest::manifest_schema())
        .map_err(|error| Error::failed("could not print the schema").caused_by(&error))?;
    write_to_stdout(format!("{text}\n").as_bytes())
}

pub(super) fn print_completions(shell: Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "deployer", &mut script);
    write_to_stdout(&script)
}

pub(super) fn write_manual_pages(directory: Option<&Path>) -> Result<ExitCode> {
    let failed = |error: &std::io::Error| Error::failed("could not write the manual pages").caused_by(error);
    match directory {
        Some(directory) => {
            std::fs::create_dir_all(directory).map_err(|error| failed(&error))?;
            clap_mangen::generate_to(Cli::command(), directory).map_err(|error| failed(&error))?;
            Ok(ExitCode::Done)
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(|error| failed(&error))?;
            write_to_stdout(&page)
        }
    }
}

/// Writes to stdout. A closed pipe (`deployer man | head`) is no failure.
fn write_to_stdout(bytes: &[u8]) -> Result<ExitCode> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::failed("could not write to stdout").caused_by(&error))
        }
        _ => Ok(ExitCode::Done),
    }
}
