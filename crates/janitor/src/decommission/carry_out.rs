//! Carries out a [`DecommissionPlan`]. Everything is archived and read back before the first resource is disabled or deleted, and
//! the journal records each step before it begins.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;

use super::archive::Archive;
use super::journal::JournalStep;
use super::parts::ResourceParts;
use super::plan::{ARCHIVED_AT_ONCE, DecommissionAction, DecommissionItem, DecommissionPlan};
use super::proof::prove_restore;
use super::reread::{AccountReading, AccountRecheck, find_new_needs, takes_out_of_use};
use super::{DecommissionContext, DecommissionTarget, TAG_ARCHIVE, TAG_QUARANTINE};
use deployer_core::error::{Error, ErrorCode, Result};

/// What happened to a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecommissionEvent {
    /// Its id.
    pub id: String,
    /// Its kind and name: `function push`.
    pub what: String,
    /// `archived`, `disabled`, `deleted`, `released`, `restored`, `failed`.
    pub step: &'static str,
    /// Further notes, or why it failed.
    pub notes: Vec<String>,
}

impl DecommissionEvent {
    pub(super) fn new(target: &DecommissionTarget, step: &'static str) -> Self {
        Self { id: target.id.clone(), what: target.kind_and_name(), step, notes: Vec::new() }
    }

    pub(super) fn with_notes(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }
}

/// The result of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DecommissionOutcome {
    /// The ids by what was done with them.
    pub done: BTreeMap<&'static str, Vec<String>>,
    /// The id of the resource that failed, and why. Nothing was done after it.
    pub failed: Option<(String, String)>,
    /// The ids of resources that weren't started.
    pub not_started: Vec<String>,
}

/// Archives, verifies, reads the account again, and then carries out `plan` in its order. It stops at the first failure,
/// because the resource that failed may need what comes later.
///
/// # Errors
/// A resource or the archive can't be read, the archive can't be written, or the account isn't as it was audited. Then
/// nothing was disabled or deleted.
pub async fn carry_out(
    cx: &DecommissionContext<'_>,
    plan: &DecommissionPlan,
    archive: &mut Archive,
    recheck: &AccountRecheck<'_>,
    on_event: &dyn Fn(&DecommissionEvent),
) -> Result<DecommissionOutcome> {
    archive_all(cx, plan, archive, on_event).await?;
    prove_restores(plan, archive)?;
    let mut last_look = LastLook { cx, plan, recheck, reading: None };
    let needs = if takes_out_of_use(plan) { last_look.read_account().await } else { Vec::new() };
    if !needs.is_empty() {
        let mut error = Error::refused(
            ErrorCode::AuditChanged,
            "the account is not as it was audited; nothing was disabled or deleted",
        );
        error.causes = needs;
        return Err(error.hint("make a new audit with `deployer audit --out FILE`, and review it"));
    }
    let mut outcome = DecommissionOutcome::default();
    let mut items = plan.items.iter().filter(|item| !matches!(item.action, DecommissionAction::Wait { .. }));
    for item in items.by_ref() {
        match carry_out_item(item, archive, &mut last_look).await {
            Ok(step) => {
                on_event(&DecommissionEvent::new(&item.target, step));
                outcome.done.entry(step).or_default().push(item.target.id.clone());
            }
            Err(why) => {
                on_event(&DecommissionEvent::new(&item.target, "failed").with_notes(vec![why.clone()]));
                // If this can't be written either, the next run starts where the journal ends.
                let _ = archive.write_step(&item.target.id, JournalStep::Failed { why: why.clone() });
                outcome.failed = Some((item.target.id.clone(), why));
                break;
            }
        }
    }
    outcome.not_started = items.map(|item| item.target.id.clone()).collect();
    Ok(outcome)
}

