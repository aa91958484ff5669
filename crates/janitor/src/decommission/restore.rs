//! Restores archived resources, and compares the result with the archive, attribute by attribute.

use std::collections::BTreeMap;

use serde::Serialize;

use super::archive::Archive;
use super::carry_out::{Event, Outcome, release};
use super::check::{read_all, refusal};
use super::journal::Step;
use super::kinds::{self, Restored};
use super::parts::{Difference, Parts, differences};
use super::select::Refusal;
use super::{Cx, Target, order};
use crate::audit::Kind;
use deployer_core::error::{Error, Result};

/// What to do with one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Create it as it was archived.
    Restore,
    /// Resume an earlier restore that was interrupted.
    GoOn,
    /// End its quarantine and put its original state back.
    Release,
    /// Nothing: it exists and is the same as archived.
    Same,
}

/// What to do, in order.
#[derive(Debug, Default)]
pub struct Plan {
    /// One item for each resource.
    pub items: Vec<(Target, Action)>,
    /// What won't be restored.
    pub refusals: Vec<Refusal>,
    /// The ids of resources that weren't requested, with the name of the resource that needs each.
    pub needed_by: BTreeMap<String, String>,
    parts: BTreeMap<String, Parts>,
}

/// How a restored resource differs from the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The archived id.
    pub id: String,
    /// The current id.
    pub now: String,
    /// The number of attributes that are the same.
    pub same: usize,
    /// The attributes that differ, without those that AWS assigns itself.
    pub differences: Vec<Difference>,
}

/// How many differences a refusal lists.
const NAMED: usize = 3;

impl Plan {
    /// Plans to restore `ids`, or everything that was deleted or is in quarantine if there are none.
    ///
    /// # Errors
    /// An id isn't in the archive, or the archive was changed.
    pub async fn new(cx: &Cx<'_>, archive: &Archive, ids: &[String]) -> Result<Self> {
        let mut plan = Self::default();
        for entry in &archive.manifest.entries {
            plan.parts.insert(entry.id.clone(), archive.parts(entry)?);
        }
        let mut targets = chosen(archive, ids)?;
        while !targets.is_empty() {
            plan.add(cx, archive, &targets).await;
            targets = plan.needed(archive);
        }
        let mut order: Vec<Target> = plan.items.iter().map(|(target, _)| target.clone()).collect();
        order::restoration(&mut order, &plan.parts);
        plan.items.sort_by_key(|(target, _)| order.iter().position(|other| other.id == target.id));
        Ok(plan)
    }

    /// Adds what it takes to restore `targets`.
    async fn add(&mut self, cx: &Cx<'_>, archive: &Archive, targets: &[Target]) {
        // After an earlier restore, it may have a new id.
        let now: Vec<Target> = targets.iter().map(|target| current(archive, target)).collect();
        let found: BTreeMap<String, _> = read_all(cx, &now.iter().collect::<Vec<_>>()).await.into_iter().collect();
        for (target, now) in targets.iter().zip(now) {
            let found = match found.get(&now.id) {
                Some(Ok(found)) => found,
                Some(Err(why)) => {
                    self.refusals.push(refusal(target, format!("could not read whether it exists: {why}")));
                    continue;
                }
                None => continue,
            };
            let action = match (archive.journal.last(&target.id), found) {
                (Some(Step::Quarantined { .. } | Step::Disabling { .. } | Step::Releasing), Some(_)) => Action::Release,
                (Some(Step::Restoring | Step::Deleting), _) => Action::GoOn,
                (Some(Step::Restored { .. }), Some(found)) if kinds::is_unsettled(found) => Action::GoOn,
                (_, None) => Action::Restore,
                (_, Some(found)) => {
                    let archived = self.renamed(archive, target);
                    let differing = differences(&archived, found, &kinds::new_after_restore(target.kind));
                    if differing.is_empty() {
                        Action::Same
                    } else {
                        self.refusals.push(refusal(target, taken(&differing)));
                        continue;
                    }
                }
            };
            self.items.push((target.clone(), action));
        }
    }

    /// The deleted resources that aren't in the plan yet and that AWS requires for those that are: the queue for dead
    /// letters or of a mapping, the role, the functions and queues of a topic's subscriptions.
    fn needed(&mut self, archive: &Archive) -> Vec<Target> {
        let mut needed = BTreeMap::new();
        for (target, action) in &self.items {
            let Some(parts) = self.parts.get(&target.id) else { continue };
            if !matches!(action, Action::Restore | Action::GoOn) {
                continue;
            }
            for entry in &archive.manifest.entries {
                let kind = matches!(entry.kind, Kind::Role | Kind::Queue)
                    || (target.kind == Kind::Topic && entry.kind == Kind::Function);
                let gone = matches!(archive.journal.last(&entry.id), Some(Step::Deleted | Step::Deleting));
                let planned = self.items.iter().any(|(item, _)| item.id == entry.id)
                    || self.refusals.iter().any(|refusal| refusal.id == entry.id);
                if kind && gone && !planned && parts.mention(&entry.id) {
                    needed.insert(entry.id.clone(), (entry.target(), target.name.clone()));
                }
            }
        }
        for (id, (_, by)) in &needed {
            self.needed_by.insert(id.clone(), by.clone());
        }
        needed.into_values().map(|(target, _)| target).collect()
    }

    /// Whether anything changes.
    pub fn has_changes(&self) -> bool {
        self.items.iter().any(|(_, action)| *action != Action::Same)
    }

    /// The archived parts, with the current ids of restored resources.
    fn renamed(&self, archive: &Archive, target: &Target) -> Parts {
        let mut parts = self.parts.get(&target.id).cloned().unwrap_or_default();
        parts.rename(&renamed(archive));
        parts
    }
}

