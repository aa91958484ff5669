//! One JSON object per line, each with a `type`. The shapes are versioned: existing members keep their meaning, and new
//! members and types may be added.

use parking_lot::Mutex;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::terminal;

use deployer_core::call_rates::SlowestCalls;
use deployer_core::cost::CostEstimate;
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use deployer_reconcile::apply::{ApplyEvent, ApplyOutcome};

/// Version of the JSON shapes.
pub const FORMAT_VERSION: u32 = 1;

/// Writes lines to standard output.
#[derive(Default)]
pub struct JsonLines {
    lock: Mutex<()>,
}

impl JsonLines {
    /// Prints one line: `value`, which is an object, with its `type`.
    pub fn print_line(&self, kind: &str, value: impl Serialize) {
        // A reader that went away is not our failure.
        let _ = self.try_print_line(kind, value);
    }

    /// Prints one line and reports whether anybody still reads, for output that continues until nobody does.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn try_print_line(&self, kind: &str, value: impl Serialize) -> std::io::Result<()> {
        self.write_value(&typed_object(kind, value))
    }

    fn write_value(&self, line: &Value) -> std::io::Result<()> {
        let _guard = self.lock.lock();
        terminal::print_json(line)
    }

    /// Prints a plan: a head, a line for each change, conflict, finding, unreadable resource, quota and note, and the summary.
    pub fn print_plan(&self, plan: &Plan) {
        self.print_line(
            "plan",
            json!({
                "format_version": FORMAT_VERSION,
                "deployment": plan.deployment,
                "account": plan.scope.account,
                "region": plan.scope.region,
            }),
        );
        for change in &plan.changes {
            self.print_line(
                "change",
                json!({
                    "venue": change.address.venue,
                    "kind": change.address.kind,
                    "name": change.name,
                    "action": change.action,
                    "reason": change.reason,
                    "attributes": change.attributes,
                    "calls": change.operations.iter().map(|operation| operation.call_name()).collect::<Vec<_>>(),
                }),
            );
        }
        for conflict in &plan.conflicts {
            self.print_line("conflict", conflict);
        }
        for rival in &plan.rivals {
            self.print_line("rival", rival);
        }
        for venue in &plan.protected {
            self.print_line("protected", json!({ "venue": venue }));
        }
        for finding in &plan.findings {
            self.print_line("finding", finding);
        }
        for unreadable in &plan.unreadable {
            self.print_line("unreadable", unreadable);
        }
        for quota in &plan.quotas {
            self.print_line("quota", quota);
        }
        for note in &plan.notes {
            self.print_line("note", json!({ "text": note }));
        }
        self.print_line("summary", plan.summarize_changes());
    }

    /// Prints what a plan costs: the whole estimate, with amounts as strings in dollars.
    pub fn print_cost(&self, estimate: &CostEstimate) {
        self.print_line("cost", estimate);
    }

    /// Prints which calls an apply is paced by, and how long it takes at least.
    pub fn print_pace(&self, slowest: &SlowestCalls) {
        self.print_line(
            "pace",
            json!({
                "about_ms": u64::try_from(slowest.paced().as_millis()).unwrap_or(u64::MAX),
                "calls": slowest.calls,
                "of": slowest.rate.calls,
                "per_second": slowest.rate.taken,
            }),
        );
    }

    /// Prints an event of an apply, which has its `type` already.
    pub fn print_event(&self, event: &ApplyEvent) {
        // A reader that went away is not our failure.
        let _ = self.write_value(&json_value(event));
    }

    /// Prints the result of an apply.
    pub fn print_result(&self, outcome: &ApplyOutcome, code: ExitCode) {
        let failed: Vec<Value> = outcome
            .failed
            .iter()
            .map(|(address, error)| json!({ "address": address, "error": error.to_string(), "hint": error.hint() }))
            .collect();
        self.print_line(
            "result",
            json!({
                "done": outcome.done.len(),
                "failed": failed,
                "not_started": outcome.not_started,
                "cancelled": outcome.cancelled,
                "duration_ms": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
                "exit_code": code as u8,
            }),
        );
    }
}

/// A line of JSON that says which manifest it is about. What is no object stays as it is.
pub fn name_manifest(line: &str, manifest: &str) -> String {
    match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(mut members)) => {
            members.shift_insert(1, "manifest".to_owned(), manifest.into());
            Value::Object(members).to_string()
        }
        _ => line.to_owned(),
    }
}

/// An object with `type` as its first member. What isn't an object becomes its member `value`.
pub(super) fn typed_object(kind: &str, value: impl Serialize) -> Value {
    let mut line = Map::from_iter([("type".to_owned(), Value::from(kind))]);
    match json_value(value) {
        Value::Object(members) => line.extend(members.into_iter().filter(|(key, _)| key != "type")),
        single => line.extend([("value".to_owned(), single)]),
    }
    Value::Object(line)
}

/// A value as JSON. Serializing fails only for a map whose keys aren't text and for a path that isn't UTF-8. No type of
/// these lines has either: they are derived from text, numbers and maps by name, and their paths are made text before.
fn json_value(value: impl Serialize) -> Value {
    serde_json::to_value(value).expect("lines consist of text, numbers, and maps with text as keys")
}
