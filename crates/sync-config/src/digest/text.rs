//! The text of a digest.

use std::fmt::Write as _;

use super::{Digest, DigestMessage, DigestRuns, DigestVenue, MAX_BODY, MAX_SUBJECT, counted};

/// How wide it is, in columns.
const WIDTH: usize = 78;
/// How many venues without any contact are named.
const MAX_IDLE: usize = 20;

impl Digest {
    /// The text of the digest. If there is too much of it, the end is left out, and it says so.
    pub fn render(&self) -> DigestMessage {
        let mut text = String::new();
        push_wrapped(&mut text, "", &format!("{}, the {} until {}", self.deployment, self.period, self.until));
        self.push_alarms(&mut text);
        self.push_waiting(&mut text);
        self.push_synced(&mut text);
        self.push_blocked(&mut text);
        text.push_str("\n`deployer status` shows all of this, as it is at that moment.\n");
        if text.len() > MAX_BODY {
            let end = (0..=MAX_BODY).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
            text.truncate(end);
            text.truncate(text.rfind('\n').map_or(0, |at| at + 1));
            text.push_str("\nThe rest doesn't fit. `deployer status` shows all of it.\n");
        }
        DigestMessage { subject: self.subject(), body: text }
    }

    fn subject(&self) -> String {
        let synced: u64 = self.venues.iter().filter_map(|venue| venue.runs).map(|runs| runs.synced).sum();
        let waiting = self.venues.iter().filter_map(|venue| venue.waiting);
        let waiting: u64 = waiting.map(|waiting| waiting.needs_review + waiting.failed).sum();
        let mut parts = vec![format!("{synced} synced")];
        if waiting > 0 {
            parts.push(format!("{waiting} waiting for a person"));
        }
        match self.alarms.as_ref().map_or(0, Vec::len) {
            0 => {}
            1 => parts.push("1 alarm".to_owned()),
            alarms => parts.push(format!("{alarms} alarms")),
        }
        let subject = format!("{}: {} in {}", self.deployment, parts.join(", "), self.period);
        let ascii = subject.chars().map(|sign| if sign == ' ' || sign.is_ascii_graphic() { sign } else { '?' });
        ascii.take(MAX_SUBJECT).collect()
    }

    fn push_alarms(&self, text: &mut String) {
        text.push_str("\nAlarms\n");
        let Some(alarms) = &self.alarms else {
            text.push_str("  unknown: they couldn't be read\n");
            return;
        };
        if alarms.is_empty() {
            text.push_str("  none is raised\n");
        }
        for alarm in alarms {
            let causes = if alarm.causes.is_empty() { "raised".to_owned() } else { alarm.causes.join(", ") };
            push_wrapped(text, "  ", &format!("{}: {causes}", alarm.display_name));
            if let Some(venue) = &alarm.venue {
                let _ = writeln!(text, "    deployer status {venue}");
            }
        }
    }

    fn push_waiting(&self, text: &mut String) {
        text.push_str(match self.waiting_is_now {
            true => "\nWaiting for a person\n",
            false => "\nCame to wait for a person\n",
        });
        let mut any = false;
        for venue in &self.venues {
            let Some(waiting) = venue.waiting else { continue };
            let review = match waiting.needs_review {
                0 => None,
                1 => Some("1 contact needs review".to_owned()),
                count => Some(format!("{count} contacts need review")),
            };
            let failed =
                (waiting.failed > 0).then(|| format!("{} refused for its data", counted(waiting.failed, "contact")));
            let failed = failed.map(|text| if waiting.failed > 1 { text.replace("its", "their") } else { text });
            let parts: Vec<String> = review.into_iter().chain(failed).collect();
            if !parts.is_empty() {
                any = true;
                push_wrapped(text, "  ", &format!("{}: {}", venue.display_name, parts.join(", ")));
                let _ = writeln!(text, "    deployer logs {} --outcome needs_review --outcome failed", venue.name);
            }
        }
        let unknown: Vec<&str> = self
            .venues
            .iter()
            .filter(|venue| venue.waiting.is_none())
            .map(|venue| venue.display_name.as_str())
            .collect();
        if !unknown.is_empty() {
            push_wrapped(text, "  ", &format!("unknown at {}", cut_names(&unknown)));
        } else if !any {
            text.push_str("  nothing\n");
        }
    }

