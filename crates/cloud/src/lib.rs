//! The embedded cloud: the parts of AWS that we rely on, in this process.
//!
//! It sits below the AWS SDK, so tests exercise the requests of the real clients. [`EmbeddedCloud::http_client`] returns an
//! HTTP client that responds in process; [`EmbeddedCloud::serve`] responds to the same requests on a socket. The embedded cloud
//! supports only the operations that we call. Each behaves as AWS does in everything we rely on: names, ARNs, errors,
//! paging, and the effect of a repeated call. Any other operation fails with an error that names it.
//!
//! - `authorization` is what AWS would ask IAM about a request.
//! - `dispatch` finds the service and operation of a request and injects faults. `request`, `answer`, `json` and
//!   `query` are the protocols.
//! - `store` keeps the [`CloudState`] in memory or in a file that several processes share, a `journal`. The state has
//!   nothing but tables (`table`), which know what changed. `former` reads the files of earlier versions.
//! - Each service has a module, named by its signing name. `cloudwatch` also counts what the other services do.
//!   `elsewhere` answers for services of which there is nothing here, and has CloudTrail's event history.

mod answer;
pub mod apigateway;
mod authorization;
mod blobs;
mod calls;
mod clock;
pub mod cloudwatch;
mod context;
mod dispatch;
pub mod elsewhere;
pub mod events;
mod former;
pub mod iam;
mod invoke;
mod journal;
mod json;
pub mod lambda;
pub mod logs;
mod page;
mod query;
pub mod quotas;
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
mod table;
mod tagging;
mod transport;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use answer::{ApiError, CloudAnswer, HandlerOutcome};
pub use authorization::{AuthorizedCall, RequestedAction};
pub use calls::{CallKind, CloudCall, CloudFault, CloudFaultHook, InjectedFault};
pub use context::CloudContext;
pub use invoke::{Invocation, InvocationResult, Invoker};
pub use json::JsonBody;
pub use page::ListPage;
pub use request::CloudRequest;
pub use state::{CloudState, RegionState};
pub use store::StoreStatistics;
pub use table::{StoredTable, TableIter};
pub use transport::CloudAccess;

use deployer_core::error::{Error, ErrorCode, Result};
use journal::PendingSync;
use parking_lot::Mutex;

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
pub struct EmbeddedCloud {
    inner: Arc<CloudInner>,
}

#[derive(Debug)]
struct CloudInner {
    config: CloudConfig,
    store: Mutex<store::StateStore>,
    clock: clock::CloudClock,
    calls: calls::CallLog,
    invoker: Mutex<Option<Arc<dyn Invoker>>>,
    held_back: Mutex<Option<HeldBackState>>,
    /// Other accounts, by the access keys that belong to them.
    accounts: Mutex<BTreeMap<String, EmbeddedCloud>>,
}

/// Operations that respond from an old state.
#[derive(Debug)]
struct HeldBackState {
    operations: Vec<&'static str>,
    state: CloudState,
}

impl EmbeddedCloud {
    /// Creates an empty account that ends with its last clone. Random values, such as the end of a secret's ARN, are
    /// the same in every in-memory cloud.
    pub fn in_memory(config: CloudConfig) -> Self {
        let store = store::StateStore::in_memory(CloudState::new(&config.account, 0));
        Self::with_store(config, store)
    }

    /// Opens the account whose state is in the file at `path`. The first write creates the file and its directory.
    /// Several processes can use the file at the same time.
    ///
    /// # Errors
    /// The file can't be read, or it is not a state that this version can use.
    pub fn open_file(path: &Path) -> Result<Self> {
        Self::open_file_with(path, CloudConfig::default())
    }

    /// Like [`EmbeddedCloud::open`], with other settings.
    ///
    /// # Errors
    /// The same as [`EmbeddedCloud::open`].
    pub fn open_file_with(path: &Path, config: CloudConfig) -> Result<Self> {
        let cloud = Self::with_store(config.clone(), store::StateStore::in_file(path, &config.account));
        cloud.with_context(|_| ())?;
        Ok(cloud)
    }

    fn with_store(config: CloudConfig, store: store::StateStore) -> Self {
        Self {
            inner: Arc::new(CloudInner {
                config,
                store: Mutex::new(store),
                clock: clock::CloudClock::default(),
                calls: calls::CallLog::default(),
                invoker: Mutex::new(None),
                held_back: Mutex::new(None),
                accounts: Mutex::default(),
            }),
        }
    }

    /// Lets requests that are signed with this access key go to another account.
    pub fn add_account(&self, access_key: &str, account: Self) {
        self.inner.accounts.lock().insert(access_key.to_owned(), account);
    }

    /// The account that a request belongs to.
    fn account_of(&self, request: &CloudRequest) -> Self {
        self.inner.accounts.lock().get(&request.access_key).unwrap_or(self).clone()
    }

