//! The only way to the terminal. Everything that is printed passes [`prepare_text`]: secrets are removed, control
//! characters of foreign texts are shown as escapes, and each proposed command gets the flags that this run had.
//!
//! The macros `outln!`, `out!`, `errln!` and `err!` take the place of those of std and anstream, which the lints forbid in this
//! crate. They never panic: what couldn't be written is remembered, and ends the program with [`ExitCode::Failed`]. Nobody
//! is bothered when a reader closes its pipe (`deployer plan | head`).
//!
//! [`ExitCode::Failed`]: deployer_core::exit_code::ExitCode::Failed

mod control;
mod full_screen;
mod live;
mod output_file;
mod paste;
mod side_by_side;
mod size;

use std::fmt;
use std::io::{self, Write};
use std::sync::OnceLock;

use parking_lot::Mutex;
use serde_json::Value;

pub use errors::{error_head, print_error, print_usage_error};
pub use full_screen::{FullScreen, shows_colors};
pub use live::{QuietTerminal, has_bar, print_notice, show_bar, show_notice, silence};
pub use output_file::write_output_file;
pub use paste::{RunFlags, quote_for_shell};
pub use side_by_side::{RunHeading, RunOutput};
pub use size::{is_lively, line_width, shows_unicode};

use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::wrap::wrap_text;

/// Prints a line to stdout.
macro_rules! outln {
    ($($argument:tt)*) => { $crate::terminal::print_line($crate::terminal::TextStream::Out, format_args!($($argument)*)) };
}

/// Prints to stdout.
macro_rules! out {
    ($($argument:tt)*) => { $crate::terminal::print_text($crate::terminal::TextStream::Out, format_args!($($argument)*)) };
}

/// Prints a line to stderr.
macro_rules! errln {
    ($($argument:tt)*) => { $crate::terminal::print_line($crate::terminal::TextStream::Err, format_args!($($argument)*)) };
}

/// Prints to stderr.
macro_rules! err {
    ($($argument:tt)*) => { $crate::terminal::print_text($crate::terminal::TextStream::Err, format_args!($($argument)*)) };
}

// Below the macros, which it uses.
mod errors;

/// Where a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextStream {
    Out,
    Err,
}

static RUN_FLAGS: OnceLock<RunFlags> = OnceLock::new();

/// The first failure to write to stdout.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Sets the flags that proposed commands get. Called once, when the command line was read.
pub fn set_run_flags(flags: RunFlags) {
    // A second call could only come from a test; the first one counts.
    let _ = RUN_FLAGS.set(flags);
}

/// A text as it may be printed.
pub fn prepare_text(text: &str) -> String {
    control::escape_controls(&complete_text(text)).into_owned()
}

/// A text without secrets, whose commands have the flags of this run.
fn complete_text(text: &str) -> String {
    let text = secrets::redact_secrets(text);
    let complete = |flags: &RunFlags| flags.complete_commands(&text).into_owned();
    match (RunOutput::current(), RUN_FLAGS.get()) {
        (Some(output), _) => complete(&output.flags),
        (None, Some(flags)) => complete(flags),
        (None, None) => text.into_owned(),
    }
}

/// A command as it works when it is pasted, where it stands alone instead of in backticks in a text.
pub fn complete_command(command: &str) -> String {
    match (RunOutput::current(), RUN_FLAGS.get()) {
        (Some(output), _) => output.complete_command(command),
        (None, Some(flags)) => flags.complete_command(command),
        (None, None) => command.to_owned(),
    }
}

/// A text as it is shown to people: prepared, and no line longer than the terminal's.
pub fn prepare_lines(stream: TextStream, text: &str) -> String {
    wrap_text(&prepare_text(text), line_width(stream))
}

/// Prints a text and a line break. Called by the macros.
pub fn print_line(stream: TextStream, text: fmt::Arguments<'_>) {
    write_prepared(stream, prepare_lines(stream, &text.to_string()) + "\n");
}

