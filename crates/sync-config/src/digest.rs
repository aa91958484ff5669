//! The digest of a deployment: what synced, what waits for a person, what blocks venues, and which alarms are raised. One
//! text for mail and chat, whoever makes it. It has counts and what the manifest says, and nothing about a contact.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::alarm_words::{cause_meaning, shared_meaning};

/// SNS's limit for the subject of a mail, in characters, which have to be ASCII.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
pub const MAX_SUBJECT: usize = 100;
/// How long a digest may be, in bytes. SNS takes 262,144 with everything around it.
pub const MAX_BODY: usize = 200_000;
/// How wide it is, in columns.
const WIDTH: usize = 78;
/// How many venues without any contact are named.
const MAX_IDLE: usize = 20;

/// What the function that sends a digest needs to know of it. A variable of Lambda's holds it, so what doesn't fit is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DigestConfig {
    /// ARN of the topic that it is published to.
    pub topic: String,
    /// How many hours it is about, by the weekday in UTC on which it is sent, from Monday on: the time since the last one. 0
    /// where none is due.
    pub hours: [u32; 7],
    /// The IANA time zone that its times are shown in; UTC if the venues have none, or several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Venues that aren't paused although they have no alarm of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unwatched: Vec<String>,
    /// How many venues are set up, but not among the names that fit.
    #[serde(skip_serializing_if = "is_zero")]
    pub unnamed: u64,
    /// Venues that wait for somebody, as many as fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<DigestBlocker>,
    /// How many more of them there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_blocked: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A period for people: `24 hours`, `7 days`.
pub fn period_words(minutes: u64) -> String {
    match minutes {
        _ if minutes.is_multiple_of(1440) && minutes > 1440 => counted(minutes / 1440, "day"),
        _ if minutes.is_multiple_of(60) => counted(minutes / 60, "hour"),
        _ => counted(minutes, "minute"),
    }
}

/// What a digest says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Digest {
    /// The deployment's name.
    pub deployment: String,
    /// The time that it is about, such as `24 hours`.
    pub period: String,
    /// When that ended, for people, with its time zone.
    pub until: String,
    /// Whether [`DigestWaiting`] is what waits now, and not what came to wait in the period.
    pub waiting_is_now: bool,
    /// Venues that aren't blocked, by name.
    pub venues: Vec<DigestVenue>,
    /// How many more there are that weren't read.
    pub more_venues: u64,
    /// Venues that wait for somebody.
    pub blocked: Vec<DigestBlocker>,
    /// How many more of them there are.
    pub more_blocked: u64,
    /// What is raised now; `None` if that is unknown.
    pub alarms: Option<Vec<DigestAlarm>>,
}

/// A venue that is set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DigestVenue {
    /// Its name in the manifest.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// Whether its rule is disabled.
    pub paused: bool,
    /// What its runs did; `None` if that is unknown.
    pub runs: Option<DigestRuns>,
    /// What waits for a person; `None` if that is unknown.
    pub waiting: Option<DigestWaiting>,
    /// Why something is unknown.
    pub unknown: String,
}

/// What the runs of a venue did in the period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DigestRuns {
    /// Contacts that became leads.
    pub synced: u64,
    /// Runs that failed.
    pub failed_runs: u64,
}

/// Contacts that a person must look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DigestWaiting {
    /// Those that may or may not have become leads.
    pub needs_review: u64,
    /// Those that were refused for their data.
    pub failed: u64,
}

/// What a blocked venue waits for, in the manifest's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DigestBlocker {
    /// The venue's name for people.
    pub display_name: String,
    /// Why it is blocked.
    pub reason: String,
    /// Who takes the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// An alarm that is raised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DigestAlarm {
    /// The venue's name for people, or what else it is about.
    pub display_name: String,
    /// The venue's name in the manifest; `None` if it is about all of them.
    pub venue: Option<String>,
    /// What is in alarm.
    pub causes: Vec<String>,
}

