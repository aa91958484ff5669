//! Carries out a plan's operations: venues concurrently, and each venue's operations in the order of dependency.
//!
//! The executor makes no decisions: every call and its arguments come from the plan. It reports what happens as
//! [`ApplyEvent`]s, which [`deployer::render`] shows. A failure in one venue doesn't stop the others.

mod cloud_watch;
mod event_bridge;
mod execute;
mod hubspot;
mod iam;
mod lambda;
mod logs;
mod property_batches;
mod scheduler;
mod secrets_manager;
mod sns;
mod versions;

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use deployer_aws::limiter::AwsLimiter;
use deployer_aws::lock::WriteFence;
use deployer_aws::{Aws, CallError};
use deployer_core::call_rates::find_spacing;
use deployer_core::manifest::SecretValue;
use deployer_core::naming::SHARED_VENUE;
use deployer_core::plan::{Action, Change, LambdaOperation, Operation, Plan};
use deployer_core::resource::{ResourceAddress, StringMap};
use deployer_hubspot::HubSpotClient;
use property_batches::PropertyBatches;

/// What operations need that isn't in a plan: artifacts and secrets.
#[derive(Debug, Default)]
pub struct ApplyInputs {
    /// The artifacts' zips, by `CodeSha256`.
    pub artifacts: BTreeMap<String, Bytes>,
    /// The value of each secret to create, a JSON object, by the secret's name.
    pub secrets: BTreeMap<String, SecretValue>,
    /// The HubSpot client, if the plan was made from what HubSpot has.
    pub hubspot: Option<Arc<HubSpotClient>>,
}

/// How many venues are worked on at a time by default. AWS's quotas allow five new venues a second
/// (`deployer_core::call_rates`), and a new venue takes about ten seconds, most of them spent waiting for its role to become
/// assumable and its function to become active. With fewer in flight, those waits would set the pace instead of the quotas.
pub const VENUES_AT_ONCE: usize = 50;

/// How a plan is carried out.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// How many venues are worked on concurrently.
    pub parallelism: usize,
    /// Whether calls are spaced to stay within AWS's quotas. The embedded cloud has none.
    pub rate_limited: bool,
    /// Whether to wait before retrying a call, and before checking again whether a function is ready. Tests don't wait,
    /// but try just as often.
    pub delays: bool,
    /// Whether new code is tested in a dry run before the alias points to it.
    pub canary: bool,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self { parallelism: VENUES_AT_ONCE, rate_limited: true, delays: true, canary: true }
    }
}

/// Progress of an apply, for people and programs to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ApplyEvent {
    /// Work on a resource starts.
    Started { address: ResourceAddress, action: Action },
    /// A call is retried, for this reason.
    Retrying { address: ResourceAddress, call: &'static str, reason: String },
    /// A note for the reader.
    Note { address: ResourceAddress, text: String },
    /// The resource is done, so many milliseconds after work on it started.
    Done { address: ResourceAddress, action: Action, duration_ms: u64 },
    /// The resource failed, for this reason.
    Failed { address: ResourceAddress, action: Action, error: String, hint: Option<String>, duration_ms: u64 },
}

/// The result of carrying out a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplyOutcome {
    /// Resources that are done.
    pub done: Vec<(ResourceAddress, Action)>,
    /// Resources that failed, and why.
    pub failed: Vec<(ResourceAddress, CallError)>,
    /// Resources that weren't started, because one that they depend on failed or because the apply was canceled.
    pub not_started: Vec<ResourceAddress>,
    /// Whether the apply was canceled.
    pub cancelled: bool,
    /// How long it took.
    pub took: Duration,
}

/// State that is shared while a plan is carried out.
struct Executor<'a> {
    aws: &'a Aws,
    plan: &'a Plan,
    inputs: &'a ApplyInputs,
    limiter: AwsLimiter,
    delays: bool,
    canary: bool,
    /// Set once the property group is created.
    property_group: OnceCell<()>,
    property_batches: PropertyBatches<'a>,
    on_event: &'a (dyn Fn(ApplyEvent) + Sync),
    cancel: &'a CancellationToken,
    fence: &'a WriteFence,
}

/// Results of a venue's operations that its later operations need.
#[derive(Default)]
struct OperationAnswers {
    secret_arn: Mutex<Option<String>>,
    version: Mutex<Option<String>>,
}

