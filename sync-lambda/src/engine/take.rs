//! Takes contacts: confirms them in the primary store, and marks them so that a run that dies leaves a trace.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use jiff::Timestamp;
use serde_json::json;

use super::{How, Run, Taken};
use crate::error::RunError;
use crate::ledger::{Attempt, State};
use crate::report::Would;
use sync_config::config::OnAmbiguous;
use sync_config::mapping::Properties;

impl Run<'_> {
    /// Takes the contacts among `ids` that need work. A failure ends the run, and none of `ids` is sent.
    pub(super) async fn take(&self, ids: &[String]) -> Vec<Taken> {
        if !self.is_open() {
            self.report(|report| report.left += ids.len() as u64);
            return Vec::new();
        }
        match self.try_take(ids).await {
            Ok(taken) => taken,
            Err(error) => {
                self.stop(error);
                self.report(|report| report.left += ids.len() as u64);
                Vec::new()
            }
        }
    }

    async fn try_take(&self, ids: &[String]) -> Result<Vec<Taken>, RunError> {
        let mut taken = Vec::new();
        let mut fresh: HashMap<String, BTreeMap<String, String>> = HashMap::new();
        let mut marks = Vec::new();
        let mut attempts = Vec::new();
        for (contact_id, properties) in self.read(ids).await? {
            if !self.begin(&contact_id) {
                continue;
            }
            let lead = self.mapping.lead(&properties);
            match self.ledger.state(&properties) {
                State::NotFlagged => self.done(&contact_id),
                State::Sending(attempt) if !self.may_resend(&properties) => {
                    let flagged = self.ledger.is_flagged(&properties);
                    taken.push(Taken { contact_id, lead, how: How::Left { attempt, flagged } });
                }
                State::Flagged | State::Sending(_) => {
                    let attempt = Attempt::new(&contact_id, Timestamp::now());
                    marks.push(self.ledger.sending(&attempt));
                    attempts.push(attempt);
                    fresh.insert(contact_id, lead);
                }
            }
        }
        if marks.is_empty() {
            return Ok(taken);
        }
        let mut written = self.hubspot.write(&marks).await?;
        for attempt in attempts {
            let contact_id = attempt.contact_id().to_owned();
            match written.remove(&contact_id) {
                Some(Ok(())) => {
                    let lead = fresh.remove(&contact_id).unwrap_or_default();
                    taken.push(Taken { contact_id, lead, how: How::Marked(attempt) });
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
                    self.report(|report| report.retried += u64::from(!gone));
                }
            }
        }
        Ok(taken)
    }

    /// Records that a contact's flag is no longer set.
    pub(super) fn done(&self, contact_id: &str) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(contact_id.to_owned());
    }

    /// Records a contact as taken; returns `false` if this run has taken it already. A merged contact is found under
    /// both ids, and the second time it is `sending` because of this run itself.
    fn begin(&self, contact_id: &str) -> bool {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(contact_id.to_owned())
    }

    /// Reads contacts from the primary store. A contact that was merged into another is returned under the other's id.
    async fn read(&self, ids: &[String]) -> Result<BTreeMap<String, Properties>, RunError> {
        let mut wanted: Vec<&str> = self.ledger.read_properties().to_vec();
        wanted.extend(self.mapping.properties());
        wanted.sort_unstable();
        wanted.dedup();
        let contacts = self.hubspot.read(ids, &wanted).await?;
        Ok(contacts.into_iter().map(|contact| (contact.id.clone(), contact.into_properties())).collect())
    }

    /// Whether to simply send a contact again that may have been sent already.
    fn may_resend(&self, contact: &Properties) -> bool {
        !self.destination.can_look_up()
            && self.settings.config.on_ambiguous == OnAmbiguous::Resend
            && self.ledger.is_flagged(contact)
    }

    /// Records what a run would do with `ids`, without doing it.
    pub(super) async fn preview(&self, ids: &[String]) -> Result<(), RunError> {
        let contacts = self.read(ids).await?;
        let would = contacts.into_iter().filter_map(|(contact_id, properties)| {
            let action = match self.ledger.state(&properties) {
                State::NotFlagged => return None,
                State::Flagged => "send",
                State::Sending(_) if self.may_resend(&properties) => "send",
                State::Sending(Some(_)) if self.destination.can_look_up() => "look_up",
                State::Sending(_) => "review",
            };
            let fields = self.mapping.lead(&properties).into_keys().collect();
            Some(Would { contact_id, action, fields })
        });
        self.report(|report| report.would.get_or_insert_default().extend(would));
        Ok(())
    }
}
