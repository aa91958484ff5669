//! `deployer rollback`

use super::reconcile::{Planned, Task, refuse_violations};
use super::session::Session;
use crate::cli::{Global, RollbackArgs};
use deployer_aws::observe::{observe, versions};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::naming::Names;
use deployer_core::plan::{invariants, rollback, unpin};
use deployer_reconcile::apply::{Inputs, Options};

pub(super) async fn run_rollback(global: &Global, args: &RollbackArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let deployment = session.manifest().deployment.name.clone();
    let venue = &args.venue;
    let make = async || {
        let snapshot = observe(&session.aws, &session.scope, &deployment, std::slice::from_ref(venue)).await;
        let live = snapshot.venues.get(venue).cloned().unwrap_or_default();
        let plan = if args.unpin {
            unpin(&deployment, &session.scope, venue, &live)
        } else {
            let function = Names::new(&deployment, venue).function;
            let versions = versions(&session.aws, &function).await.map_err(|error| {
                let failed = Error::failed(format!("could not read the versions of {function}")).caused_by(&error);
                failed.hint("`deployer venue list` lists the venues")
            })?;
            rollback(&deployment, &session.scope, venue, &live, &versions, args.to)
        };
        let plan = plan.map_err(|reason| Error::failed(format!("{reason}; nothing was changed")))?;
        refuse_violations(invariants::violations_of_calls(&plan))?;
        Ok(Planned { plan, snapshot, cost: None })
    };
    let task = Task {
        session: &session,
        asking: &args.asking,
        options: Options { rate_limited: !session.local, ..Options::default() },
        command: "deployer rollback",
        question: ("Do you want to make this change?", "yes"),
    };
    task.run(make, |_| Ok(()), async |_| Ok(Inputs::default())).await
}
