//! Restores archived resources, and compares the result with the archive, attribute by attribute.

use std::collections::BTreeMap;

use serde::Serialize;

use super::archivable::RestoredResource;
use super::archive::Archive;
use super::carry_out::{DecommissionEvent, DecommissionOutcome, release_target};
use super::check::{read_targets, refuse_target};
use super::journal::JournalStep;
use super::kinds;
use super::parts::{AttributeDifference, ResourceParts, find_differences};
use super::select::DecommissionRefusal;
use super::{DecommissionContext, DecommissionTarget, order};
use deployer_core::error::{Error, ErrorCode, Result};

/// What to do with one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoreAction {
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
pub struct RestorePlan {
    /// One item for each resource.
    pub items: Vec<(DecommissionTarget, RestoreAction)>,
    /// What can't be restored, because whether it exists is unreadable.
    pub refusals: Vec<DecommissionRefusal>,
    /// What exists, differs from the archive, and is left as it is.
    pub left: Vec<DecommissionRefusal>,
    /// The ids of resources that weren't requested, with the name of the resource that needs each.
    pub needed_by: BTreeMap<String, String>,
    parts: BTreeMap<String, ResourceParts>,
}

/// How a restored resource differs from the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreComparison {
    /// The archived id.
    pub id: String,
    /// The current id.
    pub now: String,
    /// The number of attributes that are the same.
    pub same: usize,
    /// The attributes that differ, without those that AWS assigns itself.
    pub differences: Vec<AttributeDifference>,
}

/// How many differences a refusal lists.
const NAMED: usize = 3;

impl RestorePlan {
    /// Plans to restore `ids`, or everything that was deleted or is in quarantine if there are none.
    ///
    /// # Errors
    /// An id isn't in the archive, or the archive was changed.
    pub async fn new(cx: &DecommissionContext<'_>, archive: &Archive, ids: &[String]) -> Result<Self> {
        let mut plan = Self::default();
        for entry in &archive.manifest.entries {
            plan.parts.insert(entry.id.clone(), archive.read_parts(entry)?);
        }
        let mut targets = choose_targets(archive, ids)?;
        while !targets.is_empty() {
            plan.add_targets(cx, archive, &targets).await;
            targets = plan.find_needed_targets(archive);
        }
        let mut order: Vec<DecommissionTarget> = plan.items.iter().map(|(target, _)| target.clone()).collect();
        order::sort_for_restore(&mut order, &plan.parts);
        plan.items.sort_by_key(|(target, _)| order.iter().position(|other| other.id == target.id));
        Ok(plan)
    }

    /// Adds what it takes to restore `targets`.
    async fn add_targets(&mut self, cx: &DecommissionContext<'_>, archive: &Archive, targets: &[DecommissionTarget]) {
        // After an earlier restore, it may have a new id.
        let now: Vec<DecommissionTarget> = targets.iter().map(|target| current_target(archive, target)).collect();
        let found: BTreeMap<String, _> = read_targets(cx, &now.iter().collect::<Vec<_>>()).await.into_iter().collect();
        for (target, now) in targets.iter().zip(now) {
            let found = match found.get(&now.id) {
                Some(Ok(found)) => found,
                Some(Err(why)) => {
                    self.refusals.push(refuse_target(target, format!("could not read whether it exists: {why}")));
                    continue;
                }
                None => continue,
            };
            let action = match (archive.journal.last_step(&target.id), found) {
                (
                    Some(JournalStep::Quarantined { .. } | JournalStep::Disabling { .. } | JournalStep::Releasing),
                    Some(_),
                ) => RestoreAction::Release,
                (Some(JournalStep::Restoring | JournalStep::Deleting), _) => RestoreAction::GoOn,
                (Some(JournalStep::Restored { .. }), Some(found)) if kinds::is_unsettled(found) => RestoreAction::GoOn,
                (_, None) => RestoreAction::Restore,
                (_, Some(found)) => {
                    let archived = self.renamed_parts(archive, target);
                    let differing = find_differences(&archived, found, &target.kind.uncompared_attributes());
                    if differing.is_empty() {
                        RestoreAction::Same
                    } else {
                        self.left.push(refuse_target(target, describe_conflict(&differing)));
                        continue;
                    }
                }
            };
            self.items.push((target.clone(), action));
        }
    }

