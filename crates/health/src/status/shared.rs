//! The function of all venues, which forwards the messages of alarms to chats and sends the digest: what its rule and its log
//! say, and whether that is what it should do.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::LiveFiring;
use super::live::{self, LiveCode};
use super::log::{LogEvent, LogQuery, read_events};
use super::{Attention, Urgency, VenueHealth};
use deployer_aws::{Aws, FailureKind};
use deployer_core::forwarder::shared_settings;
use deployer_core::manifest::{DigestSchedule, Manifest, ScheduleExpression};
use deployer_core::naming::{SHARED_VENUE, VenueNames};
use deployer_core::resource::Observed;
use sync_lambda::digest::runs::RunLine;

/// How far back its log is read: a digest is about a week at most, and it may be late.
const READ_BACK: SignedDuration = SignedDuration::from_hours(8 * 24);
/// A digest that is later than this is overdue: EventBridge fires within a minute, Lambda tries three times, and the function
/// may read for a quarter of an hour each time.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// Something that the function did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedAttempt {
    /// When.
    pub at: Timestamp,
    /// Why it failed.
    pub error: Option<String>,
}

/// What its log says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SharedHistory {
    /// The newest digest, sent or not.
    pub last_digest: Option<SharedAttempt>,
    /// When a digest was last sent.
    pub last_good_digest: Option<Timestamp>,
    /// The newest message for the chats, delivered or not.
    pub last_message: Option<SharedAttempt>,
    /// The newest invocation that Lambda had to end.
    pub last_broken_off: Option<SharedAttempt>,
}

impl SharedHistory {
    /// Adds a line of the log. The order of the lines doesn't matter.
    pub fn add_event(&mut self, event: &LogEvent) {
        let keep = |kept: &mut Option<SharedAttempt>, error: Option<String>| {
            if kept.as_ref().is_none_or(|kept| kept.at <= event.at) {
                *kept = Some(SharedAttempt { at: event.at, error });
            }
        };
        if let Some(RunLine::BrokenOff { message, .. }) = RunLine::from_message(&event.message) {
            return keep(&mut self.last_broken_off, Some(message));
        }
        let Ok(line) = serde_json::from_str::<Value>(&event.message) else { return };
        match line["event"].as_str() {
            Some("digest") if line["sent"] == true => {
                keep(&mut self.last_digest, None);
                self.last_good_digest = self.last_good_digest.max(Some(event.at));
            }
            Some("digest") => {
                let why = line["error"]["message"].as_str().unwrap_or("it doesn't say why");
                keep(&mut self.last_digest, Some(why.to_owned()));
            }
            Some("forward") => {
                let failed: Vec<&str> =
                    line["failed"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                keep(&mut self.last_message, (!failed.is_empty()).then(|| failed.join("; ")));
            }
            _ => {}
        }
    }
}

/// What was read of the function of all venues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedReadings {
    /// The function.
    pub function: Observed<LiveCode>,
    /// Its rule.
    pub rule: Observed<LiveFiring>,
    /// What it did; absent without its log.
    pub history: Observed<SharedHistory>,
}

/// The state of the function of all venues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedStatus {
    /// The chats that the manifest declares.
    pub chats: Vec<&'static str>,
    /// When the manifest has a digest sent.
    pub digest: Option<String>,
    /// The function.
    pub function: Observed<LiveCode>,
    /// Its rule.
    pub rule: Observed<LiveFiring>,
    /// What it did; absent without its log.
    pub history: Observed<SharedHistory>,
    /// When the next digest is due. The time of a rate follows from the last one, and is unknown without one.
    pub next_digest: Option<Timestamp>,
    /// Whether it does its work.
    pub health: VenueHealth,
}

