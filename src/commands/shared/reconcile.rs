//! How the terminal takes part in a reconciliation: it shows what happens, asks, and passes Ctrl-C on.

use parking_lot::Mutex;
use std::io::{BufRead, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};

use deployer_aws::lock::LockOptions;
use deployer_core::call_rates::find_slowest_of_plan;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::{Action, Change, Plan};
use deployer_core::resource::ResourceKind;
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};
use deployer_reconcile::destinations::destination_notes;
use deployer_reconcile::portal::PortalAccess;
use deployer_reconcile::{PlannedChanges, ReconcileEvent, ReconcileFrontend, Reconciler};
use pacing::CallUnderWay;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::blockers;
use super::session::{Session, manifest_directory, state_directory};
use crate::cli::{ConfirmArgs, ExecutionArgs};
use crate::manifests::ManifestRun;
use crate::render::{ApplyProgress, cost_line, pace_text, plan_text, result_text};
use crate::terminal::{QuietTerminal, complete_command, print_progress};

/// What a plan notes besides the changes.
pub(in crate::commands) async fn plan_notes(session: &Session, portal: &PortalAccess) -> Vec<String> {
    let manifest = session.manifest();
    let directory = manifest_directory(&manifest.path);
    let of_destinations = destination_notes(&session.loaded, &directory, session.works_without_network());
    let mut notes: Vec<String> =
        manifest.venues.iter().filter_map(|venue| blockers::blocker_note(venue, blockers::today_in_utc())).collect();
    notes.extend(portal.hubspot_note(manifest));
    notes.extend(of_destinations.await);
    notes.extend(session.loaded.advice.iter().map(ToString::to_string));
    notes
}

/// Shows a plan and its cost on stdout.
pub(in crate::commands) fn show_plan(session: &Session, planned: &PlannedChanges) {
    match &session.json {
        Some(lines) => {
            lines.print_plan(&planned.plan);
            if let Some(cost) = &planned.cost {
                lines.print_cost(cost);
            }
        }
        None => {
            out!("{}", plan_text(&planned.plan, session.detail));
            if let Some(cost) = &planned.cost {
                outln!("{}", cost_line(cost));
            }
        }
    }
    let Some(next) = planned.next.as_ref().filter(|_| !planned.plan.changes.is_empty()) else { return };
    match &session.json {
        Some(lines) => lines.print_line("next", json!({ "changes": next.changes })),
        None => out!("\nThe next apply would then make these changes:\n\n{}", plan_text(next, session.detail)),
    }
}

/// Asks for confirmation before anything is changed. `review` says how to see what would be confirmed.
pub(in crate::commands) fn confirm_on_terminal(
    json: bool,
    yes: bool,
    question: &str,
    answer: &str,
    review: &str,
) -> Result<()> {
    if yes {
        return Ok(());
    }
    if json || !std::io::stdin().is_terminal() {
        return Err(Error::usage(
            ErrorCode::NoTerminal,
            "confirmation needed, but stdin is not a terminal or --json was given",
        )
        .hint(format!("{review}, then pass --yes")));
    }
    let _quiet = QuietTerminal::hold();
    err!("\n{question}\nType `{answer}` to confirm: ");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if read.is_ok() && line.trim() == answer {
        return Ok(());
    }
    Err(Error::new(ExitCode::Cancelled, ErrorCode::Canceled, "not confirmed; nothing was changed"))
}

/// The reconciler of a session.
pub(in crate::commands) fn reconciler<'a>(
    session: &'a Session,
    portal: &'a PortalAccess,
    options: ApplyOptions,
) -> Reconciler<'a> {
    let options = ApplyOptions { rate_limited: !session.local, ..options };
    Reconciler { aws: &session.aws, scope: &session.scope, portal, manifest: Some(&session.loaded), options }
}

/// The options for applying the plan of an apply or a destroy.
pub(in crate::commands) fn apply_options(execution: &ExecutionArgs) -> ApplyOptions {
    ApplyOptions { parallelism: execution.parallelism, ..ApplyOptions::default() }
}

/// The terminal, or the lines of `--json`, of one command.
pub(in crate::commands) struct TerminalFrontend<'a, Inputs> {
    pub(in crate::commands) session: &'a Session,
    pub(in crate::commands) asking: &'a ConfirmArgs,
    /// The command that continues after an interruption: `deployer apply`.
    pub(in crate::commands) command: &'a str,
    /// The question asked before anything changes, and the answer that confirms it.
    pub(in crate::commands) question: (&'a str, &'a str),
    /// The bytes and the secret values that a plan needs.
    pub(in crate::commands) inputs: Inputs,
    under_way: Mutex<Option<UnderWay>>,
    /// The lock, while it is waited for.
    waiting: Mutex<Option<CallUnderWay>>,
}

/// The first venue that a plan deploys, if it is a deployment's first plan.
fn first_venue(plan: &Plan) -> Option<String> {
    let creates = |change: &Change| matches!(change.action, Action::Create | Action::Restore);
    let is_first = plan.unchanged == 0 && plan.changes.iter().all(creates);
    let function = plan.changes.iter().find(|change| change.address.kind == ResourceKind::Function);
    function.filter(|_| is_first).map(|change| change.address.venue.clone())
}

/// What a user does after the first apply.
fn print_next_steps(venue: &str) {
    let steps = [
        ("deployer doctor".to_owned(), "check every credential and connection"),
        (format!("deployer verify {venue} --now"), "send a test contact through it"),
        ("deployer status".to_owned(), "see how the venues are doing"),
    ];
    let steps = steps.map(|(command, purpose)| (complete_command(&command), purpose));
    let width = steps.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    outln!("\nNext:");
    steps.iter().for_each(|(command, purpose)| outln!("  {command:width$}  # {purpose}"));
}

