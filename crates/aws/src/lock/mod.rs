//! Allows one apply at a time: a lock in the account that names its holder and ends with it.
//!
//! The lock is an empty CloudWatch log group, `/deployer/<deployment>/lock/<generation>`. `CreateLogGroup` is atomic,
//! takes the holder's tags in the same call, and needs no service that a deployment doesn't use anyway. The holder
//! renews the lock while it runs. A lock whose holder is gone is taken over by creating the next generation, so that
//! only one of several contenders succeeds. After creating, everybody checks once more whether anybody else holds a
//! lock.
//!
//! The lock fences: what its holder changes is changed before anybody else may take the lock over. A lease that wasn't
//! renewed in time is lost, whether or not an answer came; its end is looked at before each change; and others wait for
//! longer than the lease, so that changes that were sent before its end have arrived.
//!
//! - [`lease`] is what a lock records about its holder, and when the lock counts as abandoned;
//! - [`held`] is a lock that is held: its renewal, and the fence;
//! - [`mark`] is a file beside the manifest that identifies locks of processes that died on this machine at once.

mod held;
mod lease;
mod mark;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use serde_json::json;

pub use held::{HeldLock, WriteFence};
pub use lease::LockLease;

use crate::retry::call_with_retries;
use crate::signed::{list_of, text_of, texts_of};
use crate::{Aws, CallError, FailureKind, Found};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::naming::lock_prefix;
use deployer_core::scope::Scope;
use lease::{LeaseEnd, LockWatch};
use mark::LockMark;

/// How to acquire a lock.
#[derive(Debug, Clone)]
pub struct LockOptions {
    /// How long to wait for another holder. Zero fails at once.
    pub timeout: Duration,
    /// How long a lock is valid without being renewed. It is renewed four times in that time.
    pub lease: Duration,
    /// How often to check while waiting.
    pub poll: Duration,
    /// Directory for the mark of this machine's holder.
    pub directory: PathBuf,
    /// What the lock is for, such as `deployer apply`; others see it while they wait.
    pub purpose: String,
}

impl LockOptions {
    /// Options for a command, with times that suit AWS.
    pub fn new(timeout: Duration, directory: &Path, purpose: &str) -> Self {
        Self {
            timeout,
            lease: Duration::from_secs(60),
            poll: Duration::from_secs(2),
            directory: directory.to_owned(),
            purpose: purpose.to_owned(),
        }
    }
}

/// A lock that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLock {
    /// Name of its log group.
    pub name: String,
    /// Its lease; `None` if the log group doesn't have a lock's tags.
    pub lease: Option<LockLease>,
    generation: u64,
}

/// The locks of one deployment.
#[derive(Debug, Clone)]
pub struct DeploymentLocks {
    aws: Aws,
    scope: Scope,
    deployment: String,
    delays: bool,
}

impl DeploymentLocks {
    /// The locks of `deployment` in an account and a region.
    pub fn new(aws: &Aws, scope: &Scope, deployment: &str) -> Self {
        Self { aws: aws.clone(), scope: scope.clone(), deployment: deployment.to_owned(), delays: true }
    }

    /// Whether to wait before a failed call is retried. Tests don't; the number of retries is the same.
    #[must_use]
    pub fn with_delays(self, delays: bool) -> Self {
        Self { delays, ..self }
    }

    /// Acquires the lock. Calls `on_wait` once for each lock that it waits for.
    ///
    /// # Errors
    /// Somebody else holds the lock for longer than the timeout ([`deployer_core::exit_code::ExitCode::Refused`]), or a call to
    /// AWS fails.
    pub async fn acquire(&self, options: &LockOptions, on_wait: impl FnMut(&FoundLock)) -> Result<HeldLock> {
        self.acquire_while(options, on_wait, async || ()).await.map(|(held, ())| held)
    }

