//! `deployer adopt`

use std::path::PathBuf;

use clap::Args;

use super::secret::stored::{print_missing_credentials, venues_with_secret};
use super::shared::artifacts::Artifacts;
use super::shared::reconcile::{TerminalFrontend, reconciler};
use super::shared::session::Session;
use crate::cli::{ConfirmArgs, GlobalArgs};
use deployer_core::desired::derive_desired;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::{Action, Plan};
use deployer_reconcile::ReconcileGoal;
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};
use deployer_reconcile::portal::PortalAccess;

pub(super) async fn run_adopt(global: &GlobalArgs, args: &AdoptArgs) -> Result<ExitCode> {
    let session = Session::open_for_venues(global, &[&args.venue]).await?;
    let artifacts = Artifacts::prepare_artifacts(&session, args.artifact.as_deref()).await?;
    let desired = derive_desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    let goal = ReconcileGoal::Adopt { desired: &desired, venue: &args.venue };
    let question = ("Do you want to take over these resources?", "yes");
    let inputs = async |_: &Plan| Ok(ApplyInputs::default());
    let command = format!("deployer adopt {}", args.venue);
    let frontend = TerminalFrontend::new(&session, &args.asking, &command, question, inputs);
    let portal = PortalAccess::not_needed();
    let reconciler = reconciler(&session, &portal, ApplyOptions::default());
    let reconciled = reconciler.reconcile(&goal, &frontend.lock_options(), &frontend).await?;
    if let Some(outcome) = &reconciled.outcome {
        let adopted = venues_with_secret(&outcome.done, Action::Update);
        print_missing_credentials(&session, &adopted).await;
    }
    Ok(reconciled.code)
}

/// Take over unowned resources that have a venue's names
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// Use this zip (with `bootstrap` at its root) or bootstrap instead of building one
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
    /// How to apply it.
    #[command(flatten)]
    pub asking: ConfirmArgs,
}
