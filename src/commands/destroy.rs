//! `deployer destroy`

use clap::Args;

use super::shared::reconcile::{TerminalFrontend, apply_options, reconciler, show_plan};
use super::shared::session::Session;
use crate::cli::{ExecutionArgs, GlobalArgs};
use crate::manifests::own_venues;
use deployer_core::desired::Desired;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use deployer_reconcile::apply::ApplyInputs;
use deployer_reconcile::guards::plan_exit_code;
use deployer_reconcile::{PlanNotes, ReconcileGoal};

pub(super) async fn run_destroy(global: &GlobalArgs, args: &DestroyArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let portal = session.open_portal_to_archive(args.archive_properties).await?;
    let deployment = session.manifest().deployment.name.clone();
    let recovery_window_days =
        (!args.force_delete_secrets).then_some(session.manifest().deployment.recovery_window_days);
    let nothing = Desired {
        deployment: deployment.clone(),
        scope: session.scope.clone(),
        may_share_with: Vec::new(),
        role_path: session.manifest().deployment.role_path.clone(),
        venues: Vec::new(),
        canary: None,
        recovery_window_days,
        alarms: None,
        schedule_group: None,
        archive_properties: args.archive_properties,
        code_bytes: None,
    };
    let restorable = match recovery_window_days {
        Some(days) => format!("Secrets can be restored for {days} days; log groups and functions can't."),
        None => "None of it can be restored, not even the secrets.".to_owned(),
    };
    let question = format!("Do you want to delete all of this, which deployment {deployment} owns? {restorable}");
    let targets = own_venues(session.manifest(), &args.target);
    let goal = ReconcileGoal::Destroy {
        nothing: &nothing,
        targets: &targets,
        moved_to: None,
        notes: PlanNotes::of(portal.kept_properties_note(session.manifest())),
    };
    if args.dry_run {
        let planned = reconciler(&session, &portal, apply_options(&args.execution)).plan(&goal).await?;
        show_plan(&session, &planned);
        return Ok(plan_exit_code(&planned.plan));
    }
    let inputs = async |_: &Plan| Ok(ApplyInputs { hubspot: portal.hubspot_client(), ..ApplyInputs::default() });
    let asking = &args.execution.asking;
    let frontend = TerminalFrontend::new(&session, asking, "deployer destroy", (&question, &deployment), inputs);
    let reconciler = reconciler(&session, &portal, apply_options(&args.execution));
    Ok(reconciler.reconcile(&goal, &frontend.lock_options(), &frontend).await?.code)
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
    /// Show what would be deleted, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to apply it.
    #[command(flatten)]
    pub execution: ExecutionArgs,
}
