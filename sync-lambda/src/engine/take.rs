//! Takes contacts: confirms them in the primary store, and marks them so that a run that dies leaves a trace.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::json;

use super::{SendMode, SyncRun, TakenContact};
use crate::error::RunError;
use crate::ledger::{Attempt, ContactOutcome, ContactState};
use crate::report::DryRunAction;
use sync_config::config::OnAmbiguous;
use sync_config::mapping::{ContactProperties, LeadFields};

/// Leads that a dry run shows at most: Lambda's response has room for 6 MB, and a lead can have 65 KB of text.
const SHOWN_CONTACTS: usize = 50;

impl SyncRun<'_> {
    /// Takes the contacts among `ids` that need work. A failure ends the run, and none of `ids` is sent.
    pub(super) async fn take_contacts(&self, ids: &[String]) -> Vec<TakenContact> {
        if !self.is_open() {
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
                ContactState::Sending(attempt) if !self.may_resend(&properties) => {
                    let flagged = self.ledger.is_flagged(&properties);
                    taken.push(TakenContact { contact_id, lead, how: SendMode::Left { attempt, flagged } });
                }
                ContactState::Flagged | ContactState::Sending(_) => {
                    if let Some(outcome) = self.judge_retick(&properties, Timestamp::now()) {
                        taken.push(TakenContact { contact_id, lead, how: SendMode::Decided(outcome) });
                        continue;
                    }
                    let attempt = Attempt::new(&contact_id, Timestamp::now());
                    marks.push(self.ledger.mark_sending(&attempt));
                    attempts.push(attempt);
                    fresh.insert(contact_id, lead);
                }
            }
        }
        if marks.is_empty() {
            return Ok(taken);
        }
        let mut written = self.hubspot.write_contacts(&marks).await?;
        for attempt in attempts {
            let contact_id = attempt.contact_id().to_owned();
            match written.remove(&contact_id) {
                Some(Ok(())) => {
                    let lead = fresh.remove(&contact_id).unwrap_or_default();
                    taken.push(TakenContact { contact_id, lead, how: SendMode::Marked(attempt) });
                }
                refused => {
                    // A contact that can't be marked isn't sent: its outcome could be lost.
                    let refused = refused.and_then(Result::err);
                    let gone = refused.as_ref().is_some_and(|refused| refused.gone);
                    let why = refused.map(|refused| refused.message).unwrap_or_default();
                    (self.log)(&json!({
                        "level": "warn", "event": "contact", "venue": self.settings.venue, "contact_id": contact_id,
                        "outcome": "not_marked", "reason": why,
                    }));
                    self.update_report(|report| report.retried += u64::from(!gone));
                }
            }
        }
        Ok(taken)
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
        Ok(contacts.into_iter().map(|contact| (contact.id.clone(), contact.into_properties())).collect())
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
                ContactState::Flagged => match self.judge_retick(&properties, Timestamp::now()) {
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
                let attempt = Attempt::new(&contact_id, Timestamp::now());
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
