//! One apply at a time: a lock in the account, which says who holds it, and which ends with its holder.
//!
//! It is an empty CloudWatch log group, `/deployer/<deployment>/lock/<generation>`: `CreateLogGroup` is atomic, takes the
//! holder's tags in the same call, and needs no service that a deployment doesn't use anyway. The holder renews it while
//! it lives. A lock whose holder is gone is taken over by creating the next generation, so that of several who see it
//! only one succeeds; it then looks once more whether anybody else holds one, as everybody does after creating.
//!
//! - [`lease`] is what a lock says, and when it counts as left behind;
//! - [`mark`] is a file beside the manifest by which a lock of a process that died on this machine is known at once.

mod lease;
mod mark;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use lease::Lease;

use crate::aws::signed::{list_of, text_of, texts_of};
use crate::aws::{Aws, CallError, FailureKind};
use crate::desired::Scope;
use crate::error::{Error, Result};
use lease::Watch;
use mark::Mark;

/// How a lock is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long to wait for another holder. Nothing: it is refused at once.
    pub timeout: Duration,
    /// How long a lock is good without being renewed. It is renewed four times in that time.
    pub lease: Duration,
    /// Time between two looks while waiting.
    pub poll: Duration,
    /// Where the mark of this machine's holder is kept.
    pub directory: PathBuf,
    /// What is being done, for those who find the lock: `deployer apply`.
    pub purpose: String,
}

impl Options {
    /// For a command, with the times that fit AWS.
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

/// A lock that is held. [`Lock::release`] gives it back; dropped without, it ends with its lease.
#[derive(Debug)]
pub struct Lock {
    locks: Locks,
    name: String,
    lost: CancellationToken,
    renewal: JoinHandle<()>,
    // Its file stays locked as long as the lock is held.
    _mark: Mark,
}

/// A lock that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its log group.
    pub name: String,
    /// What it says; nothing where it has no tags of a lock.
    pub lease: Option<Lease>,
    generation: u64,
}

/// The locks of one deployment.
#[derive(Debug, Clone)]
pub struct Locks {
    aws: Aws,
    scope: Scope,
    deployment: String,
}

impl Locks {
    /// The locks of `deployment` in an account and a region.
    pub fn new(aws: &Aws, scope: &Scope, deployment: &str) -> Self {
        Self { aws: aws.clone(), scope: scope.clone(), deployment: deployment.to_owned() }
    }

    /// Takes the lock. `on_wait` is told whom it is waiting for, once for each holder.
    ///
    /// # Errors
    /// Somebody else holds it for longer than the time to wait ([`crate::exit_code::ExitCode::Refused`]), or AWS
    /// refuses a call.
    pub async fn acquire(&self, options: &Options, mut on_wait: impl FnMut(&Found)) -> Result<Lock> {
        let since = Instant::now();
        let mut mark = Mark::open(&options.directory, &self.deployment);
        let mut watch = Watch::default();
        loop {
            let found = self.find().await.map_err(|error| self.failed(&error))?;
            let is_left_behind = |found: &Found, watch: &mut Watch| match &found.lease {
                Some(lease) => mark.is_of_the_dead(&lease.id) || watch.has_run_out(found, lease, options.lease),
                // Not one of ours to judge.
                None => false,
            };
            let held = found.iter().rfind(|found| !is_left_behind(found, &mut watch));
            if let Some(held) = held {
                if since.elapsed() >= options.timeout {
                    return Err(self.refused(held));
                }
                if watch.is_new(&held.name) {
                    on_wait(held);
                }
                tokio::time::sleep(options.poll.min(options.timeout.saturating_sub(since.elapsed()))).await;
                mark.try_again();
                continue;
            }
            let generation = found.last().map_or(0, |found| found.generation) + 1;
            let name = self.name(generation);
            let lease = Lease::new(&options.purpose, options.lease);
            mark.write(&lease.id);
            match self.create(&name, &lease).await {
                Ok(()) => {}
                Err(error) if error.kind == FailureKind::AlreadyExists => continue,
                Err(error) => return Err(self.failed(&error)),
            }
            // Everybody looks again after creating: of two who created different generations at least one sees the
            // other, and goes back.
            let others = self.find().await.map_err(|error| self.failed(&error))?;
            let others: Vec<_> = others.into_iter().filter(|other| other.name != name).collect();
            if others.iter().any(|other| !found.contains(other)) {
                self.delete(&name).await.map_err(|error| self.failed(&error))?;
                tokio::time::sleep(options.poll.mul_f64(fraction(&lease.id))).await;
                continue;
            }
            for other in others {
                self.delete(&other.name).await.map_err(|error| self.failed(&error))?;
            }
            mark.taken(&lease.id);
            let lost = CancellationToken::new();
            let renewal = tokio::spawn(renew(self.clone(), name.clone(), lease, options.lease, lost.clone()));
            return Ok(Lock { locks: self.clone(), name, lost, renewal, _mark: mark });
        }
    }

