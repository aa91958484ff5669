//! `deployer destroy`

use clap::Args;

use super::hubspot::HubSpotAccess;
use super::reconcile::{PlannedChanges, ReconcileTask, apply_options, make_plan, refuse_protected};
use super::session::Session;
use crate::cli::{ExecutionArgs, GlobalArgs};
use deployer_core::desired::Desired;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use deployer_reconcile::apply::ApplyInputs;

pub(super) async fn run_destroy(global: &GlobalArgs, args: &DestroyArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let hubspot = HubSpotAccess::open_to_archive(&session, args.archive_properties).await?;
    let deployment = session.manifest().deployment.name.clone();
    let recovery_window_days =
        (!args.force_delete_secrets).then_some(session.manifest().deployment.recovery_window_days);
    let nothing = Desired {
        deployment: deployment.clone(),
        scope: session.scope.clone(),
        venues: Vec::new(),
        canary: None,
        recovery_window_days,
        archive_properties: args.archive_properties,
    };
    let restorable = match recovery_window_days {
        Some(days) => format!("Secrets can be restored for {days} days; log groups and functions can't."),
        None => "None of it can be restored, not even the secrets.".to_owned(),
    };
    let question = format!("Do you want to delete all of this, which deployment {deployment} owns? {restorable}");
    let task = ReconcileTask {
        session: &session,
        asking: &args.execution.asking,
        options: apply_options(&session, &args.execution),
        command: "deployer destroy",
        question: (&question, &deployment),
    };
    let make = async || {
        let mut planned = make_plan(&session, &hubspot, &nothing, &args.target).await?;
        for change in &mut planned.plan.changes {
            let reason = "this deployment owns it and is being destroyed";
            change.reason = match change.address.kind.is_property() {
                true => format!("{reason}; HubSpot keeps it archived for 90 days"),
                false => reason.to_owned(),
            };
        }
        planned.plan.notes.extend(hubspot.hubspot_note(session.manifest()));
        Ok(planned)
    };
    let refuse = |planned: &PlannedChanges| refuse_protected(&planned.plan);
    let inputs = async |_: &Plan| Ok(ApplyInputs { hubspot: hubspot.hubspot_client(), ..ApplyInputs::default() });
    task.plan_and_apply(make, refuse, inputs).await
}

/// Delete everything this deployment owns, and nothing else
#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// Delete the secrets permanently, without a recovery window
    #[arg(long)]
    pub force_delete_secrets: bool,
    /// Archive the contact properties in HubSpot too
    #[arg(long)]
    pub archive_properties: bool,
    /// Only this venue (can be given more than once)
    #[arg(long, value_name = "VENUE")]
    pub target: Vec<String>,
    /// How to apply it.
    #[command(flatten)]
    pub execution: ExecutionArgs,
}