/// Archives what isn't archived in its current state, then reads everything back.
async fn archive_all(
    cx: &DecommissionContext<'_>,
    plan: &DecommissionPlan,
    archive: &mut Archive,
    on_event: &dyn Fn(&DecommissionEvent),
) -> Result<()> {
    let items: Vec<&DecommissionItem> = plan.items.iter().filter(|item| item.action.archives_first()).collect();
    // Read again, since a person may take hours to confirm the plan.
    let read = async |item: &DecommissionItem| {
        let target = item.target.clone();
        let parts = target.kind.read_parts(cx, &target).await;
        (target, parts)
    };
    let mut reading = stream::iter(items).map(read).buffer_unordered(ARCHIVED_AT_ONCE);
    let mut archived = Vec::new();
    while let Some((target, parts)) = reading.next().await {
        let what = target.kind_and_name();
        let parts = parts.map_err(|error| {
            let mut failed =
                Error::failed(ErrorCode::AwsCall, format!("could not archive {what}; nothing was disabled or deleted"));
            failed.hints.extend(error.hint());
            failed.caused_by(&error)
        })?;
        let Some(parts) = parts else { continue };
        let same = archive
            .find_entry(&target.id)
            .is_some_and(|entry| archive.read_parts(entry).is_ok_and(|known| known == parts));
        if !same {
            let lost = target.kind.lost_parts(&parts);
            archive.write_resource(&target, &parts, lost)?;
        }
        archived.push((target, parts));
    }
    drop(reading);
    for (target, parts) in archived {
        let back = archive.find_entry(&target.id).map(|entry| archive.read_parts(entry)).transpose()?;
        if back.as_ref() != Some(&parts) {
            let what = format!("the archived {} differs from what was read", target.kind_and_name());
            return Err(Error::failed(ErrorCode::Archive, what)
                .hint("nothing was disabled or deleted; run the same command again"));
        }
        write_journal(archive, &target, JournalStep::Archived)
            .map_err(|message| Error::failed(ErrorCode::Archive, message))?;
        on_event(&DecommissionEvent::new(&target, "archived"));
    }
    Ok(())
}

/// What is asked again right before each change.
struct LastLook<'a> {
    cx: &'a DecommissionContext<'a>,
    plan: &'a DecommissionPlan,
    recheck: &'a AccountRecheck<'a>,
    reading: Option<AccountReading>,
}

impl LastLook<'_> {
    /// Refuses to change a resource that something needs by now. `parts` is what AWS returns about it now.
    ///
    /// # Errors
    /// What needs it, in words.
    async fn check_item(&mut self, item: &DecommissionItem, parts: &ResourceParts) -> Result<(), String> {
        if self.reading.as_ref().is_none_or(AccountReading::is_outdated) {
            let needs = self.read_account().await;
            if !needs.is_empty() {
                return Err(format!("the account is no longer as it was audited: {}", needs.join("; ")));
            }
        }
        let Some(reading) = &self.reading else { return Err("the account was not read".to_owned()) };
        match reading.find_late_need(self.cx, self.plan, item, parts).await {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// Reads the whole account, and returns what needs something of the plan.
    async fn read_account(&mut self) -> Vec<String> {
        // Every reader of an audit is in this future.
        let reading = Box::pin(self.recheck.read_account(self.cx)).await;
        let needs = find_new_needs(self.plan, self.recheck.audit, &reading.inventory);
        self.reading = Some(reading);
        needs
    }
}

/// Imports the archive in a dry way: everything that is about to be disabled or deleted is read back, and the calls that
/// create it are rebuilt.
fn prove_restores(plan: &DecommissionPlan, archive: &Archive) -> Result<()> {
    let mut gaps = Vec::new();
    for item in plan.items.iter().filter(|item| item.action.archives_first() || item.action.deletes()) {
        let Some(entry) = archive.find_entry(&item.target.id) else { continue };
        let proof = prove_restore(&item.target, &archive.read_parts(entry)?, Timestamp::now());
        gaps.extend(proof.gaps.into_iter().map(|gap| format!("{}: {gap}", item.target.kind_and_name())));
    }
    if plan.accept_loss || gaps.is_empty() {
        return Ok(());
    }
    let mut error = Error::refused(
        ErrorCode::ArchiveLoss,
        "the archive is not enough to restore from; nothing was disabled or deleted",
    );
    error.causes = gaps;
    Err(error.hint("leave these out, or pass --accept-loss to delete them anyway"))
}

/// Carries out one item, and returns a word for what was done.
///
/// # Errors
/// Why it wasn't done, in words.
async fn carry_out_item(
    item: &DecommissionItem,
    archive: &mut Archive,
    last_look: &mut LastLook<'_>,
) -> Result<&'static str, String> {
    let (target, cx) = (&item.target, last_look.cx);
    let last = archive.journal.last_step(&target.id).cloned();
    match (&item.action, last) {
        (DecommissionAction::Wait { .. }, _) => Ok("waiting"),
        (DecommissionAction::Gone, _) => {
            if archive.find_entry(&target.id).is_some() {
                write_journal(archive, target, JournalStep::Deleted)?;
            }
            Ok("gone")
        }
        (DecommissionAction::Quarantine { until }, _) => {
            let now = target.kind.read_parts(cx, target).await.map_err(|error| error.to_string())?;
            last_look.check_item(item, &now.ok_or("it no longer exists")?).await?;
            disable_target(cx, target, *until, archive).await
        }
        (DecommissionAction::Release { .. }, _) | (DecommissionAction::GoOn, Some(JournalStep::Releasing)) => {
            release_target(cx, target, archive).await
        }
        (DecommissionAction::GoOn, Some(JournalStep::Disabling { until })) => {
            disable_target(cx, target, until, archive).await
        }
        (DecommissionAction::GoOn, Some(JournalStep::Deleting)) => delete_target(cx, target, archive).await,
        (DecommissionAction::GoOn, _) => Err("the journal doesn't say which step was interrupted".to_owned()),
        (DecommissionAction::Delete | DecommissionAction::DeleteQuiet, last) => {
            let wanted = match last {
                Some(JournalStep::Quarantined { fingerprint, .. }) => fingerprint,
                _ => target.kind.compute_fingerprint(&archived_parts(archive, target)?),
            };
            match target.kind.read_parts(cx, target).await.map_err(|error| error.to_string())? {
                None => {
                    write_journal(archive, target, JournalStep::Deleted)?;
                    return Ok("gone");
                }
                Some(now) => {
                    if target.kind.compute_fingerprint(&now) != wanted {
                        return Err("it was changed after it was archived: run the same command again".to_owned());
                    }
                    if let Some(why) = target.kind.find_late_objection(&now) {
                        return Err(why);
                    }
                    last_look.check_item(item, &now).await?;
                }
            }
            write_journal(archive, target, JournalStep::Deleting)?;
            delete_target(cx, target, archive).await
        }
    }
}

