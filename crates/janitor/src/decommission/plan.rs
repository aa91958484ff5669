//! The plan: what a decommissioning is going to do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::archivable::UseWindow;
use super::archive::Archive;
use super::check::{AT_ONCE, CandidateFacts, CheckedCandidate, read_targets, refuse_target};
use super::journal::JournalStep;
use super::parts::ResourceParts;
use super::proof::prove_restore;
use super::select::{DecommissionRefusal, DeletionCandidate};
use super::{DecommissionContext, DecommissionTarget, order};
use crate::audit::Audit;

/// What to do with one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum DecommissionAction {
    /// Archive, verify and delete it.
    Delete,
    /// Archive, verify and disable it.
    Quarantine {
        /// When the quarantine ends and it may be deleted.
        until: Timestamp,
    },
    /// Delete it: it wasn't used in quarantine.
    DeleteQuiet,
    /// Put its original state back: it was called in quarantine.
    Release {
        /// The evidence of the call.
        why: String,
    },
    /// Wait: its quarantine isn't over.
    Wait {
        /// When the quarantine ends and it may be deleted.
        until: Timestamp,
    },
    /// Resume the step in which an earlier run was interrupted.
    GoOn,
    /// Nothing: it no longer exists.
    Gone,
}

impl DecommissionAction {
    /// Whether it changes something in the account.
    pub fn changes_account(&self) -> bool {
        !matches!(self, Self::Wait { .. } | Self::Gone)
    }

    /// Whether it deletes the resource as it is now.
    pub fn deletes(&self) -> bool {
        matches!(self, Self::Delete | Self::DeleteQuiet)
    }

    /// Whether it archives the resource first.
    pub fn archives_first(&self) -> bool {
        matches!(self, Self::Delete | Self::Quarantine { .. })
    }
}

/// One resource of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct DecommissionItem {
    /// The resource.
    pub target: DecommissionTarget,
    /// What to do with it.
    pub action: DecommissionAction,
    /// Why that is safe.
    pub evidence: Vec<String>,
    /// What a person should know before confirming.
    pub notes: Vec<String>,
    /// What isn't archived and is lost.
    pub lost: Vec<String>,
    /// What AWS returns about it; `None` if it no longer exists.
    pub parts: Option<ResourceParts>,
}

/// What to do, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DecommissionPlan {
    /// One item for each resource.
    pub items: Vec<DecommissionItem>,
    /// What was requested and won't be done.
    pub refusals: Vec<DecommissionRefusal>,
    /// Whether what couldn't be restored from its archive may be deleted.
    pub accept_loss: bool,
}

impl DecommissionPlan {
    /// Whether anything changes.
    pub fn has_changes(&self) -> bool {
        self.items.iter().any(|item| item.action.changes_account())
    }

    /// Builds a plan from the checked candidates. With `until`, they are put in quarantine until then instead of
    /// deleted.
    pub fn from_checked(
        checked: Vec<CheckedCandidate>,
        refusals: Vec<DecommissionRefusal>,
        until: Option<Timestamp>,
    ) -> Self {
        let item = |CheckedCandidate { candidate, parts }: CheckedCandidate| {
            let DeletionCandidate { target, evidence, mut notes, .. } = candidate;
            let action = match (&parts, until) {
                (None, _) => DecommissionAction::Gone,
                (Some(_), None) => DecommissionAction::Delete,
                (Some(_), Some(until)) => DecommissionAction::Quarantine { until },
            };
            let (lost, warnings) = describe_losses(&target, parts.as_ref());
            notes.extend(warnings);
            DecommissionItem { target, action, evidence, notes, lost, parts }
        };
        Self { items: checked.into_iter().map(item).collect(), refusals, accept_loss: false }
    }

    /// Adds the pending resources. They replace the items of `self` for the same resources.
    ///
    /// What is due and wasn't used is deleted, unless something that isn't deleted with it reaches it.
    pub async fn add_pending(&mut self, cx: &DecommissionContext<'_>, pending: PendingResources) {
        self.items.retain(|item| !pending.contains(&item.target.id));
        self.refusals.retain(|refusal| !pending.contains(&refusal.id));
        let mut due = Vec::new();
        for PendingResource { target, found, verdict } in pending.resources {
            match verdict {
                PendingVerdict::Act(action) => self.items.push(pending_item(&target, action, found)),
                PendingVerdict::Refused(why) => self.refusals.push(refuse_target(&target, why)),
                PendingVerdict::Due => due.push((target, found)),
            }
        }
        self.add_due(cx, pending.facts.as_ref(), due).await;
        let mut targets: Vec<DecommissionTarget> = self.items.iter().map(|item| item.target.clone()).collect();
        order::sort_for_deletion(&mut targets);
        self.items.sort_by_key(|item| targets.iter().position(|target| *target == item.target));
    }