/// Reads the state of the function of all venues; `None` if the manifest declares nothing for it.
pub(super) async fn read_shared(aws: &Aws, manifest: &Manifest, now: Timestamp) -> Option<SharedReadings> {
    shared_settings(manifest)?;
    let names = VenueNames::new(&manifest.deployment.name, SHARED_VENUE);
    let (function, rule, history) = tokio::join!(
        live::observe_function(aws, &manifest.deployment.name, &names.function),
        live::observe_firing(aws, &manifest.deployment.name, &names, false),
        read_history(aws, &names.log_group, now),
    );
    Some(SharedReadings { function, rule, history })
}

async fn read_history(aws: &Aws, group: &str, now: Timestamp) -> Observed<SharedHistory> {
    let mut history = SharedHistory::default();
    let from = now.checked_sub(READ_BACK).unwrap_or_default();
    // It writes a few lines a day, so all of them are read.
    let read = read_events(&aws.signed, LogQuery { group, from, pattern: "" }, |events| {
        events.iter().for_each(|event| history.add_event(event));
        true
    });
    match read.await {
        Ok(()) => Observed::Present(history),
        Err(error) if error.kind == FailureKind::NotFound => Observed::Absent,
        Err(error) => Observed::Unreadable(error.to_string()),
    }
}

impl SharedStatus {
    /// Draws conclusions from what was read, with what needs attention.
    pub(super) fn from_readings(
        manifest: &Manifest,
        readings: SharedReadings,
        now: Timestamp,
    ) -> Option<(Self, Vec<Attention>)> {
        let alarms = manifest.alarms.as_ref()?;
        let SharedReadings { function, rule, history } = readings;
        let last = history.as_present().and_then(|history| history.last_digest.as_ref()).map(|last| last.at);
        let next = move |firing: &LiveFiring| {
            let schedule = ScheduleExpression::parse_expression(&firing.schedule).ok()?;
            schedule.next_after(now, last.unwrap_or(now)).filter(|_| firing.enabled)
        };
        let mut status = Self {
            chats: alarms.chats().map(sync_config::chat::ChatKind::display_name).collect(),
            digest: alarms.digest.as_ref().map(|digest| digest.schedule.expression.clone()),
            next_digest: rule.as_present().filter(|_| alarms.digest.is_some()).and_then(next),
            function,
            rule,
            history,
            health: VenueHealth::Unknown,
        };
        let mut all = Vec::new();
        status.judge_function(&mut all);
        status.judge_rule(&mut all);
        status.judge_attempts(alarms.digest.as_ref(), now, &mut all);
        let unreadable = status.unreadable_reasons().next().is_some();
        status.health = match (all.iter().any(|one| one.unhealthy), unreadable) {
            (true, _) => VenueHealth::Unhealthy,
            (false, true) => VenueHealth::Unknown,
            (false, false) => VenueHealth::Healthy,
        };
        Some((status, all))
    }

    /// What is unreadable, and why.
    pub(super) fn unreadable_reasons(&self) -> impl Iterator<Item = String> {
        let parts = [
            ("function", self.function.unreadable_reason()),
            ("rule", self.rule.unreadable_reason()),
            ("log", self.history.unreadable_reason()),
        ];
        parts.into_iter().filter_map(|(what, reason)| Some(format!("{SHARED_VENUE}: {what}: {}", reason?)))
    }

    /// Whether its log says that messages arrive and the digest is sent.
    pub fn history(&self) -> Option<&SharedHistory> {
        self.history.as_present()
    }

    fn judge_function(&self, all: &mut Vec<Attention>) {
        const APPLY: &str = "Run `deployer apply`.";
        if let Some(reason) = self.unreadable_reasons().next() {
            let what = format!("What is sent for all venues is unknown, because a part couldn't be read: {reason}.");
            all.push(attention(false, what, "Its state is unknown until it can be read."));
        }
        match &self.function {
            Observed::Absent | Observed::PendingDeletion(_) => {
                all.push(attention(true, "Its function is in the manifest, but not in AWS.", APPLY));
            }
            Observed::Present(function) if !function.owned => {
                let what = "A function of its name exists, but this deployment doesn't own it.";
                all.push(attention(true, what, "`deployer plan` says whose it is."));
            }
            Observed::Present(function) if function.version.is_none() => {
                all.push(attention(true, "A part of its function is missing in AWS.", APPLY));
            }
            Observed::Present(LiveCode { failure: Some(failure), .. }) => {
                let what = format!("Lambda says about its function: {failure}.");
                all.push(attention(true, what, "Resolve that, then run `deployer apply`, which updates it again."));
            }
            Observed::Present(_) | Observed::Unreadable(_) => {}
        }
    }

