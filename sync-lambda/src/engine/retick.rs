//! Decides what a tick means for a contact that became a lead before.
//!
//! A workflow may set a flag several times, and staff may tick twice. So a tick soon after a lead is taken for the same
//! request, and ignored. After that window, it is what the manifest says. A contact that is `failed` or `needs_review` is
//! always sent: that is what its error text asks staff to tick for.

use std::time::Duration;

use jiff::Timestamp;

use super::SyncRun;
use crate::ledger::{ContactOutcome, RecordedLead};
use sync_config::config::{OnRetick, SyncConfig};
use sync_config::mapping::ContactProperties;

impl SyncRun<'_> {
    /// The outcome of a flagged contact that isn't sent because it is a lead already; `None` if it is to be sent.
    pub(super) fn judge_retick(&self, contact: &ContactProperties, now: Timestamp) -> Option<ContactOutcome> {
        judge_lead(&self.settings.config, &self.ledger.recorded_lead(contact)?, now)
    }
}

fn judge_lead(config: &SyncConfig, lead: &RecordedLead, now: Timestamp) -> Option<ContactOutcome> {
    let window = config.retick_window();
    let became = |at: Option<Timestamp>| match (lead.lead_id.as_str(), at) {
        ("", None) => "This contact is a lead already".to_owned(),
        (id, None) => format!("This contact is lead {id} already"),
        ("", Some(at)) => format!("This contact became a lead on {}", minute_text(at)),
        (id, Some(at)) => format!("This contact became lead {id} on {}", minute_text(at)),
    };
    // A time in the future is that of a clock that is ahead of ours.
    let recent =
        lead.at.filter(|at| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < window) || *at > now);
    if let Some(at) = recent
        && !window.is_zero()
    {
        let until = at.saturating_add(jiff::SignedDuration::try_from(window).unwrap_or_default()).unwrap_or(at);
        let after = match config.on_retick {
            OnRetick::NewLead => format!("tick again after {}", minute_text(until)),
            OnRetick::Review | OnRetick::Ignore => "create that lead at the destination".to_owned(),
        };
        let note = format!(
            "{}, and was ticked again soon after, so nothing was sent. If this is another request, {after}.",
            became(Some(at))
        );
        return Some(ContactOutcome::Reticked { review: false, note });
    }
    let (review, what) = match config.on_retick {
        OnRetick::NewLead => return None,
        OnRetick::Ignore => (false, "so nothing was sent: this venue's settings ignore another tick (on_retick)"),
        OnRetick::Review => (true, "so nothing was sent. To send it as another lead, tick the flag again"),
    };
    Some(ContactOutcome::Reticked { review, note: format!("{}, {what}.", became(lead.at)) })
}

fn minute_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    /// What happens to a contact that became a lead this many seconds ago.
    fn judge(on_retick: OnRetick, window: Option<u32>, age: Option<i64>) -> Option<(bool, String)> {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let config = SyncConfig { on_retick, retick_window_s: window, ..SyncConfig::default() };
        let at = age.map(|age| now - jiff::SignedDuration::from_secs(age));
        match judge_lead(&config, &RecordedLead { lead_id: "5035".to_owned(), at }, now)? {
            ContactOutcome::Reticked { review, note } => Some((review, note)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ticks_within_the_window_are_ignored() {
        for on_retick in [OnRetick::NewLead, OnRetick::Ignore, OnRetick::Review] {
            for age in [0, HOUR, 24 * HOUR - 1, -5] {
                let (review, note) = judge(on_retick, None, Some(age)).expect("it isn't sent");
                assert!(!review && note.contains("lead 5035 on 2026-09-2"), "{on_retick:?} {age}: {note}");
            }
        }
        let (_, note) = judge(OnRetick::NewLead, None, Some(HOUR)).expect("it isn't sent");
        assert!(note.ends_with("tick again after 2026-09-22 13:13 UTC."), "{note}");
    }

    #[test]
    fn later_ticks_are_what_the_manifest_says() {
        for (window, age) in [(None, Some(24 * HOUR)), (Some(60), Some(61)), (Some(0), Some(0)), (None, None)] {
            assert_eq!(judge(OnRetick::NewLead, window, age), None, "{window:?} {age:?}");
            assert!(!judge(OnRetick::Ignore, window, age).expect("it isn't sent").0);
            let (review, note) = judge(OnRetick::Review, window, age).expect("it isn't sent");
            assert!(review && note.contains("tick the flag again"), "{note}");
        }
    }
}
