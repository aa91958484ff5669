//! What plan, apply and destroy share: making a plan, and carrying it out.

use std::io::{BufRead, IsTerminal};

use tokio_util::sync::CancellationToken;

use super::blockers;
use super::hubspot::HubSpotAccess;
use super::locking;
use super::saved;
use super::session::Session;
use crate::cli::{ConfirmArgs, ExecutionArgs};
use crate::render::{ApplyProgress, cost_line, plan_text, result_text};
use deployer_aws::lock::HeldLock;
use deployer_aws::observe::observe;
use deployer_core::cost::{CostAssumptions, CostEstimate, estimate};
use deployer_core::desired::Desired;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::{Plan, PlanOrigin, SavedPlan, invariants, plan};
use deployer_core::snapshot::Snapshot;
use deployer_reconcile::apply::{self, ApplyInputs, ApplyOptions, ApplyOutcome};

/// A plan and its inputs.
pub(super) struct PlannedChanges {
    pub(super) plan: Plan,
    pub(super) snapshot: Snapshot,
    /// What a month costs before and after, if known.
    pub(super) cost: Option<CostEstimate>,
}

/// Observes everything that is declared or owned.
pub(super) async fn make_snapshot(session: &Session, desired: &Desired) -> Snapshot {
    observe(&session.aws, &session.scope, &desired.deployment, &desired.deployed_venues()).await
}

/// Observes and plans. Every plan is checked against the invariants before anybody sees it.
pub(super) async fn make_plan(
    session: &Session,
    hubspot: &HubSpotAccess,
    desired: &Desired,
    targets: &[String],
) -> Result<PlannedChanges> {
    let (snapshot, portal) = tokio::join!(make_snapshot(session, desired), hubspot.observe_portal(session));
    plan_from(desired, Snapshot { portal: portal?, ..snapshot }, targets)
}

/// Plans from a snapshot.
pub(super) fn plan_from(desired: &Desired, snapshot: Snapshot, targets: &[String]) -> Result<PlannedChanges> {
    for target in targets {
        let declared = desired.venues.iter().any(|venue| venue.venue == *target);
        if !declared && !snapshot.knows_venue(target, &desired.deployment) {
            return Err(Error::usage(format!("--target {target}: no venue of this name is declared or deployed"))
                .hint("`deployer venue list` lists the declared venues"));
        }
    }
    let plan = plan(desired, &snapshot, targets);
    refuse_violations(invariants::find_violations(&plan, desired, &snapshot))?;
    // Lists alone don't tell what runs, so there is nothing to estimate.
    let cost = snapshot.listed.is_empty().then(|| estimate(desired, &snapshot, targets, &CostAssumptions::default()));
    Ok(PlannedChanges { plan, snapshot, cost })
}

/// Refuses a plan that breaks the invariants, before it is shown or carried out.
pub(super) fn refuse_violations(violations: Vec<String>) -> Result<()> {
    if violations.is_empty() {
        return Ok(());
    }
    let mut error =
        Error::failed("the plan breaks deployer's own rules, which is a bug in deployer; nothing was changed");
    error.causes = violations;
    Err(error.hint("please report it, and include the output above"))
}

/// What a plan notes besides the changes.
pub(super) fn plan_notes(session: &Session, hubspot: &HubSpotAccess) -> Vec<String> {
    let manifest = session.manifest();
    let mut notes: Vec<String> =
        manifest.venues.iter().filter_map(|venue| blockers::blocker_note(venue, blockers::today_in_utc())).collect();
    notes.extend(hubspot.hubspot_note(manifest));
    notes.extend(session.loaded.advice.iter().map(ToString::to_string));
    notes
}

/// Shows a plan and its cost on stdout.
pub(super) fn show_plan(session: &Session, planned: &PlannedChanges) {
    match &session.json {
        Some(lines) => {
            lines.print_plan(&planned.plan);
            if let Some(cost) = &planned.cost {
                lines.print_cost(cost);
            }
        }
        None => {
            anstream::print!("{}", plan_text(&planned.plan));
            if let Some(cost) = &planned.cost {
                anstream::println!("{}", cost_line(cost));
            }
        }
    }
}

