//! What the terminal can show.

use std::io::{self, IsTerminal};

/// Characters of a line where nobody knows better: in a file, in a pipeline's log.
const USUAL_WIDTH: usize = 80;
/// Nothing can be laid out in less.
const LEAST_WIDTH: usize = 40;

/// Characters of a line of stdout.
pub fn output_width() -> usize {
    if !io::stdout().is_terminal() {
        return USUAL_WIDTH;
    }
    match terminal_size::terminal_size() {
        None | Some((terminal_size::Width(0), _)) => USUAL_WIDTH,
        Some((terminal_size::Width(columns), _)) => usize::from(columns).max(LEAST_WIDTH),
    }
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
