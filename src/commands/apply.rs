//! `deployer apply`

use super::artifacts::Artifacts;
use super::hubspot::Access;
use super::reconcile::{Planned, Task, make_plan, notes, options, refuse_conflicts, refuse_protected};
use super::saved;
use super::secret_values;
use super::session::Session;
use crate::cli::{ApplyArgs, Global};
use deployer_core::desired::desired;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use deployer_reconcile::apply::{Inputs, Options};

pub(super) async fn run_apply(global: &Global, args: &ApplyArgs) -> Result<ExitCode> {
    let saved = args.plan.as_deref().map(saved::read).transpose()?;
    let session = Session::open(global).await?;
    let archive_properties = saved.as_ref().map_or(args.inputs.archive_properties, |saved| saved.archive_properties);
    let hubspot = Access::open(&session).await?;
    hubspot.check_archiving(archive_properties)?;
    let artifacts = Artifacts::prepare(&session, args.inputs.artifact.as_deref()).await?;
    let mut desired = desired(session.manifest(), &session.scope, |venue| artifacts.code_sha256(&session, venue));
    desired.archive_properties = archive_properties;
    let task = Task {
        session: &session,
        asking: &args.execution.asking,
        options: Options { canary: !args.no_canary, ..options(&session, &args.execution) },
        command: "deployer apply",
        question: ("Do you want to make these changes?", "yes"),
    };
    let targets = saved.as_ref().map_or(&args.inputs.target, |saved| &saved.targets);
    let make = async || {
        let mut planned = make_plan(&session, &hubspot, &desired, targets).await?;
        planned.plan.notes.extend(notes(&session, &hubspot));
        Ok(planned)
    };
    let refuse = |planned: &Planned| {
        refuse_conflicts(&planned.plan)?;
        refuse_protected(&planned.plan)?;
        refuse_deletion_of_all(&planned.plan, session.manifest().venues.is_empty())?;
        refuse_many_deletions(planned, args.max_delete)
    };
    let inputs = async |plan: &Plan| {
        let secrets = secret_values::resolve(&session, plan).await?;
        Ok(Inputs { artifacts: artifacts.zips(), secrets, hubspot: hubspot.client() })
    };
    match &saved {
        Some(saved) => task.run_saved(saved, &artifacts.hashes(), make, refuse, inputs).await,
        None => task.run(make, refuse, inputs).await,
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
