//! Writes the outcomes of contacts, and resets their flags.

use std::collections::HashMap;

use serde_json::json;

use super::{SettledContact, SyncRun};
use crate::error::{RunError, Side};
use crate::hubspot::{BatchWrite, CallPatience, WriteFailure};
use crate::ledger::{ContactOutcome, LedgerWrite};

impl SyncRun<'_> {
    /// Settles contacts. The outcome of one that can't be written is kept for the next run of this process; without that
    /// run, the contact stays `sending` and is looked up.
    pub(super) async fn settle_contacts(&self, settled: Vec<SettledContact>) {
        let writes: Vec<LedgerWrite> = settled.iter().filter_map(|one| self.outcome_write(one)).collect();
        let BatchWrite { mut results, error } = self.write_outcomes(&writes).await;
        if let Some(error) = error {
            self.stop_run(error);
        }
        for one in settled {
            let outcome = match results.remove(&one.contact_id) {
                // A contact that was deleted: nobody will look at it, and no run will find it again.
                None | Some(Ok(()) | Err(WriteFailure::Gone)) => one.outcome.clone(),
                Some(Err(failure)) => {
                    self.keep_settlement(&one);
                    let why = match failure {
                        WriteFailure::Rejected { reason, .. } => {
                            self.note_error(RunError::Refused {
                                side: Side::HubSpot,
                                request: format!("the write to contact {}", one.contact_id),
                                message: reason.clone(),
                            });
                            format!("HubSpot rejects its outcome ({}): {reason}", one.outcome.outcome_name())
                        }
                        _ => format!("HubSpot couldn't be told its outcome ({}) yet", one.outcome.outcome_name()),
                    };
                    ContactOutcome::Unsettled(why)
                }
            };
            if !matches!(outcome, ContactOutcome::Retry(_) | ContactOutcome::Unsettled(_)) {
                self.mark_done(&one.contact_id);
            }
            self.log_contact(&one, &outcome);
            self.update_report(|report| {
                report.retried -= u64::from(one.counted);
                report.count_outcome(&outcome);
            });
        }
    }

    /// The write of an outcome; `None` if the contact stays as it is.
    pub(super) fn outcome_write(&self, one: &SettledContact) -> Option<LedgerWrite> {
        self.ledger.record_outcome(&one.contact_id, one.attempt.as_ref(), &one.outcome, one.at)
    }

    /// Writes outcomes until the run's deadline. A contact whose write is rejected by itself is written again, because it
    /// may have been changed at the same moment, and then with fewer values.
    pub(super) async fn write_outcomes(&self, writes: &[LedgerWrite]) -> BatchWrite {
        let mut written = self.write_until_deadline(writes).await;
        let mut versions: HashMap<&str, std::vec::IntoIter<LedgerWrite>> = HashMap::new();
        while written.error.is_none() {
            let rejected = |write: &&LedgerWrite| {
                matches!(written.results.get(write.contact_id()), Some(Err(WriteFailure::Rejected { .. })))
            };
            let mut again = Vec::new();
            for write in writes.iter().filter(rejected) {
                let versions = versions.entry(write.contact_id()).or_insert_with(|| {
                    let reduced = self.ledger.reduced_writes(write);
                    [write.clone()].into_iter().chain(reduced).collect::<Vec<_>>().into_iter()
                });
                again.extend(versions.next());
            }
            if again.is_empty() {
                break;
            }
            let BatchWrite { results, error } = self.write_until_deadline(&again).await;
            written.results.extend(results);
            written.error = error;
        }
        written
    }

    async fn write_until_deadline(&self, writes: &[LedgerWrite]) -> BatchWrite {
        if writes.is_empty() {
            return BatchWrite::default();
        }
        self.hubspot.write_contacts(writes, CallPatience::Settle).await
    }

    /// Logs one line per contact, without the vendor's message of a failure: it may repeat what the contact entered.
    pub(super) fn log_contact(&self, one: &SettledContact, outcome: &ContactOutcome) {
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
            ContactOutcome::Retry(why) | ContactOutcome::Unsettled(why) => line["reason"] = json!(why),
            _ => {}
        }
        (self.log)(&line);
    }
}
