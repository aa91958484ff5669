//! `deployer completions`

use clap::Args;

use crate::completion::registration_script;
use crate::terminal::print_document;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;

/// Print the script that completes commands, flags and venues in a shell
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    pub shell: String,
}

pub(super) fn run_completions(args: &CompletionsArgs) -> Result<ExitCode> {
    print_document(&registration_script(&args.shell)?).map(|()| ExitCode::Done)
}
