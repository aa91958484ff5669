//! `deployer apply`

use super::artifacts::Artifacts;
use super::reconcile::{
    Planned, confirm, execute, make_plan, notes, plan_code, refuse_conflicts, refuse_protected, show,
};
use super::secrets;
use super::session::Session;
use crate::apply::Inputs;
use crate::cli::{ApplyArgs, Global};
use crate::desired::desired;
use crate::error::{Error, Result};
use crate::exit_code::ExitCode;

pub(super) async fn run(global: &Global, args: &ApplyArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let artifacts = Artifacts::prepare(&session, args.inputs.artifact.as_deref()).await?;
    let desired = desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    let mut planned = make_plan(&session, &desired, &args.inputs.target).await?;
    planned.plan.notes.extend(notes(&session));
    show(&session, &planned.plan);
    refuse_conflicts(&planned.plan)?;
    refuse_protected(&planned.plan)?;
    refuse_many_deletions(&planned, args.max_delete)?;
    if planned.plan.changes.is_empty() {
        return Ok(plan_code(&planned.plan));
    }
    let secrets = secrets::resolve(&session, &planned.plan).await?;
    confirm(&session, &args.execution, "Do you want to make these changes?", "yes")?;
    let inputs = Inputs { artifacts: artifacts.zips(), secrets };
    Ok(execute(&session, &planned.plan, &inputs, &args.execution, "deployer apply").await)
}

/// A manifest that lost most of its venues is more often a mistake than a wish.
fn refuse_many_deletions(planned: &Planned, max_delete: Option<usize>) -> Result<()> {
    let deleted = planned.plan.deleted_venues();
    let existing = planned.snapshot.venues.values().filter(|live| live.exists()).count();
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
