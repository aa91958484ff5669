//! Sends a contact's lead and determines the outcome.

use std::time::Duration;

use tokio::time::Instant;

use super::{SendMode, SettledContact, SyncRun, TakenContact};
use crate::destination::{LookupResult, SendResult};
use crate::ledger::{Attempt, ContactOutcome};
use sync_config::config::OnAmbiguous;
use sync_config::mapping::LeadFields;

/// Attempts to send one lead in a run while only the rate is too high.
const TRIES: u32 = 4;
/// The pause if the destination doesn't ask for a specific one.
const PAUSE: Duration = Duration::from_secs(1);
const NOT_ITS_TURN: &str = "The run ended before this contact's turn.";

impl SyncRun<'_> {
    /// Sends a contact's lead, or looks it up if an earlier run left it `sending`.
    pub(super) async fn send_contact(&self, taken: TakenContact) -> SettledContact {
        let begun = Instant::now();
        let TakenContact { contact_id, lead, how } = taken;
        let (attempt, outcome) = match how {
            SendMode::Marked(attempt) => {
                let outcome = self.link_or_send(&lead, &attempt).await;
                (Some(attempt), outcome)
            }
            SendMode::Decided(outcome) => (None, outcome),
            SendMode::Left { attempt: Some(attempt), flagged } if self.destination.can_look_up() => {
                let outcome = self.look_up_left(&lead, &attempt, flagged).await;
                (Some(attempt), outcome)
            }
            SendMode::Left { attempt, flagged } => {
                let outcome =
                    self.undecidable_outcome(attempt.as_ref(), flagged, "A run ended while sending this lead.");
                (attempt, outcome)
            }
        };
        SettledContact { contact_id, attempt, outcome, begun }
    }

    pub(super) async fn send_lead(&self, lead: &LeadFields, attempt: &Attempt) -> ContactOutcome {
        for left in (0..TRIES).rev() {
            if !self.is_open() || !self.destination.wait_until_ready(self.closes).await || !self.is_open() {
                return ContactOutcome::Retry(NOT_ITS_TURN.to_owned());
            }
            let sent = match self.destination.send_lead(lead, attempt).await {
                Ok(sent) => sent,
                Err(error) => {
                    let why = format!("The run stopped early: {} error.", error.kind_name());
                    self.stop_run(error);
                    return ContactOutcome::Retry(why);
                }
            };
            match sent {
                SendResult::Accepted(id) => {
                    self.update_failure_count(|_| 0);
                    return ContactOutcome::Synced(id);
                }
                SendResult::Refused(why) => {
                    self.update_failure_count(|_| 0);
                    return ContactOutcome::Failed(why);
                }
                SendResult::NotTaken { why, retry_after, rate } => {
                    let pause = retry_after.unwrap_or(PAUSE);
                    self.destination.pause_sending(pause);
                    if rate && left > 0 && Instant::now() + pause < self.closes {
                        continue;
                    }
                    self.update_failure_count(|count| count + 1);
                    return ContactOutcome::Retry(why);
                }
                SendResult::ServerError(why) => {
                    self.update_failure_count(|count| count + 1);
                    let safe = self.destination.can_look_up();
                    return if safe { ContactOutcome::Unsettled(why) } else { ContactOutcome::Retry(why) };
                }
                SendResult::Unknown(why) => {
                    self.update_failure_count(|count| count + 1);
                    return self.resolve_ambiguous(attempt, &why).await;
                }
            }
        }
        ContactOutcome::Retry(NOT_ITS_TURN.to_owned())
    }

    /// The outcome of a lead that this run sent without getting a usable response. It isn't sent again in this run,
    /// whatever the lookup says: the request may still be in transit.
    async fn resolve_ambiguous(&self, attempt: &Attempt, why: &str) -> ContactOutcome {
        if !self.destination.can_look_up() {
            return self.undecidable_outcome(Some(attempt), true, why);
        }
        match self.destination.look_up_attempt(attempt).await {
            Ok(LookupResult::Found(id)) => ContactOutcome::Synced(id),
            Ok(LookupResult::NotThere | LookupResult::Unknown(_)) => ContactOutcome::Unsettled(why.to_owned()),
            Err(error) => {
                self.stop_run(error);
                ContactOutcome::Unsettled(why.to_owned())
            }
        }
    }

    /// The outcome of a contact that an earlier run left `sending`.
    async fn look_up_left(&self, lead: &LeadFields, attempt: &Attempt, flagged: bool) -> ContactOutcome {
        if !self.is_open() {
            return ContactOutcome::Unsettled(NOT_ITS_TURN.to_owned());
        }
        match self.destination.look_up_attempt(attempt).await {
            Ok(LookupResult::Found(id)) => ContactOutcome::Synced(id),
            // Sending again keeps the reference, so a later lookup finds the lead whichever request created it.
            Ok(LookupResult::NotThere) if flagged => self.link_or_send(lead, attempt).await,
            Ok(LookupResult::NotThere) => ContactOutcome::Withdrawn,
            Ok(LookupResult::Unknown(why)) => ContactOutcome::Unsettled(why),
            Err(error) => {
                self.stop_run(error);
                ContactOutcome::Unsettled("The lookup failed.".to_owned())
            }
        }
    }

    /// The outcome of a lead that may exist and can't be looked up.
    fn undecidable_outcome(&self, attempt: Option<&Attempt>, flagged: bool, why: &str) -> ContactOutcome {
        if flagged && self.settings.config.on_ambiguous == OnAmbiguous::Resend {
            return ContactOutcome::Retry(why.to_owned());
        }
        let look_for = match attempt {
            Some(attempt) => format!("Look for {attempt} at the destination"),
            None => "Look for this contact at the destination".to_owned(),
        };
        ContactOutcome::NeedsReview(format!("{why} {look_for}; if it isn't there, tick the flag again."))
    }
}
