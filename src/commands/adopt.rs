//! `deployer adopt`

use super::artifacts::Artifacts;
use super::reconcile::{TerminalFrontend, reconciler};
use super::session::Session;
use crate::cli::{AdoptArgs, GlobalArgs};
use deployer_core::desired::derive_desired;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use deployer_reconcile::ReconcileGoal;
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};
use deployer_reconcile::portal::PortalAccess;

pub(super) async fn run_adopt(global: &GlobalArgs, args: &AdoptArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let artifacts = Artifacts::prepare_artifacts(&session, args.artifact.as_deref()).await?;
    let desired = derive_desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    let goal = ReconcileGoal::Adopt { desired: &desired, venue: &args.venue };
    let question = ("Do you want to take over these resources?", "yes");
    let inputs = async |_: &Plan| Ok(ApplyInputs::default());
    let frontend = TerminalFrontend::new(&session, &args.asking, "deployer adopt", question, inputs);
    let portal = PortalAccess::not_needed();
    let reconciler = reconciler(&session, &portal, ApplyOptions::default());
    Ok(reconciler.reconcile(&goal, &frontend.lock_options(), &frontend).await?.code)
}
