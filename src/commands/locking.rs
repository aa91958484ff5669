//! The lock that a command holds while it makes changes.

use serde_json::json;

use super::session::{Session, state_directory};
use crate::cli::ConfirmArgs;
use deployer_aws::lock::{DeploymentLocks, FoundLock, HeldLock, LockOptions};
use deployer_core::error::Result;

/// Acquires the deployment's lock, and shows whom it has to wait for. `purpose` is the command.
pub(super) async fn take_lock(session: &Session, asking: &ConfirmArgs, purpose: &str) -> Result<HeldLock> {
    let manifest = session.manifest();
    let locks = DeploymentLocks::new(&session.aws, &session.scope, &manifest.deployment.name);
    let options = LockOptions::new(asking.lock_timeout, &state_directory(&manifest.path), purpose);
    let on_wait = |held: &FoundLock| match &session.json {
        Some(lines) => lines.print_line("waiting", json!({ "held_by": held.describe_holder() })),
        None => anstream::eprintln!("Waiting for the lock: {}", held.describe_holder()),
    };
    locks.acquire(&options, on_wait).await
}

/// Releases the lock. If that fails, it says so, but the command doesn't fail.
pub(super) async fn release_lock(session: &Session, lock: HeldLock) {
    if let Err(error) = lock.release().await
        && session.json.is_none()
    {
        anstream::eprintln!("Could not release the lock ({error}); it expires by itself within minutes.");
    }
}
