//! How the cloud runs functions: the cloud decides what to run, an [`Invoker`] knows how.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{ApiError, CloudInner, lambda, logs};

/// One invocation: the addressed version and the event.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub request_id: String,
    pub region: String,
    pub account: String,
    pub function_name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// Includes the caller's qualifier.
    pub invoked_function_arn: String,
    pub handler: String,
    pub memory_mb: u32,
    pub timeout_s: u32,
    pub environment: BTreeMap<String, String>,
    pub log_group: String,
    pub log_stream: String,
    /// Base64 of the SHA-256 of the zip.
    pub code_sha256: String,
    pub code: Bytes,
    pub reserved_concurrency: Option<u32>,
    /// The event, as JSON.
    pub payload: Bytes,
    /// What the caller says about itself, as base64 of JSON.
    pub client_context: Option<String>,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvocationResult {
    /// The function's response, or the error in Lambda's form: `{"errorMessage", "errorType"}`.
    pub payload: Bytes,
    /// `Unhandled` if the function failed, timed out or crashed.
    pub function_error: Option<String>,
    /// What the function wrote, with Lambda's own lines. Lambda returns the last 4 KB of it.
    pub log: String,
}

/// Runs functions.
pub trait Invoker: Send + Sync + fmt::Debug {
    /// Runs one invocation to its end.
    ///
    /// # Errors
    /// Lambda refused the invocation, for example with `TooManyRequestsException`. A failure of the function is not an
    /// error.
    fn run_invocation(&self, invocation: Invocation) -> BoxFuture<'static, Result<InvocationResult, ApiError>>;
}

/// An invoker that writes each function's lines to its log group and counts its runs, as Lambda does.
#[derive(Debug)]
pub(super) struct LoggingInvoker {
    pub(super) cloud: Weak<CloudInner>,
    pub(super) invoker: Arc<dyn Invoker>,
}

impl Invoker for LoggingInvoker {
    fn run_invocation(&self, invocation: Invocation) -> BoxFuture<'static, Result<InvocationResult, ApiError>> {
        let cloud = Weak::clone(&self.cloud);
        let function_arn = invocation.invoked_function_arn.clone();
        let (region, group, stream) =
            (invocation.region.clone(), invocation.log_group.clone(), invocation.log_stream.clone());
        let running = self.invoker.run_invocation(invocation);
        Box::pin(async move {
            let outcome = running.await;
            if let Some(inner) = cloud.upgrade() {
                let cloud = super::EmbeddedCloud { inner };
                let now = cloud.current_time().as_millisecond();
                let log = outcome.as_ref().map_or("", |invoked| invoked.log.as_str());
                let lines: Vec<(i64, String)> = log.lines().map(|line| (now, line.to_owned())).collect();
                // Lambda drops the lines if the log group doesn't exist. The run itself has happened, so that is not an
                // error.
                let _ = cloud.with_region(&region, |cx| {
                    lambda::record_run(cx, &function_arn, &outcome);
                    logs::append_lines(cx, &group, &stream, &lines)
                });
            }
            outcome
        })
    }
}
