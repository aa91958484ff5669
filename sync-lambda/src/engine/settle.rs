//! Writes the outcomes of contacts, and resets their flags.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;

use super::{SettledContact, SyncRun};
use crate::error::{RunError, Side};
use crate::hubspot::{WriteFailure, WriteResult};
use crate::ledger::{ContactOutcome, LedgerWrite};

impl SyncRun<'_> {
    /// Settles contacts. A contact that can't be written stays `sending`, and the next run looks it up.
    pub(super) async fn settle_contacts(&self, settled: Vec<SettledContact>) {
        let now = Timestamp::now();
        let writes: Vec<LedgerWrite> = settled
            .iter()
            .filter_map(|one| self.ledger.record_outcome(&one.contact_id, one.attempt.as_ref(), &one.outcome, now))
            .collect();
        let written = self.write_with_retry(&writes).await;
        for one in settled {
            let error = written.get(&one.contact_id).and_then(|written| written.as_ref().err());
            let outcome = match error {
                // The contact was deleted: nobody will look at it, and no run will find it again.
                Some(error) if error.gone => one.outcome.clone(),
                Some(error) => {
                    self.stop_run(RunError::Refused {
                        side: Side::HubSpot,
                        request: format!("the write to contact {}", one.contact_id),
                        message: error.message.clone(),
                    });
                    ContactOutcome::Unsettled(error.message.clone())
                }
                None => one.outcome.clone(),
            };
            if !matches!(outcome, ContactOutcome::Retry(_) | ContactOutcome::Unsettled(_)) {
                self.mark_done(&one.contact_id);
            }
            self.log_contact(&one, &outcome);
            self.update_report(|report| report.count_outcome(&outcome));
        }
    }

    /// Writes to contacts and returns each result. Individually rejected writes are retried once: the contact may have
    /// been changed at the same moment.
    async fn write_with_retry(&self, writes: &[LedgerWrite]) -> HashMap<String, WriteResult> {
        let mut results = self.try_write(writes).await;
        let failed = |write: &&LedgerWrite| matches!(results.get(write.contact_id()), Some(Err(error)) if !error.gone);
        let again: Vec<LedgerWrite> = writes.iter().filter(failed).cloned().collect();
        if !again.is_empty() && again.len() < writes.len() {
            results.extend(self.try_write(&again).await);
        }
        results
    }

    async fn try_write(&self, writes: &[LedgerWrite]) -> HashMap<String, WriteResult> {
        if writes.is_empty() {
            return HashMap::new();
        }
        match self.hubspot.write_contacts(writes).await {
            Ok(written) => written,
            Err(error) => {
                let why = error.to_string();
                self.stop_run(error);
                let failed = WriteFailure { message: why, gone: false };
                writes.iter().map(|write| (write.contact_id().to_owned(), Err(failed.clone()))).collect()
            }
        }
    }

    /// Logs one line per contact, without the vendor's message of a failure: it may repeat what the contact entered.
    fn log_contact(&self, one: &SettledContact, outcome: &ContactOutcome) {
        let mut line = json!({
            "level": outcome.log_level(),
            "event": "contact",
            "venue": self.settings.venue,
            "contact_id": one.contact_id,
            "outcome": outcome.outcome_name(),
            "duration_ms": u64::try_from(one.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        if let Some(attempt) = &one.attempt {
            line["attempt"] = json!(attempt.attempt_key());
        }
        match outcome {
            ContactOutcome::Synced(Some(lead_id)) | ContactOutcome::Linked(lead_id) => line["lead_id"] = json!(lead_id),
            ContactOutcome::Retry(why) | ContactOutcome::Unsettled(why) => {
                line["reason"] = json!(self.credentials.redact_text(why))
            }
            _ => {}
        }
        (self.log)(&line);
    }
}
