//! What plan, apply and destroy share: from a session to a plan, and from a plan to its outcome.

use std::io::{BufRead, IsTerminal};

use tokio_util::sync::CancellationToken;

use super::blockers;
use super::hubspot::Access;
use super::locking;
use super::saved;
use super::session::Session;
use crate::cli::{Asking, Execution};
use crate::render::{Progress, cost_line, plan_text, result_text};
use deployer_aws::lock::Lock;
use deployer_aws::observe::observe;
use deployer_core::cost::{Assumptions, Estimate, estimate};
use deployer_core::desired::Desired;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::{Origin, Plan, SavedPlan, invariants, plan};
use deployer_core::snapshot::Snapshot;
use deployer_reconcile::apply::{self, Inputs, Options, Outcome};

/// A plan, with what it was made from.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) snapshot: Snapshot,
    /// What a month costs before and after; none where nothing of it changes.
    pub(super) cost: Option<Estimate>,
}

/// Observes all that is declared or owned.
pub(super) async fn make_snapshot(session: &Session, desired: &Desired) -> Snapshot {
    observe(&session.aws, &session.scope, &desired.deployment, &desired.deployed()).await
}

/// Observes and plans. Every plan is held against the invariants before anybody sees it.
pub(super) async fn make_plan(
    session: &Session,
    hubspot: &Access,
    desired: &Desired,
    targets: &[String],
) -> Result<Planned> {
    let (snapshot, portal) = tokio::join!(make_snapshot(session, desired), hubspot.observe(session));
    plan_from(desired, Snapshot { portal: portal?, ..snapshot }, targets)
}

/// Plans from what was observed.
pub(super) fn plan_from(desired: &Desired, snapshot: Snapshot, targets: &[String]) -> Result<Planned> {
    for target in targets {
        let declared = desired.venues.iter().any(|venue| venue.venue == *target);
        if !declared && !snapshot.knows(target, &desired.deployment) {
            return Err(Error::usage(format!("--target {target}: no such venue is declared or deployed"))
                .hint("`deployer venue list` lists the declared ones"));
        }
    }
    let plan = plan(desired, &snapshot, targets);
    refuse_violations(invariants::violations(&plan, desired, &snapshot))?;
    // Lists alone don't say what runs.
    let cost = snapshot.listed.is_empty().then(|| estimate(desired, &snapshot, targets, &Assumptions::default()));
    Ok(Planned { plan, snapshot, cost })
}

/// No plan that breaks the rules is shown or done.
pub(super) fn refuse_violations(violations: Vec<String>) -> Result<()> {
    if violations.is_empty() {
        return Ok(());
    }
    let mut error = Error::failed("the plan breaks its own rules, and nothing is done; this is a fault of deployer");
    error.causes = violations;
    Err(error.hint("please report it, with what stands above"))
}

/// What is worth knowing besides the changes.
pub(super) fn notes(session: &Session, hubspot: &Access) -> Vec<String> {
    let manifest = session.manifest();
    let mut notes: Vec<String> =
        manifest.venues.iter().filter_map(|venue| blockers::note(venue, blockers::today())).collect();
    notes.extend(hubspot.note(manifest));
    notes.extend(session.loaded.advice.iter().map(ToString::to_string));
    notes
}

