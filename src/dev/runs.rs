//! Runs of the venues' functions: started through the Lambda API, and kept for the page.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::page::{RunOutcome, RunView};
use deployer_aws::{Aws, Call};
use deployer_core::naming::{ALIAS, VenueNames};
use deployer_core::scheduled_event::scheduled_event;

/// How many runs are kept.
const KEPT: usize = 200;

/// The runs of all venues.
pub struct VenueRuns {
    aws: Aws,
    deployment: String,
    kept: Mutex<VecDeque<RunView>>,
    running: Mutex<BTreeSet<String>>,
    changes: watch::Sender<u64>,
}

impl VenueRuns {
    pub fn new(aws: Aws, deployment: &str) -> Self {
        Self {
            aws,
            deployment: deployment.to_owned(),
            kept: Mutex::default(),
            running: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Newest first.
    pub fn all_runs(&self) -> Vec<RunView> {
        self.kept.lock().iter().cloned().collect()
    }

    /// Whether the venue's function is running.
    pub fn is_running(&self, venue: &str) -> bool {
        self.running.lock().contains(venue)
    }

    /// A counter that grows with every change.
    pub fn watch_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Invokes a venue's function with the event that EventBridge sends, and waits for it to finish. Returns `None` if
    /// it is already running: with a reserved concurrency of 1, Lambda would refuse a second run.
    pub async fn run_venue(&self, venue: &str) -> Option<RunView> {
        if !self.running.lock().insert(venue.to_owned()) {
            return None;
        }
        self.notify_change();
        let run = self.invoke_function(venue).await;
        self.running.lock().remove(venue);
        let mut kept = self.kept.lock();
        kept.push_front(run.clone());
        kept.truncate(KEPT);
        drop(kept);
        self.notify_change();
        Some(run)
    }

    async fn invoke_function(&self, venue: &str) -> RunView {
        let started = Timestamp::now();
        let begun = Instant::now();
        let function = VenueNames::new(&self.deployment, venue).function;
        let answer = self
            .aws
            .lambda
            .invoke()
            .function_name(&function)
            .qualifier(ALIAS)
            .log_type(LogType::Tail)
            .payload(Blob::new(scheduled_event(started).to_string()))
            .send()
            .await;
        let id = answer.as_ref().ok().and_then(|answer| answer.request_id()).unwrap_or_default().to_owned();
        let mut run = RunView {
            id,
            venue: venue.to_owned(),
            started_at_ms: started.as_millisecond(),
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            cold: false,
            outcome: RunOutcome::Failed,
            searched: 0,
            synced: 0,
            failed: 0,
            needs_review: 0,
            retried: 0,
            error: None,
            log: Vec::new(),
        };
        match answer.call("lambda:Invoke") {
            Ok(answer) => {
                let tail = answer.log_result().and_then(|log| STANDARD.decode(log).ok()).unwrap_or_default();
                let tail = String::from_utf8_lossy(&tail).into_owned();
                run.cold = tail.contains("Init Duration");
                run.log = self.read_log(&function, started, &run.id).await.unwrap_or_else(|| split_lines(&tail));
                let payload = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
                match serde_json::from_slice(payload) {
                    Ok(payload) => read_function_response(&mut run, &payload, answer.function_error().is_some()),
                    Err(_) => run.error = Some("the function's response isn't JSON".to_owned()),
                }
            }
            Err(error) => run.error = Some(error.to_string()),
        }
        run
    }

    /// The run's lines from its log group. The response itself has only the last 4 KB.
    async fn read_log(&self, function: &str, started: Timestamp, id: &str) -> Option<Vec<String>> {
        let group = format!("/aws/lambda/{function}");
        let parameters = json!({ "logGroupName": group, "startTime": started.as_millisecond() });
        let events =
            self.aws.signed.list_pages("logs:FilterLogEvents", parameters).collect_items("events").await.ok()?;
        let messages = events.iter().filter_map(|event| event["message"].as_str());
        let lines: Vec<String> = messages.map(|message| message.trim_end().to_owned()).collect();
        let first = lines.iter().position(|line| line.starts_with(&format!("START RequestId: {id}")))?;
        let last = lines.iter().position(|line| line.starts_with(&format!("REPORT RequestId: {id}")))?;
        Some(lines.get(first..=last)?.to_vec())
    }

    fn notify_change(&self) {
        self.changes.send_modify(|number| *number += 1);
    }
}

fn split_lines(text: &str) -> Vec<String> {
    text.lines().map(ToOwned::to_owned).collect()
}

/// Reads the function's response into `run`: its counts, or its error.
fn read_function_response(run: &mut RunView, payload: &Value, failed: bool) {
    if failed {
        let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
        run.error = Some(format!("{}: {}", text("errorType"), text("errorMessage")));
        return;
    }
    let count = |key: &str| payload.get(key).and_then(Value::as_u64).unwrap_or_default();
    run.outcome = RunOutcome::Ok;
    run.searched = count("searched");
    run.synced = count("synced");
    run.failed = count("failed");
    run.needs_review = count("needs_review");
    run.retried = count("retried");
}
