//! What a command waits for, said whenever nothing was shown for a while. Every command runs under it, and whatever it waits
//! for: if nothing says what that is, the command is named.

use std::io::IsTerminal;
use std::time::Duration;

use pacing::{CallUnderWay, CallWait};

use crate::terminal::{has_bar, is_lively, print_notice, show_notice, silence};

/// How long a terminal may show nothing.
const SILENT: Duration = Duration::from_millis(1500);
/// How often a line is added on a terminal that redraws nothing, and above a bar.
const EVERY: Duration = Duration::from_secs(10);
/// How long a log may have no line, and how often one is added then: nobody sits before it.
const EVERY_IN_LOGS: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a call must have been waited for to be named, unless nothing was shown for less than twice its time.
const TELLING_WAIT: Duration = Duration::from_secs(1);

/// How it is said that something is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TellManner {
    /// How long nothing must have been shown.
    after: Duration,
    /// Whether a line is redrawn; otherwise lines are added, each this long after the last one.
    in_place: bool,
    every: Duration,
}

impl TellManner {
    /// What stderr can show. `None` where the output of `--json` would be disturbed, or nobody would see it.
    fn choose(json: bool) -> Option<Self> {
        let (stdout, stderr) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        if json && (stdout || !stderr) {
            return None;
        }
        let said = std::env::var("DEPLOYER_NOTICE_AFTER").ok().and_then(|text| text.trim().parse::<f64>().ok());
        let said = said.filter(|seconds| *seconds > 0.0 && *seconds <= 3600.0).map(Duration::from_secs_f64);
        let (usual, every) = if stderr { (SILENT, EVERY) } else { (EVERY_IN_LOGS, EVERY_IN_LOGS) };
        Some(Self { after: said.unwrap_or(usual), in_place: is_lively(), every: said.unwrap_or(every) })
    }
}

/// Says what `command` waits for, for as long as the process lives. On a thread of its own: whatever the command does,
/// nothing can keep it from telling.
pub fn tell_what_is_waited_for(json: bool, command: String) {
    let Some(manner) = TellManner::choose(json) else { return };
    let mut notices = SilenceNotices { manner, command, subject: None, time: Duration::ZERO, told: 0 };
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(LOOK_EVERY.min(manner.after));
            let Some(silence) = silence() else { continue };
            match notices.notice_after(silence, CallUnderWay::find_oldest(), has_bar()) {
                Some(WaitNotice::InPlace(text)) => show_notice(&text),
                Some(WaitNotice::Line(text)) => print_notice(&text),
                None => {}
            }
        }
    });
}

/// Something to show.
#[derive(Debug, Clone, PartialEq, Eq)]
enum WaitNotice {
    InPlace(String),
    Line(String),
}

/// What was said already.
#[derive(Debug)]
struct SilenceNotices {
    manner: TellManner,
    command: String,
    /// The call that a line above a bar is about.
    subject: Option<u64>,
    time: Duration,
    told: u32,
}