    fn push_synced(&self, text: &mut String) {
        text.push_str("\nSynced\n");
        let is_idle = |venue: &DigestVenue| venue.runs == Some(DigestRuns::default());
        let (idle, told): (Vec<&DigestVenue>, Vec<&DigestVenue>) = self.venues.iter().partition(|venue| is_idle(venue));
        let width = told.iter().map(|venue| venue.display_name.chars().count()).max().unwrap_or(0).min(40);
        for venue in told {
            let name = &venue.display_name;
            let pad = " ".repeat(width.saturating_sub(name.chars().count()));
            let paused = if venue.paused { ", paused" } else { "" };
            let line = match venue.runs {
                None => format!("{name}{pad}  unknown: {}", venue.unknown),
                Some(DigestRuns { synced, failed_runs: 0 }) => format!("{name}{pad}  {synced:>6}{paused}"),
                Some(DigestRuns { synced, failed_runs }) => {
                    format!("{name}{pad}  {synced:>6}{paused}, {} failed", counted(failed_runs, "run"))
                }
            };
            push_wrapped(text, "  ", &line);
        }
        let (paused, idle): (Vec<&DigestVenue>, Vec<&DigestVenue>) = idle.into_iter().partition(|venue| venue.paused);
        for (venues, what) in [(idle, "nothing to sync at"), (paused, "paused:")] {
            let names: Vec<&str> = venues.iter().map(|venue| venue.display_name.as_str()).collect();
            if !names.is_empty() {
                push_wrapped(text, "  ", &format!("{what} {}", cut_names(&names)));
            }
        }
        if self.more_venues > 0 {
            let _ = writeln!(text, "  and {} not read here", counted(self.more_venues, "venue"));
            text.push_str("    deployer report --send\n");
        } else if self.venues.is_empty() {
            text.push_str("  no venue is set up\n");
        }
    }

    fn push_blocked(&self, text: &mut String) {
        if self.blocked.is_empty() && self.more_blocked == 0 {
            return;
        }
        text.push_str("\nBlocked\n");
        for blocker in &self.blocked {
            let since = blocker.since.as_ref().map(|since| format!(", since {since}")).unwrap_or_default();
            push_wrapped(text, "  ", &format!("{}{since}: {}", blocker.display_name, blocker.reason));
            push_wrapped(text, "    ", &format!("Owner: {}", blocker.owner.as_deref().unwrap_or("nobody is named")));
            if let Some(next) = &blocker.next_step {
                push_wrapped(text, "    ", &format!("Next: {next}"));
            }
        }
        if self.more_blocked > 0 {
            let _ = writeln!(text, "  and {} more: `deployer report` has all", self.more_blocked);
        }
    }
}

/// Names in one text, the first of them if there are many.
fn cut_names(names: &[&str]) -> String {
    match names.get(MAX_IDLE..) {
        Some([]) | None => names.join(", "),
        Some(more) => format!("{} and {} more", names.get(..MAX_IDLE).unwrap_or_default().join(", "), more.len()),
    }
}

/// Adds a paragraph, broken between words. What continues it is indented by two columns more.
fn push_wrapped(text: &mut String, indent: &str, paragraph: &str) {
    let paragraph: String = paragraph.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    // Columns of a table keep their spaces.
    let first = paragraph.split(' ').take_while(|word| word.is_empty()).count();
    let mut line = format!("{indent}{}", " ".repeat(first));
    let mut empty = true;
    for word in paragraph.split_inclusive(' ').skip(first) {
        let fits = line.chars().count() + word.trim_end().chars().count() <= WIDTH;
        if !fits && !empty {
            text.push_str(line.trim_end());
            text.push('\n');
            line = format!("{indent}  ");
        }
        line.push_str(word);
        empty = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}