/// Prints a text. Called by the macros.
pub fn print_text(stream: TextStream, text: fmt::Arguments<'_>) {
    write_prepared(stream, prepare_lines(stream, &text.to_string()));
}

/// Prints a text to stdout, and reports whether anybody still reads, for output that continues until nobody does.
///
/// # Errors
/// Standard output is closed or full.
pub fn print_until_closed(text: fmt::Arguments<'_>) -> io::Result<()> {
    let text = prepare_text(&text.to_string());
    live::write_beside_bar(|| {
        let mut out = anstream::stdout().lock();
        keep_failure(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
    })
}

/// Prints a line about work in progress to stderr. It isn't kept where several runs take turns, and says then whose it is.
pub fn print_progress(line: &str) {
    match RunOutput::current() {
        Some(output) => {
            let line = format!("{}: {}", output.label(), line.trim());
            write_now(TextStream::Err, &(prepare_lines(TextStream::Err, &line) + "\n"));
        }
        None => print_line(TextStream::Err, format_args!("{line}")),
    }
}

fn write_prepared(stream: TextStream, text: String) {
    match RunOutput::current() {
        Some(output) => output.keep_text(stream, text),
        None => write_now(stream, &text),
    }
}

fn write_now(stream: TextStream, text: &str) {
    live::write_beside_bar(|| match stream {
        TextStream::Out => {
            let mut out = anstream::stdout().lock();
            // `check_output` reports it.
            let _ = keep_failure(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
        }
        TextStream::Err => write_error_text(text),
    });
}

/// Writes a prepared text to stderr. If not even errors can be shown, there is nobody to tell that.
fn write_error_text(text: &str) {
    drop(anstream::stderr().lock().write_all(text.as_bytes()));
}

/// Prints one line of JSON, and reports whether anybody still reads.
///
/// # Errors
/// Standard output is closed or full.
pub fn print_json(line: &Value) -> io::Result<()> {
    let mut line = line.clone();
    if let (Some(output), Some(members)) = (RunOutput::current(), line.as_object_mut()) {
        members.shift_insert(1, "manifest".to_owned(), output.label().into());
    }
    prepare_value(&mut line);
    let text = control::escape_json(&line.to_string()) + "\n";
    live::write_beside_bar(|| {
        let mut out = io::stdout().lock();
        keep_failure(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
    })
}

/// Prepares every text in a JSON value, before it is escaped: afterwards nothing would be recognized.
fn prepare_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = complete_text(text),
        Value::Array(items) => items.iter_mut().for_each(prepare_value),
        Value::Object(members) => members.values_mut().for_each(prepare_value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Writes a whole document to stdout, without the secrets in it. The format escapes everything else by itself.
///
/// # Errors
/// It can't be written completely: half a page in a file would look like a whole one.
pub fn print_document(text: &str) -> Result<()> {
    let text = secrets::redact_secrets(text);
    if let Some(output) = RunOutput::current() {
        output.keep_text(TextStream::Out, text.into_owned());
        return Ok(());
    }
    let written = live::write_beside_bar(|| {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::failed(ErrorCode::Output, "could not write to stdout").caused_by(&error))
        }
        _ => Ok(()),
    }
}

/// Keeps a failure for the end of the run.
fn keep_failure(written: io::Result<()>) -> io::Result<()> {
    written.inspect_err(|error| {
        if error.kind() != io::ErrorKind::BrokenPipe {
            let copy = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            FAILURE.lock().get_or_insert(copy);
        }
    })
}

/// The error of a run whose output couldn't be written.
///
/// # Errors
/// Something that was printed is missing.
pub fn check_output() -> Result<()> {
    match FAILURE.lock().take() {
        Some(error) => Err(Error::failed(ErrorCode::Output, "could not write the output").caused_by(&error)),
        None => Ok(()),
    }
}
