//! What is refused before anything changes. Each refusal is one message, made here and shown once.
//!
//! Conflicts and protected venues are part of a plan, and are shown with it ([`deployer_core::plan::problem`]). What is
//! refused here depends on more than the plan.

use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::{Conflict, FindingKind, NotAdopted, Plan};
use deployer_core::quota::ExceededQuota;

use crate::apply::ApplyOutcome;
use crate::goal::{PlannedChanges, ReconcileGoal};

/// The exit code for a plan by itself.
pub fn plan_exit_code(plan: &Plan) -> ExitCode {
    // What another deployment owns in HubSpot is a reason to look at that deployment, not at the name.
    let owned_elsewhere = |conflict: &Conflict| conflict.address.kind.is_property() && conflict.owner.is_some();
    if !plan.rivals.is_empty() || plan.conflicts.iter().any(owned_elsewhere) {
        ExitCode::Refused
    } else if !plan.conflicts.is_empty() {
        ExitCode::Failed
    } else if !plan.protected.is_empty() {
        ExitCode::Refused
    } else if !plan.unreadable.is_empty() {
        ExitCode::Incomplete
    } else {
        ExitCode::Done
    }
}

/// The exit code for an executed plan.
pub fn outcome_exit_code(plan: &Plan, outcome: &ApplyOutcome) -> ExitCode {
    if outcome.cancelled {
        ExitCode::Cancelled
    } else if !outcome.failed.is_empty() {
        if outcome.done.is_empty() { ExitCode::Failed } else { ExitCode::Partial }
    } else {
        remaining_exit_code(plan)
    }
}

/// The exit code once everything that can be done is done: what AWS refuses to delete is still there.
pub(crate) fn remaining_exit_code(plan: &Plan) -> ExitCode {
    let refused = plan.findings.iter().any(|finding| finding.kind == FindingKind::DeletionRefused);
    match plan_exit_code(plan) {
        ExitCode::Done if refused => ExitCode::Partial,
        code => code,
    }
}

/// Whether the plan shows a problem that has to be resolved before anything of it is applied.
pub(crate) fn has_problems(plan: &Plan) -> bool {
    !plan.conflicts.is_empty() || !plan.protected.is_empty() || !plan.rivals.is_empty()
}

/// Refuses a goal whose targets are neither declared nor deployed.
pub(crate) fn check_targets(goal: &ReconcileGoal<'_>, planned: &PlannedChanges) -> Result<()> {
    let (desired, targets) = match goal {
        ReconcileGoal::Converge { desired, targets, .. } => (desired, targets),
        ReconcileGoal::Destroy { nothing, targets, .. } => (nothing, targets),
        ReconcileGoal::Pause { .. } => return Ok(()),
        ReconcileGoal::Adopt { .. } | ReconcileGoal::RollBack { .. } | ReconcileGoal::Unpin { .. } => return Ok(()),
    };
    for target in *targets {
        let declared = desired.venues.iter().any(|venue| venue.venue == *target);
        if !declared && !planned.snapshot.knows_venue(target, &desired.deployment) {
            return Err(Error::usage(
                ErrorCode::UnknownVenue,
                format!("--target {target}: no venue of this name is declared or deployed"),
            )
            .hint("`deployer venue list` lists the declared venues"));
        }
    }
    Ok(())
}

/// Refuses a plan that breaks the invariants, before it is shown or executed.
pub(crate) fn check_violations(violations: Vec<String>) -> Result<()> {
    if violations.is_empty() {
        return Ok(());
    }
    let mut error = Error::failed(
        ErrorCode::Internal,
        "the plan breaks deployer's own rules, which is a bug in deployer; nothing was changed",
    );
    error.causes = violations;
    Err(error.hint("please report it, and include the output above"))
}

