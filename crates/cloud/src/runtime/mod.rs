//! Runs functions as Lambda does: each `bootstrap` as a process that talks to the Lambda runtime API.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
//!
//! [`Runtime`] is the invoker of an embedded cloud. It reuses processes, as Lambda reuses its environments. Each
//! process gets exactly the environment variables that Lambda sets, and none of ours except `PATH`.

mod api;
mod instance;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::{ApiError, Invocation, Invoked, Invoker};
use instance::Instance;

/// Where functions run.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// The directory for unpacked code, with a subdirectory for each zip.
    pub directory: PathBuf,
    /// The address of the embedded cloud, passed to functions as `AWS_ENDPOINT_URL`.
    pub cloud_uri: String,
}

/// Runs functions. Clones are cheap. The processes end with the last clone or with [`Runtime::stop`].
#[derive(Debug, Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: RuntimeConfig,
    pool: Mutex<Pool>,
}

/// The processes that are waiting for an event, and the number of busy processes of each function.
#[derive(Debug, Default)]
struct Pool {
    warm: HashMap<String, Vec<Instance>>,
    busy: HashMap<String, u32>,
    stopped: bool,
}

impl Runtime {
    /// Creates a runtime without processes.
    pub fn new(config: RuntimeConfig) -> Self {
        Self { inner: Arc::new(Inner { config, pool: Mutex::default() }) }
    }

    /// Ends all waiting processes. Busy processes end after their invocation.
    pub fn stop(&self) {
        let mut pool = self.inner.pool();
        pool.stopped = true;
        pool.warm.clear();
    }
}

impl Inner {
    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn invoke(self: Arc<Self>, invocation: Invocation) -> Result<Invoked, ApiError> {
        let _busy = Busy::begin(&self, &invocation)?;
        let key = instance::key(&invocation);
        let warm = loop {
            let mut candidate = self.pool().warm.get_mut(&key).and_then(Vec::pop);
            if candidate.as_mut().is_none_or(Instance::is_alive) {
                break candidate;
            }
        };
        let mut instance = match warm {
            Some(instance) => instance,
            None => Instance::start(&self.config, &invocation)
                .await
                .map_err(|error| ApiError::new(502, "InvalidRuntimeException", error.to_string()))?,
        };
        let (invoked, usable) = instance.run(&invocation).await;
        if usable {
            let mut pool = self.pool();
            if !pool.stopped {
                pool.warm.entry(key).or_default().push(instance);
            }
        }
        Ok(invoked)
    }
}

/// Counts as a running execution for as long as it exists.
struct Busy {
    inner: Arc<Inner>,
    function: String,
}

impl Busy {
    fn begin(inner: &Arc<Inner>, invocation: &Invocation) -> Result<Self, ApiError> {
        let mut pool = inner.pool();
        let count = pool.busy.entry(invocation.function_name.clone()).or_default();
        if invocation.reserved_concurrency.is_some_and(|reserved| *count >= reserved) {
            return Err(ApiError::new(429, "TooManyRequestsException", "Rate Exceeded."));
        }
        *count += 1;
        Ok(Self { inner: Arc::clone(inner), function: invocation.function_name.clone() })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(count) = self.inner.pool().busy.get_mut(&self.function) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Invoker for Runtime {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, Result<Invoked, ApiError>> {
        Box::pin(Arc::clone(&self.inner).invoke(invocation))
    }
}
