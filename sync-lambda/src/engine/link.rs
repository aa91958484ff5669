//! Links a contact to a lead that the destination has already for its e-mail address, where the manifest asks for that.

use serde_json::json;

use super::{SentOutcome, SyncRun};
use crate::destination::LookupResult;
use crate::ledger::{Attempt, ContactOutcome};
use sync_config::config::OnExisting;
use sync_config::mapping::LeadFields;
use sync_config::tripleseat::EMAIL_ADDRESS;

impl SyncRun<'_> {
    /// Sends a lead that certainly wasn't sent before, unless there is one to link.
    pub(super) async fn link_or_send(&self, lead: &LeadFields, attempt: &Attempt) -> SentOutcome {
        if self.settings.config.on_existing == OnExisting::Link
            && self.is_open()
            && self.can_look_up()
            && let Some(email) = lead.get(EMAIL_ADDRESS).and_then(|value| value.as_text())
        {
            match self.destination.find_lead_of_email(email).await {
                Ok(LookupResult::Found(Some(lead_id))) => return SentOutcome::Known(ContactOutcome::Linked(lead_id)),
                Ok(LookupResult::Found(None) | LookupResult::NotThere) => {}
                // A look-up that fails must not keep leads from being sent: then it is created, as without linking.
                Ok(LookupResult::Unknown(why)) => self.log_failed_link(attempt, &why),
                Ok(LookupResult::Refused(error)) | Err(error) => {
                    self.log_failed_link(attempt, &error.to_string());
                    self.give_up_look_ups(&error);
                }
            }
        }
        self.send_lead(lead, attempt).await
    }

    fn log_failed_link(&self, attempt: &Attempt, why: &str) {
        (self.log)(&json!({
            "level": "warn", "event": "link", "venue": self.settings.venue, "contact_id": attempt.contact_id(),
            "message": "could not look for an existing lead, so one is created",
            "reason": why,
        }));
    }
}
