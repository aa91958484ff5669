//! How wide a line may be, and whether a terminal can redraw one.

use std::io::IsTerminal;

use deployer_core::wrap::USUAL_WIDTH;
use terminal_size::Width;

use super::TextStream;

/// The most columns that a line of text has: wider ones are hard to read, and no table of ours needs them.
const WIDEST: usize = 120;

/// How many columns a line may have: what `COLUMNS` says, else the terminal's, but not more than can be read; in pipes
/// and logs the usual 80.
pub fn line_width(stream: TextStream) -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse::<usize>().ok());
    if let Some(columns) = said.filter(|columns| *columns > 0) {
        return columns;
    }
    let size = match stream {
        TextStream::Out => terminal_size::terminal_size_of(std::io::stdout()),
        TextStream::Err => terminal_size::terminal_size_of(std::io::stderr()),
    };
    size.map_or(USUAL_WIDTH, |(Width(columns), _)| usize::from(columns).min(WIDEST))
}

/// Whether stderr is a terminal that can redraw a line. In a log of a pipeline, and on a terminal that only adds lines
/// (`TERM=dumb`, which screen readers and editors set), progress is plain lines instead.
pub fn is_lively() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb") && !is_set("CI")
}
