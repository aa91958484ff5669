//! Outcomes that HubSpot couldn't be told. They are kept in the process until a later run has written them, so that what
//! is known isn't looked up again, and a contact that was never sent doesn't need review.

use std::collections::HashSet;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;

use super::{SettledContact, SyncRun};
use crate::clock;
use crate::error::{RunError, Side};
use crate::hubspot::BATCH;
use crate::ledger::{Attempt, ContactOutcome, ContactState};
use sync_config::mapping::ContactProperties;

/// An outcome that isn't in HubSpot yet.
#[derive(Debug, Clone)]
struct PendingSettlement {
    contact_id: String,
    attempt: Option<Attempt>,
    outcome: ContactOutcome,
    /// When the outcome was known.
    at: Timestamp,
    /// The run in progress has counted the contact as one for the next run.
    counted: bool,
}

/// The outcomes that a process still has to write.
#[derive(Debug, Default)]
pub struct PendingSettlements(Mutex<Vec<PendingSettlement>>);

impl PendingSettlements {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// A new run hasn't counted any of them yet.
    pub(super) fn begin_run(&self) {
        self.0.lock().iter_mut().for_each(|one| one.counted = false);
    }

    fn keep(&self, pending: impl IntoIterator<Item = PendingSettlement>) {
        self.0.lock().extend(pending);
    }

    fn take_all(&self) -> Vec<PendingSettlement> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl SyncRun<'_> {
    /// Keeps an outcome that couldn't be written, for the next run of this process.
    pub(super) fn keep_settlement(&self, one: &SettledContact) {
        if matches!(one.outcome, ContactOutcome::Unsettled(_)) {
            return;
        }
        self.pending.keep([PendingSettlement {
            contact_id: one.contact_id.clone(),
            attempt: one.attempt.clone(),
            outcome: one.outcome.clone(),
            at: one.at,
            counted: true,
        }]);
    }

    /// Whether to try once more, at the end of a run, to write what couldn't be written during it. A daily limit or a
    /// rejected token doesn't pass that soon.
    pub(super) fn may_settle_pending(&self) -> bool {
        let passes = match &self.stop.lock().error {
            None => false,
            Some(error) => matches!(error, RunError::Unavailable { side: Side::HubSpot, .. }),
        };
        passes && self.pending.count() > 0
    }

    /// Writes what couldn't be written before. A contact is written only if it is still as it was left:
    /// in the meantime, another process may have settled it.
    pub(super) async fn settle_pending(&self) {
        let mut kept = self.pending.take_all();
        while !kept.is_empty() {
            let rest = kept.split_off(kept.len().min(BATCH));
            let batch = std::mem::replace(&mut kept, rest);
            let ids: Vec<String> = batch.iter().map(|one| one.contact_id.clone()).collect();
            let read = self.hubspot.read_contacts(&ids, &self.ledger.properties_to_read()).await;
            let read = match read {
                Ok(read) => read,
                Err(error) => {
                    self.pending.keep(batch);
                    self.stop_run(error);
                    break;
                }
            };
            let read: Vec<(String, ContactProperties)> =
                read.into_iter().map(|contact| (contact.id.clone(), contact.into_properties())).collect();
            let count = batch.len();
            let mut used = HashSet::new();
            let settled: Vec<SettledContact> = batch
                .into_iter()
                .filter_map(|one| {
                    let contact_id = self.find_unchanged(&one, &read).filter(|id| used.insert(id.clone()))?;
                    Some(SettledContact {
                        contact_id,
                        attempt: one.attempt,
                        outcome: one.outcome,
                        begun: clock::now(),
                        at: one.at,
                        counted: one.counted,
                    })
                })
                .collect();
            (self.log)(&json!({
                "level": "info", "event": "pending", "venue": self.settings.venue,
                "message": format!("{count} outcomes couldn't be written before; {} are still to be written", settled.len()),
            }));
            self.settle_contacts(settled).await;
        }
        self.pending.keep(kept);
        // What is still unwritten must not be looked up or reviewed: its outcome is known.
        for one in self.pending.0.lock().iter() {
            self.begun.lock().insert(one.contact_id.clone());
        }
    }

    /// The id under which a contact is that is still as the earlier run left it. A contact that was merged since has the
    /// other contact's id, and may have this one's mark.
    fn find_unchanged(&self, one: &PendingSettlement, read: &[(String, ContactProperties)]) -> Option<String> {
        let unchanged = |(id, properties): &&(String, ContactProperties)| match self.ledger.contact_state(properties) {
            ContactState::Sending(Some(attempt)) => Some(&attempt) == one.attempt.as_ref(),
            ContactState::Sending(None) => one.attempt.is_none() && *id == one.contact_id,
            ContactState::NotFlagged | ContactState::Flagged => false,
        };
        read.iter().find(unchanged).map(|(id, _)| id.clone())
    }
}
