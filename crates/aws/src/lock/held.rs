//! A lock that is held: its renewal, and what says that it is lost.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::lease::{LeaseEnd, add_duration};
use super::mark::LockMark;
use super::{DeploymentLocks, LockLease};
use crate::{CallError, FailureKind};

/// A held lock. [`HeldLock::release`] releases it; if it is dropped instead, it ends with its lease.
#[derive(Debug)]
pub struct HeldLock {
    locks: DeploymentLocks,
    name: String,
    id: String,
    fence: WriteFence,
    renewal: JoinHandle<()>,
    // The mark's file stays locked as long as the lock is held.
    _mark: LockMark,
}

/// What every change under a lock passes: it is open until the lease ends or the lock is gone. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct WriteFence {
    lost: CancellationToken,
    /// `None` where there is no lock.
    end: Option<Arc<Mutex<LeaseEnd>>>,
}

impl WriteFence {
    /// A fence that is always open, for those who need no lock.
    pub fn open() -> Self {
        Self::default()
    }

    /// Whether the lock is lost. Once it is, it stays lost.
    pub fn is_lost(&self) -> bool {
        // The renewal may not have noticed yet: it sleeps, and so may the machine.
        if self.end.as_ref().is_some_and(|end| end.lock().has_passed()) {
            self.lost.cancel();
        }
        self.lost.is_cancelled()
    }

    /// Lets a change pass while the lock is held.
    ///
    /// # Errors
    /// The lock is lost, so `call` must not be sent.
    pub fn check(&self, call: &'static str) -> Result<(), CallError> {
        match self.is_lost() {
            true => Err(CallError::unexpected(call, "not sent: the lock was lost, so somebody else may be applying")),
            false => Ok(()),
        }
    }
}

impl HeldLock {
    pub(super) fn start_renewal(
        locks: DeploymentLocks,
        name: String,
        lease: LockLease,
        end: LeaseEnd,
        length: Duration,
        mark: LockMark,
    ) -> Self {
        let fence = WriteFence { lost: CancellationToken::new(), end: Some(Arc::new(Mutex::new(end))) };
        let id = lease.id.clone();
        let renewal = tokio::spawn(renew_until_lost(locks.clone(), name.clone(), lease, length, fence.clone()));
        Self { locks, name, id, fence, renewal, _mark: mark }
    }

    /// Canceled when somebody else removed the lock or it wasn't renewed in time. Nothing new may start then.
    pub fn lost_token(&self) -> &CancellationToken {
        &self.fence.lost
    }

    /// What every change has to pass.
    pub fn fence(&self) -> &WriteFence {
        &self.fence
    }

    /// Releases the lock, if it isn't lost: then it may be somebody else's already.
    ///
    /// # Errors
    /// The lock couldn't be deleted. It ends with its lease then.
    pub async fn release(self) -> Result<(), CallError> {
        self.renewal.abort();
        if self.fence.is_lost() {
            return Ok(());
        }
        self.locks.delete_lock_of(&self.name, &self.id).await
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// Renews the lease four times in its length. Each renewal has a time of its own, and no longer than to the lease's end: a
/// request that is still under way then may arrive, but nobody counts on it.
async fn renew_until_lost(
    locks: DeploymentLocks,
    name: String,
    mut lease: LockLease,
    length: Duration,
    fence: WriteFence,
) {
    let Some(end) = fence.end.clone() else { return };
    loop {
        tokio::time::sleep(length / 4).await;
        // Two may fail without an answer before the lease ends.
        let left = end.lock().time_left().min(length / 3);
        // Counted from before the renewal is sent: for everybody else, the new lease begins later.
        let next = LeaseEnd::after(length);
        let renewed = LockLease { expires: add_duration(Timestamp::now(), length), ..lease.clone() };
        match tokio::time::timeout(left, locks.renew_lease(&name, &renewed)).await {
            Ok(Ok(())) if !fence.is_lost() => {
                lease = renewed;
                *end.lock() = next;
            }
            Ok(Err(error)) if error.kind == FailureKind::NotFound => break,
            Ok(_) | Err(_) if !fence.is_lost() => {}
            Ok(_) | Err(_) => break,
        }
    }
    fence.lost.cancel();
}
