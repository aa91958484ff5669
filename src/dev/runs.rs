//! Starts runs of the venues' functions through the Lambda API. They are recorded like everybody's.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::page::RunView;
use super::recorder::RunRecorder;
use deployer_aws::{Aws, Call};
use deployer_core::naming::{ALIAS, VenueNames};
use deployer_core::run_origin::RunOrigin;
use deployer_core::scheduled_event::{fill_schedule_input, scheduled_event};

/// Starts runs, one of each venue at a time.
pub struct VenueRuns {
    aws: Aws,
    deployment: String,
    starting: Arc<Mutex<BTreeSet<String>>>,
    pub recorder: RunRecorder,
}

/// The right to start a run of a venue; nobody else starts one for as long as it is held.
pub struct RunPermit {
    venue: String,
    starting: Arc<Mutex<BTreeSet<String>>>,
}

impl Drop for RunPermit {
    fn drop(&mut self) {
        self.starting.lock().remove(&self.venue);
    }
}

impl VenueRuns {
    pub fn new(aws: Aws, deployment: &str, recorder: RunRecorder) -> Self {
        Self { aws, deployment: deployment.to_owned(), starting: Arc::default(), recorder }
    }

    /// `None` if the venue is running: with a reserved concurrency of 1, Lambda would refuse a second run.
    pub fn permit_run(&self, venue: &str) -> Option<RunPermit> {
        if self.recorder.is_running(venue) || !self.starting.lock().insert(venue.to_owned()) {
            return None;
        }
        Some(RunPermit { venue: venue.to_owned(), starting: Arc::clone(&self.starting) })
    }

    /// Invokes the venue's function with the event that EventBridge sends, or with the `input` of its schedule, and waits for it
    /// to finish.
    pub async fn run_venue(&self, permit: RunPermit, origin: RunOrigin, input: Option<&str>) -> RunView {
        self.invoke_function(&permit.venue, origin, input).await
    }

    async fn invoke_function(&self, venue: &str, origin: RunOrigin, input: Option<&str>) -> RunView {
        let mut run = RunView::new("", venue);
        run.origin = origin;
        let function = VenueNames::new(&self.deployment, venue).function;
        let now = Timestamp::now();
        let event = match input {
            // Each execution has an id of its own.
            Some(input) => fill_schedule_input(input, now, &format!("dev-{}", now.as_nanosecond())),
            None => scheduled_event(now).to_string(),
        };
        let request = self.aws.lambda.invoke().function_name(&function).qualifier(ALIAS);
        let request = request.client_context(origin.client_context()).payload(Blob::new(event));
        match request.send().await.call("lambda:Invoke") {
            Ok(answer) => {
                let id = answer.request_id().unwrap_or_default();
                if let Some(recorded) = self.recorder.find_run(id) {
                    return recorded;
                }
                id.clone_into(&mut run.id);
                run.error = Some("the run was not recorded".to_owned());
            }
            Err(error) => run.error = Some(error.to_string()),
        }
        self.recorder.record_run(&run);
        run
    }
}
