//! Carries out a [`Plan`]. Everything is archived and read back before the first resource is disabled or deleted, and
//! the journal records each step before it begins.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;

use super::archive::Archive;
use super::journal::Step;
use super::kinds;
use super::parts::Parts;
use super::plan::{ARCHIVED_AT_ONCE, Action, Item, Plan};
use super::{Cx, TAG_ARCHIVE, TAG_QUARANTINE, Target, kind_word};
use deployer_core::error::{Error, Result};

/// What happened to a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Its kind and name: `function push`.
    pub what: String,
    /// `archived`, `disabled`, `deleted`, `released`, `restored`, `failed`.
    pub step: &'static str,
    /// Further notes, or why it failed.
    pub notes: Vec<String>,
}

impl Event {
    pub(super) fn new(target: &Target, step: &'static str) -> Self {
        let what = format!("{} {}", kind_word(target.kind), target.name);
        Self { id: target.id.clone(), what, step, notes: Vec::new() }
    }

    pub(super) fn noting(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }
}

/// The result of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The ids by what was done with them.
    pub done: BTreeMap<&'static str, Vec<String>>,
    /// The id of the resource that failed, and why. Nothing was done after it.
    pub failed: Option<(String, String)>,
    /// The ids of resources that weren't started.
    pub not_started: Vec<String>,
}

/// Archives, verifies, and then carries out `plan` in its order. It stops at the first failure, because the resource
/// that failed may need what comes later.
///
/// # Errors
/// A resource or the archive can't be read, or the archive can't be written. Then nothing was disabled or deleted.
pub async fn carry_out(cx: &Cx<'_>, plan: &Plan, archive: &mut Archive, on_event: &dyn Fn(&Event)) -> Result<Outcome> {
    archive_all(cx, plan, archive, on_event).await?;
    let mut outcome = Outcome::default();
    let mut items = plan.items.iter().filter(|item| !matches!(item.action, Action::Wait { .. }));
    for item in items.by_ref() {
        match one(cx, item, archive).await {
            Ok(step) => {
                on_event(&Event::new(&item.target, step));
                outcome.done.entry(step).or_default().push(item.target.id.clone());
            }
            Err(why) => {
                on_event(&Event::new(&item.target, "failed").noting(vec![why.clone()]));
                // If this can't be written either, the next run starts where the journal ends.
                let _ = archive.journal.write(&item.target.id, Step::Failed { why: why.clone() });
                outcome.failed = Some((item.target.id.clone(), why));
                break;
            }
        }
    }
    outcome.not_started = items.map(|item| item.target.id.clone()).collect();
    Ok(outcome)
}

/// Archives what isn't archived in its current state, then reads everything back.
async fn archive_all(cx: &Cx<'_>, plan: &Plan, archive: &mut Archive, on_event: &dyn Fn(&Event)) -> Result<()> {
    let items: Vec<&Item> = plan.items.iter().filter(|item| item.action.archives()).collect();
    // Read again, since a person may take hours to confirm the plan.
    let read = async |item: &Item| {
        let target = item.target.clone();
        let parts = kinds::read(cx, &target).await;
        (target, parts)
    };
    let mut reading = stream::iter(items).map(read).buffer_unordered(ARCHIVED_AT_ONCE);
    let mut archived = Vec::new();
    while let Some((target, parts)) = reading.next().await {
        let what = format!("{} {}", kind_word(target.kind), target.name);
        let parts = parts.map_err(|error| {
            let mut failed = Error::failed(format!("could not archive {what}; nothing was disabled or deleted"));
            failed.hints.extend(error.hint());
            failed.caused_by(&error)
        })?;
        let Some(parts) = parts else { continue };
        let same =
            archive.entry(&target.id).is_some_and(|entry| archive.parts(entry).is_ok_and(|known| known == parts));
        if !same {
            let lost = kinds::lost(&target, &parts);
            archive.write(&target, &parts, lost)?;
        }
        archived.push((target, parts));
    }
    drop(reading);
    for (target, parts) in archived {
        let back = archive.entry(&target.id).map(|entry| archive.parts(entry)).transpose()?;
        if back.as_ref() != Some(&parts) {
            let what = format!("the archived {} {} differs from what was read", kind_word(target.kind), target.name);
            return Err(Error::failed(what).hint("nothing was disabled or deleted; run the same command again"));
        }
        journal(archive, &target, Step::Archived).map_err(Error::failed)?;
        on_event(&Event::new(&target, "archived"));
    }
    Ok(())
}

