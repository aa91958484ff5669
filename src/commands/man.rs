//! `deployer man`

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::cli::Cli;
use crate::terminal::print_document;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;

/// Print the manual page, or write one page per command to a directory
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Directory for the pages
    pub directory: Option<PathBuf>,
}

pub(super) fn run_man(args: &ManArgs) -> Result<ExitCode> {
    let failed = |error: &std::io::Error| {
        Error::failed(ErrorCode::FileUnwritable, "could not write the manual pages").caused_by(error)
    };
    match &args.directory {
        Some(directory) => {
            std::fs::create_dir_all(directory).map_err(|error| failed(&error))?;
            clap_mangen::generate_to(Cli::command(), directory).map_err(|error| failed(&error))?;
            Ok(ExitCode::Done)
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(|error| failed(&error))?;
            print_document(&String::from_utf8_lossy(&page)).map(|()| ExitCode::Done)
        }
    }
}
