//! The screen of `status --watch`: what it knows, what a key does, and which lines it has in a given size. It reads
//! nothing itself, and writes nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::table::age_text;
use super::{StatusLine, StatusLook, Tone, status_lines};
use crate::render::escape::one_line;
use deployer_health::status::Overview;

/// How many lines the arrows of a page scroll.
const PAGE: usize = 10;
/// How many lines a failure takes at most.
const FAILURE_LINES: usize = 3;

/// What `--watch` shows.
#[derive(Debug)]
pub struct StatusScreen {
    look: StatusLook,
    /// The time between two reads.
    interval: Duration,
    /// The last overview that could be read.
    overview: Option<Overview>,
    /// Why the last read failed, and when.
    failure: Option<(Timestamp, String)>,
    reading: bool,
    /// The first line that is shown.
    top: usize,
}

/// A key, as far as the screen knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScreenKey {
    /// `q`, Escape, Ctrl-C or Ctrl-D.
    Quit,
    /// `r`.
    Read,
    /// An arrow or `j`.
    Down,
    /// An arrow or `k`.
    Up,
    /// Page down or space.
    PageDown,
    /// Page up.
    PageUp,
    /// The beginning.
    Home,
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScreenRequest {
    /// Only another look of the screen.
    Redraw,
    /// Reading now, and not after the interval.
    Read,
    /// The end.
    Quit,
}

impl ScreenKey {
    /// The keys in what a terminal sent at once. What isn't a key of the screen is passed over.
    pub fn parse_keys(mut bytes: &[u8]) -> Vec<Self> {
        const SEQUENCES: [(&[u8], ScreenKey); 10] = [
            (b"\x1b[A", ScreenKey::Up),
            (b"\x1bOA", ScreenKey::Up),
            (b"\x1b[B", ScreenKey::Down),
            (b"\x1bOB", ScreenKey::Down),
            (b"\x1b[5~", ScreenKey::PageUp),
            (b"\x1b[6~", ScreenKey::PageDown),
            (b"\x1b[H", ScreenKey::Home),
            (b"\x1bOH", ScreenKey::Home),
            (b"\x1b[1~", ScreenKey::Home),
            (b"\x1b[7~", ScreenKey::Home),
        ];
        let mut keys = Vec::new();
        while let Some(first) = bytes.first() {
            if let Some((sequence, key)) = SEQUENCES.iter().find(|(sequence, _)| bytes.starts_with(sequence)) {
                keys.push(*key);
                bytes = &bytes[sequence.len()..];
                continue;
            }
            // Escape alone ends it; before anything else, it begins the sequence of a key that isn't known here.
            if *first == 0x1b && bytes.len() > 1 {
                return keys;
            }
            keys.extend(match first {
                b'q' | b'Q' | 0x1b | 0x03 | 0x04 => Some(Self::Quit),
                b'r' | b'R' => Some(Self::Read),
                b'j' => Some(Self::Down),
                b'k' => Some(Self::Up),
                b' ' => Some(Self::PageDown),
                _ => None,
            });
            bytes = &bytes[1..];
        }
        keys
    }
}

impl StatusScreen {
    /// A screen that shows nothing yet. The width of `look` is replaced by that of the terminal.
    pub fn new(look: StatusLook, interval: Duration) -> Self {
        Self { look, interval, overview: None, failure: None, reading: false, top: 0 }
    }

    /// Shows that a read is under way.
    pub fn begin_read(&mut self) {
        self.reading = true;
    }

    /// Shows what was read. After a failure, what was read before stays.
    pub fn finish_read(&mut self, read: Result<Overview, String>, at: Timestamp) {
        self.reading = false;
        match read {
            Ok(overview) => {
                self.overview = Some(overview);
                self.failure = None;
            }
            Err(why) => self.failure = Some((at, why)),
        }
    }

    /// What a key does.
    pub fn handle_key(&mut self, key: ScreenKey) -> ScreenRequest {
        self.top = match key {
            ScreenKey::Quit => return ScreenRequest::Quit,
            ScreenKey::Read => return ScreenRequest::Read,
            ScreenKey::Down => self.top.saturating_add(1),
            ScreenKey::Up => self.top.saturating_sub(1),
            ScreenKey::PageDown => self.top.saturating_add(PAGE),
            ScreenKey::PageUp => self.top.saturating_sub(PAGE),
            ScreenKey::Home => 0,
        };
        ScreenRequest::Redraw
    }

    /// The lines of the whole screen in this size: exactly `height`, none wider than `width`.
    pub fn screen_lines(&mut self, (width, height): (usize, usize), now: Timestamp) -> Vec<StatusLine> {
        let mut bar = self.bar_lines(width, now);
        // Of the bar, the last line has the keys.
        bar.drain(..bar.len().saturating_sub(height));
        let room = height - bar.len();
        let look = StatusLook { width, ..self.look };
        let lines = self.overview.as_ref().map(|overview| status_lines(overview, &look)).unwrap_or_default();
        // Nobody scrolls past the end, whatever the size has become.
        self.top = self.top.min(lines.len().saturating_sub(room));
        let mut shown: Vec<StatusLine> = lines.into_iter().skip(self.top).take(room).collect();
        shown.resize(room, StatusLine::default());
        shown.extend(bar);
        shown.iter().map(|line| line.cut_to(width)).collect()
    }

    /// The lines at the bottom: a failure, the age of what is shown, and the keys.
    fn bar_lines(&self, width: usize, now: Timestamp) -> Vec<StatusLine> {
        let age = |at: Timestamp| age_text(now.duration_since(at));
        let mut lines = Vec::new();
        if let Some((at, why)) = &self.failure {
            let text = format!("The last read failed {} ago: {}", age(*at), one_line(why));
            let wrapped = super::lines::wrap_words(&text, width);
            lines.extend(wrapped.iter().take(FAILURE_LINES).map(|line| StatusLine::default().with(Tone::Bad, line)));
        }
        let read = match (&self.overview, self.reading) {
            (None, _) if self.failure.is_some() => "Nothing could be read yet".to_owned(),
            (None, _) => "Reading".to_owned(),
            (Some(overview), true) => format!("Read {} ago, reading again", age(overview.made_at)),
            (Some(overview), false) => format!("Read {} ago", age(overview.made_at)),
        };
        let every = deployer_core::manifest::format_duration(self.interval.as_secs());
        let keys = format!("{read}; every {every}.  q ends it, r reads now, arrows scroll");
        lines.push(StatusLine::default().with(Tone::Dim, &keys));
        lines
    }
}
