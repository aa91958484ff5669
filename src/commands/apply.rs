//! `deployer apply`

use std::path::PathBuf;

use clap::Args;

use super::artifacts::Artifacts;
use super::hubspot::HubSpotAccess;
use super::reconcile::{
    PlannedChanges, ReconcileTask, apply_options, make_plan, plan_notes, refuse_conflicts, refuse_protected,
};
use super::saved;
use super::secret_values;
use super::session::Session;
use crate::cli::{ExecutionArgs, GlobalArgs, PlanInputs};
use deployer_core::desired::derive_desired;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};

pub(super) async fn run_apply(global: &GlobalArgs, args: &ApplyArgs) -> Result<ExitCode> {
    let saved = args.plan.as_deref().map(saved::read_saved_plan).transpose()?;
    let session = Session::open(global).await?;
    let archive_properties = saved.as_ref().map_or(args.inputs.archive_properties, |saved| saved.archive_properties);
    let hubspot = HubSpotAccess::open(&session).await?;
    hubspot.check_archiving(archive_properties)?;
    let artifacts = Artifacts::prepare_artifacts(&session, args.inputs.artifact.as_deref()).await?;
    let mut desired =
        derive_desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    desired.archive_properties = archive_properties;
    let task = ReconcileTask {
        session: &session,
        asking: &args.execution.asking,
        options: ApplyOptions { canary: !args.no_canary, ..apply_options(&session, &args.execution) },
        command: "deployer apply",
        question: ("Do you want to make these changes?", "yes"),
    };
    let targets = saved.as_ref().map_or(&args.inputs.target, |saved| &saved.targets);
    let make = async || {
        let mut planned = make_plan(&session, &hubspot, &desired, targets).await?;
        planned.plan.notes.extend(plan_notes(&session, &hubspot));
        Ok(planned)
    };
    let refuse = |planned: &PlannedChanges| {
        refuse_conflicts(&planned.plan)?;
        refuse_protected(&planned.plan)?;
        refuse_to_delete_all(&planned.plan, session.manifest().venues.is_empty())?;
        refuse_many_deletions(planned, args.max_delete)
    };
    let inputs = async |plan: &Plan| {
        let secrets = secret_values::resolve_new_secrets(&session, plan).await?;
        Ok(ApplyInputs { artifacts: artifacts.zips_by_hash(), secrets, hubspot: hubspot.hubspot_client() })
    };
    match &saved {
        Some(saved) => task.apply_saved_plan(saved, &artifacts.artifact_hashes(), make, refuse, inputs).await,
        None => task.plan_and_apply(make, refuse, inputs).await,
    }
}

/// A manifest without venues is more likely an accident than a wish to delete everything.
fn refuse_to_delete_all(plan: &Plan, no_venues: bool) -> Result<()> {
    if !no_venues || plan.deleted_venues().is_empty() {
        return Ok(());
    }
    Err(Error::refused("the manifest declares no venues, and an apply never deletes all of them; nothing was changed")
        .hint("`deployer destroy` deletes everything this deployment owns"))
}

/// A manifest that lost most of its venues is more likely a mistake than intended.
fn refuse_many_deletions(planned: &PlannedChanges, max_delete: Option<usize>) -> Result<()> {
    let deleted = planned.plan.deleted_venues();
    let existing = planned.snapshot.venues.values().filter(|live| live.any_exists()).count();
    let refused = match max_delete {
        Some(max) => deleted.len() > max,
        None => deleted.len() * 2 > existing || (!deleted.is_empty() && deleted.len() == existing),
    };
    if !refused {
        return Ok(());
    }
    Err(Error::refused(format!(
        "the plan deletes {} of {existing} deployed venues: {}; nothing was changed",
        deleted.len(),
        deleted.join(", ")
    ))
    .hint(format!("if that is what you want, pass --max-delete {}, or use `deployer destroy`", deleted.len())))
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
