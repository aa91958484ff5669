//! What the terminal can show: how wide a line may be, which characters, and whether a line can be redrawn.

use std::io::{self, IsTerminal};

use deployer_core::wrap::USUAL_WIDTH;
use terminal_size::Width;

use super::{RunOutput, TextStream};

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
        TextStream::Out => terminal_size::terminal_size_of(io::stdout()),
        TextStream::Err => terminal_size::terminal_size_of(io::stderr()),
    };
    size.map_or(USUAL_WIDTH, |(Width(columns), _)| usize::from(columns).min(WIDEST))
}

/// Whether stderr is a terminal that can redraw a line. In a log of a pipeline, and on a terminal that only adds lines
/// (`TERM=dumb`, which screen readers and editors set), progress is plain lines instead, and so it is where several runs
/// would redraw the same line.
pub fn is_lively() -> bool {
    if RunOutput::current().is_some() {
        return false;
    }
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb") && !is_set("CI")
}

/// Whether characters beyond ASCII are shown, according to the locale and TERM.
pub fn shows_unicode() -> bool {
    let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    locale_is_unicode(value("TERM"), ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(value), cfg!(windows))
}

/// The first of these variables that is set decides. Windows has none of them, and its terminals show Unicode.
fn locale_is_unicode(term: Option<String>, locale: Option<String>, windows: bool) -> bool {
    if term.as_deref() == Some("dumb") {
        return false;
    }
    match locale.map(|locale| locale.to_ascii_uppercase()) {
        Some(locale) => locale.contains("UTF-8") || locale.contains("UTF8"),
        None => windows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dumb_terminals_and_other_locales_have_ascii_only() {
        let shows = |term: &str, locale: Option<&str>, windows| {
            locale_is_unicode(Some(term.to_owned()), locale.map(ToOwned::to_owned), windows)
        };
        assert!(shows("xterm", Some("en_US.UTF-8"), false) && shows("xterm", Some("C.utf8"), false));
        assert!(shows("xterm", None, true));
        assert!(!shows("dumb", Some("en_US.UTF-8"), false), "dumb");
        assert!(!shows("xterm", Some("C"), false) && !shows("xterm", None, false));
    }
}
