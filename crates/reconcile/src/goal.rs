//! What a reconciliation is for, and what it makes of that.

use deployer_core::cost::CostEstimate;
use deployer_core::desired::Desired;
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use deployer_core::snapshot::Snapshot;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};

use crate::apply::ApplyOutcome;

/// What a plan says besides its changes. Vendors that are slow or unreachable may still be being asked: they are waited for while
/// AWS is read.
#[derive(Debug, Clone)]
pub struct PlanNotes<'g>(Shared<LocalBoxFuture<'g, Vec<String>>>);

impl<'g> PlanNotes<'g> {
    /// Nothing.
    pub fn none() -> Self {
        Self::of([])
    }

    /// These sentences, which nobody has to be asked for.
    pub fn of(notes: impl IntoIterator<Item = String>) -> Self {
        Self::find(std::future::ready(notes.into_iter().collect()))
    }

    /// What `search` finds, which is asked once, however often the goal is planned.
    pub fn find(search: impl Future<Output = Vec<String>> + 'g) -> Self {
        Self(search.boxed_local().shared())
    }

    pub(crate) async fn wait(&self) -> Vec<String> {
        self.0.clone().await
    }
}

/// What should become of a deployment.
#[derive(Debug, Clone)]
pub enum ReconcileGoal<'g> {
    /// AWS and HubSpot match the manifest.
    Converge {
        /// What the manifest and the artifact ask for.
        desired: &'g Desired,
        /// The venues that the plan is limited to; all when empty.
        targets: &'g [String],
        /// How much is read.
        depth: ReadDepth,
        /// How many deployed venues may be deleted; `None` means at most half of them, and never all.
        max_delete: Option<usize>,
        /// What the plan says besides its changes.
        notes: PlanNotes<'g>,
    },
    /// Every rule of the deployment is disabled, and nothing else changes.
    Pause {
        /// What the manifest asks for, with every venue paused.
        paused: &'g Desired,
    },
    /// Nothing of the deployment is left.
    Destroy {
        /// The deployment without any venue.
        nothing: &'g Desired,
        /// The venues that the plan is limited to; all when empty.
        targets: &'g [String],
        /// The region that it was moved to, so that protected venues are still somewhere.
        moved_to: Option<&'g str>,
        /// What the plan says besides its changes.
        notes: PlanNotes<'g>,
    },
    /// The deployment owns the resources that have a venue's names and no owner.
    Adopt {
        /// What the manifest and the artifact ask for.
        desired: &'g Desired,
        /// The venue.
        venue: &'g str,
    },
    /// A venue's alias points to an earlier version.
    RollBack {
        /// The deployment's name.
        deployment: &'g str,
        /// The venue.
        venue: &'g str,
        /// The version; `None` means the one before the current one.
        version: Option<u64>,
    },
    /// A rolled-back venue follows the manifest again.
    Unpin {
        /// The deployment's name.
        deployment: &'g str,
        /// The venue.
        venue: &'g str,
    },
}

/// How much of AWS is read for a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadDepth {
    /// Everything. An apply always reads everything.
    Full,
    /// Lists only, so that the number of calls doesn't grow with the number of venues.
    Lists,
}

/// A plan, with what it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedChanges {
    /// The plan.
    pub plan: Plan,
    /// What was observed.
    pub snapshot: Snapshot,
    /// What a month costs before and after, if known.
    pub cost: Option<CostEstimate>,
    /// What the next apply would do afterwards. Only an adoption has it, since that is what whoever confirms one has to
    /// see.
    pub next: Option<Plan>,
}

/// What came of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// What the process exits with.
    pub code: ExitCode,
    /// What became of each resource; `None` if nothing had to be done, or if the plan itself was refused.
    pub outcome: Option<ApplyOutcome>,
}