    fn judge_rule(&self, all: &mut Vec<Attention>) {
        const APPLY: &str = "Run `deployer apply`.";
        let Some(wanted) = &self.digest else { return };
        let what = match (&self.function, &self.rule) {
            // A missing function is reported already.
            (Observed::Absent | Observed::PendingDeletion(_), _) | (_, Observed::Unreadable(_)) => return,
            (_, Observed::Absent | Observed::PendingDeletion(_)) => {
                "The rule that starts its digest is missing.".to_owned()
            }
            (_, Observed::Present(rule)) if !rule.enabled => "The rule that starts its digest is disabled.".to_owned(),
            (_, Observed::Present(rule)) if rule.schedule != *wanted => {
                format!("Its rule has the schedule {}, but the manifest says {wanted}.", rule.schedule)
            }
            (_, Observed::Present(_)) => return,
        };
        all.push(attention(true, what, APPLY));
    }

    fn judge_attempts(&self, digest: Option<&DigestSchedule>, now: Timestamp, all: &mut Vec<Attention>) {
        let Some(history) = self.history() else { return };
        let logs = format!("`deployer logs {SHARED_VENUE}` says more.");
        if digest.is_some() {
            let resend = "`deployer report --send` sends one now.";
            match &history.last_digest {
                Some(SharedAttempt { error: Some(why), .. }) => {
                    all.push(attention(
                        true,
                        format!("Its last digest wasn't sent: {why}."),
                        format!("{resend} {logs}"),
                    ));
                }
                _ if self.is_digest_overdue(history, now) => {
                    let what = "A digest should have been sent, but wasn't.";
                    all.push(attention(
                        true,
                        what,
                        format!("{resend} `deployer plan` shows what differs from the manifest."),
                    ));
                }
                Some(SharedAttempt { error: None, .. }) | None => {}
            }
        }
        if let Some(SharedAttempt { error: Some(why), .. }) = &history.last_message
            && !self.chats.is_empty()
        {
            all.push(attention(true, format!("Its last message wasn't delivered: {why}."), logs.clone()));
        }
        let good = [&history.last_digest, &history.last_message].into_iter().flatten().map(|last| last.at).max();
        if let Some(SharedAttempt { at, error: Some(why) }) = &history.last_broken_off
            && good.is_none_or(|good| good < *at)
        {
            all.push(attention(true, format!("Lambda ended its last invocation: {why}."), logs));
        }
    }

    /// Whether the rule should have fired since the last digest, or since the function was deployed.
    fn is_digest_overdue(&self, history: &SharedHistory, now: Timestamp) -> bool {
        let (Some(rule), Some(function)) = (self.rule.as_present(), self.function.as_present()) else { return false };
        let last = history.last_digest.as_ref().map(|last| last.at);
        let Some(from) = last.max(function.changed_at) else { return false };
        let schedule = ScheduleExpression::parse_expression(&rule.schedule).ok().filter(|_| rule.enabled);
        let due = schedule.and_then(|schedule| schedule.next_after(from, from));
        due.and_then(|due| due.checked_add(LATE).ok()).is_some_and(|due| due < now)
    }
}

