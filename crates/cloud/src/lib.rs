//! The embedded cloud: AWS, as far as we rely on it, in this process.
//!
//! It sits below the AWS SDK: [`Cloud::http_client`] gives the SDK's clients an HTTP client that answers in process, and
//! [`Cloud::serve`] answers the same requests on a socket, so that all that is tested is the real client's requests.
//! Only the operations that are called are there, and each behaves as AWS does in what is relied on: names, ARNs,
//! errors, paging, what a second call of the same kind does. Anything else is refused with an error that names it.
//!
//! - `dispatch` finds the service and the operation of a request, and applies faults; `request`, `answer`, `json` and
//!   `query` are the protocols.
//! - `store` keeps the [`State`], in memory or in a file that several processes share.
//! - one module a service, by its signing name; `cloudwatch` counts what the others do.

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

/// What a cloud is made with.
#[derive(Debug, Clone)]
pub struct CloudConfig {
    /// The account, twelve digits. A cloud that is kept in a file keeps the account that it was created with.
    pub account: String,
    /// Most entries on a page, below what AWS gives; AWS's own when unset. Tests force many pages with it.
    pub page_size: Option<usize>,
    /// Reads of a function until a change of it is through (Lambda's `Pending` and `InProgress`).
    pub lambda_settles_after_reads: u32,
    /// Seconds until the name of a deleted queue is free again: 60 in AWS.
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

/// An AWS account with all its regions. Cloning is cheap and gives the same cloud.
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

/// Operations that answer from a state that is no more.
#[derive(Debug)]
struct HeldBack {
    operations: Vec<&'static str>,
    state: State,
}

impl Cloud {
    /// An empty account that is gone with the last clone. What is random in AWS (the end of a secret's ARN) is the same
    /// in every such cloud.
    pub fn in_memory(config: CloudConfig) -> Self {
        let store = store::Store::in_memory(State::new(&config.account, 0));
        Self::with_store(config, store)
    }

    /// The account whose state is in the file at `path`, which is created with its directory when first written.
    /// Several processes may use it at one time.
    ///
    /// # Errors
    /// The file can't be read or isn't a state that this version wrote.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, CloudConfig::default())
    }

    /// [`Cloud::open`] with another configuration.
    ///
    /// # Errors
    /// As [`Cloud::open`].
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

    /// Reads or changes the state outside any request, in the region `us-east-1` unless `work` says otherwise
    /// ([`Context::in_region`]). The state is locked meanwhile: `work` may not call the cloud.
    ///
    /// # Errors
    /// The state can't be read or written.
    pub fn with<T>(&self, work: impl FnOnce(&mut Context<'_>) -> T) -> Result<T> {
        self.with_region("us-east-1", work).map_err(|error| {
            Error::failed("the state of the local cloud can't be used")
                .caused_by(&error)
                .hint("remove the file to start with an empty cloud: what was deployed to it is forgotten then")
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

    /// Has `operations` (`ListFunctions`, …) answer what they would answer now, whatever is changed from now on: AWS's
    /// lists are eventually consistent. None in `operations` ends it.
    ///
    /// # Errors
    /// The state can't be read.
    pub fn hold_back(&self, operations: &[&'static str]) -> Result<()> {
        let state = self.with(|cx| State::clone(cx.state))?;
        let held_back = (!operations.is_empty()).then(|| HeldBack { operations: operations.to_vec(), state });
        *self.inner.held_back.lock().unwrap_or_else(PoisonError::into_inner) = held_back;
        Ok(())
    }

    /// The state that `operation` answers from, if it isn't the newest.
    fn held_back(&self, operation: &str) -> Option<State> {
        let held_back = self.inner.held_back.lock().unwrap_or_else(PoisonError::into_inner);
        held_back.as_ref().filter(|held| held.operations.contains(&operation)).map(|held| held.state.clone())
    }

    /// Reads another state than the newest. What `work` changes is lost.
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

    /// What runs functions, whose lines go to their log groups. Without one, `Invoke` is refused.
    pub fn set_invoker(&self, invoker: Arc<dyn Invoker>) {
        let logged = invoke::Logged { cloud: Arc::downgrade(&self.inner), invoker };
        *self.inner.invoker.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(logged));
    }

    /// The time that the cloud goes by.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Stops the clock at `now`.
    pub fn set_time(&self, now: Timestamp) {
        self.inner.clock.set(now);
    }

    /// Stops the clock, later by `by`.
    pub fn advance(&self, by: SignedDuration) {
        self.inner.clock.advance(by);
    }

    /// Asks `hook` at every request whether a fault is to be put there; `None` takes the hook away.
    pub fn set_faults(&self, hook: Option<FaultHook>) {
        self.inner.calls.set_hook(hook);
    }

    /// The requests since the start or [`Cloud::forget_calls`], oldest first; the newest 10,000.
    pub fn calls(&self) -> Vec<Call> {
        self.inner.calls.all()
    }

    /// Those of [`Cloud::calls`] that may change something.
    pub fn writes(&self) -> Vec<Call> {
        self.inner.calls.all().into_iter().filter(|call| call.kind == CallKind::Write).collect()
    }

    /// Empties the list of requests, and counts from one again.
    pub fn forget_calls(&self) {
        self.inner.calls.forget();
    }
}
