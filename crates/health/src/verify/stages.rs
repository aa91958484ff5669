//! Goes through the stages one by one and cleans up afterwards, whatever the outcome.

use std::time::Duration;

use serde_json::{Value, json};
use sync_config::config::LedgerProperties;
use sync_lambda::ledger::Attempt;

use super::event::{StageFailure, VerifyEvent, VerifyOutcome, VerifyStage};
use super::journal::TestContactEntry;
use super::wait::Waiter;
use super::{Verify, contact};
use deployer_core::error::{Error, Result};
use deployer_core::naming::VenueNames;

/// Why the stages ended early.
pub(super) enum VerifyStop {
    /// Refused before anything was created.
    Refused(Error),
    Failed(StageFailure),
    Cancelled,
}

impl From<StageFailure> for VerifyStop {
    fn from(failure: StageFailure) -> Self {
        Self::Failed(failure)
    }
}

pub(super) fn stage_failure(stage: VerifyStage, seen: impl ToString) -> StageFailure {
    StageFailure { stage, seen: seen.to_string(), hints: Vec::new() }
}

impl StageFailure {
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// A duration in seconds, rounded down to whole milliseconds.
pub(super) fn as_seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

pub(super) async fn run_stages<W: Waiter>(verify: &mut Verify<'_, W>) -> Result<VerifyOutcome> {
    let mut outcome = VerifyOutcome { lead: None, failure: None, cancelled: false, remains: Vec::new(), seconds: 0.0 };
    let mut made = None;
    match verify.go_through_stages(&mut made, &mut outcome).await {
        Ok(()) => {}
        Err(VerifyStop::Refused(error)) => return Err(error),
        Err(VerifyStop::Failed(failure)) => {
            verify.emit_event(failure.stage, format!("failed: {}", failure.seen), json!({ "failed": true }));
            outcome.failure = Some(failure);
        }
        Err(VerifyStop::Cancelled) => outcome.cancelled = true,
    }
    if let Some(entry) = made {
        verify.clean_up(&entry, &mut outcome).await;
    }
    outcome.seconds = as_seconds(verify.waiter.elapsed_time());
    Ok(outcome)
}

impl<W: Waiter> Verify<'_, W> {
    pub(super) fn emit_event(&self, stage: VerifyStage, text: impl Into<String>, details: Value) {
        let seconds = as_seconds(self.waiter.elapsed_time());
        (self.on_event)(&VerifyEvent { stage, seconds, text: text.into(), details });
    }

    pub(super) fn resource_names(&self) -> VenueNames {
        VenueNames::new(&self.manifest.deployment.name, &self.venue.name)
    }

    pub(super) fn ledger_properties(&self) -> LedgerProperties {
        LedgerProperties::new(&self.venue.name, &self.venue.flag_property)
    }

    pub(super) fn unless_cancelled(&self) -> Result<(), VerifyStop> {
        if self.cancel.is_cancelled() { Err(VerifyStop::Cancelled) } else { Ok(()) }
    }

    /// Goes through all stages but the cleanup. `made` is set to what must be cleaned up afterwards.
    async fn go_through_stages(
        &mut self,
        made: &mut Option<TestContactEntry>,
        outcome: &mut VerifyOutcome,
    ) -> Result<(), VerifyStop> {
        self.check_deployed().await?;
        self.check_portal().await?;
        self.remove_leftovers().await?;
        self.unless_cancelled()?;
        let id = self.create_test_contact(made).await?;
        self.unless_cancelled()?;
        self.set_flag(&id).await?;
        let flagged = self.waiter.elapsed_time();
        let synced = self.wait_until_synced(&id, flagged).await?;
        let attempt = synced
            .history
            .get(&self.ledger_properties().lead_id)
            .and_then(|past| past.iter().find_map(|value| Attempt::parse_reference(value)));
        outcome.lead = Some(self.check_lead(&synced, attempt.as_ref(), flagged).await?);
        self.check_reset(&synced)?;
        self.check_others(&id, attempt.as_ref()).await?;
        Ok(())
    }

    /// Cleans up, also after a failure. What can't be removed is reported and left to the next verify.
    async fn clean_up(&mut self, entry: &TestContactEntry, outcome: &mut VerifyOutcome) {
        if let Some(lead) = &outcome.lead {
            let id = lead.lead_id.as_deref().unwrap_or("without an id");
            outcome.remains.push(format!(
                "lead {id} of \"{} {}\" stays at the destination, which has no documented call to delete it: delete it there",
                contact::FIRST_NAME,
                contact::last_name(self.venue)
            ));
        }
        if self.options.keep {
            let id = entry.contact_id.as_deref().unwrap_or("without an id");
            outcome.remains.push(format!("test contact {id} is kept in HubSpot; the next verify removes it"));
            return;
        }
        match self.remove_contact(entry).await {
            Ok(Some(id)) => {
                self.emit_event(VerifyStage::Cleanup, format!("test contact {id} removed"), json!({ "contact_id": id }))
            }
            Ok(None) => self.emit_event(VerifyStage::Cleanup, "there is no test contact to remove", json!({})),
            Err(why) => {
                outcome
                    .remains
                    .push(format!("the test contact is still in HubSpot ({why}); the next verify removes it"));
                if outcome.failure.is_none() && !outcome.cancelled {
                    outcome.failure = Some(stage_failure(VerifyStage::Cleanup, why));
                }
            }
        }
    }

    async fn remove_contact(&mut self, entry: &TestContactEntry) -> Result<Option<String>, String> {
        let id = match &entry.contact_id {
            Some(id) => Some(id.clone()),
            None => self.hubspot.find_id_by_email(&entry.email).await.map_err(|error| error.to_string())?,
        };
        if let Some(id) = &id {
            self.hubspot.delete_contact(id).await.map_err(|error| error.to_string())?;
        }
        self.journal.clear_entry().map_err(|error| error.to_string())?;
        Ok(id)
    }
}