impl SilenceNotices {
    /// What to say after so much silence, while `wait` is what has been waited for the longest. A bar shows by itself that
    /// something is done, so beside it, only a call that takes long has a line.
    fn notice_after(&mut self, silence: Duration, wait: Option<CallWait>, has_bar: bool) -> Option<WaitNotice> {
        let (subject, time) = match (&wait, has_bar) {
            (Some(wait), true) => (Some(wait.id), wait.waited),
            (None, true) => return None,
            (_, false) => (None, silence),
        };
        if subject != self.subject || time < self.time {
            self.told = 0;
        }
        (self.subject, self.time) = (subject, time);
        let over = time.checked_sub(self.manner.after)?;
        let text = match wait {
            // While one short call follows another, no single call explains the silence.
            Some(wait) if has_bar || wait.waited >= TELLING_WAIT || wait.waited * 2 >= silence => {
                format!("Waiting for {} ({} s)", wait.call, wait.waited.as_secs())
            }
            _ => format!("Still running deployer {} ({} s)", self.command, silence.as_secs()),
        };
        if self.manner.in_place && !has_bar {
            return Some(WaitNotice::InPlace(text));
        }
        let due = 1 + u32::try_from(over.as_millis() / self.manner.every.as_millis()).unwrap_or(u32::MAX - 1);
        if due <= self.told {
            return None;
        }
        self.told = due;
        Some(WaitNotice::Line(text))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn notices(in_place: bool, every: Duration, command: &str) -> SilenceNotices {
        let manner = TellManner { after: SILENT, in_place, every };
        SilenceNotices { manner, command: command.to_owned(), subject: None, time: Duration::ZERO, told: 0 }
    }

    /// Every look within this time.
    fn looks(time: Duration) -> impl Iterator<Item = Duration> {
        (1..=(time.as_millis() / LOOK_EVERY.as_millis()) as u32).map(|look| LOOK_EVERY * look)
    }

    #[test]
    fn no_command_is_silent_for_2_seconds_whatever_it_waits_for() {
        let long = Duration::from_secs(300);
        for command in crate::cli::Cli::command().get_subcommands() {
            let name = command.get_name();
            for call in [None, Some("the lock")] {
                let mut told = notices(true, EVERY, name);
                let (mut last, mut before) = (Duration::ZERO, None);
                for now in looks(long) {
                    let wait = call.map(|call| CallWait { id: 1, call: call.to_owned(), waited: now });
                    let Some(WaitNotice::InPlace(text)) = told.notice_after(now, wait, false) else {
                        assert!(now - last < Duration::from_secs(2), "{name}: nothing since {last:?}");
                        continue;
                    };
                    assert!(text.contains(call.unwrap_or(name)), "{text}");
                    // The seconds in it show that it lives.
                    if before.as_ref() != Some(&text) {
                        assert!(now - last < Duration::from_secs(2), "{name}: the same since {last:?}");
                        last = now;
                    }
                    before = Some(text);
                }
            }
        }
    }

    #[test]
    fn logs_and_dumb_terminals_get_few_lines() {
        for (every, lines) in [(EVERY, 12), (EVERY_IN_LOGS, 2)] {
            let mut told = notices(false, every, "plan");
            let said = looks(Duration::from_secs(120)).filter_map(|now| told.notice_after(now, None, false));
            assert_eq!(said.filter(|notice| matches!(notice, WaitNotice::Line(_))).count(), lines);
            let short = CallWait { id: 1, call: "lambda:GetPolicy".to_owned(), waited: Duration::from_millis(40) };
            let mut told = notices(false, every, "plan");
            let said = told.notice_after(Duration::from_secs(60), Some(short), false);
            assert_eq!(said, Some(WaitNotice::Line("Still running deployer plan (60 s)".to_owned())));
            // Something else was shown: it begins anew.
            assert_eq!(told.notice_after(Duration::from_secs(1), None, false), None);
            assert!(told.notice_after(Duration::from_secs(2), None, false).is_some());
        }
    }

    #[test]
    fn beside_a_bar_only_long_calls_are_told() {
        let mut told = notices(true, EVERY, "apply");
        let mut said = Vec::new();
        for (id, seconds) in [(1, 1), (1, 2), (1, 3), (1, 11), (1, 12), (2, 1), (2, 4)] {
            let wait = CallWait { id, call: format!("iam:Call{id}"), waited: Duration::from_secs(seconds) };
            if let Some(WaitNotice::Line(text)) = told.notice_after(Duration::from_secs(9), Some(wait), true) {
                said.push(text);
            }
        }
        let expected = ["iam:Call1 (2 s)", "iam:Call1 (12 s)", "iam:Call2 (4 s)"];
        assert_eq!(said, expected.map(|call| format!("Waiting for {call}")));
        assert_eq!(told.notice_after(Duration::from_secs(99), None, true), None);
    }
}
