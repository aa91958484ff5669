//! One JSON object a line, each with a `type`. The shapes are versioned: what is there keeps its meaning, new members
//! and types may come.

use std::io::Write;
use std::sync::Mutex;

use serde::Serialize;
use serde_json::{Value, json};

use deployer_core::cost::Estimate;
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use deployer_reconcile::apply::{Event, Outcome};

/// Version of the shapes.
pub const FORMAT_VERSION: u32 = 1;

/// Writes lines to standard output.
#[derive(Default)]
pub struct JsonLines {
    lock: Mutex<()>,
}

impl JsonLines {
    /// One line: `value`, an object, with its `type`.
    pub fn line(&self, kind: &str, value: impl Serialize) {
        // A reader that has gone away is no failure of ours.
        let _ = self.try_line(kind, value);
    }

    /// The same, for what goes on for as long as somebody reads.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn try_line(&self, kind: &str, value: impl Serialize) -> std::io::Result<()> {
        let line = typed(kind, value);
        let _guard = self.lock.lock();
        writeln!(std::io::stdout(), "{line}")
    }

    /// A plan: its head, a line for each change, conflict, unreadable resource and note, and the summary.
    pub fn plan(&self, plan: &Plan) {
        self.line(
            "plan",
            json!({
                "format_version": FORMAT_VERSION,
                "deployment": plan.deployment,
                "account": plan.scope.account,
                "region": plan.scope.region,
            }),
        );
        for change in &plan.changes {
            self.line(
                "change",
                json!({
                    "venue": change.address.venue,
                    "kind": change.address.kind,
                    "name": change.name,
                    "action": change.action,
                    "reason": change.reason,
                    "attributes": change.attributes,
                    "calls": change.operations.iter().map(|operation| operation.call()).collect::<Vec<_>>(),
                }),
            );
        }
        for conflict in &plan.conflicts {
            self.line("conflict", conflict);
        }
        for venue in &plan.protected {
            self.line("protected", json!({ "venue": venue }));
        }
        for unreadable in &plan.unreadable {
            self.line("unreadable", unreadable);
        }
        for note in &plan.notes {
            self.line("note", json!({ "text": note }));
        }
        self.line("summary", plan.summary());
    }

    /// What a plan costs: all of the estimate, amounts as strings in dollars.
    pub fn cost(&self, estimate: &Estimate) {
        self.line("cost", estimate);
    }

    /// Something that happened while a plan was carried out.
    pub fn event(&self, event: &Event) {
        let value = serde_json::to_value(event).unwrap_or_default();
        let kind = value["type"].as_str().unwrap_or("event").to_owned();
        self.line(&kind, value);
    }

    /// What became of a plan.
    pub fn result(&self, outcome: &Outcome, code: ExitCode) {
        let failed: Vec<Value> = outcome
            .failed
            .iter()
            .map(|(address, error)| json!({ "address": address, "error": error.to_string(), "hint": error.hint() }))
            .collect();
        self.line(
            "result",
            json!({
                "done": outcome.done.len(),
                "failed": failed,
                "not_started": outcome.not_started,
                "cancelled": outcome.cancelled,
                "exit_code": code as u8,
            }),
        );
    }
}

/// An object with its `type` as its first member.
pub(super) fn typed(kind: &str, value: impl Serialize) -> Value {
    let mut line = serde_json::Map::from_iter([("type".to_owned(), Value::from(kind))]);
    if let Ok(Value::Object(members)) = serde_json::to_value(value) {
        line.extend(members.into_iter().filter(|(key, _)| key != "type"));
    }
    Value::Object(line)
}
