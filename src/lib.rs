//! `deployer` makes AWS match a manifest of venues.
//!
//! What happens, in order:
//!
//! 1. [`deployer_core::manifest`] reads and checks `venues.toml`; every mistake is reported with its location.
//! 2. [`deployer_artifact`] builds and zips the one shared function, `sync-lambda`: the same source gives the same bytes.
//! 3. [`deployer_core::desired`] turns manifest and artifact into the resources that should exist;
//!    [`deployer_core::naming`] names them.
//! 4. [`deployer_aws::observe`] reads from AWS what exists.
//! 5. [`deployer_core::plan`] computes the difference, without any effect.
//! 6. [`deployer_core::cost`] estimates what a month costs before and after, from a dated table of prices.
//! 7. [`deployer_reconcile::apply`] carries out the plan's operations in the order of their dependencies, under the
//!    [`deployer_aws::lock`].
//! 8. [`render`] shows plans, progress and results to people and programs.
//!
//! [`deployer_janitor`] finds what nobody in the account needs anymore, archives and deletes that, and finds duplicate
//! leads. [`deployer_health`] reports on the venues, checks every credential and connection, and proves that a venue is
//! live and isolated.
//!
//! [`commands`] has one file per command, [`cli`] the flags that several share, and [`manifests`] runs a command for several
//! manifests side by side. [`dev`] runs the whole system on this
//! machine; [`local`] is the cloud of `--local`.

#![warn(clippy::disallowed_macros, clippy::disallowed_methods)]

// First, so that its macros are known in all others.
#[macro_use]
pub mod terminal;

pub mod cli;
pub mod commands;
mod completion;
pub mod dev;
mod examples;
mod habits;
pub mod local;
pub mod manifests;
pub mod render;
pub mod sample;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches};

use cli::{Cli, ColorMode};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use manifests::CommandLine;
use terminal::TextStream;

/// Parses the command line, runs the command, and returns the exit code of the process.
///
/// The runtime is here and not in the binary, because an async function is compiled in the crate that first polls it:
/// the binary is then only linked.
pub fn run_program() -> std::process::ExitCode {
    completion::answer_shell();
    let (line, name) = match parse_command_line() {
        Ok(parsed) => parsed,
        Err(stopped) => return print_usage(&stopped),
    };
    let cli = &line.cli;
    match cli.global.color {
        _ if cli.global.no_color => anstream::ColorChoice::Never.write_global(),
        ColorMode::Auto => {}
        ColorMode::Always => anstream::ColorChoice::Always.write_global(),
        ColorMode::Never => anstream::ColorChoice::Never.write_global(),
    }
    // What was printed is the result, so a run whose output is incomplete has failed.
    match run_to_completion(&line, name).and_then(|code| terminal::check_output().map(|()| code)) {
        Ok(code) => code.into(),
        Err(error) => {
            terminal::print_error(&error, cli.global.json);
            error.exit_code.into()
        }
    }
}

/// Prints what clap returns instead of a command: help, the version, or a mistake in the command line.
fn print_usage(stopped: &clap::Error) -> std::process::ExitCode {
    match terminal::print_usage_error(stopped) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            terminal::print_error(
                &Error::failed(ErrorCode::Output, "could not write the output").caused_by(&error),
                false,
            );
            ExitCode::Failed.into()
        }
        _ if stopped.use_stderr() => ExitCode::Usage.into(),
        _ => ExitCode::Done.into(),
    }
}

/// The command line, and the name of its command.
fn parse_command_line() -> std::result::Result<(CommandLine, String), clap::Error> {
    let arguments: Vec<OsString> = habits::translate_arguments(std::env::args_os()).into_iter().collect();
    let words = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let matches = examples::add_examples(Cli::command())
        .term_width(terminal::line_width(TextStream::Out))
        .try_get_matches_from(arguments);
    let parsed = matches.and_then(|matches| {
        let name = matches.subcommand_name().unwrap_or_default().to_owned();
        let venues = completion::venues_of_line(&Cli::command(), &matches);
        Cli::from_arg_matches(&matches).map(|cli| (CommandLine { cli, words, venues }, name))
    });
    parsed.map_err(habits::improve_error)
}

fn run_to_completion(line: &CommandLine, name: String) -> Result<ExitCode> {
    // Threads for what can't be awaited, above all names of servers. Each has memory of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(8).enable_all().build();
    let runtime =
        runtime.map_err(|error| Error::failed(ErrorCode::System, "could not start the threads").caused_by(&error))?;
    // Every command: which one needn't say so is decided by what it does to the terminal (`QuietTerminal`).
    render::tell_what_is_waited_for(line.cli.global.json, name);
    let ended = runtime.block_on(manifests::run_for_manifests(line));
    // From here on, nothing is waited for.
    std::mem::forget(terminal::QuietTerminal::hold());
    ended
}
