//! The terminal as a screen: ratatui draws on its other page, without echo and without waiting for the end of a line. It
//! is given back however this ends: when it is dropped, and before a panic is shown.

use std::io;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use ratatui::{DefaultTerminal, Frame};

use super::QuietTerminal;

/// The terminal as a screen. There is one at most.
pub struct FullScreen {
    terminal: DefaultTerminal,
    events: EventStream,
    _quiet: QuietTerminal,
}

impl FullScreen {
    /// Makes the terminal of stdin and stdout a screen.
    ///
    /// # Errors
    /// It isn't a terminal, or can't be written to.
    pub fn enter() -> io::Result<Self> {
        let quiet = QuietTerminal::hold();
        // Whether there are colors was decided for all output, not only by NO_COLOR.
        crossterm::style::force_color_output(shows_colors());
        // From here on, a panic gives back what was changed before it is shown.
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self { terminal, events: EventStream::new(), _quiet: quiet }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Draws a whole screen of the terminal's present size; only what differs from the last one is sent.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw_frame(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// Waits for the next key, or another size. `None` if there is no keyboard any longer.
    ///
    /// # Errors
    /// Stdin can't be read.
    pub async fn next_event(&mut self) -> io::Result<Option<Event>> {
        self.events.next().await.transpose()
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whether stdout shows colors, by `--color`, NO_COLOR and the terminal.
pub fn shows_colors() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Makes the terminal what it was. If it is gone, there is nobody to tell.
fn give_back() {
    let _ = ratatui::try_restore();
}
