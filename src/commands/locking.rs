//! The lock around what a command changes.

use serde_json::json;

use super::session::{Session, state_directory};
use crate::cli::Asking;
use deployer_aws::lock::{Found, Lock, Locks, Options};
use deployer_core::error::Result;

/// Takes the lock of the deployment, and tells whom it has to wait for. `purpose` is the command.
pub(super) async fn take(session: &Session, asking: &Asking, purpose: &str) -> Result<Lock> {
    let manifest = session.manifest();
    let locks = Locks::new(&session.aws, &session.scope, &manifest.deployment.name);
    let options = Options::new(asking.lock_timeout, &state_directory(&manifest.path), purpose);
    let on_wait = |held: &Found| match &session.json {
        Some(lines) => lines.line("waiting", json!({ "held_by": held.describe() })),
        None => anstream::eprintln!("Waiting for the lock: {}", held.describe()),
    };
    locks.acquire(&options, on_wait).await
}

/// Gives the lock back. That it can't be is told, and is no failure of the command.
pub(super) async fn release(session: &Session, lock: Lock) {
    if let Err(error) = lock.release().await
        && session.json.is_none()
    {
        anstream::eprintln!("The lock couldn't be given back ({error}); it ends by itself within minutes.");
    }
}