    /// The deleted resources that aren't in the plan yet and that AWS requires for those that are: the queue for dead
    /// letters or of a mapping, the role, the functions and queues of a topic's subscriptions.
    fn find_needed_targets(&mut self, archive: &Archive) -> Vec<DecommissionTarget> {
        let mut needed = BTreeMap::new();
        for (target, action) in &self.items {
            let Some(parts) = self.parts.get(&target.id) else { continue };
            if !matches!(action, RestoreAction::Restore | RestoreAction::GoOn) {
                continue;
            }
            for entry in &archive.manifest.entries {
                let kind = target.kind.requires_kind(entry.kind.node_kind());
                let gone = match archive.journal.last_step(&entry.id) {
                    Some(step) => matches!(step, JournalStep::Deleted | JournalStep::Deleting),
                    None => archive.journal.is_begun_anew(),
                };
                let planned = self.items.iter().any(|(item, _)| item.id == entry.id)
                    || self.refusals.iter().chain(&self.left).any(|refusal| refusal.id == entry.id);
                if kind && gone && !planned && parts.mentions_arn(&entry.id) {
                    needed.insert(entry.id.clone(), (entry.archived_target(), target.name.clone()));
                }
            }
        }
        for (id, (_, by)) in &needed {
            self.needed_by.insert(id.clone(), by.clone());
        }
        needed.into_values().map(|(target, _)| target).collect()
    }

    /// Whether something of the archive is not in the account as it was archived, and stays so.
    pub fn is_partial(&self) -> bool {
        !(self.left.is_empty() && self.refusals.is_empty())
    }

    /// What AWS requires to create `target`, and couldn't be restored.
    fn find_failed_need<'f>(&self, target: &DecommissionTarget, failed: &'f [DecommissionTarget]) -> Option<&'f str> {
        let parts = self.parts.get(&target.id)?;
        let mut needed = failed.iter();
        let found =
            needed.find(|other| target.kind.requires_kind(other.kind.node_kind()) && parts.mentions_arn(&other.id));
        found.map(|other| other.name.as_str())
    }

    /// Whether anything changes.
    pub fn has_changes(&self) -> bool {
        self.items.iter().any(|(_, action)| *action != RestoreAction::Same)
    }

    /// The archived parts, with the current ids of restored resources.
    fn renamed_parts(&self, archive: &Archive, target: &DecommissionTarget) -> ResourceParts {
        let mut parts = self.parts.get(&target.id).cloned().unwrap_or_default();
        parts.rename_ids(&renamed_ids(archive));
        parts
    }
}

/// Restores in order, and compares. A failure stops only what needs what failed. The outcome names the first failure, and
/// has everything else that wasn't restored as not started.
pub async fn carry_out_restore(
    cx: &DecommissionContext<'_>,
    plan: &RestorePlan,
    archive: &mut Archive,
    on_event: &dyn Fn(&DecommissionEvent),
) -> (DecommissionOutcome, Vec<RestoreComparison>) {
    let mut outcome = DecommissionOutcome::default();
    let mut comparisons = Vec::new();
    let mut failed: Vec<DecommissionTarget> = Vec::new();
    for (target, action) in &plan.items {
        if let Some(need) = plan.find_failed_need(target, &failed) {
            let why = format!("{need}, which it needs, could not be restored");
            on_event(&DecommissionEvent::new(target, "skipped").with_notes(vec![why]));
            outcome.not_started.push(target.id.clone());
            failed.push(target.clone());
            continue;
        }
        let result = match action {
            RestoreAction::Same => Ok(("there", Vec::new())),
            RestoreAction::Release => release_target(cx, target, archive).await.map(|word| (word, Vec::new())),
            RestoreAction::Restore | RestoreAction::GoOn => {
                restore_target(cx, plan, target, archive).await.map(|notes| ("restored", notes))
            }
        };
        let compared = match result {
            Ok((step, notes)) => {
                on_event(&DecommissionEvent::new(target, step).with_notes(notes));
                outcome.done.entry(step).or_default().push(target.id.clone());
                compare_target(cx, plan, target, archive).await
            }
            Err(why) => Err(why),
        };
        match compared {
            Ok(comparison) => comparisons.push(comparison),
            Err(why) => {
                on_event(&DecommissionEvent::new(target, "failed").with_notes(vec![why.clone()]));
                // The journal keeps the step that was begun, so that the next restore resumes it.
                if outcome.failed.is_none() {
                    outcome.failed = Some((target.id.clone(), why));
                } else {
                    outcome.not_started.push(target.id.clone());
                }
                failed.push(target.clone());
            }
        }
    }
    (outcome, comparisons)
}

