//! What a command waits for, said on a terminal that would otherwise show nothing.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, WeakProgressBar};
use pacing::{CallUnderWay, CallWait};
use parking_lot::Mutex;

/// When a call that takes long is mentioned.
const TELL_AFTER: [Duration; 6] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(180),
    Duration::from_secs(600),
];
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The bar that is on the terminal, which a line must not be written into.
static SHOWN_BAR: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// Remembers that this bar is on the terminal.
pub(super) fn note_shown_bar(bar: &ProgressBar) {
    *SHOWN_BAR.lock() = Some(bar.downgrade());
}

/// Says what is waited for, for as long as the command runs. Returns at once where nobody would see it.
pub async fn tell_what_is_waited_for() {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let mut notices = WaitNotices::default();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(line) = CallUnderWay::find_oldest().and_then(|wait| notices.line_for(&wait)) {
            print_above_bar(&line);
        }
    }
}

fn print_above_bar(line: &str) {
    let bar = SHOWN_BAR.lock().as_ref().and_then(WeakProgressBar::upgrade).filter(|bar| !bar.is_finished());
    match bar {
        Some(bar) => bar.println(line),
        None => errln!("{line}"),
    }
}

/// What was said already.
#[derive(Debug, Default)]
struct WaitNotices {
    call: Option<u64>,
    told: usize,
}

impl WaitNotices {
    /// The line about the call that is waited for the longest, when it is time for one.
    fn line_for(&mut self, wait: &CallWait) -> Option<String> {
        if self.call != Some(wait.id) {
            *self = Self { call: Some(wait.id), told: 0 };
        }
        let due = TELL_AFTER.iter().filter(|after| wait.waited >= **after).count();
        if due <= self.told {
            return None;
        }
        self.told = due;
        Some(format!("Waiting for {} ({} s)", wait.call, wait.waited.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_after_2_seconds_and_then_less_and_less_often() {
        let mut notices = WaitNotices::default();
        let mut told = Vec::new();
        for (id, seconds) in [(1, 1), (1, 2), (1, 3), (1, 9), (1, 10), (1, 40), (2, 1), (2, 4)] {
            let waited = Duration::from_secs(seconds);
            told.extend(notices.line_for(&CallWait { id, call: format!("iam:Call{id}"), waited }));
        }
        let expected = ["iam:Call1 (2 s)", "iam:Call1 (10 s)", "iam:Call1 (40 s)", "iam:Call2 (4 s)"];
        assert_eq!(told, expected.map(|call| format!("Waiting for {call}")));
    }
}