/// Restores in order, and compares. It stops at the first failure, because what comes later may need what failed.
pub async fn carry_out(
    cx: &Cx<'_>,
    plan: &Plan,
    archive: &mut Archive,
    on_event: &dyn Fn(&Event),
) -> (Outcome, Vec<Comparison>) {
    let mut outcome = Outcome::default();
    let mut comparisons = Vec::new();
    let mut items = plan.items.iter();
    for (target, action) in items.by_ref() {
        let result = match action {
            Action::Same => Ok(("there", Vec::new())),
            Action::Release => release(cx, target, archive).await.map(|word| (word, Vec::new())),
            Action::Restore | Action::GoOn => restore(cx, plan, target, archive).await.map(|notes| ("restored", notes)),
        };
        let compared = match result {
            Ok((step, notes)) => {
                on_event(&Event::new(target, step).noting(notes));
                outcome.done.entry(step).or_default().push(target.id.clone());
                compare(cx, plan, target, archive).await
            }
            Err(why) => Err(why),
        };
        match compared {
            Ok(comparison) => comparisons.push(comparison),
            Err(why) => {
                on_event(&Event::new(target, "failed").noting(vec![why.clone()]));
                let _ = archive.journal.write(&target.id, Step::Failed { why: why.clone() });
                outcome.failed = Some((target.id.clone(), why));
                break;
            }
        }
    }
    outcome.not_started = items.map(|(target, _)| target.id.clone()).collect();
    (outcome, comparisons)
}

async fn restore(cx: &Cx<'_>, plan: &Plan, target: &Target, archive: &mut Archive) -> Result<Vec<String>, String> {
    let unwritten = |error: std::io::Error| format!("could not write the journal: {error}");
    let mut said = Vec::new();
    // If it is restored already, only settling it is left.
    let now = current(archive, target);
    let made = matches!(archive.journal.last(&target.id), Some(Step::Restored { .. }));
    if !made || kinds::read(cx, &now).await.map_err(|error| error.to_string())?.is_none() {
        archive.journal.write(&target.id, Step::Restoring).map_err(unwritten)?;
        let parts = plan.renamed(archive, target);
        let Restored { id, renamed, notes } =
            kinds::restore(cx, target, &parts).await.map_err(|error| error.to_string())?;
        let now = id.unwrap_or_else(|| target.id.clone());
        archive.journal.write(&target.id, Step::Restored { now, renamed }).map_err(unwritten)?;
        said = notes;
    }
    kinds::settle(cx, &current(archive, target)).await.map_err(|error| error.to_string())?;
    Ok(said)
}

async fn compare(cx: &Cx<'_>, plan: &Plan, target: &Target, archive: &Archive) -> Result<Comparison, String> {
    let now = current(archive, target);
    let found = kinds::read(cx, &now).await.map_err(|error| error.to_string())?;
    let found = found.ok_or("it doesn't exist after it was restored")?;
    let ignored = kinds::new_after_restore(target.kind);
    let archived = plan.renamed(archive, target);
    let differences = differences(&archived, &found, &ignored);
    let gone = differences.iter().filter(|difference| difference.archived.is_some()).count();
    let same = archived.attributes(&ignored).len().saturating_sub(gone);
    Ok(Comparison { id: target.id.clone(), now: now.id, same, differences })
}

/// The resource under its current id.
fn current(archive: &Archive, target: &Target) -> Target {
    match archive.journal.last(&target.id) {
        Some(Step::Restored { now, .. }) => Target { id: now.clone(), ..target.clone() },
        _ => target.clone(),
    }
}

/// The old and new ids of everything that was restored from this archive.
fn renamed(archive: &Archive) -> Vec<(String, String)> {
    let renamed = archive.journal.all().filter_map(|(_, step)| match step {
        Step::Restored { renamed, .. } => Some(renamed.clone()),
        _ => None,
    });
    renamed.flatten().collect()
}

fn chosen(archive: &Archive, ids: &[String]) -> Result<Vec<Target>> {
    let entries = &archive.manifest.entries;
    if ids.is_empty() {
        let went = |id: &str| match archive.journal.last(id) {
            None | Some(Step::Archived | Step::Released | Step::Failed { .. }) => false,
            // It was restored under a new id and archived again under that one: restore it only once.
            Some(Step::Restored { now, .. }) => now == id || archive.entry(now).is_none(),
            Some(_) => true,
        };
        return Ok(entries.iter().filter(|entry| went(&entry.id)).map(super::archive::Entry::target).collect());
    }
    let mut targets = Vec::new();
    for id in ids {
        let named: Vec<_> = entries.iter().filter(|entry| entry.id == *id || entry.name == *id).collect();
        match named[..] {
            [entry] => targets.push(entry.target()),
            [] => {
                let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
                return Err(Error::usage(format!("the archive has no resource with the id or name \"{id}\""))
                    .hint(format!("it has {}", names.join(", "))));
            }
            _ => {
                let ids: Vec<&str> = named.iter().map(|entry| entry.id.as_str()).collect();
                return Err(Error::usage(format!("several resources in the archive have the name \"{id}\""))
                    .hint(format!("give the id: {}", ids.join(" or "))));
            }
        }
    }
    targets.sort();
    targets.dedup();
    Ok(targets)
}

fn taken(differing: &[Difference]) -> String {
    let paths: Vec<&str> = differing.iter().take(NAMED).map(|difference| difference.path.as_str()).collect();
    let more = if differing.len() > NAMED { format!(" and {} more", differing.len() - NAMED) } else { String::new() };
    format!(
        "a resource with this name exists and differs from what was archived (in {}{more}): rename or delete it first",
        paths.join(", ")
    )
}
