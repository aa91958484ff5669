//! `deployer plan`

use super::artifacts::Artifacts;
use super::reconcile::{make_plan, notes, plan_code, plan_from, show};
use super::session::Session;
use crate::cli::{Global, PlanArgs, Refresh};
use crate::desired::desired;
use crate::error::Result;
use crate::exit_code::ExitCode;
use crate::observe::observe_lists;

/// Up to so many venues everything is read unless `--refresh` says otherwise; each takes about nine reads.
const FULL_UP_TO: usize = 50;

const LISTS_ONLY: &str = "only lists were read (--refresh fast). Taken to be as declared: targets, permissions, aliases \
with their version and asynchronous settings, reserved concurrency, and the tags of functions, rules and log groups. Not \
looked for: what a venue that is no longer declared has left without a mark. `--refresh full` reads everything, as an \
apply always does";

pub(super) async fn run(global: &Global, args: &PlanArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let artifacts = Artifacts::prepare(&session, args.inputs.artifact.as_deref()).await?;
    let desired = desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    let deployed = desired.deployed();
    let mut planned = match refresh(args.refresh, deployed.len()) {
        Refresh::Full => make_plan(&session, &desired, &args.inputs.target).await?,
        Refresh::Fast => {
            let snapshot = observe_lists(&session.aws, &session.scope, &desired.deployment, &deployed).await;
            let mut planned = plan_from(&desired, snapshot, &args.inputs.target)?;
            planned.plan.notes.push(LISTS_ONLY.to_owned());
            planned
        }
    };
    planned.plan.notes.extend(notes(&session));
    show(&session, &planned.plan);
    let code = plan_code(&planned.plan);
    if code == ExitCode::Done && args.detailed_exitcode && !planned.plan.changes.is_empty() {
        return Ok(ExitCode::Changes);
    }
    Ok(code)
}

fn refresh(asked: Option<Refresh>, venues: usize) -> Refresh {
    asked.unwrap_or(if venues > FULL_UP_TO { Refresh::Fast } else { Refresh::Full })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_venues_are_read_from_lists_unless_the_flag_says_otherwise() {
        assert_eq!(refresh(None, 50), Refresh::Full);
        assert_eq!(refresh(None, 51), Refresh::Fast);
        assert_eq!(refresh(Some(Refresh::Full), 1000), Refresh::Full);
        assert_eq!(refresh(Some(Refresh::Fast), 1), Refresh::Fast);
    }
}
