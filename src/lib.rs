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
//! [`commands`] has one file per command, [`cli`] the flags that several share. [`dev`] runs the whole system on this
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
pub mod render;
pub mod sample;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use cli::{Cli, ColorMode};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use terminal::{RunFlags, TextStream};

/// Parses the command line, runs the command, and returns the exit code of the process.
///
/// The runtime is here and not in the binary, because an async function is compiled in the crate that first polls it:
/// the binary is then only linked.
pub fn run_program() -> std::process::ExitCode {
    completion::answer_shell();
    let ParsedCommand { cli, name, venue } = match parse_command_line() {
        Ok(parsed) => parsed,
        Err(stopped) => return print_usage(&stopped),
    };
    match cli.global.color {
        _ if cli.global.no_color => anstream::ColorChoice::Never.write_global(),
        ColorMode::Auto => {}
        ColorMode::Always => anstream::ColorChoice::Always.write_global(),
        ColorMode::Never => anstream::ColorChoice::Never.write_global(),
    }
    terminal::set_run_flags(RunFlags { venue, ..cli.run_flags() });
    if let Some(profile) = &cli.global.profile {
        deployer_network::choose_profile(profile);
    }
    // What was printed is the result, so a run whose output is incomplete has failed.
    match run_to_completion(&cli, name).and_then(|code| terminal::check_output().map(|()| code)) {
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

/// A command line.
struct ParsedCommand {
    cli: Cli,
    /// The command, as it is typed.
    name: String,
    /// The venue that it is about, if it is about one.
    venue: Option<String>,
}

fn parse_command_line() -> std::result::Result<ParsedCommand, clap::Error> {
    let arguments = habits::translate_arguments(std::env::args_os());
    let matches = examples::add_examples(Cli::command())
        .term_width(terminal::line_width(TextStream::Out))
        .try_get_matches_from(arguments);
    let parsed = matches.and_then(|matches| {
        let name = matches.subcommand_name().unwrap_or_default().to_owned();
        Ok(ParsedCommand { cli: Cli::from_arg_matches(&matches)?, name, venue: find_single_venue(&matches) })
    });
    parsed.map_err(habits::improve_error)
}

/// The only venue among a command's arguments.
fn find_single_venue(matches: &ArgMatches) -> Option<String> {
    let (_, command) = matches.subcommand()?;
    if command.subcommand().is_some() {
        return find_single_venue(command);
    }
    let mut venues = command.try_get_many::<String>("venue").ok().flatten()?;
    let first = venues.next()?;
    venues.next().is_none().then(|| first.clone())
}

fn run_to_completion(cli: &Cli, command: String) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Error::failed(ErrorCode::System, "could not start the threads").caused_by(&error))?;
    // Every command: which one needn't say so is decided by what it does to the terminal (`QuietTerminal`).
    render::tell_what_is_waited_for(cli.global.json, command);
    let ended = runtime.block_on(commands::run_command(cli));
    // From here on, nothing is waited for.
    std::mem::forget(terminal::QuietTerminal::hold());
    ended
}
