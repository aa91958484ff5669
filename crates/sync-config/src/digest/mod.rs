//! The digest of a deployment: what synced, what waits for a person, what blocks venues, and which alarms are raised. One
//! text for mail and chat, whoever makes it. It has counts and what the manifest says, and nothing about a contact.

mod text;

use serde::{Deserialize, Serialize};

use crate::alarm_words::{cause_meaning, shared_meaning};

/// SNS's limit for the subject of a mail, in characters, which have to be ASCII.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
pub const MAX_SUBJECT: usize = 100;
/// How long a digest may be, in bytes. SNS takes 262,144 with everything around it.
pub const MAX_BODY: usize = 200_000;

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

#[cfg(test)]
mod tests;
