//! Goes through the stages one by one and cleans up afterwards, whatever the outcome.

use std::time::Duration;

use serde_json::{Value, json};
use sync_config::config::LedgerProperties;
use sync_lambda::ledger::Attempt;

use super::event::{Event, Failure, Outcome, Stage};
use super::journal::Entry;
use super::wait::Waiter;
use super::{Verify, contact};
use deployer_core::error::{Error, Result};
use deployer_core::naming::Names;

/// Why the stages ended early.
pub(super) enum Stop {
    /// Refused before anything was created.
    Refused(Error),
    Failed(Failure),
    Cancelled,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

pub(super) fn failed(stage: Stage, seen: impl ToString) -> Failure {
    Failure { stage, seen: seen.to_string(), hints: Vec::new() }
}

impl Failure {
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// A duration in seconds, rounded down to whole milliseconds.
pub(super) fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

pub(super) async fn run<W: Waiter>(verify: &mut Verify<'_, W>) -> Result<Outcome> {
    let mut outcome = Outcome { lead: None, failure: None, cancelled: false, remains: Vec::new(), seconds: 0.0 };
    let mut made = None;
    match verify.stages(&mut made, &mut outcome).await {
        Ok(()) => {}
        Err(Stop::Refused(error)) => return Err(error),
        Err(Stop::Failed(failure)) => {
            verify.say(failure.stage, format!("failed: {}", failure.seen), json!({ "failed": true }));
            outcome.failure = Some(failure);
        }
        Err(Stop::Cancelled) => outcome.cancelled = true,
    }
    if let Some(entry) = made {
        verify.clean_up(&entry, &mut outcome).await;
    }
    outcome.seconds = seconds(verify.waiter.elapsed());
    Ok(outcome)
}

impl<W: Waiter> Verify<'_, W> {
    pub(super) fn say(&self, stage: Stage, text: impl Into<String>, details: Value) {
        let seconds = seconds(self.waiter.elapsed());
        (self.on_event)(&Event { stage, seconds, text: text.into(), details });
    }

    pub(super) fn names(&self) -> Names {
        Names::new(&self.manifest.deployment.name, &self.venue.name)
    }

    pub(super) fn ledger(&self) -> LedgerProperties {
        LedgerProperties::new(&self.venue.name, &self.venue.flag_property)
    }

    pub(super) fn unless_cancelled(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Goes through all stages but the cleanup. `made` is set to what must be cleaned up afterwards.
    async fn stages(&mut self, made: &mut Option<Entry>, outcome: &mut Outcome) -> Result<(), Stop> {
        self.deployed().await?;
        self.open().await?;
        self.leftovers().await?;
        self.unless_cancelled()?;
        let id = self.make_contact(made).await?;
        self.unless_cancelled()?;
        self.set_flag(&id).await?;
        let flagged = self.waiter.elapsed();
        let synced = self.until_synced(&id, flagged).await?;
        let attempt = synced
            .history
            .get(&self.ledger().lead_id)
            .and_then(|past| past.iter().find_map(|value| Attempt::parse(value)));
        outcome.lead = Some(self.lead(&synced, attempt.as_ref(), flagged).await?);
        self.reset(&synced)?;
        self.others(&id, attempt.as_ref()).await?;
        Ok(())
    }

    /// Cleans up, also after a failure. What can't be removed is reported and left to the next verify.
    async fn clean_up(&mut self, entry: &Entry, outcome: &mut Outcome) {
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
        match self.remove(entry).await {
            Ok(Some(id)) => self.say(Stage::Cleanup, format!("test contact {id} removed"), json!({ "contact_id": id })),
            Ok(None) => self.say(Stage::Cleanup, "there is no test contact to remove", json!({})),
            Err(why) => {
                outcome
                    .remains
                    .push(format!("the test contact is still in HubSpot ({why}); the next verify removes it"));
                if outcome.failure.is_none() && !outcome.cancelled {
                    outcome.failure = Some(failed(Stage::Cleanup, why));
                }
            }
        }
    }

    async fn remove(&mut self, entry: &Entry) -> Result<Option<String>, String> {
        let id = match &entry.contact_id {
            Some(id) => Some(id.clone()),
            None => self.hubspot.contact_by_email(&entry.email).await.map_err(|error| error.to_string())?,
        };
        if let Some(id) = &id {
            self.hubspot.delete_contact(id).await.map_err(|error| error.to_string())?;
        }
        self.journal.clear().map_err(|error| error.to_string())?;
        Ok(id)
    }
}
