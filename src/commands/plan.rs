//! `deployer plan`

use super::artifacts::Artifacts;
use super::reconcile::{make_plan, notes, plan_code, show};
use super::saved;
use super::session::Session;
use crate::cli::{Global, PlanArgs};
use crate::desired::desired;
use crate::error::Result;
use crate::exit_code::ExitCode;

pub(super) async fn run(global: &Global, args: &PlanArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let artifacts = Artifacts::prepare(&session, args.inputs.artifact.as_deref()).await?;
    let desired = desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    let mut planned = make_plan(&session, &desired, &args.inputs.target).await?;
    planned.plan.notes.extend(notes(&session));
    show(&session, &planned.plan);
    if let Some(path) = &args.out {
        saved::write(&session, &planned, &args.inputs.target, path)?;
    }
    let code = plan_code(&planned.plan);
    if code == ExitCode::Done && args.detailed_exitcode && !planned.plan.changes.is_empty() {
        return Ok(ExitCode::Changes);
    }
    Ok(code)
}
