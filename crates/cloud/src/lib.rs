//! The embedded cloud: the parts of AWS that we rely on, in this process.
//!
//! It sits below the AWS SDK, so tests exercise the requests of the real clients. [`Cloud::http_client`] returns an
//! HTTP client that responds in process; [`Cloud::serve`] responds to the same requests on a socket. The embedded cloud
//! supports only the operations that we call. Each behaves as AWS does in everything we rely on: names, ARNs, errors,
//! paging, and the effect of a repeated call. Any other operation fails with an error that names it.
//!
//! - `dispatch` finds the service and operation of a request and injects faults. `request`, `answer`, `json` and
//!   `query` are the protocols.
//! - `store` keeps the [`State`] in memory or in a file that several processes share.
//! - Each service has a module, named by its signing name. `cloudwatch` also counts what the other services do.

mod answer;
pub mod apigateway;
mod blobs;
mod calls;
mod clock;
pub mod cloudwatch;
mod context;
mod dispatch;
pub mod events;
pub mod iam;
mod invoke;
mod json;
pub mod lambda;
pub mod logs;
mod page;
mod query;
mod request;
pub mod runtime;
pub mod scheduler;
pub mod secretsmanager;
pub mod sns;
pub mod sqs;
mod state;
pub mod states;
mod store;
mod sts;
mod tagging;
mod transport;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

pub use answer::{Answer, ApiError, Handled};
pub use calls::{Call, CallKind, Fault, FaultHook, Injected};
pub use context::Context;
pub use invoke::{Invocation, Invoked, Invoker};
pub use json::Json;
pub use page::Page;
pub use request::Request;
pub use state::{Regional, State};

use deployer_core::error::{Error, Result};

/// Settings of an embedded cloud.
#[derive(Debug, Clone)]
pub struct CloudConfig {
    /// The account ID, twelve digits. A cloud in a file keeps the account that it was created with.
    pub account: String,
    /// The maximum page size, if smaller than AWS's own. Tests use it to force several pages.
    pub page_size: Option<usize>,
    /// How many reads of a function it takes until a change to it is complete (Lambda's `Pending` and `InProgress`).
    pub lambda_settles_after_reads: u32,
    /// Seconds until the name of a deleted queue can be reused; 60 in AWS.
    pub queue_names_rest_s: u32,
}

impl Default for CloudConfig {
    fn default() -> Self {
        Self {
            account: "123456789012".to_owned(),
            page_size: None,
            lambda_settles_after_reads: 0,
            queue_names_rest_s: 0,
        }
    }
}

/// An AWS account with all its regions. Clones are cheap and share one state.
#[derive(Debug, Clone)]
pub struct Cloud {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: CloudConfig,
    store: Mutex<store::Store>,
    clock: clock::Clock,
    calls: calls::Calls,
    invoker: Mutex<Option<Arc<dyn Invoker>>>,
    held_back: Mutex<Option<HeldBack>>,
}

/// Operations that respond from an old state.
#[derive(Debug)]
struct HeldBack {
    operations: Vec<&'static str>,
    state: State,
}

impl Cloud {
    /// Creates an empty account that ends with its last clone. Random values, such as the end of a secret's ARN, are
    /// the same in every in-memory cloud.
    pub fn in_memory(config: CloudConfig) -> Self {
        let store = store::Store::in_memory(State::new(&config.account, 0));
        Self::with_store(config, store)
    }

