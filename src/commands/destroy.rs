//! `deployer destroy`

use super::reconcile::{Planned, Task, make_plan, options, refuse_protected};
use super::session::Session;
use crate::apply::Inputs;
use crate::cli::{DestroyArgs, Global};
use crate::desired::Desired;
use crate::error::Result;
use crate::exit_code::ExitCode;

pub(super) async fn run(global: &Global, args: &DestroyArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let deployment = session.manifest().deployment.name.clone();
    let recovery_window_days =
        (!args.force_delete_secrets).then_some(session.manifest().deployment.recovery_window_days);
    let nothing = Desired {
        deployment: deployment.clone(),
        scope: session.scope.clone(),
        venues: Vec::new(),
        canary: None,
        recovery_window_days,
    };
    let restorable = match recovery_window_days {
        Some(days) => format!("Secrets can be restored for {days} days; log groups and functions can't."),
        None => "Nothing of it can be restored, the secrets neither.".to_owned(),
    };
    let question = format!(
        "Do you want to delete all of this? {restorable}\nTo delete it, type the deployment's name, {deployment}."
    );
    let task = Task {
        session: &session,
        asking: &args.execution.asking,
        options: options(&session, &args.execution),
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