    /// Turns the refusal of what this archive's journal has as deleted, and the audit doesn't have, into nothing to do.
    pub fn settle_deleted(&mut self, archive: &Archive, audit: &Audit) {
        let audited = |asked: &str| audit.inventory.nodes.iter().any(|node| node.id == asked || node.name == asked);
        let refusals = std::mem::take(&mut self.refusals);
        for refusal in refusals {
            let asked = refusal.id.as_str();
            let mut entries = archive.manifest.entries.iter();
            let entry = entries.find(|entry| {
                (entry.id == asked || entry.name == asked)
                    && archive.journal.last_step(&entry.id) == Some(&JournalStep::Deleted)
            });
            match entry.filter(|_| !audited(asked)) {
                Some(entry) => {
                    self.items.push(pending_item(&entry.archived_target(), DecommissionAction::Gone, None));
                }
                None => self.refusals.push(refusal),
            }
        }
    }

    /// Adds the due resources that nothing else reaches. It repeats, since a refusal may leave a caller of another
    /// behind.
    async fn add_due(
        &mut self,
        cx: &DecommissionContext<'_>,
        facts: Option<&CandidateFacts>,
        mut due: Vec<(DecommissionTarget, Option<ResourceParts>)>,
    ) {
        let Some(facts) = facts else { return };
        loop {
            let going = self.items.iter().filter(|item| {
                matches!(item.action, DecommissionAction::Delete | DecommissionAction::GoOn | DecommissionAction::Gone)
            });
            let going: Vec<String> = going.map(|item| item.target.id.clone()).collect();
            let chosen: BTreeSet<&str> =
                due.iter().map(|(target, _)| target.id.as_str()).chain(going.iter().map(String::as_str)).collect();
            let mut refused = Vec::new();
            for (target, _) in &due {
                if let Some(why) = facts.find_caller(cx, target, &chosen).await {
                    refused.push(refuse_target(target, format!("{why}; it stays in quarantine")));
                }
            }
            if refused.is_empty() {
                break;
            }
            due.retain(|(target, _)| !refused.iter().any(|refusal| refusal.id == target.id));
            self.refusals.extend(refused);
        }
        self.items.extend(
            due.into_iter().map(|(target, parts)| pending_item(&target, DecommissionAction::DeleteQuiet, parts)),
        );
    }
}

/// The pending resources of an archive: those in quarantine, and those with an interrupted step.
#[derive(Debug, Default)]
pub struct PendingResources {
    resources: Vec<PendingResource>,
    facts: Option<CandidateFacts>,
}

#[derive(Debug)]
struct PendingResource {
    target: DecommissionTarget,
    /// What AWS returns about it; `None` if it no longer exists.
    found: Option<ResourceParts>,
    verdict: PendingVerdict,
}

#[derive(Debug)]
enum PendingVerdict {
    Act(DecommissionAction),
    Refused(String),
    /// Its quarantine is over, and it wasn't used.
    Due,
}

impl PendingResources {
    /// Reads the pending resources of `archive` and judges each by its last step. What was called in quarantine is
    /// released; what somebody changed there is refused.
    pub async fn judge_archive(cx: &DecommissionContext<'_>, archive: &Archive, now: Timestamp) -> Self {
        let pending: Vec<(DecommissionTarget, JournalStep)> = archive
            .manifest
            .entries
            .iter()
            .filter_map(|entry| Some((entry.archived_target(), archive.journal.last_step(&entry.id)?.clone())))
            .filter(|(_, step)| is_pending(step))
            .collect();
        let earliest = pending.iter().filter_map(|(_, step)| quarantined_since(step)).min();
        let targets: Vec<&DecommissionTarget> = pending.iter().map(|(target, _)| target).collect();
        let mut parts: BTreeMap<_, _> = read_targets(cx, &targets).await.into_iter().collect();
        let facts = match earliest {
            Some(earliest) => Some(CandidateFacts::read_facts(cx, &targets, earliest).await),
            None => None,
        };
        let judge = |(target, step): (DecommissionTarget, JournalStep)| {
            let (found, verdict) = match parts.remove(&target.id)? {
                Ok(found) => {
                    let verdict = judge_pending(&target, found.as_ref(), &step, facts.as_ref(), now);
                    (found, verdict)
                }
                Err(why) => (None, PendingVerdict::Refused(format!("could not read it: {why}"))),
            };
            Some(PendingResource { target, found, verdict })
        };
        let resources = pending.into_iter().filter_map(judge).collect();
        Self { resources, facts }
    }