impl DigestAlarm {
    /// What is raised for a venue, by the words of its causes. The name that belongs to all venues begins with `_`.
    pub fn from_causes<'c>(venue: &str, display_name: Option<&str>, causes: impl Iterator<Item = &'c str>) -> Self {
        let of_all = venue.starts_with('_');
        let meaning = |word: &'c str| if of_all { shared_meaning(word) } else { cause_meaning(word) }.unwrap_or(word);
        Self {
            display_name: if of_all { "All venues" } else { display_name.unwrap_or(venue) }.to_owned(),
            venue: (!of_all).then(|| venue.to_owned()),
            causes: causes.map(|word| meaning(word).to_owned()).collect(),
        }
    }
}

/// A digest as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestMessage {
    /// One line of ASCII.
    pub subject: String,
    /// Plain text, at most 80 columns wide.
    pub body: String,
}

/// `3 contacts`, `1 contact`.
fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn venue(name: &str, display_name: &str) -> DigestVenue {
        let waiting = Some(DigestWaiting::default());
        let runs = Some(DigestRuns::default());
        DigestVenue {
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            runs,
            waiting,
            ..DigestVenue::default()
        }
    }

    fn full_digest() -> Digest {
        Digest {
            deployment: "venue-sync".to_owned(),
            period: "24 hours".to_owned(),
            until: "2026-11-30 09:00 America/New_York".to_owned(),
            waiting_is_now: true,
            venues: vec![
                DigestVenue {
                    runs: Some(DigestRuns { synced: 34, failed_runs: 0 }),
                    waiting: Some(DigestWaiting { needs_review: 2, failed: 1 }),
                    ..venue("venue-a", "Venue A")
                },
                DigestVenue {
                    runs: Some(DigestRuns { synced: 0, failed_runs: 3 }),
                    waiting: Some(DigestWaiting { needs_review: 1, failed: 0 }),
                    ..venue("loft", "The Loft at the Very Long Pier")
                },
                DigestVenue {
                    runs: None,
                    unknown: "its log can't be read".to_owned(),
                    waiting: None,
                    ..venue("b", "Venue B")
                },
                venue("c", "Venue C"),
                DigestVenue { paused: true, ..venue("d", "Venue D") },
            ],
            blocked: vec![DigestBlocker {
                display_name: "Marina".to_owned(),
                reason: "The platform has no way to create leads from outside yet, and its vendor is working on one"
                    .to_owned(),
                owner: Some("Ana".to_owned()),
                next_step: Some("Ask the vendor for a date".to_owned()),
                since: Some("2026-10-01".to_owned()),
            }],
            more_blocked: 0,
            more_venues: 0,
            alarms: Some(vec![DigestAlarm {
                display_name: "The Loft at the Very Long Pier".to_owned(),
                venue: Some("loft".to_owned()),
                causes: vec!["failing".to_owned(), "silent".to_owned()],
            }]),
        }
    }

    const FULL: &str = "\
venue-sync, the 24 hours until 2026-11-30 09:00 America/New_York

Alarms
  The Loft at the Very Long Pier: failing, silent
    deployer status loft

Waiting for a person
  Venue A: 2 contacts need review, 1 contact refused for its data
    deployer logs venue-a --outcome needs_review --outcome failed
  The Loft at the Very Long Pier: 1 contact needs review
    deployer logs loft --outcome needs_review --outcome failed
  unknown at Venue B

Synced
  Venue A                             34
  The Loft at the Very Long Pier       0, 3 runs failed
  Venue B                         unknown: its log can't be read
  nothing to sync at Venue C
  paused: Venue D

Blocked
  Marina, since 2026-10-01: The platform has no way to create leads from
    outside yet, and its vendor is working on one
    Owner: Ana
    Next: Ask the vendor for a date

