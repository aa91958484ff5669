//! Allows one apply at a time: a lock in the account that names its holder and ends with it.
//!
//! The lock is an empty CloudWatch log group, `/deployer/<deployment>/lock/<generation>`. `CreateLogGroup` is atomic,
//! takes the holder's tags in the same call, and needs no service that a deployment doesn't use anyway. The holder
//! renews the lock while it runs. A lock whose holder is gone is taken over by creating the next generation, so that
//! only one of several contenders succeeds. After creating, everybody checks once more whether anybody else holds a
//! lock.
//!
//! - [`lease`] is what a lock records about its holder, and when the lock counts as abandoned;
//! - [`mark`] is a file beside the manifest that identifies locks of processes that died on this machine at once.

mod lease;
mod mark;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use lease::LockLease;

use crate::retry::CallRetry;
use crate::signed::{list_of, text_of, texts_of};
use crate::{Aws, CallError, FailureKind};
use deployer_core::error::{Error, Result};
use deployer_core::scope::Scope;
use lease::LockWatch;
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
    /// Whether to wait before a failed call is retried. Tests don't; the number of retries is the same.
    pub delays: bool,
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
            delays: true,
        }
    }
}

/// A held lock. [`HeldLock::release`] releases it; if it is dropped instead, it ends with its lease.
#[derive(Debug)]
pub struct HeldLock {
    locks: DeploymentLocks,
    name: String,
    lost: CancellationToken,
    renewal: JoinHandle<()>,
    // The mark's file stays locked as long as the lock is held.
    _mark: LockMark,
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

    /// Acquires the lock. Calls `on_wait` once for each lock that it waits for.
    ///
    /// # Errors
    /// Somebody else holds the lock for longer than the timeout ([`deployer_core::exit_code::ExitCode::Refused`]), or a call to
    /// AWS fails.
    pub async fn acquire(&self, options: &LockOptions, mut on_wait: impl FnMut(&FoundLock)) -> Result<HeldLock> {
        let since = Instant::now();
        let mut mark = LockMark::open(&options.directory, &self.deployment);
        let mut watch = LockWatch::default();
        loop {
            let found = self.find_locks().await.map_err(|error| self.acquire_error(&error))?;
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
            let lease = LockLease::new(&options.purpose, options.lease);
            mark.write_id(&lease.id);
            match self.create_lock(&name, &lease, options.delays).await {
                Ok(()) => {}
                Err(error) if error.kind == FailureKind::AlreadyExists => continue,
                Err(error) => return Err(self.acquire_error(&error)),
            }
            // Everybody checks again after creating. If two created different generations, at least one of them sees
            // the other and backs off.
            let others = self.find_locks().await.map_err(|error| self.acquire_error(&error))?;
            let others: Vec<_> = others.into_iter().filter(|other| other.name != name).collect();
            if others.iter().any(|other| !found.contains(other)) {
                self.delete_lock(&name).await.map_err(|error| self.acquire_error(&error))?;
                tokio::time::sleep(options.poll.mul_f64(backoff_factor(&lease.id))).await;
                continue;
            }
            for other in others {
                self.delete_lock(&other.name).await.map_err(|error| self.acquire_error(&error))?;
            }
            mark.record_holder(&lease.id);
            let lost = CancellationToken::new();
            let renewal =
                tokio::spawn(renew_until_lost(self.clone(), name.clone(), lease, options.lease, lost.clone()));
            let locks = Self { delays: options.delays, ..self.clone() };
            return Ok(HeldLock { locks, name, lost, renewal, _mark: mark });
        }
    }

