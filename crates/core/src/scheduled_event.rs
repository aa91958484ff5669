//! What EventBridge sends a function on a schedule, for runs that are started in other ways.

use jiff::Timestamp;
use serde_json::{Value, json};
use sync_config::config::SCHEDULE_SOURCE;

/// What Scheduler replaces in the input of a schedule when it fires:
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>.
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";
const EXECUTION_ID: &str = "<aws.scheduler.execution-id>";

/// The event that a scheduled rule sends to its target.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html>
pub fn scheduled_event(now: Timestamp) -> Value {
    json!({
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "resources": [],
        "detail": {},
    })
}

/// The input of a venue's schedule: an event like that of a rule, from a source of its own. The function takes it for what it
/// is (`sync-lambda/src/schedule.rs`).
pub fn schedule_input() -> String {
    json!({
        "version": "0",
        "id": EXECUTION_ID,
        "detail-type": "Scheduled Event",
        "source": SCHEDULE_SOURCE,
        "time": SCHEDULED_TIME,
        "resources": [],
        "detail": {},
    })
    .to_string()
}

/// The event that a schedule with this input sends to its target at `now`.
pub fn fill_schedule_input(input: &str, now: Timestamp, execution_id: &str) -> String {
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    input.replace(SCHEDULED_TIME, &time).replace(EXECUTION_ID, execution_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_sends_an_event_with_its_time_and_an_id() {
        let now: Timestamp = "2026-03-01T12:00:00.5Z".parse().expect("a time");
        let event: Value = serde_json::from_str(&fill_schedule_input(&schedule_input(), now, "e-1")).expect("JSON");
        assert_eq!(event["time"], "2026-03-01T12:00:00Z");
        assert_eq!(event["id"], "e-1");
        assert_ne!(event["source"], scheduled_event(now)["source"]);
        assert_eq!(event["detail-type"], scheduled_event(now)["detail-type"]);
    }
}
