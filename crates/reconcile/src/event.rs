//! What a reconciliation tells its caller, and what it asks.

use std::future::Future;

use deployer_aws::lock::FoundLock;
use deployer_core::call_error::CallError;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use tokio_util::sync::CancellationToken;

use crate::apply::{ApplyEvent, ApplyInputs, ApplyOutcome};
use crate::goal::PlannedChanges;

/// Something that happened, in this order.
#[derive(Debug)]
pub enum ReconcileEvent<'e> {
    /// The plan was made.
    Planned(&'e PlannedChanges),
    /// Somebody else holds the lock, and it is waited for. Once per holder.
    WaitingForLock(&'e FoundLock),
    /// Something changed between the question and the lock: this is the plan now.
    PlanChanged(&'e PlannedChanges),
    /// Execution starts.
    ApplyStarted {
        /// What is executed.
        plan: &'e Plan,
        /// Cancel it to finish the calls in flight and start nothing new.
        cancel: &'e CancellationToken,
    },
    /// Something happened to a resource.
    Apply(&'e ApplyEvent),
    /// Execution ended.
    ApplyEnded {
        /// What became of each resource.
        outcome: &'e ApplyOutcome,
        /// What the process exits with.
        code: ExitCode,
        /// Whether the lock was lost on the way, which cancels the execution.
        lock_lost: bool,
    },
    /// The lock could not be released. It expires by itself.
    LockNotReleased(&'e CallError),
}

/// Whoever wants something reconciled: a terminal, a program, `deployer dev`, a test.
pub trait ReconcileFrontend: Sync {
    /// Shows an event.
    fn show_event(&self, event: ReconcileEvent<'_>);

    /// Asks whether to make these changes. Called once per plan that was shown and has changes, before anything is
    /// written.
    ///
    /// # Errors
    /// The answer is no, or nobody can be asked.
    fn confirm_changes(&self, planned: &PlannedChanges) -> impl Future<Output = Result<()>>;

    /// The bytes and the secret values that `plan` needs.
    ///
    /// # Errors
    /// One of them isn't available; nothing has been changed.
    fn resolve_inputs(&self, plan: &Plan) -> impl Future<Output = Result<ApplyInputs>>;
}
