//! `deployer apply`

use std::path::PathBuf;

use clap::Args;

use super::secret::stored::{print_missing_credentials, venues_with_secret};
use super::shared::artifacts::Artifacts;
use super::shared::reconcile::{TerminalFrontend, apply_options, plan_notes, reconciler};
use super::shared::saved;
use super::shared::secret_values;
use super::shared::session::Session;
use crate::cli::{ExecutionArgs, GlobalArgs, PlanInputs};
use crate::manifests::own_venues;
use deployer_core::desired::derive_desired;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::{Action, Plan};
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};
use deployer_reconcile::{PlanNotes, ReadDepth, ReconcileGoal};

pub(super) async fn run_apply(global: &GlobalArgs, args: &ApplyArgs) -> Result<ExitCode> {
    let saved = args.plan.as_deref().map(saved::read_saved_plan).transpose()?;
    if let (Some(saved), Some(path)) = (&saved, &args.plan) {
        saved::check_cloud(saved, path, global.local)?;
    }
    let artifact = saved::choose_artifact(saved.as_ref(), args.inputs.artifact.as_deref())?;
    let session = Session::open(global).await?;
    let archive_properties = saved.as_ref().map_or(args.inputs.archive_properties, |saved| saved.archive_properties);
    let portal = session.open_portal().await?;
    portal.check_archiving(archive_properties)?;
    let artifacts = Artifacts::prepare_artifacts(&session, artifact.as_deref()).await?;
    let mut desired =
        derive_desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    desired.archive_properties = archive_properties;
    desired.code_bytes = artifacts.code_bytes();
    let own = own_venues(session.manifest(), &args.inputs.target);
    let goal = ReconcileGoal::Converge {
        desired: &desired,
        targets: saved.as_ref().map_or(&own, |saved| &saved.targets),
        depth: ReadDepth::Full,
        max_delete: args.max_delete,
        notes: PlanNotes::find(plan_notes(&session, &portal)),
    };
    let inputs = async |plan: &Plan| {
        artifacts.try_artifacts().await?;
        let secrets = secret_values::resolve_new_secrets(&session, plan).await?;
        Ok(ApplyInputs { artifacts: artifacts.zips_by_hash(), secrets, hubspot: portal.hubspot_client() })
    };
    let question = ("Do you want to make these changes?", "yes");
    let frontend = TerminalFrontend::new(&session, &args.execution.asking, "deployer apply", question, inputs);
    let options = ApplyOptions { canary: !args.no_canary, ..apply_options(&args.execution) };
    let reconciler = reconciler(&session, &portal, options);
    let lock = frontend.lock_options();
    let reconciled = match &saved {
        Some(saved) => reconciler.reconcile_saved(&goal, saved, &artifacts.artifact_hashes(), &lock, &frontend).await?,
        None => reconciler.reconcile(&goal, &lock, &frontend).await?,
    };
    if let Some(outcome) = &reconciled.outcome {
        // A restored secret has the value that it had when it was deleted.
        let restored = venues_with_secret(&outcome.done, Action::Restore);
        print_missing_credentials(&session, &restored).await;
    }
    Ok(reconciled.code)
}

/// Make AWS match the manifest: show the plan, ask, apply it
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A plan saved by `plan --out`: applied without asking, or refused if anything has changed since
    #[arg(value_name = "PLANFILE", conflicts_with_all = ["target", "archive_properties"])]
    pub plan: Option<PathBuf>,
    /// The inputs of the plan.
    #[command(flatten)]
    pub inputs: PlanInputs,
    /// How to apply it.
    #[command(flatten)]
    pub execution: ExecutionArgs,
    /// Refuse to delete more venues than this (default: at most half of them)
    #[arg(long, value_name = "N")]
    pub max_delete: Option<usize>,
    /// Skip the canary: don't dry-run new code at one venue before the others get it
    #[arg(long)]
    pub no_canary: bool,
}