/// Shows a plan and its cost on standard output.
pub(super) fn show(session: &Session, planned: &Planned) {
    match &session.json {
        Some(lines) => {
            lines.plan(&planned.plan);
            if let Some(cost) = &planned.cost {
                lines.cost(cost);
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

/// What a plan alone makes a command exit with.
pub(super) fn plan_code(plan: &Plan) -> ExitCode {
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

/// Refuses a plan that an apply may not begin with.
pub(super) fn refuse_conflicts(plan: &Plan) -> Result<()> {
    let Some(conflict) = plan.conflicts.first() else { return Ok(()) };
    if let Some(mismatch) = &conflict.mismatch {
        let what = format!("{} {} {mismatch}; nothing was changed", conflict.address.kind, conflict.name);
        return Err(Error::failed(what)
            .hint("archive it in HubSpot (Settings, Properties): the next apply makes it anew")
            .hint("`--target` leaves this venue out"));
    }
    Err(Error::failed(format!(
        "{} {} exists and isn't owned by deployment {}; nothing was changed",
        conflict.address.kind, conflict.name, plan.deployment
    ))
    .hint(format!(
        "`deployer adopt {}` takes it under management; `--target` leaves this venue out",
        conflict.address.venue
    )))
}

/// Refuses to remove a venue that was protected at the last apply.
pub(super) fn refuse_protected(plan: &Plan) -> Result<()> {
    if plan.protected.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "the plan removes what is protected: {}; nothing was changed",
        plan.protected.join(", ")
    ))
    .hint("declare the venue with `protect = false`, apply that, and remove it then"))
}

/// Asks before anything is changed.
pub(super) fn confirm(session: &Session, yes: bool, question: &str, answer: &str) -> Result<()> {
    confirmed(session.json.is_some(), yes, question, answer)
}

/// [`confirm`] where there is no manifest.
pub(super) fn confirmed(json: bool, yes: bool, question: &str, answer: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    if json || !std::io::stdin().is_terminal() {
        return Err(Error::usage("there is nobody to ask: standard input is no terminal, or --json was given")
            .hint("look at the plan (`deployer plan`, or --dry-run), then pass --yes"));
    }
    anstream::eprint!("\n{question}\nOnly `{answer}` is taken as a yes: ");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if read.is_ok() && line.trim() == answer {
        return Ok(());
    }
    Err(Error::new(ExitCode::Cancelled, "not confirmed; nothing was changed"))
}

/// What an apply or a destroy is, so that both go the same way.
pub(super) struct Task<'a> {
    pub(super) session: &'a Session,
    pub(super) asking: &'a Asking,
    pub(super) options: Options,
    /// The command that goes on with it: `deployer apply`.
    pub(super) command: &'a str,
    /// What is asked before anything changes, and what is taken as a yes.
    pub(super) question: (&'a str, &'a str),
}

/// How the plan of an apply or a destroy is carried out.
pub(super) fn options(session: &Session, execution: &Execution) -> Options {
    Options { parallelism: execution.parallelism, rate_limited: !session.local, ..Options::default() }
}

impl Task<'_> {
    /// Plans, shows, asks, takes the lock, plans again under it, and carries the plan out. Nothing is locked where there
    /// is nothing to do.
    pub(super) async fn run(
        &self,
        make: impl AsyncFn() -> Result<Planned>,
        refuse: impl Fn(&Planned) -> Result<()>,
        inputs: impl AsyncFn(&Plan) -> Result<Inputs>,
    ) -> Result<ExitCode> {
        let shown = make().await?;
        show(self.session, &shown);
        refuse(&shown)?;
        if shown.plan.changes.is_empty() {
            return Ok(plan_code(&shown.plan));
        }
        let mut given = inputs(&shown.plan).await?;
        confirm(self.session, self.asking.yes, self.question.0, self.question.1)?;
        let lock = locking::take(self.session, self.asking, self.command).await?;
        let result = async {
            let planned = make().await?;
            if planned.plan.changes != shown.plan.changes {
                self.tell("Something has changed since this plan was made. What is to be done now:");
                show(self.session, &planned);
                refuse(&planned)?;
                if planned.plan.changes.is_empty() {
                    return Ok(plan_code(&planned.plan));
                }
                given = inputs(&planned.plan).await?;
                confirm(self.session, self.asking.yes, self.question.0, self.question.1)?;
            }
            Ok(self.execute(&planned.plan, &given, &lock).await)
        }
        .await;
        locking::release(self.session, lock).await;
        result
    }

    /// Carries out a saved plan, without a question: it was looked at when it was made. Under the lock the same question
    /// is asked again, and has to have the same answer, made from the same things.
    pub(super) async fn run_saved(
        &self,
        saved: &SavedPlan,
        artifacts: &[String],
        make: impl AsyncFn() -> Result<Planned>,
        refuse: impl Fn(&Planned) -> Result<()>,
        inputs: impl AsyncFn(&Plan) -> Result<Inputs>,
    ) -> Result<ExitCode> {
        let check = async || {
            let planned = make().await?;
            let origin = Origin { snapshot: &planned.snapshot, manifest: self.session.loaded.text(), artifacts };
            let moved = saved.moved(&planned.plan, &origin);
            if moved.is_empty() { Ok(planned) } else { Err(saved::stale(moved)) }
        };
        // A plan that is stale is refused without a lock, and so without any write.
        let planned = check().await?;
        show(self.session, &planned);
        refuse(&planned)?;
        if planned.plan.changes.is_empty() {
            return Ok(plan_code(&planned.plan));
        }
        let given = inputs(&planned.plan).await?;
        let lock = locking::take(self.session, self.asking, self.command).await?;
        let result = async {
            let planned = check().await?;
            Ok(self.execute(&planned.plan, &given, &lock).await)
        }
        .await;
        locking::release(self.session, lock).await;
        result
    }

    fn tell(&self, text: &str) {
        if self.session.json.is_none() {
            anstream::eprintln!("{text}");
        }
    }

    /// Carries out a plan, shows how it goes, and gives the exit code.
    pub(super) async fn execute(&self, plan: &Plan, inputs: &Inputs, lock: &Lock) -> ExitCode {
        let session = self.session;
        let progress = Progress::new(plan.changes.len());
        let on_event = |event: apply::Event| match &session.json {
            Some(lines) => lines.event(&event),
            None => progress.event(&event),
        };
        // Without the lock somebody else may be at work: what is under way is ended, and nothing new is begun.
        let cancel = lock.lost().child_token();
        let watcher = tokio::spawn(watch_for_signals(cancel.clone()));
        let outcome = apply::apply(&session.aws, plan, inputs, &self.options, &cancel, &on_event).await;
        watcher.abort();
        progress.end();
        if lock.lost().is_cancelled() {
            self.tell("The lock was lost: it couldn't be renewed, or `deployer unlock` took it away.");
        }
        let code = outcome_code(plan, &outcome);
        match &session.json {
            Some(lines) => lines.result(&outcome, code),
            None => anstream::print!("\n{}", result_text(&outcome, self.command)),
        }
        code
    }
}

fn outcome_code(plan: &Plan, outcome: &Outcome) -> ExitCode {
    if outcome.cancelled {
        ExitCode::Cancelled
    } else if !outcome.failed.is_empty() {
        if outcome.done.is_empty() { ExitCode::Failed } else { ExitCode::Partial }
    } else {
        plan_code(plan)
    }
}

/// The first Ctrl-C (or SIGTERM) lets the calls in flight end and begins nothing new; the second ends the process.
pub(super) async fn watch_for_signals(cancel: CancellationToken) {
    if signal().await.is_err() {
        return;
    }
    anstream::eprintln!("\nEnding what is under way; press Ctrl-C again to stop at once.");
    cancel.cancel();
    if signal().await.is_ok() {
        anstream::eprintln!("Stopped. Run the same command again: it goes on where this one stopped.");
        std::process::exit(i32::from(ExitCode::Cancelled as u8));
    }
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
