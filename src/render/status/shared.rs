//! The function of all venues: one line below the table.

use deployer_core::naming::SHARED_VENUE;
use deployer_health::status::{Overview, SharedAttempt, SharedStatus, VenueHealth};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::escape::one_line;
use super::super::when::zoned_moment_text;
use super::StatusLook;
use super::lines::{StatusLine, Tone, wrap_words};

/// What was sent for all venues. No line if there is nothing to send.
pub(super) fn shared_lines(overview: &Overview, look: &StatusLook) -> Vec<StatusLine> {
    let Some(shared) = &overview.shared else { return Vec::new() };
    let text = format!("{SHARED_VENUE}: {}", one_line(&shared_text(overview, shared)));
    let tone = match shared.health {
        VenueHealth::Healthy => Tone::Good,
        VenueHealth::Unhealthy => Tone::Bad,
        VenueHealth::Idle | VenueHealth::Unknown => Tone::Doubtful,
    };
    let lines = wrap_words(&text, look.width);
    let toned = lines.iter().enumerate().map(|(number, line)| match line.strip_prefix(SHARED_VENUE) {
        Some(rest) if number == 0 => StatusLine::default().with(tone, SHARED_VENUE).with(Tone::Plain, rest),
        _ => StatusLine::default().with(Tone::Plain, line),
    });
    toned.collect()
}

/// The last digest, the next one, and the last message to the chats.
fn shared_text(overview: &Overview, shared: &SharedStatus) -> String {
    let zone = overview.common_zone().unwrap_or(TimeZone::UTC);
    let time = |at: Timestamp| zoned_moment_text(at, overview.made_at, &zone);
    let Some(history) = shared.history() else {
        let why =
            if shared.history.unreadable_reason().is_some() { "its log is unreadable" } else { "nothing was sent yet" };
        return why.to_owned();
    };
    let mut parts = Vec::new();
    if shared.digest.is_some() {
        let last = match &history.last_digest {
            None => "no digest was sent yet".to_owned(),
            Some(SharedAttempt { at, error: None }) => format!("digest sent {}", time(*at)),
            Some(SharedAttempt { at, error: Some(_) }) => format!("digest not sent {}", time(*at)),
        };
        parts.push(match shared.next_digest {
            Some(next) => format!("{last}, next {}", time(next)),
            None => last,
        });
    }
    if !shared.chats.is_empty() {
        let chats = shared.chats.join(", ");
        parts.push(match &history.last_message {
            None => format!("{chats}: no message yet"),
            Some(SharedAttempt { at, error: None }) => format!("{chats}: last message delivered {}", time(*at)),
            Some(SharedAttempt { at, error: Some(_) }) => format!("{chats}: last message not delivered {}", time(*at)),
        });
    }
    parts.join("; ")
}