    /// All locks that are there, oldest first.
    ///
    /// # Errors
    /// A read that fails.
    pub async fn find(&self) -> Result<Vec<Found>, CallError> {
        let prefix = self.prefix();
        let mut pages = self.aws.signed.list_pages("logs:DescribeLogGroups", json!({ "logGroupNamePrefix": prefix }));
        let mut found = Vec::new();
        while let Some(page) = pages.next_page().await {
            for group in list_of(&page?, "logGroups") {
                let name = text_of(group, "logGroupName").unwrap_or_default();
                let Some(generation) = name.strip_prefix(&prefix).and_then(|rest| rest.parse().ok()) else { continue };
                match self.lease(name).await {
                    Ok(lease) => found.push(Found { name: name.to_owned(), lease, generation }),
                    // It was given back since the list was made.
                    Err(error) if error.kind == FailureKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        found.sort_by_key(|found| found.generation);
        Ok(found)
    }

    /// Takes a lock away from whoever holds it.
    ///
    /// # Errors
    /// A call that fails; a lock that is gone already is none.
    pub async fn delete(&self, name: &str) -> Result<(), CallError> {
        match self.aws.signed.call("logs:DeleteLogGroup", json!({ "logGroupName": name })).await {
            Err(error) if error.kind != FailureKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    async fn create(&self, name: &str, lease: &Lease) -> Result<(), CallError> {
        let parameters = json!({ "logGroupName": name, "tags": lease.tags(&self.deployment) });
        match self.aws.signed.call("logs:CreateLogGroup", parameters).await.map(drop) {
            // An answer that was lost: the SDK has asked again, or we see it now. Nobody else has this id.
            Err(error) if matches!(error.kind, FailureKind::AlreadyExists | FailureKind::NoAnswer) => {
                match self.lease(name).await {
                    Ok(Some(there)) if there.id == lease.id => Ok(()),
                    _ => Err(error),
                }
            }
            answer => answer,
        }
    }

    async fn lease(&self, name: &str) -> Result<Option<Lease>, CallError> {
        let parameters = json!({ "resourceArn": self.arn(name) });
        let answer = self.aws.signed.call("logs:ListTagsForResource", parameters).await?;
        Ok(Lease::from_tags(texts_of(&answer, "tags")))
    }

    async fn renew(&self, name: &str, lease: &Lease) -> Result<(), CallError> {
        let parameters = json!({ "resourceArn": self.arn(name), "tags": lease.tags(&self.deployment) });
        self.aws.signed.call("logs:TagResource", parameters).await.map(drop)
    }

    fn prefix(&self) -> String {
        format!("/deployer/{}/lock/", self.deployment)
    }

    fn name(&self, generation: u64) -> String {
        format!("{}{generation}", self.prefix())
    }

    fn arn(&self, name: &str) -> String {
        self.scope.arn("logs", &format!("log-group:{name}"))
    }

    fn refused(&self, held: &Found) -> Error {
        Error::refused(format!("deployment {} is locked: {}; nothing was changed", self.deployment, held.describe()))
            .hint("wait for it (`--lock-timeout 10m` waits for ten minutes)")
            .hint("if that process is gone, the lock ends by itself, or at once with `deployer unlock`")
    }

    fn failed(&self, error: &CallError) -> Error {
        let failed = Error::failed(format!("the lock of deployment {} can't be taken", self.deployment));
        let failed = failed.caused_by(error);
        match error.hint() {
            Some(hint) => failed.hint(hint),
            None => failed,
        }
    }
}

impl Found {
    /// Who holds it, and since when.
    pub fn describe(&self) -> String {
        match &self.lease {
            Some(lease) => lease.to_string(),
            None => format!("the log group {} says nothing of its holder", self.name),
        }
    }
}

impl Lock {
    /// Set when somebody else took the lock away, or it couldn't be renewed in time: nothing new may be begun then.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// It couldn't be deleted; it ends with its lease then.
    pub async fn release(self) -> Result<(), CallError> {
        self.renewal.abort();
        self.locks.delete(&self.name).await
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn renew(locks: Locks, name: String, mut lease: Lease, length: Duration, lost: CancellationToken) {
    let mut good_until = Instant::now() + length;
    loop {
        tokio::time::sleep(length / 4).await;
        let renewed = Lease { expires: lease::after(Timestamp::now(), length), ..lease.clone() };
        match locks.renew(&name, &renewed).await {
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

/// A number from a quarter to one, another for each id: two that meet don't meet again.
fn fraction(id: &str) -> f64 {
    let byte = id.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    0.25 + 0.75 * f64::from(byte) / 255.0
}
