//! Parses the command line, runs the command, and exits with its code.

use std::process::ExitCode;

use clap::Parser;
use deployer::cli::{Cli, ColorMode};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.global.color {
        ColorMode::Auto => {}
        ColorMode::Always => anstream::ColorChoice::Always.write_global(),
        ColorMode::Never => anstream::ColorChoice::Never.write_global(),
    }
    match deployer::commands::run_command(cli).await {
        Ok(code) => code.into(),
        Err(error) => {
            anstream::eprintln!("error: {error}");
            error.code.into()
        }
    }
}
