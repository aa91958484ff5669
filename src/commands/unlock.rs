//! `deployer unlock`

use clap::Args;
use serde_json::json;

use super::shared::reconcile::confirm_on_terminal;
use super::shared::session::Session;
use crate::cli::GlobalArgs;
use deployer_aws::lock::{DeploymentLocks, FoundLock};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;

/// Show who holds the apply lock, and remove it
#[derive(Debug, Args)]
pub struct UnlockArgs {
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
}

pub(super) async fn run_unlock(global: &GlobalArgs, args: &UnlockArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let deployment = &session.manifest().deployment.name;
    let locks = DeploymentLocks::new(&session.aws, &session.scope, deployment);
    let found = locks.find_locks().await.map_err(|error| {
        Error::failed(ErrorCode::AwsCall, "could not find out whether there is a lock").caused_by(&error)
    })?;
    show_locks(&session, &found);
    if found.is_empty() {
        return Ok(ExitCode::Done);
    }
    let question =
        "Do you want to remove the lock? If its holder is still running, two applies will run at the same time.";
    let review = "make sure that the holder above is gone";
    confirm_on_terminal(session.json.is_some(), args.yes, question, "yes", review)?;
    for lock in &found {
        locks
            .delete_lock(&lock.name)
            .await
            .map_err(|error| Error::failed(ErrorCode::AwsCall, "could not remove the lock").caused_by(&error))?;
    }
    match &session.json {
        Some(lines) => {
            lines.print_line("result", json!({ "unlocked": found.len(), "exit_code": ExitCode::Done as u8 }))
        }
        None => outln!("Unlocked."),
    }
    Ok(ExitCode::Done)
}

fn show_locks(session: &Session, found: &[FoundLock]) {
    let deployment = &session.manifest().deployment.name;
    if let Some(lines) = &session.json {
        for lock in found {
            lines.print_line("lock", json!({ "name": lock.name, "held_by": lock.describe_holder() }));
        }
        if found.is_empty() {
            lines.print_line("result", json!({ "unlocked": 0, "exit_code": ExitCode::Done as u8 }));
        }
    } else if found.is_empty() {
        outln!("Deployment {deployment} isn't locked.");
    } else {
        for lock in found {
            outln!("Deployment {deployment} is locked: {}", lock.describe_holder());
        }
    }
}
