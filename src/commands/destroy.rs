//! `deployer destroy`

use super::reconcile::{confirm, execute, make_plan, plan_code, refuse_protected, show};
use super::session::Session;
use crate::apply::Inputs;
use crate::cli::{DestroyArgs, Global};
use crate::desired::Desired;
use crate::error::Result;
use crate::exit_code::ExitCode;

pub(super) async fn run(global: &Global, args: &DestroyArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let deployment = session.manifest().deployment.name.clone();
    let nothing =
        Desired { deployment: deployment.clone(), scope: session.scope.clone(), venues: Vec::new(), canary: None };
    let mut planned = make_plan(&session, &nothing, &args.target).await?;
    for change in &mut planned.plan.changes {
        "it is owned by this deployment, which is destroyed".clone_into(&mut change.reason);
    }
    show(&session, &planned.plan);
    refuse_protected(&planned.plan)?;
    if planned.plan.changes.is_empty() {
        return Ok(plan_code(&planned.plan));
    }
    let question = format!(
        "Do you want to delete all of this? Secrets can be restored for 30 days; log groups and functions can't.\n\
         To delete it, type the deployment's name, {deployment}."
    );
    confirm(&session, &args.execution, &question, &deployment)?;
    Ok(execute(&session, &planned.plan, &Inputs::default(), &args.execution, "deployer destroy").await)
}