    /// Acquires the lock, and meanwhile does `work`, which only reads. It begins once our lock exists, so that nobody else can change
    /// what it reads, and is left off and begun anew if it turns out that somebody else was first.
    ///
    /// # Errors
    /// As of [`DeploymentLocks::acquire`].
    pub async fn acquire_while<T>(
        &self,
        options: &LockOptions,
        mut on_wait: impl FnMut(&FoundLock),
        work: impl AsyncFn() -> T,
    ) -> Result<(HeldLock, T)> {
        let since = Instant::now();
        let mut mark = LockMark::open(&options.directory, &self.deployment);
        let mut watch = LockWatch::default();
        // Nearly always nobody has a lock, so the first attempt looks for others only after creating.
        let mut look = false;
        loop {
            let found = match std::mem::replace(&mut look, true) {
                true => self.find_locks().await.map_err(|error| self.acquire_error(&error))?,
                false => Vec::new(),
            };
            let is_left_behind = |found: &FoundLock, watch: &mut LockWatch| match &found.lease {
                Some(lease) => mark.is_dead_holder(&lease.id) || watch.has_run_out(found, lease, options.lease),
                // Nobody knows what this log group is, so nobody takes it over.
                None => false,
            };
            let held = found.iter().rfind(|found| !is_left_behind(found, &mut watch));
            if let Some(held) = held {
                if since.elapsed() >= options.timeout {
                    return Err(self.refused_error(held));
                }
                if watch.is_first_wait(&held.name) {
                    on_wait(held);
                }
                tokio::time::sleep(options.poll.min(options.timeout.saturating_sub(since.elapsed()))).await;
                mark.try_lock();
                continue;
            }
            let generation = found.last().map_or(0, |found| found.generation) + 1;
            let name = self.lock_name(generation);
            // Counted from before the lock exists: for everybody else, its time begins later.
            let begun = LeaseEnd::after(options.lease);
            let lease = LockLease::new(&options.purpose, options.lease);
            mark.write_id(&lease.id);
            match self.create_lock(&name, &lease).await {
                Ok(()) => {}
                Err(error) if error.kind == FailureKind::AlreadyExists => continue,
                Err(error) => return Err(self.acquire_error(&error)),
            }
            let id = lease.id.clone();
            let check = async {
                if !self.check_alone(&name, &lease.id, &found).await? {
                    return Ok(None);
                }
                mark.record_holder(&lease.id);
                // Right away: the work may take longer than the lease.
                Ok(Some(HeldLock::start_renewal(self.clone(), name, lease, begun, options.lease, mark)))
            };
            match do_meanwhile(check, work()).await.map_err(|error| self.acquire_error(&error))? {
                Some(held) => return Ok(held),
                None => tokio::time::sleep(options.poll.mul_f64(backoff_factor(&id))).await,
            }
            mark = LockMark::open(&options.directory, &self.deployment);
        }
    }

    /// Whether nobody else has a lock besides those that were `found` before ours was created. Everybody checks that after creating:
    /// if two created different generations, at least one of them sees the other and backs off, as this does.
    async fn check_alone(&self, name: &str, id: &str, found: &[FoundLock]) -> Result<bool, CallError> {
        let others = self.find_locks_besides(Some(name)).await?;
        if others.iter().any(|other| !found.contains(other)) {
            self.delete_lock_of(name, id).await?;
            return Ok(false);
        }
        for other in others {
            self.delete_found_lock(&other).await?;
        }
        Ok(true)
    }

    /// Removes the locks of holders that are known to be gone, so that nothing is left behind by a process that died.
    /// Waits for nobody.
    ///
    /// # Errors
    /// A call fails.
    pub async fn remove_abandoned_locks(&self, options: &LockOptions) -> Result<(), CallError> {
        let mut mark = None;
        for found in self.find_locks().await? {
            let Some(lease) = &found.lease else { continue };
            let mark = mark.get_or_insert_with(|| LockMark::open(&options.directory, &self.deployment));
            if mark.is_dead_holder(&lease.id) || lease.expired_long_ago() {
                self.delete_found_lock(&found).await?;
            }
        }
        Ok(())
    }

    /// Lists all existing locks, oldest first.
    ///
    /// # Errors
    /// A read fails.
    pub async fn find_locks(&self) -> Result<Vec<FoundLock>, CallError> {
        self.find_locks_besides(None).await
    }

