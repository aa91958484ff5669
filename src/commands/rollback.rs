//! `deployer rollback`

use clap::Args;

use super::reconcile::{PlannedChanges, ReconcileTask, refuse_violations};
use super::session::Session;
use crate::cli::{ConfirmArgs, GlobalArgs};
use deployer_aws::observe::{observe, read_versions};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::naming::VenueNames;
use deployer_core::plan::{invariants, plan_rollback, plan_unpin};
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};

pub(super) async fn run_rollback(global: &GlobalArgs, args: &RollbackArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let deployment = session.manifest().deployment.name.clone();
    let venue = &args.venue;
    let make = async || {
        let snapshot = observe(&session.aws, &session.scope, &deployment, std::slice::from_ref(venue)).await;
        let live = snapshot.venues.get(venue).cloned().unwrap_or_default();
        let plan = if args.unpin {
            plan_unpin(&deployment, &session.scope, venue, &live)
        } else {
            let function = VenueNames::new(&deployment, venue).function;
            let versions = read_versions(&session.aws, &function).await.map_err(|error| {
                let failed = Error::failed(format!("could not read the versions of {function}")).caused_by(&error);
                failed.hint("`deployer venue list` lists the venues")
            })?;
            plan_rollback(&deployment, &session.scope, venue, &live, &versions, args.to)
        };
        let plan = plan.map_err(|reason| Error::failed(format!("{reason}; nothing was changed")))?;
        refuse_violations(invariants::find_call_violations(&plan))?;
        Ok(PlannedChanges { plan, snapshot, cost: None })
    };
    let task = ReconcileTask {
        session: &session,
        asking: &args.asking,
        options: ApplyOptions { rate_limited: !session.local, ..ApplyOptions::default() },
        command: "deployer rollback",
        question: ("Do you want to make this change?", "yes"),
    };
    task.plan_and_apply(make, |_| Ok(()), async |_| Ok(ApplyInputs::default())).await
}

/// Roll a venue's function back to an earlier version, and keep it there until it changes
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The venue
    pub venue: String,
    /// The version (default: the previous one)
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Undo a rollback: the next apply moves the venue forward again
    #[arg(long, conflicts_with = "to")]
    pub unpin: bool,
    /// How to apply it.
    #[command(flatten)]
    pub asking: ConfirmArgs,
}
