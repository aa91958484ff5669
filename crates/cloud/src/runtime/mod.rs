//! Runs functions as Lambda does: each `bootstrap` as a process that talks to the Lambda runtime API.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
//!
//! [`LambdaRuntime`] is the invoker of an embedded cloud. It reuses processes, as Lambda reuses its environments. Each
//! process gets exactly the environment variables that Lambda sets, and none of ours except `PATH`.

mod api;
mod instance;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::{ApiError, Invocation, InvocationResult, Invoker};
use instance::FunctionProcess;
use loopback::LocalCredentials;
use parking_lot::{Mutex, MutexGuard};

/// Where functions run.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// The directory for unpacked code, with a subdirectory for each zip.
    pub directory: PathBuf,
    /// The address of the embedded cloud, passed to functions as `AWS_ENDPOINT_URL`.
    pub cloud_uri: String,
    /// The credentials that functions get. `None` for a cloud that takes any.
    pub credentials: Option<LocalCredentials>,
}

/// Runs functions. Clones are cheap. The processes end with the last clone or with [`LambdaRuntime::stop`].
#[derive(Debug, Clone)]
pub struct LambdaRuntime {
    inner: Arc<RuntimeInner>,
}

#[derive(Debug)]
struct RuntimeInner {
    config: RuntimeConfig,
    pool: Mutex<ProcessPool>,
}

/// The processes that are waiting for an event, and the number of busy processes of each function.
#[derive(Debug, Default)]
struct ProcessPool {
    warm: HashMap<String, Vec<FunctionProcess>>,
    busy: HashMap<String, u32>,
    stopped: bool,
}

impl LambdaRuntime {
    /// Creates a runtime without processes.
    pub fn new(config: RuntimeConfig) -> Self {
        Self { inner: Arc::new(RuntimeInner { config, pool: Mutex::default() }) }
    }

    /// Ends all waiting processes. Busy processes end after their invocation.
    pub fn stop_processes(&self) {
        let mut pool = self.inner.lock_pool();
        pool.stopped = true;
        pool.warm.clear();
    }
}

impl RuntimeInner {
    fn lock_pool(&self) -> MutexGuard<'_, ProcessPool> {
        self.pool.lock()
    }

    async fn run_invocation(self: Arc<Self>, invocation: Invocation) -> Result<InvocationResult, ApiError> {
        let _busy = BusyExecution::begin_execution(&self, &invocation)?;
        let key = instance::process_key(&invocation);
        let warm = loop {
            let mut candidate = self.lock_pool().warm.get_mut(&key).and_then(Vec::pop);
            if candidate.as_mut().is_none_or(FunctionProcess::is_alive) {
                break candidate;
            }
        };
        let mut instance = match warm {
            Some(instance) => instance,
            None => FunctionProcess::start_process(&self.config, &invocation)
                .await
                .map_err(|error| ApiError::new(502, "InvalidRuntimeException", error.to_string()))?,
        };
        let (invoked, usable) = instance.run_invocation(&invocation).await;
        if usable {
            let mut pool = self.lock_pool();
            if !pool.stopped {
                pool.warm.entry(key).or_default().push(instance);
            }
        }
        Ok(invoked)
    }
}

/// Counts as a running execution for as long as it exists.
struct BusyExecution {
    inner: Arc<RuntimeInner>,
    function: String,
}

impl BusyExecution {
    fn begin_execution(inner: &Arc<RuntimeInner>, invocation: &Invocation) -> Result<Self, ApiError> {
        let mut pool = inner.lock_pool();
        let count = pool.busy.entry(invocation.function_name.clone()).or_default();
        if invocation.reserved_concurrency.is_some_and(|reserved| *count >= reserved) {
            return Err(ApiError::new(429, "TooManyRequestsException", "Rate Exceeded."));
        }
        *count += 1;
        Ok(Self { inner: Arc::clone(inner), function: invocation.function_name.clone() })
    }
}

impl Drop for BusyExecution {
    fn drop(&mut self) {
        if let Some(count) = self.inner.lock_pool().busy.get_mut(&self.function) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Invoker for LambdaRuntime {
    fn run_invocation(&self, invocation: Invocation) -> BoxFuture<'static, Result<InvocationResult, ApiError>> {
        Box::pin(Arc::clone(&self.inner).run_invocation(invocation))
    }
}
