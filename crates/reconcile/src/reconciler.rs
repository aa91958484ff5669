//! The steps from a goal to its outcome, in one place.

use std::collections::{BTreeMap, BTreeSet};

use deployer_aws::Aws;
use deployer_aws::lock::{DeploymentLocks, HeldLock, LockOptions, WriteFence};
use deployer_aws::observe::{DeclaredShared, examine_rival, observe, observe_lists, read_versions};
use deployer_core::cost::{CostAssumptions, estimate};
use deployer_core::desired::Desired;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::LoadedManifest;
use deployer_core::naming::{DEFAULT_ROLE_PATH, RolePlace, VenueNames};
use deployer_core::plan::{
    Action, Change, Plan, PlanOrigin, SavedPlan, invariants, needs_execution_limits, plan, plan_adoption,
    plan_rollback, plan_unpin,
};
use deployer_core::resource::{FunctionConfiguration, LiveStack, ResourceKind};
use deployer_core::rival::find_shared;
use deployer_core::scope::Scope;
use deployer_core::snapshot::Snapshot;
use tokio_util::sync::CancellationToken;

use crate::apply::{self, ApplyEvent, ApplyInputs, ApplyOptions, ApplyOutcome};
use crate::event::{ReconcileEvent, ReconcileFrontend};
use crate::goal::{PlannedChanges, ReadDepth, ReconcileGoal, Reconciled};
use crate::guards;
use crate::portal::PortalAccess;
use crate::preflight::QuotaReader;

const LISTS_ONLY: &str = "only lists were read (--refresh fast). Assumed to match the manifest: targets, permissions \
and all other statements of policies, function URLs, aliases with their version, weights and asynchronous settings, reserved \
concurrency, subscription filters, descriptions and sessions of roles, and the tags of functions, rules and log groups. Not \
searched for: unmarked resources of venues that are no longer declared. `--refresh full` reads everything, as an apply always \
does";

/// Takes goals to their outcomes, in one account and region.
pub struct Reconciler<'a> {
    /// The account's clients.
    pub aws: &'a Aws,
    /// The account and the region.
    pub scope: &'a Scope,
    /// HubSpot's contact properties.
    pub portal: &'a PortalAccess,
    /// The manifest, if there is one that HubSpot's answers can be compared with.
    pub manifest: Option<&'a LoadedManifest>,
    /// How plans are executed.
    pub options: ApplyOptions,
}

