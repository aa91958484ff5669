//! The plan: what a decommissioning is going to do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::archive::Archive;
use super::check::{AT_ONCE, Checked, Facts, read_all, refusal};
use super::journal::Step;
use super::kinds;
use super::parts::Parts;
use super::select::{Candidate, Refusal};
use super::{Cx, Target, order};

/// What to do with one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
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

impl Action {
    /// Whether it changes something in the account.
    pub fn changes(&self) -> bool {
        !matches!(self, Self::Wait { .. } | Self::Gone)
    }

    /// Whether it archives the resource first.
    pub fn archives(&self) -> bool {
        matches!(self, Self::Delete | Self::Quarantine { .. })
    }
}

/// One resource of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The resource.
    pub target: Target,
    /// What to do with it.
    pub action: Action,
    /// Why that is safe.
    pub evidence: Vec<String>,
    /// What a person should know before confirming.
    pub notes: Vec<String>,
    /// What isn't archived and is lost.
    pub lost: Vec<String>,
    /// What AWS returns about it; `None` if it no longer exists.
    pub parts: Option<Parts>,
}

/// What to do, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// One item for each resource.
    pub items: Vec<Item>,
    /// What was requested and won't be done.
    pub refusals: Vec<Refusal>,
}

impl Plan {
    /// Whether anything changes.
    pub fn has_changes(&self) -> bool {
        self.items.iter().any(|item| item.action.changes())
    }

    /// Builds a plan from the checked candidates. With `until`, they are put in quarantine until then instead of
    /// deleted.
    pub fn of(checked: Vec<Checked>, refusals: Vec<Refusal>, until: Option<Timestamp>) -> Self {
        let item = |Checked { candidate, parts }: Checked| {
            let Candidate { target, evidence, notes, .. } = candidate;
            let action = match (&parts, until) {
                (None, _) => Action::Gone,
                (Some(_), None) => Action::Delete,
                (Some(_), Some(until)) => Action::Quarantine { until },
            };
            let lost = parts.as_ref().map(|parts| kinds::lost(&target, parts)).unwrap_or_default();
            Item { target, action, evidence, notes, lost, parts }
        };
        Self { items: checked.into_iter().map(item).collect(), refusals }
    }

    /// Adds the pending resources of `archive`: those in quarantine, and those with an interrupted step. They replace
    /// the items of `self` for the same resources.
    ///
    /// What was called is released. What is due and wasn't used is deleted, unless something that isn't deleted with it
    /// reaches it, or it was changed after it was disabled.
    pub async fn add_pending(&mut self, cx: &Cx<'_>, archive: &Archive, now: Timestamp) {
        let pending: Vec<(Target, Step)> = archive
            .manifest
            .entries
            .iter()
            .filter_map(|entry| Some((entry.target(), archive.journal.last(&entry.id)?.clone())))
            .filter(|(_, step)| is_pending(step))
            .collect();
        let ids: BTreeSet<&str> = pending.iter().map(|(target, _)| target.id.as_str()).collect();
        self.items.retain(|item| !ids.contains(item.target.id.as_str()));
        self.refusals.retain(|refusal| !ids.contains(refusal.id.as_str()));
        let earliest = pending.iter().filter_map(|(_, step)| since(step)).min();
        let targets: Vec<&Target> = pending.iter().map(|(target, _)| target).collect();
        let parts: BTreeMap<_, _> = read_all(cx, &targets).await.into_iter().collect();
        let facts = match earliest {
            Some(earliest) => Some(Facts::read(cx, &targets, earliest).await),
            None => None,
        };
        let mut due = Vec::new();
        for (target, step) in &pending {
            let found = match parts.get(&target.id) {
                Some(Ok(found)) => found.clone(),
                Some(Err(why)) => {
                    self.refusals.push(refusal(target, format!("could not read it: {why}")));
                    continue;
                }
                None => continue,
            };
            match (&found, step, &facts) {
                (None, Step::Quarantined { .. } | Step::Disabling { .. } | Step::Releasing, _) => {
                    self.items.push(item(target, Action::Gone, None));
                }
                (Some(parts), Step::Quarantined { since, until, fingerprint }, Some(facts)) => {
                    match judged(target, parts, facts, *since, fingerprint) {
                        Judged::Called(why) => self.items.push(item(target, Action::Release { why }, found)),
                        Judged::Refused(why) => self.refusals.push(refusal(target, why)),
                        Judged::Quiet if *until > now => {
                            self.items.push(item(target, Action::Wait { until: *until }, found))
                        }
                        Judged::Quiet => due.push((target, found)),
                    }
                }
                _ => self.items.push(item(target, Action::GoOn, found)),
            }
        }
        self.add_due(cx, facts.as_ref(), due).await;
        let mut targets: Vec<Target> = self.items.iter().map(|item| item.target.clone()).collect();
        order::deletion(&mut targets);
        self.items.sort_by_key(|item| targets.iter().position(|target| *target == item.target));
    }

