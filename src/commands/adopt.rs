//! `deployer adopt`

use std::cell::RefCell;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::artifacts::Artifacts;
use super::reconcile::{PlannedChanges, ReconcileTask, make_snapshot, refuse_violations};
use super::session::Session;
use crate::cli::{ConfirmArgs, GlobalArgs};
use crate::render::plan_text;
use deployer_core::desired::derive_desired;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::{NotAdopted, Plan, invariants, plan_adoption};
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};

pub(super) async fn run_adopt(global: &GlobalArgs, args: &AdoptArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let artifacts = Artifacts::prepare_artifacts(&session, args.artifact.as_deref()).await?;
    let desired = derive_desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    let venue = &args.venue;
    let next = RefCell::new(None);
    let make = async || {
        let snapshot = make_snapshot(&session, &desired).await;
        let adoption = plan_adoption(&desired, &snapshot, venue).map_err(|reason| refuse_adoption(venue, reason))?;
        refuse_violations(invariants::find_call_violations(&adoption.plan))?;
        next.replace(Some(adoption.next));
        Ok(PlannedChanges { plan: adoption.plan, snapshot, cost: None })
    };
    let task = ReconcileTask {
        session: &session,
        asking: &args.asking,
        options: ApplyOptions { rate_limited: !session.local, ..ApplyOptions::default() },
        command: "deployer adopt",
        question: ("Do you want to take over these resources?", "yes"),
    };
    // Whoever confirms has to see what the next apply will do.
    let show_next = |planned: &PlannedChanges| {
        if let Some(next) = next.borrow().as_ref().filter(|_| !planned.plan.changes.is_empty()) {
            show_next_plan(&session, next);
        }
        Ok(())
    };
    task.plan_and_apply(make, show_next, async |_| Ok(ApplyInputs::default())).await
}

fn show_next_plan(session: &Session, next: &Plan) {
    match &session.json {
        Some(lines) => lines.print_line("next", json!({ "changes": next.changes })),
        None => anstream::print!("\nThe next apply would then make these changes:\n\n{}", plan_text(next)),
    }
}

fn refuse_adoption(venue: &str, reason: NotAdopted) -> Error {
    match reason {
        NotAdopted::NotDeployed => {
            Error::usage(format!("{venue} isn't declared, or is blocked, so nothing can be adopted for it"))
                .hint("`deployer venue list` lists the venues")
        }
        NotAdopted::Owned { resource, owner } => {
            Error::refused(format!("{resource} is owned by {owner}; nothing was changed"))
                .hint("remove it from that owner first, or rename this deployment or venue")
        }
        NotAdopted::Unreadable(reason) => Error::new(
            ExitCode::Incomplete,
            format!("nothing was adopted, because some resources of {venue} are unreadable: {reason}"),
        ),
    }
}

/// Take over unowned resources that have a venue's names
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The venue
    pub venue: String,
    /// Use this zip (with `bootstrap` at its root) or bootstrap instead of building one
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
    /// How to apply it.
    #[command(flatten)]
    pub asking: ConfirmArgs,
}