    /// Lists all existing locks, oldest first.
    ///
    /// # Errors
    /// A read fails.
    pub async fn find_locks(&self) -> Result<Vec<FoundLock>, CallError> {
        let prefix = self.name_prefix();
        let mut pages = self.aws.signed.list_pages("logs:DescribeLogGroups", json!({ "logGroupNamePrefix": prefix }));
        let mut found = Vec::new();
        while let Some(page) = pages.next_page().await {
            for group in list_of(&page?, "logGroups") {
                let name = text_of(group, "logGroupName").unwrap_or_default();
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
        let mut retry = CallRetry::default();
        loop {
            let error = match self.aws.signed.call("logs:DeleteLogGroup", json!({ "logGroupName": name })).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if error.kind == FailureKind::NotFound {
                return Ok(());
            }
            let Some(delay) = retry.next_delay(&error) else { return Err(error) };
            if self.delays {
                tokio::time::sleep(delay).await;
            }
        }
    }

    /// A throttled or failing service is retried as it is for every other write of an apply.
    async fn create_lock(&self, name: &str, lease: &LockLease, delays: bool) -> Result<(), CallError> {
        let parameters = json!({ "logGroupName": name, "tags": lease.to_tags(&self.deployment) });
        let mut retry = CallRetry::default();
        loop {
            let error = match self.aws.signed.call("logs:CreateLogGroup", parameters.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            // An answer was lost, and a retry found the lock, or we find it now. Only our lock has this id.
            if matches!(error.kind, FailureKind::AlreadyExists | FailureKind::NoAnswer) {
                return match self.read_lease(name).await {
                    Ok(Some(there)) if there.id == lease.id => Ok(()),
                    _ => Err(error),
                };
            }
            let Some(delay) = retry.next_delay(&error) else { return Err(error) };
            if delays {
                tokio::time::sleep(delay).await;
            }
        }
    }

    async fn read_lease(&self, name: &str) -> Result<Option<LockLease>, CallError> {
        let parameters = json!({ "resourceArn": self.lock_arn(name) });
        let answer = self.aws.signed.call("logs:ListTagsForResource", parameters).await?;
        Ok(LockLease::from_tags(texts_of(&answer, "tags")))
    }

    async fn renew_lease(&self, name: &str, lease: &LockLease) -> Result<(), CallError> {
        let parameters = json!({ "resourceArn": self.lock_arn(name), "tags": lease.to_tags(&self.deployment) });
        self.aws.signed.call("logs:TagResource", parameters).await.map(drop)
    }

    fn name_prefix(&self) -> String {
        format!("/deployer/{}/lock/", self.deployment)
    }

    fn lock_name(&self, generation: u64) -> String {
        format!("{}{generation}", self.name_prefix())
    }

    fn lock_arn(&self, name: &str) -> String {
        self.scope.regional_arn("logs", &format!("log-group:{name}"))
    }

    fn refused_error(&self, held: &FoundLock) -> Error {
        Error::refused(format!(
            "deployment {} is locked: {}; nothing was changed",
            self.deployment,
            held.describe_holder()
        ))
        .hint("wait longer with `--lock-timeout 10m`")
        .hint("if that process is gone, the lock expires by itself; `deployer unlock` removes it at once")
    }

    fn acquire_error(&self, error: &CallError) -> Error {
        let failed = Error::failed(format!("could not acquire the lock of deployment {}", self.deployment));
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

impl HeldLock {
    /// Canceled when somebody else removed the lock or it couldn't be renewed in time. Nothing new may start then.
    pub fn lost_token(&self) -> &CancellationToken {
        &self.lost
    }

    /// Releases the lock.
    ///
    /// # Errors
    /// The lock couldn't be deleted. It ends with its lease then.
    pub async fn release(self) -> Result<(), CallError> {
        self.renewal.abort();
        self.locks.delete_lock(&self.name).await
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn renew_until_lost(
    locks: DeploymentLocks,
    name: String,
    mut lease: LockLease,
    length: Duration,
    lost: CancellationToken,
) {
    let mut good_until = Instant::now() + length;
    loop {
        tokio::time::sleep(length / 4).await;
        let renewed = LockLease { expires: lease::add_duration(Timestamp::now(), length), ..lease.clone() };
        match locks.renew_lease(&name, &renewed).await {
            Ok(()) => {
                lease = renewed;
                good_until = Instant::now() + length;
            }
            Err(error) if error.kind == FailureKind::NotFound => break,
            Err(_) if Instant::now() < good_until => {}
            Err(_) => break,
        }
    }
    lost.cancel();
}

/// A factor from 0.25 to 1 that depends on the id, so that two holders that collide don't collide again.
fn backoff_factor(id: &str) -> f64 {
    let byte = id.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    0.25 + 0.75 * f64::from(byte) / 255.0
}