async fn delete_target(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    archive: &mut Archive,
) -> Result<&'static str, String> {
    let parts = archived_parts(archive, target)?;
    target.kind.delete_resource(cx, target, &parts).await.map_err(|error| error.to_string())?;
    write_journal(archive, target, JournalStep::Deleted)?;
    Ok("deleted")
}

async fn disable_target(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    until: Timestamp,
    archive: &mut Archive,
) -> Result<&'static str, String> {
    let parts = archived_parts(archive, target)?;
    write_journal(archive, target, JournalStep::Disabling { until })?;
    let name =
        archive.archive_directory().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let tags = [(TAG_QUARANTINE, until.strftime("%Y-%m-%d").to_string()), (TAG_ARCHIVE, tag_value(&name))];
    target.kind.disable_resource(cx, target, &parts, &tags).await.map_err(|error| error.to_string())?;
    let now = target.kind.read_parts(cx, target).await.map_err(|error| error.to_string())?;
    let now = now.ok_or("it no longer exists")?;
    let fingerprint = target.kind.compute_fingerprint(&now);
    write_journal(archive, target, JournalStep::Quarantined { since: Timestamp::now(), until, fingerprint })?;
    Ok("disabled")
}

pub(super) async fn release_target(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    archive: &mut Archive,
) -> Result<&'static str, String> {
    let parts = archived_parts(archive, target)?;
    write_journal(archive, target, JournalStep::Releasing)?;
    let keys = [TAG_QUARANTINE, TAG_ARCHIVE];
    target.kind.enable_resource(cx, target, &parts, &keys).await.map_err(|error| error.to_string())?;
    write_journal(archive, target, JournalStep::Released)?;
    Ok("released")
}

fn archived_parts(archive: &Archive, target: &DecommissionTarget) -> Result<ResourceParts, String> {
    let entry = archive.find_entry(&target.id).ok_or("it isn't in the archive")?;
    archive.read_parts(entry).map_err(|error| error.to_string())
}

fn write_journal(archive: &mut Archive, target: &DecommissionTarget, step: JournalStep) -> Result<(), String> {
    archive.write_step(&target.id, step).map_err(|error| format!("could not write the journal: {error}"))
}

/// Keeps the characters that every service accepts in a tag.
fn tag_value(text: &str) -> String {
    let taken = |character: char| character.is_ascii_alphanumeric() || "_.:/=+-@".contains(character);
    text.chars().filter(|character| taken(*character)).take(128).collect()
}