    /// Reads or changes the state outside any request. The region is `us-east-1` unless `work` switches it with
    /// [`CloudContext::in_region`]. The state is locked meanwhile, so `work` must not call the cloud.
    ///
    /// # Errors
    /// The state can't be read or written.
    pub fn with_context<T>(&self, work: impl FnOnce(&mut CloudContext<'_>) -> T) -> Result<T> {
        self.with_region("us-east-1", work).map_err(|error| {
            let path = self.inner.store.lock().path().map(|path| path.display().to_string()).unwrap_or_default();
            Error::failed(ErrorCode::LocalCloud, "could not use the state of the local cloud").caused_by(&error).hint(
                format!(
                    "to start with an empty cloud, which forgets what was deployed to it, move the file away: \
                 mv '{path}' '{path}.damaged'"
                ),
            )
        })
    }

    fn with_region<T>(&self, region: &str, work: impl FnOnce(&mut CloudContext<'_>) -> T) -> std::io::Result<T> {
        let (result, sync) = self.start_with_region(region, work)?;
        sync.map_or(Ok(()), PendingSync::complete)?;
        Ok(result)
    }

    /// The same for a request. Those that are handled meanwhile are written to the disk together.
    async fn with_stored_region<T>(
        &self,
        region: &str,
        work: impl FnOnce(&mut CloudContext<'_>) -> T,
    ) -> std::io::Result<T> {
        let (result, sync) = self.start_with_region(region, work)?;
        if let Some(sync) = sync {
            tokio::task::yield_now().await;
            sync.complete()?;
        }
        Ok(result)
    }

    fn start_with_region<T>(
        &self,
        region: &str,
        work: impl FnOnce(&mut CloudContext<'_>) -> T,
    ) -> std::io::Result<(T, Option<PendingSync>)> {
        let mut store = self.inner.store.lock();
        store.run_transaction(|state, blobs| {
            let invoker = self.inner.invoker.lock().clone();
            let mut context = CloudContext::new(
                state,
                blobs,
                &self.inner.config,
                self.inner.clock.current_time(),
                invoker,
                region.to_owned(),
            );
            work(&mut context)
        })
    }

    /// Freezes the responses of `operations` (`ListFunctions`, …) at the current state, whatever changes later, because
    /// AWS's lists are eventually consistent. An empty `operations` ends it.
    ///
    /// # Errors
    /// The state can't be read.
    pub fn hold_back(&self, operations: &[&'static str]) -> Result<()> {
        let state = self.with_context(|cx| CloudState::clone(cx.state))?;
        let held_back = (!operations.is_empty()).then(|| HeldBackState { operations: operations.to_vec(), state });
        *self.inner.held_back.lock() = held_back;
        Ok(())
    }

    /// The state that `operation` responds from, unless that is the newest.
    fn held_back(&self, operation: &str) -> Option<CloudState> {
        let held_back = self.inner.held_back.lock();
        held_back.as_ref().filter(|held| held.operations.contains(&operation)).map(|held| held.state.clone())
    }

    /// Runs `work` on a state other than the newest. Its changes are lost.
    fn with_state<T>(
        &self,
        region: &str,
        mut state: CloudState,
        work: impl FnOnce(&mut CloudContext<'_>) -> T,
    ) -> std::io::Result<T> {
        let mut store = self.inner.store.lock();
        let (result, _) = store.run_transaction(|_, blobs| {
            let now = self.inner.clock.current_time();
            work(&mut CloudContext::new(&mut state, blobs, &self.inner.config, now, None, region.to_owned()))
        })?;
        Ok(result)
    }

    /// Sets what runs functions. Their lines go to their log groups. Without an invoker, `Invoke` fails.
    pub fn set_invoker(&self, invoker: Arc<dyn Invoker>) {
        let logged = invoke::LoggingInvoker { cloud: Arc::downgrade(&self.inner), invoker };
        *self.inner.invoker.lock() = Some(Arc::new(logged));
    }

    /// The current time of the cloud's clock.
    pub fn current_time(&self) -> Timestamp {
        self.inner.clock.current_time()
    }

    /// Stops the clock at `now`.
    pub fn set_time(&self, now: Timestamp) {
        self.inner.clock.stop_at(now);
    }

    /// Moves the clock forward by `by` and stops it there.
    pub fn advance_time(&self, by: SignedDuration) {
        self.inner.clock.advance_by(by);
    }

    /// Lets `hook` decide for each request whether to inject a fault. `None` removes the hook.
    pub fn set_faults(&self, hook: Option<CloudFaultHook>) {
        self.inner.calls.set_hook(hook);
    }

    /// The newest 10,000 requests since the start or the last [`EmbeddedCloud::forget_calls`], oldest first.
    pub fn recorded_calls(&self) -> Vec<CloudCall> {
        self.inner.calls.all_calls()
    }

    /// The requests of [`EmbeddedCloud::calls`] that can change something.
    pub fn recorded_writes(&self) -> Vec<CloudCall> {
        self.inner.calls.all_calls().into_iter().filter(|call| call.kind == CallKind::Write).collect()
    }

    /// From now on, keeps what each request needs to be allowed, for [`EmbeddedCloud::take_authorizations`].
    pub fn keep_authorizations(&self) {
        self.inner.calls.keep_authorizations();
    }

    /// The requests since the last time this was called, with what each needs to be allowed.
    pub fn take_authorizations(&self) -> Vec<AuthorizedCall> {
        self.inner.calls.take_authorizations()
    }

    /// What was written since the cloud was opened, and what its handlers looked at.
    pub fn store_statistics(&self) -> StoreStatistics {
        self.inner.store.lock().statistics()
    }

    /// Clears the log of requests and restarts its numbering at one.
    pub fn forget_calls(&self) {
        self.inner.calls.forget_calls();
    }
}