    /// Opens the account whose state is in the file at `path`. The first write creates the file and its directory.
    /// Several processes can use the file at the same time.
    ///
    /// # Errors
    /// The file can't be read, or it is not a state that this version can use.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, CloudConfig::default())
    }

    /// Like [`Cloud::open`], with other settings.
    ///
    /// # Errors
    /// The same as [`Cloud::open`].
    pub fn open_with(path: &Path, config: CloudConfig) -> Result<Self> {
        let cloud = Self::with_store(config.clone(), store::Store::file(path, &config.account));
        cloud.with(|_| ())?;
        Ok(cloud)
    }

    fn with_store(config: CloudConfig, store: store::Store) -> Self {
        Self {
            inner: Arc::new(Inner {
                config,
                store: Mutex::new(store),
                clock: clock::Clock::default(),
                calls: calls::Calls::default(),
                invoker: Mutex::new(None),
                held_back: Mutex::new(None),
            }),
        }
    }

    /// Reads or changes the state outside any request. The region is `us-east-1` unless `work` switches it with
    /// [`Context::in_region`]. The state is locked meanwhile, so `work` must not call the cloud.
    ///
    /// # Errors
    /// The state can't be read or written.
    pub fn with<T>(&self, work: impl FnOnce(&mut Context<'_>) -> T) -> Result<T> {
        self.with_region("us-east-1", work).map_err(|error| {
            Error::failed("could not use the state of the local cloud")
                .caused_by(&error)
                .hint("remove the file to start with an empty cloud; what was deployed to it is then forgotten")
        })
    }

    fn with_region<T>(&self, region: &str, work: impl FnOnce(&mut Context<'_>) -> T) -> std::io::Result<T> {
        let mut store = self.inner.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.transact(|state, blobs| {
            let invoker = self.inner.invoker.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut context =
                Context::new(state, blobs, &self.inner.config, self.inner.clock.now(), invoker, region.to_owned());
            work(&mut context)
        })
    }

    /// Freezes the responses of `operations` (`ListFunctions`, …) at the current state, whatever changes later, because
    /// AWS's lists are eventually consistent. An empty `operations` ends it.
    ///
    /// # Errors
    /// The state can't be read.
    pub fn hold_back(&self, operations: &[&'static str]) -> Result<()> {
        let state = self.with(|cx| State::clone(cx.state))?;
        let held_back = (!operations.is_empty()).then(|| HeldBack { operations: operations.to_vec(), state });
        *self.inner.held_back.lock().unwrap_or_else(PoisonError::into_inner) = held_back;
        Ok(())
    }

    /// The state that `operation` responds from, unless that is the newest.
    fn held_back(&self, operation: &str) -> Option<State> {
        let held_back = self.inner.held_back.lock().unwrap_or_else(PoisonError::into_inner);
        held_back.as_ref().filter(|held| held.operations.contains(&operation)).map(|held| held.state.clone())
    }

    /// Runs `work` on a state other than the newest. Its changes are lost.
    fn with_state<T>(
        &self,
        region: &str,
        state: State,
        work: impl FnOnce(&mut Context<'_>) -> T,
    ) -> std::io::Result<T> {
        let mut store = self.inner.store.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = store::Tracked::new(state);
        store.transact(|_, blobs| {
            let now = self.inner.clock.now();
            work(&mut Context::new(&mut state, blobs, &self.inner.config, now, None, region.to_owned()))
        })
    }

    /// Sets what runs functions. Their lines go to their log groups. Without an invoker, `Invoke` fails.
    pub fn set_invoker(&self, invoker: Arc<dyn Invoker>) {
        let logged = invoke::Logged { cloud: Arc::downgrade(&self.inner), invoker };
        *self.inner.invoker.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(logged));
    }

    /// The current time of the cloud's clock.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Stops the clock at `now`.
    pub fn set_time(&self, now: Timestamp) {
        self.inner.clock.set(now);
    }

    /// Moves the clock forward by `by` and stops it there.
    pub fn advance(&self, by: SignedDuration) {
        self.inner.clock.advance(by);
    }

    /// Lets `hook` decide for each request whether to inject a fault. `None` removes the hook.
    pub fn set_faults(&self, hook: Option<FaultHook>) {
        self.inner.calls.set_hook(hook);
    }

    /// The newest 10,000 requests since the start or the last [`Cloud::forget_calls`], oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.inner.calls.all()
    }

    /// The requests of [`Cloud::calls`] that can change something.
    pub fn writes(&self) -> Vec<Call> {
        self.inner.calls.all().into_iter().filter(|call| call.kind == CallKind::Write).collect()
    }

    /// Clears the log of requests and restarts its numbering at one.
    pub fn forget_calls(&self) {
        self.inner.calls.forget();
    }
}