/// What is shown while a plan is executed.
struct UnderWay {
    progress: ApplyProgress,
    /// The first venue, if nothing was deployed before.
    first_venue: Option<String>,
    signals: JoinHandle<()>,
}

impl<'a, Inputs> TerminalFrontend<'a, Inputs> {
    pub(in crate::commands) fn new(
        session: &'a Session,
        asking: &'a ConfirmArgs,
        command: &'a str,
        question: (&'a str, &'a str),
        inputs: Inputs,
    ) -> Self {
        Self { session, asking, command, question, inputs, under_way: Mutex::new(None), waiting: Mutex::new(None) }
    }

    /// How the command asks for the deployment's lock.
    pub(in crate::commands) fn lock_options(&self) -> LockOptions {
        LockOptions::new(self.asking.lock_timeout, &state_directory(&self.session.manifest().path), self.command)
    }

    fn print_notice(&self, text: &str) {
        if self.session.json.is_none() {
            errln!("{text}");
        }
    }

    fn take_under_way(&self) -> Option<UnderWay> {
        self.under_way.lock().take()
    }
}

impl<Inputs> ReconcileFrontend for TerminalFrontend<'_, Inputs>
where
    Inputs: AsyncFn(&Plan) -> Result<ApplyInputs> + Sync,
{
    fn show_event(&self, event: ReconcileEvent<'_>) {
        let json = self.session.json.as_ref();
        // Whatever happens next, the lock is no longer what is waited for.
        self.waiting.lock().take();
        match event {
            ReconcileEvent::Planned(planned) => show_plan(self.session, planned),
            ReconcileEvent::PlanChanged(planned) => {
                self.print_notice("Something has changed since this plan was made. The new plan:");
                show_plan(self.session, planned);
            }
            ReconcileEvent::WaitingForLock(held) => match json {
                Some(lines) => lines.print_line("waiting", json!({ "held_by": held.describe_holder() })),
                None => {
                    print_progress(&format!("Waiting for the lock: {}", held.describe_holder()));
                    *self.waiting.lock() = Some(CallUnderWay::begin("the lock"));
                }
            },
            ReconcileEvent::ApplyStarted { plan, cancel } => {
                if let Some(run) = ManifestRun::current() {
                    run.note_applying();
                }
                // A cloud on this machine has no quotas.
                let slowest = if self.session.local { None } else { find_slowest_of_plan(plan) };
                match (&slowest, json) {
                    (Some(slowest), Some(lines)) => lines.print_pace(slowest),
                    (Some(slowest), None) => pace_text(slowest).iter().for_each(|text| print_progress(text)),
                    (None, _) => {}
                }
                let progress = ApplyProgress::new(plan.changes.len());
                let signals = tokio::spawn(cancel_on_signal(cancel.clone()));
                *self.under_way.lock() = Some(UnderWay { progress, first_venue: first_venue(plan), signals });
            }
            ReconcileEvent::Apply(event) => match json {
                Some(lines) => lines.print_event(event),
                None => {
                    let under_way = self.under_way.lock();
                    under_way.iter().for_each(|under_way| under_way.progress.show_event(event));
                }
            },
            ReconcileEvent::ApplyEnded { outcome, code, lock_lost } => {
                let mut first_venue = None;
                if let Some(under_way) = self.take_under_way() {
                    under_way.signals.abort();
                    under_way.progress.clear_bar();
                    first_venue = under_way.first_venue.filter(|_| code == ExitCode::Done);
                }
                if lock_lost {
                    self.print_notice("The lock was lost: it could not be renewed, or `deployer unlock` removed it.");
                }
                match json {
                    Some(lines) => lines.print_result(outcome, code),
                    None => {
                        out!("\n{}", result_text(outcome, self.command));
                        first_venue.iter().for_each(|venue| print_next_steps(venue));
                    }
                }
            }
            ReconcileEvent::LockNotReleased(error) => {
                self.print_notice(&format!(
                    "Could not release the lock ({error}); it expires by itself within minutes."
                ));
            }
        }
    }

    async fn confirm_changes(&self, planned: &PlannedChanges) -> Result<()> {
        let (question, answer) = self.question;
        if let Some(run) = ManifestRun::current().filter(|_| !self.asking.yes) {
            return run.confirm(&planned.plan, question, answer).await;
        }
        let review = match self.command {
            "deployer apply" => "review the plan with `deployer plan`",
            "deployer destroy" => "review the plan with `deployer destroy --dry-run`",
            _ => "review the plan above",
        };
        confirm_on_terminal(self.session.json.is_some(), self.asking.yes, question, answer, review)
    }

    async fn resolve_inputs(&self, plan: &Plan) -> Result<ApplyInputs> {
        (self.inputs)(plan).await
    }
}

/// The first Ctrl-C (or SIGTERM, or the SIGHUP of a terminal that is closed) lets the calls in flight finish and starts nothing new; the second ends the process.
pub(in crate::commands) async fn cancel_on_signal(cancel: CancellationToken) {
    if wait_for_signal().await.is_err() {
        return;
    }
    cancel.cancel();
    // Several applies may be stopped by one signal.
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        errln!("\nFinishing the calls in flight; press Ctrl-C again to stop immediately.");
    }
    if wait_for_signal().await.is_ok() {
        errln!("Stopped. Run the same command again to continue.");
        std::mem::forget(QuietTerminal::hold());
        std::process::exit(i32::from(ExitCode::Cancelled as u8));
    }
}

/// Waits until somebody asks this process to end.
#[cfg(unix)]
pub(crate) async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

/// Waits until somebody asks this process to end.
#[cfg(not(unix))]
pub(crate) async fn wait_for_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
