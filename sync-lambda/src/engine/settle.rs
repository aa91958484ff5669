//! Writes the outcomes of contacts, and resets their flags.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;

use super::{Run, Settled};
use crate::error::{RunError, Side};
use crate::hubspot::{NotWritten, Written};
use crate::ledger::{Outcome, Write};

impl Run<'_> {
    /// Settles contacts. A contact that can't be written stays `sending`, and the next run looks it up.
    pub(super) async fn settle(&self, settled: Vec<Settled>) {
        let now = Timestamp::now();
        let writes: Vec<Write> = settled
            .iter()
            .filter_map(|one| self.ledger.settle(&one.contact_id, one.attempt.as_ref(), &one.outcome, now))
            .collect();
        let written = self.write(&writes).await;
        for one in settled {
            let error = written.get(&one.contact_id).and_then(|written| written.as_ref().err());
            let outcome = match error {
                // The contact was deleted: nobody will look at it, and no run will find it again.
                Some(error) if error.gone => one.outcome.clone(),
                Some(error) => {
                    self.stop(RunError::Refused {
                        side: Side::HubSpot,
                        request: format!("the write to contact {}", one.contact_id),
                        message: error.message.clone(),
                    });
                    Outcome::Unsettled(error.message.clone())
                }
                None => one.outcome.clone(),
            };
            if !matches!(outcome, Outcome::Retry(_) | Outcome::Unsettled(_)) {
                self.done(&one.contact_id);
            }
            self.log_contact(&one, &outcome);
            self.report(|report| report.count(&outcome));
        }
    }

    /// Writes to contacts and returns each result. Individually rejected writes are retried once: the contact may have
    /// been changed at the same moment.
    async fn write(&self, writes: &[Write]) -> HashMap<String, Written> {
        let mut results = self.try_write(writes).await;
        let failed = |write: &&Write| matches!(results.get(write.id()), Some(Err(error)) if !error.gone);
        let again: Vec<Write> = writes.iter().filter(failed).cloned().collect();
        if !again.is_empty() && again.len() < writes.len() {
            results.extend(self.try_write(&again).await);
        }
        results
    }

    async fn try_write(&self, writes: &[Write]) -> HashMap<String, Written> {
        if writes.is_empty() {
            return HashMap::new();
        }
        match self.hubspot.write(writes).await {
            Ok(written) => written,
            Err(error) => {
                let why = error.to_string();
                self.stop(error);
                let failed = NotWritten { message: why, gone: false };
                writes.iter().map(|write| (write.id().to_owned(), Err(failed.clone()))).collect()
            }
        }
    }

    /// Logs one line per contact, without the vendor's message of a failure: it may repeat what the contact entered.
    fn log_contact(&self, one: &Settled, outcome: &Outcome) {
        let mut line = json!({
            "level": if matches!(outcome, Outcome::Synced(_) | Outcome::Withdrawn) { "info" } else { "warn" },
            "event": "contact",
            "venue": self.settings.venue,
            "contact_id": one.contact_id,
            "outcome": outcome.name(),
            "duration_ms": u64::try_from(one.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        if let Some(attempt) = &one.attempt {
            line["attempt"] = json!(attempt.key());
        }
        match outcome {
            Outcome::Synced(Some(lead_id)) => line["lead_id"] = json!(lead_id),
            Outcome::Retry(why) | Outcome::Unsettled(why) => line["reason"] = json!(self.credentials.redact(why)),
            _ => {}
        }
        (self.log)(&line);
    }
}