fn attention(unhealthy: bool, what: impl Into<String>, next: impl Into<String>) -> Attention {
    let venue = Some(SHARED_VENUE.to_owned());
    let what = what.into().replace("..", ".");
    Attention { urgency: Urgency::Now, venue, what, next: next.into(), unhealthy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deployer_core::manifest::parse_manifest;

    const MANIFEST: &str = "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n[alarms]\ndigest = \"daily\"\n\
        [venues.a]\ndisplay_name = \"A\"\n[venues.a.secrets]\nhubspot_token = \"env:T\"\n\
        tripleseat_public_key = \"env:K\"\n[venues.a.destination]\nkind = \"tripleseat\"\n";

    fn at(time: &str) -> Timestamp {
        time.parse().expect("a time")
    }

    fn line(time: &str, line: &str) -> LogEvent {
        LogEvent { at: at(time), stream: String::new(), message: line.to_owned(), id: String::new() }
    }

    /// The health at a time, and what needs attention.
    fn judge(now: &str, deployed: &str, lines: &[LogEvent]) -> (VenueHealth, Vec<String>) {
        let manifest = parse_manifest(MANIFEST, "venues.toml").expect("valid").manifest;
        let mut history = SharedHistory::default();
        lines.iter().for_each(|line| history.add_event(line));
        let function = LiveCode {
            state: "Active".to_owned(),
            failure: None,
            owned: true,
            version: Some("1".to_owned()),
            code_sha256: String::new(),
            changed_at: Some(at(deployed)),
            pinned: None,
        };
        let rule = LiveFiring {
            enabled: true,
            schedule: "cron(0 7 * * ? *)".to_owned(),
            timezone: None,
            by_schedule: false,
            input: None,
        };
        let readings = SharedReadings {
            function: Observed::Present(function),
            rule: Observed::Present(rule),
            history: Observed::Present(history),
        };
        let (status, attention) = SharedStatus::from_readings(&manifest, readings, at(now)).expect("a digest");
        (status.health, attention.into_iter().map(|one| one.what).collect())
    }

    const SENT: &str = r#"{"event":"digest","sent":true}"#;

    #[test]
    fn a_digest_that_does_not_come_is_overdue_after_an_hour() {
        let deployed = "2026-11-29T12:00:00Z";
        let healthy = (VenueHealth::Healthy, Vec::new());
        assert_eq!(judge("2026-11-30T06:00:00Z", deployed, &[]), healthy, "the first one isn't due yet");
        assert_eq!(judge("2026-11-30T07:59:00Z", deployed, &[]), healthy, "it may be on its way");
        let late = (VenueHealth::Unhealthy, vec!["A digest should have been sent, but wasn't.".to_owned()]);
        assert_eq!(judge("2026-11-30T08:01:00Z", deployed, &[]), late);
        let sent = [line("2026-11-30T07:00:20Z", SENT)];
        assert_eq!(judge("2026-11-30T08:01:00Z", deployed, &sent), healthy);
        assert_eq!(judge("2026-12-01T08:01:00Z", deployed, &sent), late, "the next day's");
    }

    #[test]
    fn the_newest_line_decides_in_any_order() {
        let failed = r#"{"event":"digest","sent":false,"error":{"kind":"Credential","message":"it may not publish"}}"#;
        let lines = [line("2026-11-30T07:02:00Z", SENT), line("2026-11-30T07:00:00Z", failed)];
        let deployed = "2026-11-29T12:00:00Z";
        assert_eq!(judge("2026-11-30T09:00:00Z", deployed, &lines).0, VenueHealth::Healthy);
        let lines = [line("2026-11-30T07:00:00Z", SENT), line("2026-11-30T07:02:00Z", failed)];
        let (health, attention) = judge("2026-11-30T09:00:00Z", deployed, &lines);
        assert_eq!(health, VenueHealth::Unhealthy);
        assert_eq!(attention, ["Its last digest wasn't sent: it may not publish."]);
        let other = ["START RequestId: 1", "{}", r#"{"event":"run"}"#].map(|text| line("2026-11-30T08:00:00Z", text));
        assert_eq!(judge("2026-11-30T07:30:00Z", deployed, &other).0, VenueHealth::Healthy, "other lines say nothing");
    }
}
