//! Which events of the schedule start a run. Lambda keeps an event for up to six hours if the function is busy, and repeats a
//! run that failed after one and after two minutes, unless it is told otherwise
//! (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>). Neither is of use here, since the next
//! event of the schedule takes what is left. The function says so itself, so that Lambda needn't be told for each venue.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sync_config::config::SCHEDULE_SOURCE;
use tokio::sync::Mutex;

/// Where the events of a schedule come from, and how old an event may be. A rule fires within a minute of the event's time
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html>), EventBridge delivers for another
/// one (the target's `MaximumEventAgeInSeconds`), and one more is for a function that was busy. A schedule of EventBridge Scheduler
/// fires within a minute too, and may have a flexible window of another one.
const SOURCES: [(&str, SignedDuration); 2] =
    [("aws.events", SignedDuration::from_mins(3)), (SCHEDULE_SOURCE, SignedDuration::from_mins(4))];

/// Tells the events that start a run from those that are late, or come again.
#[derive(Debug, Default)]
pub struct ScheduleGate {
    /// The id of the last event that started a run in this process.
    started: Mutex<Option<String>>,
}

impl ScheduleGate {
    /// Why an event starts no run, in words. `None` for one that does, and for everything that isn't the schedule's.
    pub async fn refuse_event(&self, event: &Value, now: Timestamp) -> Option<String> {
        let source = event.get("source").and_then(Value::as_str)?;
        let (_, latest_start) = SOURCES.into_iter().find(|(name, _)| *name == source)?;
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let time: Option<Timestamp> = text("time").and_then(|time| time.parse().ok());
        if let Some(time) = time.filter(|time| now.duration_since(*time) > latest_start) {
            return Some(format!(
                "its event is of {time}, which is too long ago; the next one of the schedule does its work"
            ));
        }
        let id = text("id")?;
        let before = self.started.lock().await.replace(id.to_owned());
        let again = before.as_deref() == Some(id);
        again.then(|| {
            "its event came again, after a run that failed; the next one of the schedule does its work".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-03-01T12:00:00Z";

    async fn refusal(gate: &ScheduleGate, event: Value) -> Option<String> {
        gate.refuse_event(&event, NOW.parse().expect("a time")).await
    }

    fn event_of(time: &str, id: &str) -> Value {
        json!({ "source": "aws.events", "detail-type": "Scheduled Event", "time": time, "id": id })
    }

    #[tokio::test]
    async fn late_events_start_no_run() {
        for (time, late) in [
            (NOW, false),
            ("2026-03-01T11:57:00Z", false),
            ("2026-03-01T11:56:59Z", true),
            ("2026-03-01T06:00:00Z", true),
            // A clock that is behind.
            ("2026-03-01T12:01:00Z", false),
            ("yesterday", false),
        ] {
            let found = refusal(&ScheduleGate::default(), event_of(time, "1")).await;
            assert_eq!(found.is_some(), late, "{time}: {found:?}");
        }
    }

    /// EventBridge Scheduler's events are judged as those of a rule, with a minute more for its window.
    #[tokio::test]
    async fn events_of_a_schedule_are_judged_too() {
        let gate = ScheduleGate::default();
        let of_schedule = |time: &str, id: &str| json!({ "source": SCHEDULE_SOURCE, "time": time, "id": id });
        let mut refused = Vec::new();
        let (late, too_late) = ("2026-03-01T11:56:00Z", "2026-03-01T11:55:59Z");
        for (time, id) in [(NOW, "1"), (NOW, "1"), (late, "2"), (too_late, "3")] {
            refused.push(refusal(&gate, of_schedule(time, id)).await.is_some());
        }
        assert_eq!(refused, [false, true, false, true]);
    }

    #[tokio::test]
    async fn an_event_that_comes_again_starts_no_run() {
        let gate = ScheduleGate::default();
        let mut refused = Vec::new();
        for id in ["1", "1", "2", "1"] {
            refused.push(refusal(&gate, event_of(NOW, id)).await.is_some());
        }
        assert_eq!(refused, [false, true, false, false]);
    }

    /// Whoever invokes the function decides when; a dry run may be repeated, and tests send events without an id.
    #[tokio::test]
    async fn other_events_are_not_judged() {
        let gate = ScheduleGate::default();
        let without_id = json!({ "source": "aws.events", "time": NOW });
        let old = json!({ "time": "2020-01-01T00:00:00Z", "id": "1" });
        for event in [json!({}), json!({ "dry_run": true }), json!(null), json!("text"), without_id, old] {
            for _ in 0..2 {
                assert_eq!(refusal(&gate, event.clone()).await, None, "{event}");
            }
        }
    }
}