async fn restore_target(
    cx: &DecommissionContext<'_>,
    plan: &RestorePlan,
    target: &DecommissionTarget,
    archive: &mut Archive,
) -> Result<Vec<String>, String> {
    let unwritten = |error: std::io::Error| format!("could not write the journal: {error}");
    let mut said = Vec::new();
    // If it is restored already, only settling it is left.
    let now = current_target(archive, target);
    let made = matches!(archive.journal.last_step(&target.id), Some(JournalStep::Restored { .. }));
    if !made || now.kind.read_parts(cx, &now).await.map_err(|error| error.to_string())?.is_none() {
        archive.write_step(&target.id, JournalStep::Restoring).map_err(unwritten)?;
        let parts = plan.renamed_parts(archive, target);
        let RestoredResource { id, renamed, notes } =
            target.kind.restore_resource(cx, target, &parts).await.map_err(|error| error.to_string())?;
        let now = id.unwrap_or_else(|| target.id.clone());
        archive.write_step(&target.id, JournalStep::Restored { now, renamed }).map_err(unwritten)?;
        said = notes;
    }
    target.kind.settle_restore(cx, &current_target(archive, target)).await.map_err(|error| error.to_string())?;
    Ok(said)
}

async fn compare_target(
    cx: &DecommissionContext<'_>,
    plan: &RestorePlan,
    target: &DecommissionTarget,
    archive: &Archive,
) -> Result<RestoreComparison, String> {
    let now = current_target(archive, target);
    let found = now.kind.read_parts(cx, &now).await.map_err(|error| error.to_string())?;
    let found = found.ok_or("it doesn't exist after it was restored")?;
    let ignored = target.kind.uncompared_attributes();
    let archived = plan.renamed_parts(archive, target);
    let differences = find_differences(&archived, &found, &ignored);
    let gone = differences.iter().filter(|difference| difference.archived.is_some()).count();
    let same = archived.flat_attributes(&ignored).len().saturating_sub(gone);
    Ok(RestoreComparison { id: target.id.clone(), now: now.id, same, differences })
}

/// The resource under its current id.
fn current_target(archive: &Archive, target: &DecommissionTarget) -> DecommissionTarget {
    match archive.journal.last_step(&target.id) {
        Some(JournalStep::Restored { now, .. }) => DecommissionTarget { id: now.clone(), ..target.clone() },
        _ => target.clone(),
    }
}

/// The old and new ids of everything that was restored from this archive.
fn renamed_ids(archive: &Archive) -> Vec<(String, String)> {
    let renamed = archive.journal.last_steps().filter_map(|(_, step)| match step {
        JournalStep::Restored { renamed, .. } => Some(renamed.clone()),
        _ => None,
    });
    renamed.flatten().collect()
}

fn choose_targets(archive: &Archive, ids: &[String]) -> Result<Vec<DecommissionTarget>> {
    let entries = &archive.manifest.entries;
    if ids.is_empty() {
        let went = |id: &str| match archive.journal.last_step(id) {
            // What was done isn't known: whatever doesn't exist was deleted.
            None if archive.journal.is_begun_anew() => true,
            None
            | Some(
                JournalStep::BegunAnew | JournalStep::Archived | JournalStep::Released | JournalStep::Failed { .. },
            ) => false,
            // It was restored under a new id and archived again under that one: restore it only once.
            Some(JournalStep::Restored { now, .. }) => now == id || archive.find_entry(now).is_none(),
            Some(_) => true,
        };
        return Ok(entries
            .iter()
            .filter(|entry| went(&entry.id))
            .map(super::archive::ArchiveEntry::archived_target)
            .collect());
    }
    let mut targets = Vec::new();
    for id in ids {
        let named: Vec<_> = entries.iter().filter(|entry| entry.id == *id || entry.name == *id).collect();
        match named[..] {
            [entry] => targets.push(entry.archived_target()),
            [] => {
                let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
                return Err(Error::usage(
                    ErrorCode::NotArchived,
                    format!("the archive has no resource with the id or name \"{id}\""),
                )
                .hint(format!("it has {}", names.join(", "))));
            }
            _ => {
                let ids: Vec<&str> = named.iter().map(|entry| entry.id.as_str()).collect();
                return Err(Error::usage(
                    ErrorCode::NotArchived,
                    format!("several resources in the archive have the name \"{id}\""),
                )
                .hint(format!("give the id: {}", ids.join(" or "))));
            }
        }
    }
    targets.sort();
    targets.dedup();
    Ok(targets)
}

fn describe_conflict(differing: &[AttributeDifference]) -> String {
    let paths: Vec<&str> = differing.iter().take(NAMED).map(|difference| difference.path.as_str()).collect();
    let more = if differing.len() > NAMED { format!(" and {} more", differing.len() - NAMED) } else { String::new() };
    format!(
        "a resource with this name exists and differs from what was archived (in {}{more}): it is left as it is; rename or \
         delete it to restore the archived one",
        paths.join(", ")
    )
}
