//! The terminal as a screen: its other page, without echo and without waiting for the end of a line. It is given back
//! however this ends: when it is dropped, and before a panic is shown.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::Mutex;

use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

use super::prepare_text;
use crate::render::StatusLine;

/// The other page, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";
/// Tenths of a second that a read of the keyboard waits: then it looks whether anybody still wants a key.
const KEY_WAIT: u8 = 2;
/// The most that a terminal sends at once.
const KEY_BYTES: usize = 256;

/// How the terminal was, for as long as it is a screen.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal as a screen. There is one at most.
#[derive(Debug)]
pub struct FullScreen {
    colored: bool,
}

impl FullScreen {
    /// Makes the terminal of stdin and stdout a screen.
    ///
    /// # Errors
    /// It isn't a terminal, or can't be written to.
    pub fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = KEY_WAIT;
        *lock_before() = Some(before);
        // From here on, dropping it gives back what was changed.
        let screen = Self { colored: anstream::ColorChoice::global() != anstream::ColorChoice::Never };
        give_back_on_panic();
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        write_out(ENTER)?;
        Ok(screen)
    }

    /// Width and height.
    pub fn size(&self) -> (usize, usize) {
        match terminal_size::terminal_size() {
            Some((terminal_size::Width(width), terminal_size::Height(height))) if width > 0 && height > 0 => {
                (width.into(), height.into())
            }
            _ => (80, 24),
        }
    }

    /// Writes these lines over whatever is there, from the top.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw_lines(&self, lines: &[StatusLine]) -> io::Result<()> {
        let mut out = String::new();
        let (width, _) = self.size();
        for (index, line) in lines.iter().enumerate() {
            let _ = write!(out, "\x1b[{};1H", index + 1);
            let prepared = line.0.iter().map(|(tone, text)| (*tone, prepare_text(text)));
            for (tone, text) in &StatusLine(prepared.collect()).cut_to(width).0 {
                let style = if self.colored { tone.style() } else { tone.style_without_color() };
                let _ = write!(out, "{style}{text}{style:#}");
            }
            out.push_str("\x1b[K");
        }
        write_out(&out)
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        give_back();
    }
}

/// What the keyboard sends, from a thread that ends soon after nobody listens any longer.
///
/// # Errors
/// Stdin can't be read.
pub fn listen_to_keyboard() -> io::Result<mpsc::UnboundedReceiver<io::Result<Vec<u8>>>> {
    // Not through std's buffer, which would wait for more.
    let mut keyboard = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut buffer = [0; KEY_BYTES];
        while !sender.is_closed() {
            let read = match keyboard.read(&mut buffer) {
                // Nothing came in time.
                Ok(0) => continue,
                Ok(length) => Ok(buffer[..length].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = read.is_err();
            if sender.send(read).is_err() || failed {
                return;
            }
        }
    });
    Ok(receiver)
}

fn write_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn lock_before() -> std::sync::MutexGuard<'static, Option<Termios>> {
    // A panic while it was locked left it as it was.
    BEFORE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Makes the terminal what it was. Does nothing the second time.
fn give_back() {
    if let Some(before) = lock_before().take() {
        // If the terminal is gone, there is nobody to tell.
        let _ = write_out(LEAVE);
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &before);
    }
}

/// A panic's message is shown where it can be read.
fn give_back_on_panic() {
    let show = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        give_back();
        show(panic);
    }));
}