/// Why the account has no room for a plan that would otherwise be applied, if it hasn't. Takes those quotas out of the plan, so
/// that they are said once.
pub fn take_quota_refusal(plan: &mut Plan) -> Option<Error> {
    if has_problems(plan) {
        return None;
    }
    let (refusing, rest): (Vec<_>, Vec<_>) =
        std::mem::take(&mut plan.quotas).into_iter().partition(ExceededQuota::refuses_apply);
    plan.quotas = rest;
    if refusing.is_empty() {
        return None;
    }
    let mut error =
        Error::refused(ErrorCode::Quota, "the account has no room for what the plan creates; nothing was changed");
    for quota in refusing {
        error.causes.push(quota.text);
        error = error.hint(quota.hint);
    }
    Some(error)
}

/// Refuses deletions that are more likely an accident than a wish.
pub(crate) fn check_deletions(goal: &ReconcileGoal<'_>, planned: &PlannedChanges) -> Result<()> {
    match goal {
        ReconcileGoal::Converge { desired, max_delete, .. } => {
            check_deletion_of_all(&planned.plan, desired.venues.is_empty())?;
            check_many_deletions(planned, *max_delete)
        }
        // Whoever destroys means it, and nothing else deletes a venue.
        ReconcileGoal::Destroy { .. }
        | ReconcileGoal::Pause { .. }
        | ReconcileGoal::Adopt { .. }
        | ReconcileGoal::RollBack { .. }
        | ReconcileGoal::Unpin { .. } => Ok(()),
    }
}

/// A manifest without venues is more likely an accident than a wish to delete everything.
fn check_deletion_of_all(plan: &Plan, no_venues: bool) -> Result<()> {
    if !no_venues || plan.deleted_venues().is_empty() {
        return Ok(());
    }
    Err(Error::refused(
        ErrorCode::NoVenuesLeft,
        "the manifest declares no venues, and an apply never deletes all of them; nothing was changed",
    )
    .hint("`deployer destroy` deletes everything this deployment owns"))
}

/// A manifest that lost most of its venues is more likely a mistake than intended.
fn check_many_deletions(planned: &PlannedChanges, max_delete: Option<usize>) -> Result<()> {
    let deleted = planned.plan.deleted_venues();
    let existing = planned.snapshot.venues.values().filter(|live| live.any_exists()).count();
    let refused = match max_delete {
        Some(max) => deleted.len() > max,
        None => deleted.len() * 2 > existing || (!deleted.is_empty() && deleted.len() == existing),
    };
    if !refused {
        return Ok(());
    }
    Err(Error::refused(
        ErrorCode::TooManyDeletions,
        format!(
            "the plan deletes {} of {existing} deployed venues: {}; nothing was changed",
            deleted.len(),
            deleted.join(", ")
        ),
    )
    .hint(format!("if that is what you want, pass --max-delete {}, or use `deployer destroy`", deleted.len())))
}

/// Why a venue can't be adopted.
pub(crate) fn adoption_error(venue: &str, reason: NotAdopted) -> Error {
    match reason {
        NotAdopted::NotDeployed => Error::usage(
            ErrorCode::UnknownVenue,
            format!("{venue} isn't declared, or is blocked, so nothing can be adopted for it"),
        )
        .hint("`deployer venue list` lists the venues"),
        NotAdopted::Owned { resource, owner } => {
            Error::refused(ErrorCode::NotOurs, format!("{resource} is owned by {owner}; nothing was changed"))
                .hint("remove it from that owner first, or rename this deployment or venue")
        }
        NotAdopted::Unreadable(reason) => Error::new(
            ExitCode::Incomplete,
            ErrorCode::Incomplete,
            format!("nothing was adopted, because some resources of {venue} are unreadable: {reason}"),
        ),
    }
}

/// The error for a saved plan whose inputs have changed.
pub(crate) fn stale_plan_error(moved: Vec<String>) -> Error {
    let mut error = Error::new(ExitCode::Stale, ErrorCode::StalePlan, "the saved plan is stale; nothing was changed");
    error.causes = moved;
    error.hint("make a new plan with `deployer plan --out FILE`, and review it")
}