/// Carries out `plan`. Once `cancel` is set, running changes finish and no new ones start. Once `fence` is closed, no call
/// is sent.
pub async fn apply(
    aws: &Aws,
    plan: &Plan,
    inputs: &ApplyInputs,
    options: &ApplyOptions,
    (cancel, fence): (&CancellationToken, &WriteFence),
    on_event: &(dyn Fn(ApplyEvent) + Sync),
) -> ApplyOutcome {
    let begun = Instant::now();
    let limiter = if options.rate_limited { AwsLimiter::for_aws() } else { AwsLimiter::unlimited() };
    let executor = Executor {
        aws,
        plan,
        inputs,
        limiter,
        delays: options.delays,
        canary: options.canary,
        property_group: OnceCell::new(),
        property_batches: PropertyBatches::from_plan(plan),
        on_event,
        cancel,
        fence,
    };
    let mut venues: Vec<(&str, Vec<&Change>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for change in &plan.changes {
        let venue = change.address.venue.as_str();
        let at = *places.entry(venue).or_insert(venues.len());
        match venues.get_mut(at) {
            Some((_, changes)) => changes.push(change),
            None => venues.push((venue, vec![change])),
        }
    }
    // What belongs to all venues is there before them, and goes after them.
    let shared = venues.iter().position(|(venue, _)| *venue == SHARED_VENUE);
    let shared = shared.map(|at| venues.remove(at).1).unwrap_or_default();
    let (shared_last, shared_first): (Vec<&Change>, Vec<&Change>) =
        shared.into_iter().partition(|change| change.action == Action::Delete);
    let mut whole = executor.apply_venue(shared_first).await;
    if let Some(canary) = plan.canary.as_deref().and_then(|canary| canary_position(&venues, canary)) {
        let (_, changes) = venues.remove(canary);
        let outcome = executor.apply_venue(changes).await;
        let failed = !outcome.failed.is_empty();
        whole.merge_outcome(outcome);
        if failed {
            let others = venues.drain(..).flat_map(|(_, changes)| changes);
            whole.not_started.extend(others.map(|change| change.address.clone()));
        }
    }
    let executor = &executor;
    // A venue that takes long holds up no other; what is reported is in the plan's order all the same.
    let spaced = space_venues(venues, options.rate_limited).into_iter().enumerate();
    let outcomes: BTreeMap<usize, ApplyOutcome> = stream::iter(spaced)
        .map(async |(place, (at, changes))| {
            executor.wait_for_start(at).await;
            (place, executor.apply_venue(changes).await)
        })
        .buffer_unordered(options.parallelism.max(1))
        .collect()
        .await;
    for outcome in outcomes.into_values() {
        whole.merge_outcome(outcome);
    }
    if whole.failed.is_empty() {
        whole.merge_outcome(executor.apply_venue(shared_last).await);
    } else {
        // What is left may still need it.
        whole.not_started.extend(shared_last.iter().map(|change| change.address.clone()));
    }
    whole.cancelled = cancel.is_cancelled();
    whole.took = begun.elapsed();
    whole
}

/// When each venue may begin. If all began at once, everybody's first call to a service would be queued ahead of anybody's
/// second one, and the slowest service would be idle meanwhile.
fn space_venues<'c>(venues: Vec<(&str, Vec<&'c Change>)>, limited: bool) -> Vec<(Instant, Vec<&'c Change>)> {
    let mut next = Instant::now();
    let spaced = venues.into_iter().map(|(_, changes)| {
        let at = next;
        if limited {
            next += find_spacing(&changes);
        }
        (at, changes)
    });
    spaced.collect()
}

/// The canary's index in `venues`, if it tests new code in this plan.
fn canary_position(venues: &[(&str, Vec<&Change>)], canary: &str) -> Option<usize> {
    let tries = |change: &&Change| tries_new_code(change);
    venues.iter().position(|(venue, changes)| *venue == canary && changes.iter().any(tries))
}

/// Tags as SNS and EventBridge Scheduler take them.
fn tag_pairs(tags: &StringMap) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// Whether a change runs new code before an alias points to it.
fn tries_new_code(change: &Change) -> bool {
    let mut operations = change.operations.iter();
    operations.any(|operation| matches!(operation, Operation::Lambda(LambdaOperation::InvokeDryRun { .. })))
}

impl ApplyOutcome {
    fn merge_outcome(&mut self, other: Self) {
        self.done.extend(other.done);
        self.failed.extend(other.failed);
        self.not_started.extend(other.not_started);
    }
}

impl Executor<'_> {
    /// Waits until a venue may begin, or until nothing more may.
    async fn wait_for_start(&self, at: Instant) {
        tokio::select! {
            () = tokio::time::sleep_until(at.into()) => {}
            () = self.cancel.cancelled() => {}
        }
    }

    /// Carries out one venue's changes: stage by stage, the changes of a stage concurrently.
    async fn apply_venue(&self, changes: Vec<&Change>) -> ApplyOutcome {
        let mut stages: BTreeMap<(bool, u8), Vec<&Change>> = BTreeMap::new();
        for change in changes {
            let stage = change.address.kind.creation_stage();
            let key = match change.action {
                Action::Delete => (true, u8::MAX - stage),
                _ => (false, stage),
            };
            stages.entry(key).or_default().push(change);
        }
        let answers = OperationAnswers::default();
        let mut outcome = ApplyOutcome::default();
        for changes in stages.into_values() {
            if !outcome.failed.is_empty() || self.cancel.is_cancelled() || self.fence.is_lost() {
                outcome.not_started.extend(changes.iter().map(|change| change.address.clone()));
                continue;
            }
            let results =
                futures_util::future::join_all(changes.iter().map(|change| self.apply_change(change, &answers))).await;
            for (change, result) in changes.iter().zip(results) {
                match result {
                    Ok(()) => outcome.done.push((change.address.clone(), change.action)),
                    Err(error) => outcome.failed.push((change.address.clone(), error)),
                }
            }
        }
        outcome
    }

    async fn sleep_for(&self, delay: Duration) {
        if self.delays {
            tokio::time::sleep(delay).await;
        }
    }

    async fn apply_change(&self, change: &Change, answers: &OperationAnswers) -> Result<(), CallError> {
        let (address, action) = (change.address.clone(), change.action);
        (self.on_event)(ApplyEvent::Started { address: address.clone(), action });
        let begun = Instant::now();
        let duration_ms = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        for operation in &change.operations {
            if let Err(error) = self.execute_operation(&change.address, operation, answers).await {
                let hint = error.hint();
                (self.on_event)(ApplyEvent::Failed {
                    address,
                    action,
                    error: error.to_string(),
                    hint,
                    duration_ms: duration_ms(),
                });
                return Err(error);
            }
        }
        (self.on_event)(ApplyEvent::Done { address, action, duration_ms: duration_ms() });
        Ok(())
    }
}
