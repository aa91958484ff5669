//! Takes contacts: confirms them in the primary store, and marks them so that a run that dies leaves a trace.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::{SendMode, SettledContact, SyncRun, TakenContact};
use crate::clock;
use crate::error::RunError;
use crate::hubspot::{BatchWrite, CallPatience, WriteFailure};
use crate::ledger::{Attempt, ContactOutcome, ContactState, LedgerWrite};
use crate::report::DryRunAction;
use sync_config::config::OnAmbiguous;
use sync_config::mapping::{ContactProperties, LeadFields};

/// Leads that a dry run shows at most: Lambda's response has room for 6 MB, and a lead can have 65 KB of text.
const SHOWN_CONTACTS: usize = 50;

impl SyncRun<'_> {
    /// Takes the contacts among `ids` that need work. A failure ends the run, and none of `ids` is sent.
    pub(super) async fn take_contacts(&self, ids: &[String]) -> Vec<TakenContact> {
        if !self.may_take() {
            self.update_report(|report| report.left += ids.len() as u64);
            return Vec::new();
        }
        match self.try_take(ids).await {
            Ok(taken) => taken,
            Err(error) => {
                self.stop_run(error);
                self.update_report(|report| report.left += ids.len() as u64);
                Vec::new()
            }
        }
    }

    async fn try_take(&self, ids: &[String]) -> Result<Vec<TakenContact>, RunError> {
        let mut taken = Vec::new();
        let mut fresh: HashMap<String, LeadFields> = HashMap::new();
        let mut marks = Vec::new();
        let mut attempts = Vec::new();
        for (contact_id, properties) in self.read_contacts(ids).await? {
            if !self.mark_begun(&contact_id) {
                continue;
            }
            let lead = self.mapping.lead_fields(&properties, self.known_labels());
            match self.ledger.contact_state(&properties) {
                ContactState::NotFlagged => self.mark_done(&contact_id),
                ContactState::Sending(Some(attempt)) if self.may_be_in_progress(&attempt) => {
                    self.update_report(|report| report.left += 1);
                }
                ContactState::Sending(attempt) if !self.may_resend(&properties) => {
                    let flagged = self.ledger.is_flagged(&properties);
                    taken.push(TakenContact { contact_id, lead, how: SendMode::Left { attempt, flagged } });
                }
                ContactState::Flagged | ContactState::Sending(_) => {
                    if let Some(outcome) = self.judge_retick(&properties, clock::timestamp()) {
                        taken.push(TakenContact { contact_id, lead, how: SendMode::Decided(outcome) });
                        continue;
                    }
                    let attempt = Attempt::for_owner(&contact_id, self.settings.function.owner, clock::timestamp());
                    marks.push(self.ledger.mark_sending(&attempt));
                    attempts.push(attempt);
                    fresh.insert(contact_id, lead);
                }
            }
        }
        if marks.is_empty() {
            return Ok(taken);
        }
        let BatchWrite { mut results, error } = self.hubspot.write_contacts(&marks, CallPatience::Work).await;
        if let Some(error) = error {
            self.stop_run(error);
        }
        let mut rejected = Vec::new();
        for attempt in attempts {
            let contact_id = attempt.contact_id().to_owned();
            // A contact that isn't marked isn't sent: its outcome could be lost.
            match results.remove(&contact_id).unwrap_or(Err(WriteFailure::Unanswered)) {
                Ok(()) => {
                    let lead = fresh.remove(&contact_id).unwrap_or_default();
                    taken.push(TakenContact { contact_id, lead, how: SendMode::Marked(attempt) });
                }
                Err(WriteFailure::Gone) => {}
                Err(WriteFailure::Rejected { message, reason }) => rejected.push((contact_id, message, reason)),
                Err(WriteFailure::NotWritten) => self.update_report(|report| report.left += 1),
                Err(WriteFailure::Unanswered) => {
                    self.update_report(|report| report.retried += 1);
                    // It may be marked, and was certainly not sent: the next run must not take it for one that was.
                    let outcome = ContactOutcome::Retry("HubSpot couldn't be told that its turn had come.".to_owned());
                    let now = clock::timestamp();
                    self.keep_settlement(&SettledContact {
                        contact_id,
                        attempt: Some(attempt),
                        outcome,
                        begun: clock::now(),
                        at: now,
                        counted: true,
                    });
                }
            }
        }
        if self.may_take() {
            for (contact_id, message, reason) in rejected {
                self.fail_unmarkable(contact_id, &message, &reason).await;
            }
        } else {
            // HubSpot rejects whatever is written now, so this says nothing about these contacts.
            self.update_report(|report| report.left += rejected.len() as u64);
        }
        Ok(taken)
    }

    /// Settles a contact whose mark HubSpot rejects, and only its: it becomes `failed`, with HubSpot's words. If that is
    /// rejected too, it is left as it is.
    async fn fail_unmarkable(&self, contact_id: String, message: &str, reason: &str) {
        let why = format!(
            "HubSpot rejects changes to this contact: {message}. Correct it in HubSpot and tick the flag again."
        );
        let now = clock::timestamp();
        let one = SettledContact {
            contact_id,
            attempt: None,
            outcome: ContactOutcome::Failed(why),
            begun: clock::now(),
            at: now,
            counted: false,
        };
        let writes: Vec<LedgerWrite> = self.outcome_write(&one).into_iter().collect();
        let BatchWrite { mut results, error } = self.write_outcomes(&writes).await;
        if let Some(error) = error {
            self.stop_run(error);
        }
        match results.remove(&one.contact_id) {
            Some(Ok(())) => {
                self.mark_done(&one.contact_id);
                self.log_contact(&one, &one.outcome);
                self.update_report(|report| report.count_outcome(&one.outcome));
            }
            Some(Err(WriteFailure::Gone)) => {}
            _ => {
                (self.log)(&json!({
                    "level": "warn", "event": "contact", "venue": self.settings.venue, "contact_id": one.contact_id,
                    "outcome": "not_marked", "reason": format!("HubSpot rejects every change to this contact: {reason}"),
                }));
                self.update_report(|report| report.retried += 1);
            }
        }
    }

    /// Whether an attempt may belong to a run of another deployment that is still in progress.
    fn may_be_in_progress(&self, attempt: &Attempt) -> bool {
        attempt.may_be_in_progress(self.settings.function.owner, self.longest_run, clock::timestamp())
    }

    /// Records that a contact's flag is no longer set.
    pub(super) fn mark_done(&self, contact_id: &str) {
        self.done.lock().insert(contact_id.to_owned());
    }

    /// Records a contact as taken; returns `false` if this run has taken it already. A merged contact is found under
    /// both ids, and the second time it is `sending` because of this run itself.
    fn mark_begun(&self, contact_id: &str) -> bool {
        self.begun.lock().insert(contact_id.to_owned())
    }

    /// Reads contacts from the primary store. A contact that was merged into another is returned under the other's id.
    async fn read_contacts(&self, ids: &[String]) -> Result<BTreeMap<String, ContactProperties>, RunError> {
        let mut wanted: Vec<&str> = self.ledger.properties_to_read().to_vec();
        wanted.extend(self.mapping.hubspot_properties());
        wanted.sort_unstable();
        wanted.dedup();
        let contacts = self.hubspot.read_contacts(ids, &wanted).await?;
        let read: BTreeMap<String, ContactProperties> =
            contacts.into_iter().map(|contact| (contact.id.clone(), contact.into_properties())).collect();
        let theirs = self.mapping.hubspot_properties();
        for properties in read.values() {
            let values = properties.iter().filter(|(name, _)| theirs.contains(name.as_str()));
            self.contacts.remember_contact(values.map(|(_, value)| value.as_str()));
        }
        Ok(read)
    }

    /// Whether to simply send a contact again that may have been sent already.
    fn may_resend(&self, contact: &ContactProperties) -> bool {
        !self.can_look_up()
            && self.settings.config.on_ambiguous == OnAmbiguous::Resend
            && self.ledger.is_flagged(contact)
    }

    /// Records what a run would do with `ids`, without doing it.
    pub(super) async fn preview_contacts(&self, ids: &[String]) -> Result<(), RunError> {
        let contacts = self.read_contacts(ids).await?;
        let would = contacts.into_iter().filter_map(|(contact_id, properties)| {
            let action = match self.ledger.contact_state(&properties) {
                ContactState::NotFlagged => return None,
                ContactState::Sending(Some(attempt)) if self.may_be_in_progress(&attempt) => return None,
                ContactState::Flagged => match self.judge_retick(&properties, clock::timestamp()) {
                    None => "send",
                    Some(ContactOutcome::Reticked { review: false, .. }) => "ignore",
                    Some(_) => "review",
                },
                ContactState::Sending(_) if self.may_resend(&properties) => "send",
                ContactState::Sending(Some(_)) if self.can_look_up() => "look_up",
                ContactState::Sending(_) => "review",
            };
            let lead = self.mapping.lead_fields(&properties, self.known_labels());
            let body = self.show_contacts.then(|| {
                let attempt = Attempt::new(&contact_id, clock::timestamp());
                self.destination.lead_body(&lead, &attempt)
            });
            Some(DryRunAction { contact_id, action, fields: lead.into_keys().collect(), body })
        });
        self.update_report(|report| {
            let all = report.would.get_or_insert_default();
            all.extend(would);
            all.iter_mut().skip(SHOWN_CONTACTS).for_each(|would| would.body = None);
        });
        Ok(())
    }
}
