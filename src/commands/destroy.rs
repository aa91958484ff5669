//! `deployer destroy`

use super::reconcile::{Planned, Task, make_plan, refuse_protected};
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
    let question = format!(
        "Do you want to delete all of this? Secrets can be restored for 30 days; log groups and functions can't.\n\
         To delete it, type the deployment's name, {deployment}."
    );
    let task = Task {
        session: &session,
        execution: &args.execution,
        command: "deployer destroy",
        question: (&question, &deployment),
    };
    let make = async || {
        let mut planned = make_plan(&session, &nothing, &args.target).await?;
        for change in &mut planned.plan.changes {
            "it is owned by this deployment, which is destroyed".clone_into(&mut change.reason);
        }
        Ok(planned)
    };
    let refuse = |planned: &Planned| refuse_protected(&planned.plan);
    task.run(make, refuse, async |_| Ok(Inputs::default())).await
}
