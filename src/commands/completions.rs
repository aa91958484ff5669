//! `deployer completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::terminal::print_document;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;

/// Print shell completions
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

pub(super) fn run_completions(args: &CompletionsArgs) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "deployer", &mut script);
    print_document(&String::from_utf8_lossy(&script)).map(|()| ExitCode::Done)
}
