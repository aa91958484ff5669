//! Lines with tones, which the terminal shows as ANSI styles and `--watch` as styles of its screen.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use ratatui::style::Style as ScreenStyle;
use ratatui::text::{Line as ScreenLine, Span};

use crate::terminal::prepare_text;

/// What a piece of text is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Bold,
    Dim,
    Good,
    Doubtful,
    Bad,
}

impl Tone {
    /// The style on a terminal.
    pub fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Bold => Style::new().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Doubtful => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
        }
    }
}

impl Tone {
    /// The style on the screen of `--watch`. Without colors, only bold and dim are left.
    pub fn screen_style(self, colored: bool) -> ScreenStyle {
        let style = ScreenStyle::new();
        match self {
            Self::Bold => style.bold(),
            Self::Dim => style.dim(),
            Self::Good if colored => style.green(),
            Self::Doubtful if colored => style.yellow(),
            Self::Bad if colored => style.red(),
            Self::Plain | Self::Good | Self::Doubtful | Self::Bad => style,
        }
    }
}

/// One line of pieces, without a line break.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusLine(pub Vec<(Tone, String)>);

impl StatusLine {
    /// The line with one more piece.
    #[must_use]
    pub fn with(mut self, tone: Tone, text: &str) -> Self {
        self.0.push((tone, text.to_owned()));
        self
    }

    /// The text without tones.
    pub fn plain_text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The line on the screen of `--watch`: what it says was prepared, as everything that is printed.
    pub(super) fn screen_line(&self, colored: bool) -> ScreenLine<'static> {
        let pieces = self.0.iter().map(|(tone, text)| Span::styled(prepare_text(text), tone.screen_style(colored)));
        ScreenLine::from_iter(pieces)
    }
}

/// The lines with ANSI styles, which are stripped on a stream that isn't a terminal.
pub(super) fn ansi_text(lines: &[StatusLine]) -> String {
    let mut out = String::new();
    for line in lines {
        for (tone, text) in &line.0 {
            let style = tone.style();
            let _ = write!(out, "{style}{text}{style:#}");
        }
        out.push('\n');
    }
    out
}

/// Breaks a text at words so that no line is longer than `width`, except for a word that is. What is in backticks, a
/// command, counts as one word: it stays whole to be copied.
pub(super) fn wrap_words(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in split_words(text) {
        let longer = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && longer > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// The words of a text. Spaces between backticks don't separate them.
fn split_words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    let mut left = text.matches('`').count();
    for character in text.chars() {
        if character == '`' {
            left -= 1;
            // The last backtick of an odd number opens nothing.
            quoted = !quoted && left > 0;
        }
        match words.last_mut() {
            Some(word) if !character.is_whitespace() || quoted => word.push(character),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wraps_at_words_and_keeps_commands_whole() {
        assert_eq!(
            wrap_words("Run `deployer apply --target a` now, or wait.", 24),
            ["Run", "`deployer apply --target a`", "now, or wait."]
        );
        assert_eq!(wrap_words("one ` backtick alone", 8), ["one `", "backtick", "alone"]);
        assert_eq!(wrap_words("", 8), [""]);
    }

    proptest! {
        #[test]
        fn wrapping_loses_no_word(text in "[a-z`]{0,9}( [a-z`]{1,12}){0,9}", width in 1_usize..40) {
            let joined = wrap_words(&text, width).join(" ");
            prop_assert_eq!(joined.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
        }
    }
}
