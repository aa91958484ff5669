//! What plan, apply and destroy share: from a session to a plan, and from a plan to its outcome.

use std::io::{BufRead, IsTerminal};

use tokio_util::sync::CancellationToken;

use super::session::Session;
use crate::apply::{self, Inputs, Options, Outcome};
use crate::cli::Execution;
use crate::desired::Desired;
use crate::error::{Error, Result};
use crate::exit_code::ExitCode;
use crate::manifest::{Manifest, Status};
use crate::observe::{Snapshot, observe};
use crate::plan::{Plan, invariants, plan};
use crate::render::{Progress, plan_text, result_text};

/// A plan, with what it was made from.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) snapshot: Snapshot,
}

/// Observes and plans. Every plan is held against the invariants before anybody sees it.
pub(super) async fn make_plan(session: &Session, desired: &Desired, targets: &[String]) -> Result<Planned> {
    let declared: Vec<String> = desired.venues.iter().map(|venue| venue.venue.clone()).collect();
    let snapshot = observe(&session.aws, &session.scope, &desired.deployment, &declared).await;
    plan_from(desired, snapshot, targets)
}

/// Plans from what was observed.
pub(super) fn plan_from(desired: &Desired, snapshot: Snapshot, targets: &[String]) -> Result<Planned> {
    for target in targets {
        let declared = desired.venues.iter().any(|venue| venue.venue == *target);
        if !declared && !snapshot.venues.contains_key(target) {
            return Err(Error::usage(format!("--target {target}: no such venue is declared or deployed"))
                .hint("`deployer venue list` lists the declared ones"));
        }
    }
    let plan = plan(desired, &snapshot, targets);
    let violations = invariants::violations(&plan, desired, &snapshot);
    if !violations.is_empty() {
        let mut error =
            Error::failed("the plan breaks its own rules, and nothing is done; this is a fault of deployer");
        error.causes = violations;
        return Err(error.hint("please report it, with what stands above"));
    }
    Ok(Planned { plan, snapshot })
}

/// What is worth knowing besides the changes.
pub(super) fn notes(session: &Session) -> Vec<String> {
    let manifest = session.manifest();
    let mut notes: Vec<String> = manifest.venues.iter().filter_map(blocker_note).collect();
    notes.extend(properties_note(manifest));
    notes.extend(session.loaded.advice.iter().map(ToString::to_string));
    notes
}

fn blocker_note(venue: &crate::manifest::Venue) -> Option<String> {
    let blocker = venue.blocker.as_ref().filter(|_| venue.status == Status::Blocked)?;
    let owner = blocker.owner.as_deref().unwrap_or("nobody");
    let next = blocker.next_step.as_deref().unwrap_or("none is named");
    Some(format!(
        "{} is blocked, nothing is deployed: {} (next step: {next}; owner: {owner})",
        venue.name, blocker.reason
    ))
}

/// The properties that the venues' functions go by, which HubSpot has to have.
fn properties_note(manifest: &Manifest) -> Option<String> {
    let deployed = manifest.venues.iter().filter(|venue| venue.status != Status::Blocked);
    let flags: Vec<&str> = deployed.map(|venue| venue.flag_property.as_str()).collect();
    (!flags.is_empty()).then(|| {
        format!(
            "the contact properties are made by hand in HubSpot (README, \"HubSpot\"): {} and the four ledger \
             properties of each",
            flags.join(", ")
        )
    })
}

/// Shows a plan on standard output.
pub(super) fn show(session: &Session, plan: &Plan) {
    match &session.json {
        Some(lines) => lines.plan(plan),
        None => anstream::print!("{}", plan_text(plan)),
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
pub(super) fn confirm(session: &Session, execution: &Execution, question: &str, answer: &str) -> Result<()> {
    if execution.yes {
        return Ok(());
    }
    if session.json.is_some() || !std::io::stdin().is_terminal() {
        return Err(Error::usage("there is nobody to ask: standard input is no terminal, or --json was given")
            .hint("look at `deployer plan`, then pass --yes"));
    }
    anstream::eprint!("\n{question}\nOnly `{answer}` is taken as a yes: ");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if read.is_ok() && line.trim() == answer {
        return Ok(());
    }
    Err(Error::new(ExitCode::Cancelled, "not confirmed; nothing was changed"))
}

/// Carries out a plan, shows how it goes, and gives the exit code.
pub(super) async fn execute(
    session: &Session,
    plan: &Plan,
    inputs: &Inputs,
    execution: &Execution,
    command: &str,
) -> ExitCode {
    let progress = Progress::new(plan.changes.len());
    let on_event = |event: apply::Event| match &session.json {
        Some(lines) => lines.event(&event),
        None => progress.event(&event),
    };
    let cancel = CancellationToken::new();
    let watcher = tokio::spawn(watch_for_ctrl_c(cancel.clone()));
    let options = Options { parallelism: execution.parallelism, rate_limited: !session.local, ..Options::default() };
    let outcome = apply::apply(&session.aws, plan, inputs, &options, &cancel, &on_event).await;
    watcher.abort();
    progress.end();
    let code = outcome_code(plan, &outcome);
    match &session.json {
        Some(lines) => lines.result(&outcome, code),
        None => anstream::print!("\n{}", result_text(&outcome, command)),
    }
    code
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

/// The first Ctrl-C lets the calls in flight end and begins nothing new; the second ends the process.
async fn watch_for_ctrl_c(cancel: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    anstream::eprintln!("\nEnding what is under way; press Ctrl-C again to stop at once.");
    cancel.cancel();
    if tokio::signal::ctrl_c().await.is_ok() {
        anstream::eprintln!("Stopped. Run the same command again: it goes on where this one stopped.");
        std::process::exit(i32::from(ExitCode::Cancelled as u8));
    }
}