`deployer status` shows all of this, as it is at that moment.
";

    #[test]
    fn a_digest_says_everything_in_eighty_columns() {
        let DigestMessage { subject, body } = full_digest().render();
        assert_eq!(subject, "venue-sync: 34 synced, 4 waiting for a person, 1 alarm in 24 hours");
        assert_eq!(body, FULL);
    }

    #[test]
    fn a_quiet_day_is_short() {
        let digest = Digest {
            venues: vec![venue("c", "Venue C")],
            alarms: Some(Vec::new()),
            blocked: Vec::new(),
            ..full_digest()
        };
        let DigestMessage { subject, body } = digest.render();
        assert_eq!(subject, "venue-sync: 0 synced in 24 hours");
        assert!(body.contains("\nAlarms\n  none is raised\n\nWaiting for a person\n  nothing\n"), "{body}");
        let unread = Digest { alarms: None, ..digest }.render().body;
        assert!(unread.contains("\nAlarms\n  unknown"), "{unread}");
    }

    #[test]
    fn a_thousand_venues_fit_and_no_line_is_too_long() {
        let all = |busy: bool| {
            let each = |at: u64| DigestVenue {
                runs: Some(DigestRuns { synced: u64::from(busy) * at, failed_runs: 0 }),
                waiting: Some(DigestWaiting { needs_review: u64::from(busy), failed: 0 }),
                ..venue(&format!("venue-{at}"), &format!("Venue with the number {at}"))
            };
            Digest { venues: (1..=3000).map(each).collect(), ..full_digest() }.render()
        };
        let idle = all(false).body;
        assert!(idle.contains("and 2980 more"), "{idle}");
        let busy = all(true);
        assert!(busy.body.len() <= MAX_BODY + 100 && busy.body.ends_with("shows all of it.\n"));
        for line in idle.lines().chain(busy.body.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn what_was_not_read_is_counted() {
        let body = Digest { more_venues: 3, more_blocked: 2, ..full_digest() }.render().body;
        assert!(body.contains("  and 3 venues not read here\n    deployer report --send\n"), "{body}");
        assert!(body.contains("  and 2 more: `deployer report` has all\n"), "{body}");
    }

    #[test]
    fn alarms_are_told_by_what_they_mean() {
        let told = |venue: &str, causes: &[&str]| {
            let DigestAlarm { display_name, venue, causes } =
                DigestAlarm::from_causes(venue, (venue == "a").then_some("Venue A"), causes.iter().copied());
            (display_name, venue, causes.join(", "))
        };
        let of_a = |causes: &str| ("Venue A".to_owned(), Some("a".to_owned()), causes.to_owned());
        assert_eq!(told("a", &["failing", "new"]), of_a("runs fail, new"));
        assert_eq!(told("a", &[]), of_a(""));
        assert_eq!(told("b", &[]).0, "b", "an unknown venue is named as in its alarm");
        let all = ("All venues".to_owned(), None, "a digest couldn't be sent".to_owned());
        assert_eq!(told("_all", &["digest"]), all);
    }

    /// A function's configuration is what an older or a newer deployer wrote.
    #[test]
    fn unset_members_are_left_out() {
        let config = DigestConfig { topic: "t".to_owned(), hours: [24; 7], ..DigestConfig::default() };
        let json = serde_json::to_string(&config).expect("JSON");
        assert_eq!(json, r#"{"topic":"t","hours":[24,24,24,24,24,24,24]}"#);
        let read: DigestConfig =
            serde_json::from_str(r#"{"topic":"t","hours":[24,24,24,24,24,24,24],"new":1}"#).expect("read");
        assert_eq!(read, config);
        assert_eq!(
            [(1440, "24 hours"), (10080, "7 days"), (90, "90 minutes")].map(|(m, w)| period_words(m) == w),
            [true; 3]
        );
    }

    #[test]
    fn subjects_are_what_sns_takes() {
        let digest = Digest { period: "7 days – \n".repeat(20), ..full_digest() };
        let subject = digest.render().subject;
        assert!(subject.len() <= MAX_SUBJECT && subject.bytes().all(|byte| (32..127).contains(&byte)), "{subject}");
    }
}
