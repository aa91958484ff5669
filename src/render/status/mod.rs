//! `deployer status` for people, for programs, and for Prometheus.

mod details;
mod json;
mod lines;
mod prometheus;
mod screen;
mod shared;
mod spark;
mod table;

pub(super) use details::{function_text, last_run_text, rule_text};
pub use lines::{StatusLine, Tone};
pub use prometheus::status_metrics;
pub use screen::{ScreenKey, ScreenRequest, StatusScreen};

use super::escape::one_line;
use super::venue_words as words;
use crate::terminal::prepare_text;
use deployer_health::status::{Overview, Urgency};
use lines::{ansi_text, wrap_words};

/// How a status looks.
#[derive(Debug, Clone, Copy)]
pub struct StatusLook {
    /// Characters of a line.
    pub width: usize,
    /// Whether the terminal has more than ASCII.
    pub unicode: bool,
    /// Whether every venue's parts are shown below the table.
    pub details: bool,
}

/// All venues. The text has ANSI styles, which are stripped on a stream that isn't a terminal.
pub fn status_text(overview: &Overview, look: &StatusLook) -> String {
    ansi_text(&status_lines(overview, look))
}

/// All venues, line by line: a head, the table, what needs attention with what to do, and the sum.
pub fn status_lines(overview: &Overview, look: &StatusLook) -> Vec<StatusLine> {
    let StatusParts { mut titles, lines } = status_parts(overview, look);
    titles.extend(lines);
    titles
}

/// The lines of a status in the two parts of a screen.
struct StatusParts {
    /// The head, up to the titles of the table.
    titles: Vec<StatusLine>,
    /// Everything below, which can be scrolled.
    lines: Vec<StatusLine>,
}

fn status_parts(overview: &Overview, look: &StatusLook) -> StatusParts {
    let mut titles = head_lines(overview, look);
    let mut lines = Vec::new();
    if !overview.venues.is_empty() {
        let mut table = table::table_lines(overview, look);
        titles.push(StatusLine::default());
        lines = table.split_off(1);
        titles.extend(table);
    }
    lines.extend(shared::shared_lines(overview, look));
    if look.details {
        for status in &overview.venues {
            lines.push(StatusLine::default());
            lines.extend(details::venue_lines(overview, status));
        }
    }
    if !overview.attention.is_empty() {
        lines.push(StatusLine::default());
        lines.push(StatusLine::default().with(Tone::Bold, "Needs attention"));
        lines.extend(attention_lines(overview, look));
    }
    lines.push(StatusLine::default());
    let sum = wrap_words(&words::overview_summary(overview), look.width);
    lines.extend(sum.iter().map(|line| StatusLine::default().with(Tone::Bold, line)));
    StatusParts { titles, lines }
}

fn head_lines(overview: &Overview, look: &StatusLook) -> Vec<StatusLine> {
    let account = overview.account.as_deref().unwrap_or("(unknown)");
    let place = format!("in account {account}, region {}", overview.region);
    let first = StatusLine::default()
        .with(Tone::Bold, &one_line(&overview.deployment))
        .with(Tone::Plain, &one_line(&format!(" {place}")));
    let zone = overview.common_zone();
    let made_at = overview.made_at.to_zoned(zone.clone().unwrap_or(jiff::tz::TimeZone::UTC));
    let zones = if zone.is_some() { "" } else { "; the times below are each venue's own" };
    let when =
        format!("{}; runs of the last {}{zones}", made_at.strftime("%Y-%m-%d %H:%M %Z"), words::period_text(overview));
    let mut lines = vec![first];
    lines.extend(wrap_words(&when, look.width).iter().map(|line| StatusLine::default().with(Tone::Dim, line)));
    lines
}

fn attention_lines(overview: &Overview, look: &StatusLook) -> Vec<StatusLine> {
    let mut lines = Vec::new();
    for attention in &overview.attention {
        let tone = match attention.urgency {
            Urgency::Now => Tone::Bad,
            Urgency::Soon => Tone::Doubtful,
            Urgency::Ask => Tone::Dim,
        };
        let venue = attention.venue.as_deref().unwrap_or("all venues");
        let text = format!("{venue}: {}", one_line(&attention.what));
        for (number, line) in wrap_words(&text, look.width.saturating_sub(2)).iter().enumerate() {
            lines.push(match line.strip_prefix(venue).filter(|_| number == 0) {
                Some(rest) => StatusLine::default().with(Tone::Plain, "  ").with(tone, venue).with(Tone::Plain, rest),
                None => StatusLine::default().with(Tone::Plain, &format!("  {line}")),
            });
        }
        // With the flags that this run had, so that what is wrapped is what is printed.
        for line in wrap_words(&prepare_text(&attention.next), look.width.saturating_sub(4)) {
            lines.push(StatusLine::default().with(Tone::Plain, &format!("    {line}")));
        }
    }
    lines
}
