//! What EventBridge sends a function on a schedule, for runs that are started in other ways.

use jiff::Timestamp;
use serde_json::{Value, json};

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