impl Reconciler<'_> {
    /// Observes and plans. Every plan is checked against the invariants before anybody sees it.
    ///
    /// # Errors
    /// A target isn't known, the manifest doesn't fit HubSpot's portal, the venue can't be adopted or rolled back, or the
    /// plan breaks an invariant. What AWS doesn't let us read is no error: it is in the plan as unreadable.
    pub async fn plan(&self, goal: &ReconcileGoal<'_>) -> Result<PlannedChanges> {
        let quotas = QuotaReader::new(self.aws, self.portal);
        let planned = Box::pin(self.plan_goal(goal, &quotas)).await?;
        Ok(self.add_quotas(goal, planned, &quotas).await)
    }

    /// Adds the quotas that a plan breaks. Only what makes new things can.
    async fn add_quotas(
        &self,
        goal: &ReconcileGoal<'_>,
        mut planned: PlannedChanges,
        quotas: &QuotaReader<'_>,
    ) -> PlannedChanges {
        if let ReconcileGoal::Converge { desired, .. } = goal {
            planned.plan.quotas = quotas.find_exceeded(&planned.plan, &planned.snapshot, desired.code_bytes).await;
        }
        planned
    }

    async fn plan_goal(&self, goal: &ReconcileGoal<'_>, quotas: &QuotaReader<'_>) -> Result<PlannedChanges> {
        match goal {
            ReconcileGoal::Converge { desired, targets, depth, notes, .. } => {
                let plan = self.plan_desired(goal, desired, targets, *depth, quotas);
                let (planned, notes) = tokio::join!(plan, notes.wait());
                let mut planned = planned?;
                if *depth == ReadDepth::Lists {
                    planned.plan.notes.push(LISTS_ONLY.to_owned());
                }
                planned.plan.notes.extend(notes);
                Ok(planned)
            }
            ReconcileGoal::Pause { paused } => {
                let mut planned = self.plan_desired(goal, paused, &[], ReadDepth::Full, quotas).await?;
                // A venue that doesn't run has no alarms, or they would say so.
                let is_pause = |change: &Change| match change.address.kind {
                    ResourceKind::Rule | ResourceKind::Schedule => change.action == Action::Update,
                    ResourceKind::Alarms => change.action == Action::Delete,
                    _ => false,
                };
                planned.plan.changes.retain(is_pause);
                planned.cost = None;
                Ok(planned)
            }
            ReconcileGoal::Destroy { nothing, targets, moved_to, notes } => {
                let plan = self.plan_desired(goal, nothing, targets, ReadDepth::Full, quotas);
                let (planned, notes) = tokio::join!(plan, notes.wait());
                let mut planned = planned?;
                explain_destruction(&mut planned.plan, *moved_to);
                if !planned.plan.changes.is_empty() {
                    planned.plan.notes.extend(notes);
                }
                Ok(planned)
            }
            ReconcileGoal::Adopt { desired, venue } => {
                let venues = desired.deployed_venues();
                let shared = DeclaredShared::of_desired(desired);
                let snapshot = observe(self.aws, self.scope, &desired.role_place(), &venues, &shared).await;
                let adoption =
                    plan_adoption(desired, &snapshot, venue).map_err(|reason| guards::adoption_error(venue, reason))?;
                let next = Some(adoption.next);
                self.check_calls(PlannedChanges { plan: adoption.plan, snapshot, cost: None, next })
            }
            ReconcileGoal::RollBack { deployment, venue, version } => {
                let (snapshot, live) = self.observe_venue(deployment, venue).await;
                let versions = self.read_versions(deployment, venue).await?;
                let plan = plan_rollback(deployment, self.scope, venue, &live, &versions, *version)
                    .map_err(|reason| Error::failed(ErrorCode::Rollback, format!("{reason}; nothing was changed")))?;
                self.check_calls(PlannedChanges { plan, snapshot, cost: None, next: None })
            }
            ReconcileGoal::Unpin { deployment, venue } => {
                let (snapshot, live) = self.observe_venue(deployment, venue).await;
                let plan = plan_unpin(deployment, self.scope, venue, &live)
                    .map_err(|reason| Error::failed(ErrorCode::Rollback, format!("{reason}; nothing was changed")))?;
                self.check_calls(PlannedChanges { plan, snapshot, cost: None, next: None })
            }
        }
    }

    /// Observes all that a goal is about, without planning.
    ///
    /// # Errors
    /// The manifest doesn't fit HubSpot's portal.
    pub async fn observe_desired(&self, desired: &Desired, depth: ReadDepth) -> Result<Snapshot> {
        let (deployed, place) = (desired.deployed_venues(), desired.role_place());
        let shared = DeclaredShared::of_desired(desired);
        let from_aws = async {
            match depth {
                ReadDepth::Full => observe(self.aws, self.scope, &place, &deployed, &shared).await,
                ReadDepth::Lists => observe_lists(self.aws, self.scope, &place, &deployed, &shared).await,
            }
        };
        let (mut snapshot, portal) = tokio::join!(from_aws, self.portal.observe_portal(self.manifest));
        self.examine_rivals(desired, &mut snapshot).await;
        Ok(Snapshot { portal: portal?, ..snapshot })
    }

    /// Finds out of which other functions the rules fire, if they have something in common with a venue.
    async fn examine_rivals(&self, desired: &Desired, snapshot: &mut Snapshot) {
        let shared: BTreeSet<usize> =
            find_shared(desired, &snapshot.others).into_iter().map(|(_, index, _)| index).collect();
        for index in shared {
            if let Some(other) = snapshot.others.get_mut(index) {
                examine_rival(self.aws, self.scope, other).await;
            }
        }
    }

    /// Plans, shows, asks, takes the lock, plans again under it, and executes. Takes no lock if there is nothing to do.
    ///
    /// # Errors
    /// As of [`Reconciler::plan`]; a guard refuses the plan; the answer is no; the lock can't be had. Nothing was changed.
    pub async fn reconcile(
        &self,
        goal: &ReconcileGoal<'_>,
        lock: &LockOptions,
        frontend: &impl ReconcileFrontend,
    ) -> Result<Reconciled> {
        let mut shown = self.plan(goal).await?;
        let refusal = guards::take_quota_refusal(&mut shown.plan);
        frontend.show_event(ReconcileEvent::Planned(&shown));
        let Some(mut inputs) = self.prepare_plan(goal, &shown, refusal, frontend).await? else {
            return Ok(self.end_without_changes(&shown.plan, lock, frontend).await);
        };
        frontend.confirm_changes(&shown).await?;
        let plan_again = async || self.plan_again(goal, &shown).await;
        self.with_lock(&shown.plan.deployment, lock, frontend, plan_again, async |held, planned| {
            let mut planned = planned?;
            if planned.plan.changes != shown.plan.changes {
                planned = self.add_quotas(goal, planned, &QuotaReader::new(self.aws, self.portal)).await;
                let refusal = guards::take_quota_refusal(&mut planned.plan);
                frontend.show_event(ReconcileEvent::PlanChanged(&planned));
                let Some(other) = self.prepare_plan(goal, &planned, refusal, frontend).await? else {
                    return Ok(without_changes(&planned.plan));
                };
                inputs = other;
                frontend.confirm_changes(&planned).await?;
            }
            Ok(self.execute_under_lock(&planned.plan, &inputs, held, frontend).await)
        })
        .await
    }

    /// Makes the plan that was `shown` once more, without checking quotas: the same changes need no more room than before.
    async fn plan_again(&self, goal: &ReconcileGoal<'_>, shown: &PlannedChanges) -> Result<PlannedChanges> {
        let quotas = QuotaReader::new(self.aws, self.portal);
        let limits = async {
            // As a moment ago, the plan will need them once the lists are read.
            if shown.snapshot.executions.is_some() {
                quotas.lambda_account().await;
            }
        };
        tokio::join!(Box::pin(self.plan_goal(goal, &quotas)), limits).0
    }

    /// Executes a saved plan without asking: it was reviewed when it was made. It is planned again, and again under the
    /// lock, and inputs and plan must be the same as when it was saved. `artifacts` has the `CodeSha256` of each artifact.
    ///
    /// # Errors
    /// As of [`Reconciler::reconcile`]; anything has changed since the plan was saved.
    pub async fn reconcile_saved(
        &self,
        goal: &ReconcileGoal<'_>,
        saved: &SavedPlan,
        artifacts: &[String],
        lock: &LockOptions,
        frontend: &impl ReconcileFrontend,
    ) -> Result<Reconciled> {
        let manifest = self.manifest.map_or("", LoadedManifest::redacted_text);
        let quotas = QuotaReader::new(self.aws, self.portal);
        let check = async |quotas: &QuotaReader<'_>| {
            let planned = self.plan_goal(goal, quotas).await?;
            let moved =
                saved.changes_since(&planned.plan, &PlanOrigin { snapshot: &planned.snapshot, manifest, artifacts });
            if moved.is_empty() { Ok(planned) } else { Err(guards::stale_plan_error(moved)) }
        };
        // A stale plan is refused before the lock is taken, so nothing is written.
        let planned = check(&quotas).await?;
        let mut planned = self.add_quotas(goal, planned, &quotas).await;
        let refusal = guards::take_quota_refusal(&mut planned.plan);
        frontend.show_event(ReconcileEvent::Planned(&planned));
        let Some(inputs) = self.prepare_plan(goal, &planned, refusal, frontend).await? else {
            return Ok(self.end_without_changes(&planned.plan, lock, frontend).await);
        };
        let check_again = async || check(&QuotaReader::new(self.aws, self.portal)).await;
        self.with_lock(&planned.plan.deployment, lock, frontend, check_again, async |held, planned| {
            Ok(self.execute_under_lock(&planned?.plan, &inputs, held, frontend).await)
        })
        .await
    }

    /// Executes `plan` as it is, without lock and guards, for those who need none.
    pub async fn execute(
        &self,
        plan: &Plan,
        inputs: &ApplyInputs,
        cancel: &CancellationToken,
        on_event: &(dyn Fn(ApplyEvent) + Sync),
    ) -> ApplyOutcome {
        apply::apply(self.aws, plan, inputs, &self.options, (cancel, &WriteFence::open()), on_event).await
    }

    async fn plan_desired(
        &self,
        goal: &ReconcileGoal<'_>,
        desired: &Desired,
        targets: &[String],
        depth: ReadDepth,
        quotas: &QuotaReader<'_>,
    ) -> Result<PlannedChanges> {
        let mut snapshot = self.observe_desired(desired, depth).await?;
        if needs_execution_limits(desired, &snapshot) {
            // Without them, one is reserved for each, and Lambda refuses what doesn't fit.
            snapshot.executions = quotas.lambda_account().await.map(|account| account.executions);
        }
        let plan = plan(desired, &snapshot, targets);
        // Lists alone don't tell what runs, so there is nothing to estimate.
        let cost =
            snapshot.listed.is_empty().then(|| estimate(desired, &snapshot, targets, &CostAssumptions::default()));
        let planned = PlannedChanges { plan, snapshot, cost, next: None };
        guards::check_targets(goal, &planned)?;
        guards::check_violations(invariants::find_violations(&planned.plan, desired, &planned.snapshot))?;
        Ok(planned)
    }

    fn check_calls(&self, planned: PlannedChanges) -> Result<PlannedChanges> {
        guards::check_violations(invariants::find_call_violations(&planned.plan))?;
        Ok(planned)
    }

    async fn observe_venue(&self, deployment: &str, venue: &str) -> (Snapshot, LiveStack) {
        let prefix = self.manifest.map_or(DEFAULT_ROLE_PATH, |loaded| &loaded.manifest.deployment.role_path);
        let place = RolePlace::new(deployment, &self.scope.region, prefix);
        let snapshot = observe(self.aws, self.scope, &place, &[venue.to_owned()], &DeclaredShared::default()).await;
        let live = snapshot.venues.get(venue).cloned().unwrap_or_default();
        (snapshot, live)
    }

    async fn read_versions(&self, deployment: &str, venue: &str) -> Result<BTreeMap<u64, FunctionConfiguration>> {
        let function = VenueNames::new(deployment, venue).function;
        read_versions(self.aws, &function).await.map_err(|error| {
            let failed = Error::failed(ErrorCode::AwsCall, format!("could not read the versions of {function}"))
                .caused_by(&error);
            failed.hint("`deployer venue list` lists the venues")
        })
    }

    /// The inputs of a plan that may be executed; `None` if nothing of it is to be executed. `refusal` is why the account has
    /// no room for it.
    async fn prepare_plan(
        &self,
        goal: &ReconcileGoal<'_>,
        planned: &PlannedChanges,
        refusal: Option<Error>,
        frontend: &impl ReconcileFrontend,
    ) -> Result<Option<ApplyInputs>> {
        if guards::has_problems(&planned.plan) {
            return Ok(None);
        }
        guards::check_deletions(goal, planned)?;
        if planned.plan.changes.is_empty() {
            return Ok(None);
        }
        match refusal {
            Some(refusal) => Err(refusal),
            None => frontend.resolve_inputs(&planned.plan).await.map(Some),
        }
    }

    /// Runs `work` while holding the deployment's lock, with what `read` found out since it is ours.
    async fn with_lock<T>(
        &self,
        deployment: &str,
        options: &LockOptions,
        frontend: &impl ReconcileFrontend,
        read: impl AsyncFn() -> T,
        work: impl AsyncFnOnce(&HeldLock, T) -> Result<Reconciled>,
    ) -> Result<Reconciled> {
        let locks = self.deployment_locks(deployment);
        let on_wait = |holder: &_| frontend.show_event(ReconcileEvent::WaitingForLock(holder));
        let (held, found) = locks.acquire_while(options, on_wait, read).await?;
        let result = work(&held, found).await;
        if let Err(error) = held.release().await {
            frontend.show_event(ReconcileEvent::LockNotReleased(&error));
        }
        result
    }

    /// Ends a command that has nothing to do. It takes no lock, but what a process that died left of one would stay
    /// otherwise, after a destroy for good.
    async fn end_without_changes(
        &self,
        plan: &Plan,
        options: &LockOptions,
        frontend: &impl ReconcileFrontend,
    ) -> Reconciled {
        if !guards::has_problems(plan)
            && let Err(error) = self.deployment_locks(&plan.deployment).remove_abandoned_locks(options).await
        {
            frontend.show_event(ReconcileEvent::LockNotReleased(&error));
        }
        without_changes(plan)
    }

    fn deployment_locks(&self, deployment: &str) -> DeploymentLocks {
        DeploymentLocks::new(self.aws, self.scope, deployment).with_delays(self.options.delays)
    }

    async fn execute_under_lock(
        &self,
        plan: &Plan,
        inputs: &ApplyInputs,
        held: &HeldLock,
        frontend: &impl ReconcileFrontend,
    ) -> Reconciled {
        // Without the lock, somebody else may be applying: finish the calls in flight and start nothing new.
        let cancel = held.lost_token().child_token();
        frontend.show_event(ReconcileEvent::ApplyStarted { plan, cancel: &cancel });
        let on_event = |event: ApplyEvent| frontend.show_event(ReconcileEvent::Apply(&event));
        let outcome = apply::apply(self.aws, plan, inputs, &self.options, (&cancel, held.fence()), &on_event).await;
        let code = guards::outcome_exit_code(plan, &outcome);
        let lock_lost = held.fence().is_lost();
        frontend.show_event(ReconcileEvent::ApplyEnded { outcome: &outcome, code, lock_lost });
        Reconciled { code, outcome: Some(outcome) }
    }
}

/// What comes of a plan of which nothing is executed.
fn without_changes(plan: &Plan) -> Reconciled {
    Reconciled { code: guards::remaining_exit_code(plan), outcome: None }
}

/// A destroyed resource isn't "no longer declared": it is deleted because somebody asked for that.
fn explain_destruction(plan: &mut Plan, moved_to: Option<&str>) {
    if moved_to.is_some() {
        plan.protected.clear();
    }
    for change in &mut plan.changes {
        let reason = match moved_to {
            Some(region) => format!("this deployment was moved to {region}"),
            None => "this deployment owns it and is being destroyed".to_owned(),
        };
        change.reason = match change.address.kind.is_property() {
            true => format!("{reason}; HubSpot keeps it archived for 90 days"),
            false => reason,
        };
    }
}