/// Carries out one item, and returns a word for what was done.
///
/// # Errors
/// Why it wasn't done, in words.
async fn one(cx: &Cx<'_>, item: &Item, archive: &mut Archive) -> Result<&'static str, String> {
    let target = &item.target;
    let last = archive.journal.last(&target.id).cloned();
    match (&item.action, last) {
        (Action::Wait { .. }, _) => Ok("waiting"),
        (Action::Gone, _) => {
            if archive.entry(&target.id).is_some() {
                journal(archive, target, Step::Deleted)?;
            }
            Ok("gone")
        }
        (Action::Quarantine { until }, _) => disable(cx, target, *until, archive).await,
        (Action::Release { .. }, _) | (Action::GoOn, Some(Step::Releasing)) => release(cx, target, archive).await,
        (Action::GoOn, Some(Step::Disabling { until })) => disable(cx, target, until, archive).await,
        (Action::GoOn, Some(Step::Deleting)) => delete(cx, target, archive).await,
        (Action::GoOn, _) => Err("the journal doesn't say which step was interrupted".to_owned()),
        (Action::Delete | Action::DeleteQuiet, last) => {
            let wanted = match last {
                Some(Step::Quarantined { fingerprint, .. }) => fingerprint,
                _ => archived(archive, target)?.fingerprint(kinds::volatile(target.kind)),
            };
            match kinds::read(cx, target).await.map_err(|error| error.to_string())? {
                None => {
                    journal(archive, target, Step::Deleted)?;
                    return Ok("gone");
                }
                Some(now) => {
                    if now.fingerprint(kinds::volatile(target.kind)) != wanted {
                        return Err("it was changed after it was archived: run the same command again".to_owned());
                    }
                    refuse_messages(target, &now)?;
                }
            }
            journal(archive, target, Step::Deleting)?;
            delete(cx, target, archive).await
        }
    }
}

/// Refuses a queue that has messages: they can arrive at any time and aren't archived.
fn refuse_messages(target: &Target, now: &Parts) -> Result<(), String> {
    if target.kind != crate::audit::Kind::Queue {
        return Ok(());
    }
    kinds::objection(target, now, None, Timestamp::now()).map_or(Ok(()), Err)
}

async fn delete(cx: &Cx<'_>, target: &Target, archive: &mut Archive) -> Result<&'static str, String> {
    let parts = archived(archive, target)?;
    kinds::delete(cx, target, &parts).await.map_err(|error| error.to_string())?;
    journal(archive, target, Step::Deleted)?;
    Ok("deleted")
}

async fn disable(
    cx: &Cx<'_>,
    target: &Target,
    until: Timestamp,
    archive: &mut Archive,
) -> Result<&'static str, String> {
    let parts = archived(archive, target)?;
    journal(archive, target, Step::Disabling { until })?;
    let name = archive.directory().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let tags = [(TAG_QUARANTINE, until.strftime("%Y-%m-%d").to_string()), (TAG_ARCHIVE, tag_value(&name))];
    kinds::disable(cx, target, &parts, &tags).await.map_err(|error| error.to_string())?;
    let now = kinds::read(cx, target).await.map_err(|error| error.to_string())?;
    let now = now.ok_or("it no longer exists")?;
    let fingerprint = now.fingerprint(kinds::volatile(target.kind));
    journal(archive, target, Step::Quarantined { since: Timestamp::now(), until, fingerprint })?;
    Ok("disabled")
}

pub(super) async fn release(cx: &Cx<'_>, target: &Target, archive: &mut Archive) -> Result<&'static str, String> {
    let parts = archived(archive, target)?;
    journal(archive, target, Step::Releasing)?;
    let keys = [TAG_QUARANTINE, TAG_ARCHIVE];
    kinds::enable(cx, target, &parts, &keys).await.map_err(|error| error.to_string())?;
    journal(archive, target, Step::Released)?;
    Ok("released")
}

fn archived(archive: &Archive, target: &Target) -> Result<Parts, String> {
    let entry = archive.entry(&target.id).ok_or("it isn't in the archive")?;
    archive.parts(entry).map_err(|error| error.to_string())
}

fn journal(archive: &mut Archive, target: &Target, step: Step) -> Result<(), String> {
    archive.journal.write(&target.id, step).map_err(|error| format!("could not write the journal: {error}"))
}

/// Keeps the characters that every service accepts in a tag.
fn tag_value(text: &str) -> String {
    let taken = |character: char| character.is_ascii_alphanumeric() || "_.:/=+-@".contains(character);
    text.chars().filter(|character| taken(*character)).take(128).collect()
}