    async fn find_locks_besides(&self, own: Option<&str>) -> Result<Vec<FoundLock>, CallError> {
        let prefix = self.name_prefix();
        let mut pages = self.aws.signed.list_pages("logs:DescribeLogGroups", json!({ "logGroupNamePrefix": prefix }));
        let mut found = Vec::new();
        while let Some(page) = pages.next_page().await {
            for group in list_of(&page?, "logGroups") {
                let name = text_of(group, "logGroupName").unwrap_or_default();
                if own == Some(name) {
                    continue;
                }
                let Some(generation) = name.strip_prefix(&prefix).and_then(|rest| rest.parse().ok()) else { continue };
                match self.read_lease(name).await {
                    Ok(lease) => found.push(FoundLock { name: name.to_owned(), lease, generation }),
                    // It was released since the list was read.
                    Err(error) if error.kind == FailureKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        found.sort_by_key(|found| found.generation);
        Ok(found)
    }

    /// Removes a lock, whoever holds it.
    ///
    /// # Errors
    /// The call fails. A lock that is already gone is not an error.
    pub async fn delete_lock(&self, name: &str) -> Result<(), CallError> {
        let deleted = call_with_retries(self.delays, || async {
            self.aws.signed.call("logs:DeleteLogGroup", json!({ "logGroupName": name })).await
        });
        deleted.await.found().map(drop)
    }

    /// Removes a lock if its holder is still the one with this id. A name is used again once no lock is left.
    async fn delete_lock_of(&self, name: &str, id: &str) -> Result<(), CallError> {
        match self.read_lease(name).await.found()? {
            Some(Some(lease)) if lease.id == id => self.delete_lock(name).await,
            _ => Ok(()),
        }
    }

    async fn delete_found_lock(&self, found: &FoundLock) -> Result<(), CallError> {
        match &found.lease {
            Some(lease) => self.delete_lock_of(&found.name, &lease.id).await,
            None => self.delete_lock(&found.name).await,
        }
    }

    async fn create_lock(&self, name: &str, lease: &LockLease) -> Result<(), CallError> {
        let parameters = json!({ "logGroupName": name, "tags": lease.to_tags(&self.deployment) });
        let created = call_with_retries(self.delays, || async {
            let created = self.aws.signed.call("logs:CreateLogGroup", parameters.clone()).await.map(drop);
            match created {
                // An answer was lost, and a retry found the lock, or we find it now. Only our lock has this id.
                Err(error) if matches!(error.kind, FailureKind::AlreadyExists | FailureKind::NoAnswer) => {
                    match self.read_lease(name).await {
                        Ok(Some(there)) if there.id == lease.id => Ok(()),
                        _ => Err(error),
                    }
                }
                created => created,
            }
        });
        created.await
    }

    async fn read_lease(&self, name: &str) -> Result<Option<LockLease>, CallError> {
        let parameters = json!({ "resourceArn": self.lock_arn(name) });
        let answer = self.aws.signed.call("logs:ListTagsForResource", parameters).await?;
        Ok(LockLease::from_tags(texts_of(&answer, "tags")))
    }

    /// Renews a lock that still has this lease's id. [`FailureKind::NotFound`] if it isn't there or is somebody else's.
    async fn renew_lease(&self, name: &str, lease: &LockLease) -> Result<(), CallError> {
        const CALL: &str = "logs:TagResource";
        let there = self.read_lease(name).await?;
        if there.is_none_or(|there| there.id != lease.id) {
            let error = CallError::unexpected(CALL, format!("{name} has another holder now"));
            return Err(CallError { kind: FailureKind::NotFound, ..error });
        }
        let parameters = json!({ "resourceArn": self.lock_arn(name), "tags": lease.to_tags(&self.deployment) });
        self.aws.signed.call(CALL, parameters).await.map(drop)
    }

    fn name_prefix(&self) -> String {
        lock_prefix(&self.deployment)
    }

    fn lock_name(&self, generation: u64) -> String {
        format!("{}{generation}", self.name_prefix())
    }

    fn lock_arn(&self, name: &str) -> String {
        self.scope.regional_arn("logs", &format!("log-group:{name}"))
    }

    fn refused_error(&self, held: &FoundLock) -> Error {
        Error::refused(
            ErrorCode::Locked,
            format!("deployment {} is locked: {}; nothing was changed", self.deployment, held.describe_holder()),
        )
        .hint("wait longer with `--lock-timeout 10m`")
        .hint("if that process is gone, the lock expires by itself; `deployer unlock` removes it at once")
    }

    fn acquire_error(&self, error: &CallError) -> Error {
        let failed =
            Error::failed(ErrorCode::AwsCall, format!("could not acquire the lock of deployment {}", self.deployment));
        let failed = failed.caused_by(error);
        match error.hint() {
            Some(hint) => failed.hint(hint),
            None => failed,
        }
    }
}

impl FoundLock {
    /// Describes the holder, and since when it has held the lock.
    pub fn describe_holder(&self) -> String {
        match &self.lease {
            Some(lease) => lease.to_string(),
            None => format!("the log group {} doesn't name its holder", self.name),
        }
    }
}

/// What `check` and `work` come to. Without anything from `check`, `work` is left off.
async fn do_meanwhile<C, W>(
    check: impl Future<Output = Result<Option<C>, CallError>>,
    work: impl Future<Output = W>,
) -> Result<Option<(C, W)>, CallError> {
    // The work may be all of a plan, too much for a stack.
    match select(pin!(check), Box::pin(work)).await {
        Either::Left((checked, work)) => match checked? {
            Some(checked) => Ok(Some((checked, work.await))),
            None => Ok(None),
        },
        Either::Right((work, check)) => Ok(check.await?.map(|checked| (checked, work))),
    }
}

/// A factor from 0.25 to 1 that depends on the id, so that two holders that collide don't collide again.
fn backoff_factor(id: &str) -> f64 {
    let byte = id.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    0.25 + 0.75 * f64::from(byte) / 255.0
}