/// The exit code for a plan by itself.
pub(super) fn plan_exit_code(plan: &Plan) -> ExitCode {
    if !plan.conflicts.is_empty() {
        ExitCode::Failed
    } else if !plan.protected.is_empty() {
        ExitCode::Refused
    } else if !plan.unreadable.is_empty() {
        ExitCode::Incomplete
    } else {
        ExitCode::Done
    }
}

/// Refuses a plan with conflicts.
pub(super) fn refuse_conflicts(plan: &Plan) -> Result<()> {
    let Some(conflict) = plan.conflicts.first() else { return Ok(()) };
    if let Some(mismatch) = &conflict.mismatch {
        let what = format!("{} {} {mismatch}; nothing was changed", conflict.address.kind, conflict.name);
        return Err(Error::failed(what)
            .hint("archive it in HubSpot (Settings, Properties): the next apply creates it again")
            .hint("`--target` can leave this venue out"));
    }
    Err(Error::failed(format!(
        "{} {} exists but isn't owned by deployment {}; nothing was changed",
        conflict.address.kind, conflict.name, plan.deployment
    ))
    .hint(format!("`deployer adopt {}` takes it over; `--target` can leave this venue out", conflict.address.venue)))
}

/// Refuses to remove a venue that was protected as of the last apply.
pub(super) fn refuse_protected(plan: &Plan) -> Result<()> {
    if plan.protected.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "the plan removes protected venues: {}; nothing was changed",
        plan.protected.join(", ")
    ))
    .hint("declare the venue with `protect = false`, apply that, and then remove it"))
}

/// Asks for confirmation before anything is changed.
pub(super) fn confirm_changes(session: &Session, yes: bool, question: &str, answer: &str) -> Result<()> {
    confirm_on_terminal(session.json.is_some(), yes, question, answer)
}

/// Like [`confirm`], without a session.
pub(super) fn confirm_on_terminal(json: bool, yes: bool, question: &str, answer: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    if json || !std::io::stdin().is_terminal() {
        return Err(Error::usage("confirmation needed, but stdin is not a terminal or --json was given")
            .hint("review the plan (`deployer plan` or --dry-run), then pass --yes"));
    }
    anstream::eprint!("\n{question}\nType `{answer}` to confirm: ");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if read.is_ok() && line.trim() == answer {
        return Ok(());
    }
    Err(Error::new(ExitCode::Cancelled, "not confirmed; nothing was changed"))
}

/// A command that plans and applies, so that all such commands take the same path.
pub(super) struct ReconcileTask<'a> {
    pub(super) session: &'a Session,
    pub(super) asking: &'a ConfirmArgs,
    pub(super) options: ApplyOptions,
    /// The command that continues after an interruption: `deployer apply`.
    pub(super) command: &'a str,
    /// The question asked before anything changes, and the answer that confirms it.
    pub(super) question: (&'a str, &'a str),
}

/// The options for applying the plan of an apply or a destroy.
pub(super) fn apply_options(session: &Session, execution: &ExecutionArgs) -> ApplyOptions {
    ApplyOptions { parallelism: execution.parallelism, rate_limited: !session.local, ..ApplyOptions::default() }
}

