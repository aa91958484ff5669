//! What is going to be done, before it is done.

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

/// What is done with one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Archived, verified, deleted.
    Delete,
    /// Archived, verified, disabled until then.
    Quarantine {
        /// When it may be deleted.
        until: Timestamp,
    },
    /// It stayed quiet in quarantine, and is deleted.
    DeleteQuiet,
    /// It was called in quarantine, and becomes what it was.
    Release {
        /// By what that is seen.
        why: String,
    },
    /// Its quarantine isn't over.
    Wait {
        /// When it may be deleted.
        until: Timestamp,
    },
    /// An earlier run was interrupted while it did this.
    GoOn,
    /// It isn't there any more.
    Gone,
}

impl Action {
    /// Whether something is changed in the account.
    pub fn changes(&self) -> bool {
        !matches!(self, Self::Wait { .. } | Self::Gone)
    }

    /// Whether it is archived first.
    pub fn archives(&self) -> bool {
        matches!(self, Self::Delete | Self::Quarantine { .. })
    }
}

/// One resource of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// It.
    pub target: Target,
    /// What is done.
    pub action: Action,
    /// Why it may be.
    pub evidence: Vec<String>,
    /// What a person should know first.
    pub notes: Vec<String>,
    /// What no archive has.
    pub lost: Vec<String>,
    /// What AWS says of it.
    pub parts: Option<Parts>,
}

/// What is going to be done, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// One a resource.
    pub items: Vec<Item>,
    /// What was asked for and isn't done.
    pub refusals: Vec<Refusal>,
}

impl Plan {
    /// Whether anything is changed.
    pub fn has_changes(&self) -> bool {
        self.items.iter().any(|item| item.action.changes())
    }

    /// From what was checked. `until` is when a quarantine ends, where there is to be one.
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

    /// Adds what `archive` has under way: quarantines, and what an earlier run was interrupted in. Those of `self` that
    /// are among them give way.
    ///
    /// What was called is released. What is due and stayed quiet is deleted, unless something that isn't deleted with it
    /// reaches it, or it isn't as it was when it was disabled.
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
                    self.refusals.push(refusal(target, format!("it can't be read: {why}")));
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

    /// Those that are due and that nothing else reaches; refusing one may leave another's caller behind.
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

/// Resources that are archived at one time.
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
            "somebody changed it in quarantine: look at it, and bring it back with `deployer restore`, or delete it yourself"
                .to_owned(),
        );
    }
    Judged::Quiet
}
