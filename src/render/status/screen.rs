//! The screen of `status --watch`: what it knows, what a key does, and how it is drawn in a given size. It reads nothing
//! itself, and knows no terminal.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use jiff::{SignedDuration, Timestamp};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Text;
use ratatui::widgets::{Scrollbar, ScrollbarOrientation, ScrollbarState};

use super::lines::wrap_words;
use super::table::age_text;
use super::{StatusLine, StatusLook, StatusParts, Tone, status_parts};
use crate::render::escape::one_line;
use deployer_health::status::Overview;

/// How many lines the arrows of a page scroll.
const PAGE: usize = 10;
/// How many lines a failure takes at most.
const FAILURE_LINES: usize = 3;
/// The titles stay above what is scrolled where that many lines are left for the rest.
const LEAST_SCROLLED: usize = 5;

/// What `--watch` shows.
#[derive(Debug)]
pub struct StatusScreen {
    look: StatusLook,
    colored: bool,
    /// The time between two reads.
    interval: Duration,
    /// The last overview that could be read.
    overview: Option<Overview>,
    /// Why the last read failed, and when.
    failure: Option<(Timestamp, String)>,
    /// When the next read begins; `None` while one is under way.
    next_read: Option<Timestamp>,
    /// The first line that is shown of those that are scrolled.
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
    /// The end.
    End,
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
    /// The key of an event. Everything else, such as what is pasted, is no key of the screen.
    pub fn from_event(event: &Event) -> Option<Self> {
        let Event::Key(key) = event else { return None };
        // Some terminals also tell when a key is let go.
        if key.kind == KeyEventKind::Release {
            return None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return matches!(key.code, KeyCode::Char('c' | 'd')).then_some(Self::Quit);
        }
        match key.code {
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Self::Quit),
            KeyCode::Char('r' | 'R') => Some(Self::Read),
            KeyCode::Char('j') | KeyCode::Down => Some(Self::Down),
            KeyCode::Char('k') | KeyCode::Up => Some(Self::Up),
            KeyCode::Char(' ') | KeyCode::PageDown => Some(Self::PageDown),
            KeyCode::PageUp => Some(Self::PageUp),
            KeyCode::Home => Some(Self::Home),
            KeyCode::End => Some(Self::End),
            _ => None,
        }
    }
}

impl StatusScreen {
    /// A screen that shows nothing yet. The width of `look` is replaced by that of the terminal.
    pub fn new(look: StatusLook, colored: bool, interval: Duration) -> Self {
        Self { look, colored, interval, overview: None, failure: None, next_read: None, top: 0 }
    }

    /// Shows that a read is under way.
    pub fn begin_read(&mut self) {
        self.next_read = None;
    }

    /// Shows what was read. After a failure, what was read before stays.
    pub fn finish_read(&mut self, read: Result<Overview, String>, at: Timestamp) {
        let interval = SignedDuration::try_from(self.interval).unwrap_or(SignedDuration::MAX);
        self.next_read = Some(at.saturating_add(interval).unwrap_or(Timestamp::MAX));
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
            ScreenKey::End => usize::MAX,
        };
        ScreenRequest::Redraw
    }

    /// Draws the whole screen: the status, of which what doesn't fit is scrolled, and below it how old that is.
    pub fn draw(&mut self, frame: &mut Frame<'_>, now: Timestamp) {
        let area = frame.area();
        let mut bar = self.bar_lines(area.width.into(), now);
        // Of the bar, the last line has the keys.
        bar.drain(..bar.len().saturating_sub(area.height.into()));
        let [status, below] = Layout::vertical([Constraint::Fill(1), Constraint::Length(bar.len() as u16)]).areas(area);
        self.draw_status(frame, status);
        self.draw_lines(frame, below, &bar);
    }

    fn draw_status(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let room = usize::from(area.height);
        let mut parts = self.parts_in(area.width);
        let fits = parts.titles.len() + parts.lines.len() <= room;
        if !fits && area.width > 1 {
            // The last column tells where in the whole this is.
            parts = self.parts_in(area.width - 1);
        }
        let StatusParts { mut titles, mut lines } = parts;
        if room < titles.len() + LEAST_SCROLLED {
            lines.splice(..0, titles.drain(..));
        }
        let [above, scrolled] =
            Layout::vertical([Constraint::Length(titles.len() as u16), Constraint::Fill(1)]).areas(area);
        let most = lines.len().saturating_sub(scrolled.height.into());
        // Nobody scrolls past the end, whatever the size has become.
        self.top = self.top.min(most);
        self.draw_lines(frame, above, &titles);
        self.draw_lines(frame, scrolled, &lines[self.top..]);
        if !fits {
            let bar = Scrollbar::new(ScrollbarOrientation::VerticalRight).begin_symbol(None).end_symbol(None);
            let bar = if self.look.unicode { bar } else { bar.track_symbol(Some("|")).thumb_symbol("#") };
            let mut state =
                ScrollbarState::new(most + 1).position(self.top).viewport_content_length(scrolled.height.into());
            frame.render_stateful_widget(bar.style(Tone::Dim.screen_style(self.colored)), scrolled, &mut state);
        }
    }

    fn parts_in(&self, width: u16) -> StatusParts {
        let look = StatusLook { width: width.into(), ..self.look };
        match &self.overview {
            Some(overview) => status_parts(overview, &look),
            None => StatusParts { titles: Vec::new(), lines: Vec::new() },
        }
    }

    /// Draws as many of the lines as there is room for.
    fn draw_lines(&self, frame: &mut Frame<'_>, area: Rect, lines: &[StatusLine]) {
        let shown = lines.iter().take(area.height.into()).map(|line| line.screen_line(self.colored));
        frame.render_widget(Text::from_iter(shown), area);
    }

    /// The lines at the bottom: a failure, the age of what is shown, the next read, and the keys.
    fn bar_lines(&self, width: usize, now: Timestamp) -> Vec<StatusLine> {
        let age = |at: Timestamp| age_text(now.duration_since(at));
        let toned = |tone: Tone| move |line: &String| StatusLine::default().with(tone, line);
        let mut lines = Vec::new();
        if let Some((at, why)) = &self.failure {
            let text = format!("The last read failed {} ago: {}", age(*at), one_line(why));
            lines.extend(wrap_words(&text, width).iter().take(FAILURE_LINES).map(toned(Tone::Bad)));
        }
        let read = match &self.overview {
            None if self.failure.is_some() => "Nothing could be read yet".to_owned(),
            None => "Nothing was read yet".to_owned(),
            Some(overview) if self.failure.is_some() => format!("STALE: read {} ago", age(overview.made_at)),
            Some(overview) => format!("Read {} ago", age(overview.made_at)),
        };
        let next = match self.next_read {
            None => "reading now".to_owned(),
            Some(at) => format!("next in {}", age_text(at.duration_since(now))),
        };
        let tone = if self.failure.is_some() { Tone::Bad } else { Tone::Dim };
        lines.extend(wrap_words(&format!("{read}, {next}"), width).iter().map(toned(tone)));
        let keys = "q ends it, r reads now, arrows scroll";
        // On one line where there is room.
        match lines.pop() {
            Some(last) if last.plain_text().chars().count() + keys.len() + 2 <= width => {
                lines.push(last.with(Tone::Dim, &format!("; {keys}")));
            }
            last => {
                lines.extend(last);
                lines.push(StatusLine::default().with(Tone::Dim, keys));
            }
        }
        lines
    }
}