impl ReconcileTask<'_> {
    /// Plans, shows, asks, takes the lock, plans again under it, and applies the plan. Takes no lock if there is
    /// nothing to do.
    pub(super) async fn plan_and_apply(
        &self,
        make: impl AsyncFn() -> Result<PlannedChanges>,
        refuse: impl Fn(&PlannedChanges) -> Result<()>,
        inputs: impl AsyncFn(&Plan) -> Result<ApplyInputs>,
    ) -> Result<ExitCode> {
        let shown = make().await?;
        show_plan(self.session, &shown);
        refuse(&shown)?;
        if shown.plan.changes.is_empty() {
            return Ok(plan_exit_code(&shown.plan));
        }
        let mut given = inputs(&shown.plan).await?;
        confirm_changes(self.session, self.asking.yes, self.question.0, self.question.1)?;
        let lock = locking::take_lock(self.session, self.asking, self.command).await?;
        let result = async {
            let planned = make().await?;
            if planned.plan.changes != shown.plan.changes {
                self.print_notice("Something has changed since this plan was made. The new plan:");
                show_plan(self.session, &planned);
                refuse(&planned)?;
                if planned.plan.changes.is_empty() {
                    return Ok(plan_exit_code(&planned.plan));
                }
                given = inputs(&planned.plan).await?;
                confirm_changes(self.session, self.asking.yes, self.question.0, self.question.1)?;
            }
            Ok(self.apply_plan(&planned.plan, &given, &lock).await)
        }
        .await;
        locking::release_lock(self.session, lock).await;
        result
    }

    /// Applies a saved plan without asking: it was reviewed when it was made. It is planned again under the lock, and
    /// inputs and plan must be the same as when it was saved.
    pub(super) async fn apply_saved_plan(
        &self,
        saved: &SavedPlan,
        artifacts: &[String],
        make: impl AsyncFn() -> Result<PlannedChanges>,
        refuse: impl Fn(&PlannedChanges) -> Result<()>,
        inputs: impl AsyncFn(&Plan) -> Result<ApplyInputs>,
    ) -> Result<ExitCode> {
        let check = async || {
            let planned = make().await?;
            let origin =
                PlanOrigin { snapshot: &planned.snapshot, manifest: self.session.loaded.redacted_text(), artifacts };
            let moved = saved.changes_since(&planned.plan, &origin);
            if moved.is_empty() { Ok(planned) } else { Err(saved::stale_plan_error(moved)) }
        };
        // A stale plan is refused before the lock is taken, so nothing is written.
        let planned = check().await?;
        show_plan(self.session, &planned);
        refuse(&planned)?;
        if planned.plan.changes.is_empty() {
            return Ok(plan_exit_code(&planned.plan));
        }
        let given = inputs(&planned.plan).await?;
        let lock = locking::take_lock(self.session, self.asking, self.command).await?;
        let result = async {
            let planned = check().await?;
            Ok(self.apply_plan(&planned.plan, &given, &lock).await)
        }
        .await;
        locking::release_lock(self.session, lock).await;
        result
    }

    fn print_notice(&self, text: &str) {
        if self.session.json.is_none() {
            anstream::eprintln!("{text}");
        }
    }

    /// Applies a plan, shows its progress, and returns the exit code.
    pub(super) async fn apply_plan(&self, plan: &Plan, inputs: &ApplyInputs, lock: &HeldLock) -> ExitCode {
        let session = self.session;
        let progress = ApplyProgress::new(plan.changes.len());
        let on_event = |event: apply::ApplyEvent| match &session.json {
            Some(lines) => lines.print_event(&event),
            None => progress.show_event(&event),
        };
        // Without the lock, somebody else may be applying: finish the calls in flight and start nothing new.
        let cancel = lock.lost_token().child_token();
        let watcher = tokio::spawn(cancel_on_signal(cancel.clone()));
        let outcome = apply::apply(&session.aws, plan, inputs, &self.options, &cancel, &on_event).await;
        watcher.abort();
        progress.clear_bar();
        if lock.lost_token().is_cancelled() {
            self.print_notice("The lock was lost: it could not be renewed, or `deployer unlock` removed it.");
        }
        let code = outcome_exit_code(plan, &outcome);
        match &session.json {
            Some(lines) => lines.print_result(&outcome, code),
            None => anstream::print!("\n{}", result_text(&outcome, self.command)),
        }
        code
    }
}

fn outcome_exit_code(plan: &Plan, outcome: &ApplyOutcome) -> ExitCode {
    if outcome.cancelled {
        ExitCode::Cancelled
    } else if !outcome.failed.is_empty() {
        if outcome.done.is_empty() { ExitCode::Failed } else { ExitCode::Partial }
    } else {
        plan_exit_code(plan)
    }
}

/// The first Ctrl-C (or SIGTERM) lets the calls in flight finish and starts nothing new; the second ends the process.
pub(super) async fn cancel_on_signal(cancel: CancellationToken) {
    if wait_for_signal().await.is_err() {
        return;
    }
    anstream::eprintln!("\nFinishing the calls in flight; press Ctrl-C again to stop immediately.");
    cancel.cancel();
    if wait_for_signal().await.is_ok() {
        anstream::eprintln!("Stopped. Run the same command again to continue.");
        std::process::exit(i32::from(ExitCode::Cancelled as u8));
    }
}

#[cfg(unix)]
async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