    /// Whether a resource is pending.
    pub fn contains(&self, id: &str) -> bool {
        self.resources.iter().any(|resource| resource.target.id == id)
    }

    /// Whether a resource is on its way to being deleted, so that it stays behind for nobody.
    pub fn is_going(&self, id: &str) -> bool {
        self.resources.iter().filter(|resource| resource.target.id == id).any(|resource| match &resource.verdict {
            PendingVerdict::Act(action) => !matches!(action, DecommissionAction::Release { .. }),
            PendingVerdict::Due => true,
            PendingVerdict::Refused(_) => false,
        })
    }
}

fn judge_pending(
    target: &DecommissionTarget,
    found: Option<&ResourceParts>,
    step: &JournalStep,
    facts: Option<&CandidateFacts>,
    now: Timestamp,
) -> PendingVerdict {
    match (found, step, facts) {
        (None, JournalStep::Quarantined { .. } | JournalStep::Disabling { .. } | JournalStep::Releasing, _) => {
            PendingVerdict::Act(DecommissionAction::Gone)
        }
        (Some(parts), JournalStep::Quarantined { since, until, fingerprint }, Some(facts)) => {
            match judge_quarantined(target, parts, facts, *since, fingerprint) {
                QuarantineVerdict::Called(why) => PendingVerdict::Act(DecommissionAction::Release { why }),
                QuarantineVerdict::Refused(why) => PendingVerdict::Refused(why),
                QuarantineVerdict::Quiet if *until > now => {
                    PendingVerdict::Act(DecommissionAction::Wait { until: *until })
                }
                QuarantineVerdict::Quiet => PendingVerdict::Due,
            }
        }
        _ => PendingVerdict::Act(DecommissionAction::GoOn),
    }
}

/// How many resources are archived at the same time.
pub const ARCHIVED_AT_ONCE: usize = AT_ONCE;

fn pending_item(
    target: &DecommissionTarget,
    action: DecommissionAction,
    parts: Option<ResourceParts>,
) -> DecommissionItem {
    let (lost, notes) = describe_losses(target, parts.as_ref());
    DecommissionItem { target: target.clone(), action, evidence: Vec::new(), notes, lost, parts }
}

/// What a deletion loses, and until when a restore is possible.
fn describe_losses(target: &DecommissionTarget, parts: Option<&ResourceParts>) -> (Vec<String>, Vec<String>) {
    let Some(parts) = parts else { return (Vec::new(), Vec::new()) };
    let proof = prove_restore(target, parts, Timestamp::now());
    let mut lost = target.kind.lost_parts(parts);
    lost.extend(proof.gaps.into_iter().map(|gap| format!("its restore: {gap}")));
    (lost, proof.warnings)
}

fn is_pending(step: &JournalStep) -> bool {
    matches!(
        step,
        JournalStep::Quarantined { .. }
            | JournalStep::Disabling { .. }
            | JournalStep::Releasing
            | JournalStep::Deleting
    )
}

fn quarantined_since(step: &JournalStep) -> Option<Timestamp> {
    match step {
        JournalStep::Quarantined { since, .. } => Some(*since),
        _ => None,
    }
}

enum QuarantineVerdict {
    Called(String),
    Refused(String),
    Quiet,
}

fn judge_quarantined(
    target: &DecommissionTarget,
    parts: &ResourceParts,
    facts: &CandidateFacts,
    since: Timestamp,
    fingerprint: &str,
) -> QuarantineVerdict {
    match facts.count_uses(&target.id) {
        Err(why) => return QuarantineVerdict::Refused(why),
        Ok(0) => {}
        Ok(count) => {
            return QuarantineVerdict::Called(format!(
                "it was called {count} times since {}",
                since.strftime("%Y-%m-%d")
            ));
        }
    }
    if let Some(why) = target.kind.find_objection(target, parts, UseWindow { since, last_used: None }) {
        return QuarantineVerdict::Called(why);
    }
    if target.kind.compute_fingerprint(parts) != fingerprint {
        return QuarantineVerdict::Refused(
            "somebody changed it in quarantine: look at it, then release it with `deployer restore` or delete it yourself"
                .to_owned(),
        );
    }
    QuarantineVerdict::Quiet
}
