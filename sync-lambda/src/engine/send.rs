//! Sends a contact's lead and determines the outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{How, Run, Settled, Taken};
use crate::destination::{LookedUp, Sent};
use crate::ledger::{Attempt, Outcome};
use sync_config::config::OnAmbiguous;

/// Attempts to send one lead in a run while only the rate is too high.
const TRIES: u32 = 4;
/// The pause if the destination doesn't ask for a specific one.
const PAUSE: Duration = Duration::from_secs(1);
const NOT_ITS_TURN: &str = "The run ended before this contact's turn.";

impl Run<'_> {
    /// Sends a contact's lead, or looks it up if an earlier run left it `sending`.
    pub(super) async fn send(&self, taken: Taken) -> Settled {
        let begun = Instant::now();
        let Taken { contact_id, lead, how } = taken;
        let (attempt, outcome) = match how {
            How::Marked(attempt) => {
                let outcome = self.send_lead(&lead, &attempt).await;
                (Some(attempt), outcome)
            }
            How::Left { attempt: Some(attempt), flagged } if self.destination.can_look_up() => {
                let outcome = self.look_up_left(&lead, &attempt, flagged).await;
                (Some(attempt), outcome)
            }
            How::Left { attempt, flagged } => {
                let outcome = self.undecidable(attempt.as_ref(), flagged, "A run ended while sending this lead.");
                (attempt, outcome)
            }
        };
        Settled { contact_id, attempt, outcome, begun }
    }

    async fn send_lead(&self, lead: &BTreeMap<String, String>, attempt: &Attempt) -> Outcome {
        for left in (0..TRIES).rev() {
            if !self.is_open() || !self.destination.ready(self.closes).await || !self.is_open() {
                return Outcome::Retry(NOT_ITS_TURN.to_owned());
            }
            let sent = match self.destination.send(lead, attempt).await {
                Ok(sent) => sent,
                Err(error) => {
                    let why = format!("The run stopped early: {} error.", error.kind());
                    self.stop(error);
                    return Outcome::Retry(why);
                }
            };
            match sent {
                Sent::Accepted(id) => {
                    self.failures_in_a_row(|_| 0);
                    return Outcome::Synced(id);
                }
                Sent::Refused(why) => {
                    self.failures_in_a_row(|_| 0);
                    return Outcome::Failed(why);
                }
                Sent::NotTaken { why, retry_after, rate } => {
                    let pause = retry_after.unwrap_or(PAUSE);
                    self.destination.pause(pause);
                    if rate && left > 0 && Instant::now() + pause < self.closes {
                        continue;
                    }
                    self.failures_in_a_row(|count| count + 1);
                    return Outcome::Retry(why);
                }
                Sent::ServerError(why) => {
                    self.failures_in_a_row(|count| count + 1);
                    let safe = self.destination.can_look_up();
                    return if safe { Outcome::Unsettled(why) } else { Outcome::Retry(why) };
                }
                Sent::Unknown(why) => {
                    self.failures_in_a_row(|count| count + 1);
                    return self.ambiguous(attempt, &why).await;
                }
            }
        }
        Outcome::Retry(NOT_ITS_TURN.to_owned())
    }

    /// The outcome of a lead that this run sent without getting a usable response. It isn't sent again in this run,
    /// whatever the lookup says: the request may still be in transit.
    async fn ambiguous(&self, attempt: &Attempt, why: &str) -> Outcome {
        if !self.destination.can_look_up() {
            return self.undecidable(Some(attempt), true, why);
        }
        match self.destination.look_up(attempt).await {
            Ok(LookedUp::Found(id)) => Outcome::Synced(id),
            Ok(LookedUp::NotThere | LookedUp::Unknown(_)) => Outcome::Unsettled(why.to_owned()),
            Err(error) => {
                self.stop(error);
                Outcome::Unsettled(why.to_owned())
            }
        }
    }

    /// The outcome of a contact that an earlier run left `sending`.
    async fn look_up_left(&self, lead: &BTreeMap<String, String>, attempt: &Attempt, flagged: bool) -> Outcome {
        if !self.is_open() {
            return Outcome::Unsettled(NOT_ITS_TURN.to_owned());
        }
        match self.destination.look_up(attempt).await {
            Ok(LookedUp::Found(id)) => Outcome::Synced(id),
            // Sending again keeps the reference, so a later lookup finds the lead whichever request created it.
            Ok(LookedUp::NotThere) if flagged => self.send_lead(lead, attempt).await,
            Ok(LookedUp::NotThere) => Outcome::Withdrawn,
            Ok(LookedUp::Unknown(why)) => Outcome::Unsettled(why),
            Err(error) => {
                self.stop(error);
                Outcome::Unsettled("The lookup failed.".to_owned())
            }
        }
    }

    /// The outcome of a lead that may exist and can't be looked up.
    fn undecidable(&self, attempt: Option<&Attempt>, flagged: bool, why: &str) -> Outcome {
        if flagged && self.settings.config.on_ambiguous == OnAmbiguous::Resend {
            return Outcome::Retry(why.to_owned());
        }
        let look_for = match attempt {
            Some(attempt) => format!("Look for {attempt} at the destination"),
            None => "Look for this contact at the destination".to_owned(),
        };
        Outcome::NeedsReview(format!("{why} {look_for}; if it isn't there, tick the flag again."))
    }
}