    /// Adds the due resources that nothing else reaches. It repeats, since a refusal may leave a caller of another
    /// behind.
    async fn add_due(&mut self, cx: &Cx<'_>, facts: Option<&Facts>, mut due: Vec<(&Target, Option<Parts>)>) {
        let Some(facts) = facts else { return };
        loop {
            let going =
                self.items.iter().filter(|item| matches!(item.action, Action::Delete | Action::GoOn | Action::Gone));
            let going: Vec<String> = going.map(|item| item.target.id.clone()).collect();
            let chosen: BTreeSet<&str> =
                due.iter().map(|(target, _)| target.id.as_str()).chain(going.iter().map(String::as_str)).collect();
            let mut refused = Vec::new();
            for (target, _) in &due {
                if let Some(why) = facts.caller(cx, target, &chosen).await {
                    refused.push(refusal(target, format!("{why}; it stays in quarantine")));
                }
            }
            if refused.is_empty() {
                break;
            }
            due.retain(|(target, _)| !refused.iter().any(|refusal| refusal.id == target.id));
            self.refusals.extend(refused);
        }
        self.items.extend(due.into_iter().map(|(target, parts)| item(target, Action::DeleteQuiet, parts)));
    }
}

/// How many resources are archived at the same time.
pub const ARCHIVED_AT_ONCE: usize = AT_ONCE;

fn item(target: &Target, action: Action, parts: Option<Parts>) -> Item {
    let lost = parts.as_ref().map(|parts| kinds::lost(target, parts)).unwrap_or_default();
    Item { target: target.clone(), action, evidence: Vec::new(), notes: Vec::new(), lost, parts }
}

fn is_pending(step: &Step) -> bool {
    matches!(step, Step::Quarantined { .. } | Step::Disabling { .. } | Step::Releasing | Step::Deleting)
}

fn since(step: &Step) -> Option<Timestamp> {
    match step {
        Step::Quarantined { since, .. } => Some(*since),
        _ => None,
    }
}

enum Judged {
    Called(String),
    Refused(String),
    Quiet,
}

fn judged(target: &Target, parts: &Parts, facts: &Facts, since: Timestamp, fingerprint: &str) -> Judged {
    match facts.used(&target.id) {
        Err(why) => return Judged::Refused(why),
        Ok(0) => {}
        Ok(count) => {
            return Judged::Called(format!("it was called {count} times since {}", since.strftime("%Y-%m-%d")));
        }
    }
    if let Some(why) = kinds::objection(target, parts, None, since) {
        return Judged::Called(why);
    }
    if parts.fingerprint(kinds::volatile(target.kind)) != fingerprint {
        return Judged::Refused(
            "somebody changed it in quarantine: look at it, then release it with `deployer restore` or delete it yourself"
                .to_owned(),
        );
    }
    Judged::Quiet
}
