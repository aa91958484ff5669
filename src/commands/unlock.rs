//! `deployer unlock`

use serde_json::json;

use super::reconcile::confirm;
use super::session::Session;
use crate::cli::{Global, UnlockArgs};
use deployer_aws::lock::{Found, Locks};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;

pub(super) async fn run_unlock(global: &Global, args: &UnlockArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let deployment = &session.manifest().deployment.name;
    let locks = Locks::new(&session.aws, &session.scope, deployment);
    let found = locks
        .find()
        .await
        .map_err(|error| Error::failed("could not find out whether there is a lock").caused_by(&error))?;
    show(&session, &found);
    if found.is_empty() {
        return Ok(ExitCode::Done);
    }
    let question =
        "Do you want to remove the lock? If its holder is still running, two applies will run at the same time.";
    confirm(&session, args.yes, question, "yes")?;
    for lock in &found {
        locks.delete(&lock.name).await.map_err(|error| Error::failed("could not remove the lock").caused_by(&error))?;
    }
    match &session.json {
        Some(lines) => lines.line("result", json!({ "unlocked": found.len(), "exit_code": ExitCode::Done as u8 })),
        None => anstream::println!("Unlocked."),
    }
    Ok(ExitCode::Done)
}

fn show_locks(session: &Session, found: &[Found]) {
    let deployment = &session.manifest().deployment.name;
    if let Some(lines) = &session.json {
        for lock in found {
            lines.line("lock", json!({ "name": lock.name, "held_by": lock.describe() }));
        }
        if found.is_empty() {
            lines.line("result", json!({ "unlocked": 0, "exit_code": ExitCode::Done as u8 }));
        }
    } else if found.is_empty() {
        anstream::println!("Deployment {deployment} isn't locked.");
    } else {
        for lock in found {
            anstream::println!("Deployment {deployment} is locked: {}", lock.describe());
        }
    }
}
