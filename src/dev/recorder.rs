//! Records every run of a venue's function, whoever started it: all of them pass through the embedded cloud's invoker.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use sync_config::text::name_venue;
use tokio::sync::watch;

use super::page::{RunOutcome, RunView};
use deployer_cloud::runtime::LambdaRuntime;
use deployer_cloud::{ApiError, Invocation, InvocationResult, Invoker};
use deployer_core::manifest::Manifest;
use deployer_core::naming::VenueNames;
use deployer_core::run_origin::RunOrigin;

/// How many runs are kept.
const KEPT: usize = 200;

/// What is called with each run that has ended.
type RunListener = Box<dyn Fn(&RunView) + Send + Sync>;

/// The runs of all venues. Clones are cheap and share them.
#[derive(Clone)]
pub struct RunRecorder {
    inner: Arc<RecorderInner>,
}

struct RecorderInner {
    state: Mutex<RecorderState>,
    listeners: Mutex<Vec<RunListener>>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct RecorderState {
    /// The venue of each function.
    venues: BTreeMap<String, String>,
    kept: VecDeque<RunView>,
    /// How many runs of each venue are under way.
    running: BTreeMap<String, u32>,
}

impl RunRecorder {
    pub fn new() -> Self {
        let inner =
            RecorderInner { state: Mutex::default(), listeners: Mutex::default(), changes: watch::Sender::new(0) };
        Self { inner: Arc::new(inner) }
    }

    /// Learns whose functions are whose.
    pub fn know_venues(&self, manifest: &Manifest) {
        let deployment = &manifest.deployment.name;
        let functions =
            manifest.venues.iter().map(|venue| (VenueNames::new(deployment, &venue.name).function, venue.name.clone()));
        self.inner.state.lock().venues.extend(functions);
    }

    /// Calls `listener` with each run that ends from now on.
    pub fn listen_to_runs(&self, listener: impl Fn(&RunView) + Send + Sync + 'static) {
        self.inner.listeners.lock().push(Box::new(listener));
    }

    /// Newest first.
    pub fn all_runs(&self) -> Vec<RunView> {
        self.inner.state.lock().kept.iter().cloned().collect()
    }

    /// The run with this request id.
    pub fn find_run(&self, id: &str) -> Option<RunView> {
        self.inner.state.lock().kept.iter().find(|run| run.id == id).cloned()
    }

    /// Whether the venue's function is running.
    pub fn is_running(&self, venue: &str) -> bool {
        self.inner.state.lock().running.contains_key(venue)
    }

    /// A counter that grows with every change.
    pub fn watch_changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Keeps a run and tells the listeners.
    pub fn record_run(&self, run: &RunView) {
        let mut state = self.inner.state.lock();
        state.kept.push_front(run.clone());
        state.kept.truncate(KEPT);
        drop(state);
        for listener in &*self.inner.listeners.lock() {
            listener(run);
        }
        self.notify_change();
    }

    fn notify_change(&self) {
        self.inner.changes.send_modify(|number| *number += 1);
    }

    /// The venue whose function this is, or else the function's own name.
    fn venue_of(&self, function: &str) -> String {
        self.inner.state.lock().venues.get(function).map_or_else(|| function.to_owned(), Clone::clone)
    }
}

impl fmt::Debug for RunRecorder {
    /// Omits the logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunRecorder").finish_non_exhaustive()
    }
}

/// Counts a run as under way for as long as it lives.
struct RunUnderWay {
    recorder: RunRecorder,
    venue: String,
}

impl RunUnderWay {
    fn begin(recorder: &RunRecorder, venue: &str) -> Self {
        *recorder.inner.state.lock().running.entry(venue.to_owned()).or_default() += 1;
        recorder.notify_change();
        Self { recorder: recorder.clone(), venue: venue.to_owned() }
    }
}

impl Drop for RunUnderWay {
    fn drop(&mut self) {
        let mut state = self.recorder.inner.state.lock();
        if let Some(count) = state.running.get_mut(&self.venue) {
            *count -= 1;
            if *count == 0 {
                state.running.remove(&self.venue);
            }
        }
        drop(state);
        self.recorder.notify_change();
    }
}

/// An invoker that records what the runtime runs. What the runtime refuses to run is no run.
#[derive(Debug)]
pub struct RecordingInvoker {
    pub runtime: LambdaRuntime,
    pub recorder: RunRecorder,
}

impl Invoker for RecordingInvoker {
    fn run_invocation(&self, invocation: Invocation) -> BoxFuture<'static, Result<InvocationResult, ApiError>> {
        let recorder = self.recorder.clone();
        let mut run = RunView::new(&invocation.request_id, &recorder.venue_of(&invocation.function_name));
        run.origin = RunOrigin::from_client_context(invocation.client_context.as_deref());
        let event: Value = serde_json::from_slice(&invocation.payload).unwrap_or_default();
        run.dry_run = event["dry_run"] == true;
        let running = self.runtime.run_invocation(invocation);
        Box::pin(async move {
            let under_way = RunUnderWay::begin(&recorder, &run.venue);
            let begun = Instant::now();
            let result = running.await;
            drop(under_way);
            if let Ok(result) = &result {
                run.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                run.cold = result.log.contains("Init Duration");
                run.log = result.log.lines().map(|line| name_venue(line, &run.venue)).collect();
                match serde_json::from_slice(&result.payload) {
                    Ok(payload) => read_function_response(&mut run, &payload, result.function_error.is_some()),
                    Err(_) => run.error = Some("the function's response isn't JSON".to_owned()),
                }
                recorder.record_run(&run);
            }
            result
        })
    }
}

impl RunView {
    /// A run that begins now, and has failed unless it turns out otherwise.
    pub(super) fn new(id: &str, venue: &str) -> Self {
        Self {
            id: id.to_owned(),
            venue: venue.to_owned(),
            origin: RunOrigin::Other,
            dry_run: false,
            started_at_ms: Timestamp::now().as_millisecond(),
            duration_ms: 0,
            cold: false,
            outcome: RunOutcome::Failed,
            searched: 0,
            synced: 0,
            failed: 0,
            needs_review: 0,
            retried: 0,
            error: None,
            log: Vec::new(),
        }
    }
}

/// Reads the function's response into `run`: its counts, or its error.
fn read_function_response(run: &mut RunView, payload: &Value, failed: bool) {
    if failed {
        let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
        run.error = Some(format!("{}: {}", text("errorType"), name_venue(text("errorMessage"), &run.venue)));
        return;
    }
    if payload.get("skipped").is_some() {
        run.outcome = RunOutcome::Skipped;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_that_another_one_kept_away_is_skipped_and_errors_name_the_venue() {
        let read = |payload: Value, failed| {
            let mut run = RunView::new("1", "loft");
            read_function_response(&mut run, &payload, failed);
            (run.outcome, run.error)
        };
        assert_eq!(read(json!({ "venue": "loft", "skipped": "another run" }), false), (RunOutcome::Skipped, None));
        assert_eq!(read(json!({ "searched": 0 }), false), (RunOutcome::Ok, None));
        let failed = json!({ "errorType": "Credential", "errorMessage": "`deployer secret set VENUE hubspot_token`" });
        let error = "Credential: `deployer secret set loft hubspot_token`".to_owned();
        assert_eq!(read(failed, true), (RunOutcome::Failed, Some(error)));
    }
}
