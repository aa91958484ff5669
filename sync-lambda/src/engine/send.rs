//! Sends a contact's lead and determines the outcome.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::gate::GatePass;
use super::{SendMode, SentContact, SentOutcome, SyncRun, TakenContact};
use crate::clock;
use crate::destination::{LeadRefusal, LookupResult, SendResult};
use crate::error::{RunError, Side};
use crate::ledger::{Attempt, ContactOutcome};
use crate::report::ProblemKind;
use sync_config::config::OnAmbiguous;
use sync_config::mapping::LeadFields;

/// Attempts to send one lead in a run while only the rate is too high.
const TRIES: u32 = 4;
/// The pause if the destination doesn't ask for a specific one.
const PAUSE: Duration = Duration::from_secs(1);
/// Consecutive unclear answers after which nothing more is sent, where each costs a review or risks a duplicate.
const UNCLEAR_ANSWERS: u32 = 2;
const LEFT_SENDING: &str = "A run ended while sending this lead.";
const NOT_ITS_TURN: &str = "The run ended before this contact's turn.";

impl SyncRun<'_> {
    /// Sends a contact's lead, or looks it up if an earlier run left it `sending`.
    pub(super) async fn send_contact(&self, taken: TakenContact) -> SentContact {
        let begun = clock::now();
        let TakenContact { contact_id, lead, how } = taken;
        let (attempt, outcome) = match how {
            SendMode::Marked(attempt) => {
                let outcome = self.link_or_send(&lead, &attempt).await;
                (Some(attempt), outcome)
            }
            SendMode::Decided(outcome) => (None, SentOutcome::Known(outcome)),
            SendMode::Left { attempt: Some(attempt), flagged } if self.can_look_up() => {
                let outcome = self.look_up_left(&lead, &attempt, flagged).await;
                (Some(attempt), outcome)
            }
            SendMode::Left { attempt, flagged } => {
                let outcome = self.undecidable_outcome(attempt.as_ref(), flagged, LEFT_SENDING);
                (attempt, SentOutcome::Known(outcome))
            }
        };
        SentContact { contact_id, attempt, outcome, begun }
    }

    pub(super) async fn send_lead(&self, lead: &LeadFields, attempt: &Attempt) -> SentOutcome {
        let known = SentOutcome::Known;
        for left in (0..TRIES).rev() {
            let Some(pass) = self.wait_for_turn().await else { break };
            let sent = match self.destination.send_lead(lead, attempt).await {
                Ok(sent) => sent,
                Err(error) => {
                    let why = format!("The run stopped early: {} error.", error.kind_name());
                    self.stop_run(error);
                    return known(ContactOutcome::Retry(why));
                }
            };
            match sent {
                SendResult::Accepted(id) => {
                    self.record_taken();
                    return known(ContactOutcome::Synced(id));
                }
                SendResult::Refused(refusal) => {
                    self.update_failure_count(|_| 0);
                    return self.judge_refused_lead(lead, refusal);
                }
                SendResult::Blocked(what) => return self.judge_blocked_lead(&what).await,
                SendResult::NotTaken { why, retry_after, rate } => {
                    let pause = retry_after.unwrap_or(PAUSE);
                    self.destination.pause_sending(pause);
                    if rate && left > 0 && clock::now() + pause < self.closes {
                        continue;
                    }
                    self.update_failure_count(|count| count + 1);
                    return known(ContactOutcome::Retry(why));
                }
                SendResult::Unclear { why, retry_after, elsewhere } => {
                    if let Some(pause) = retry_after {
                        self.destination.pause_sending(pause);
                    }
                    return known(self.resolve_unclear(attempt, &why, elsewhere, pass).await);
                }
            }
        }
        known(ContactOutcome::Retry(NOT_ITS_TURN.to_owned()))
    }

    /// Waits until this contact may be sent: for the gate, for a destination that is up, and for the rate limit. `None`
    /// if nothing more may be sent in this run.
    async fn wait_for_turn(&self) -> Option<GatePass<'_>> {
        loop {
            let pass = self.gate.enter().await;
            if !self.is_open() {
                return None;
            }
            // Doubt narrows the gate, so only one contact asks.
            if self.gate.is_in_doubt() {
                if let Some(reason) = self.destination.probe_destination().await.down_reason() {
                    self.stop_in_doubt(&format!("it isn't up ({reason})"));
                    return None;
                }
                self.gate.settle_doubt();
            }
            if !self.destination.wait_until_ready(self.closes).await || !self.is_open() {
                return None;
            }
            if pass.is_valid() {
                return Some(pass);
            }
        }
    }

    /// Records that the destination takes leads.
    fn record_taken(&self) {
        self.refusals.lock().record_taken();
        self.gate.open();
        self.update_failure_count(|_| 0);
    }

    /// Sends no more leads in this run, because too little is known about those that were sent. The contacts that
    /// weren't sent keep their flags.
    fn stop_in_doubt(&self, reason: &str) {
        let message = format!(
            "the destination gave no clear answer to a lead, and {reason}; the contacts that weren't sent keep their \
             flags for the next run"
        );
        self.update_report(|report| report.add_problem(ProblemKind::UnclearAnswers, message));
        self.stop_sending();
    }

    /// The outcome of a lead that this run sent without getting an answer that decides anything. It isn't sent again in
    /// this run, whatever the lookup says: the request may still be in transit.
    async fn resolve_unclear(
        &self,
        attempt: &Attempt,
        why: &str,
        elsewhere: Option<u16>,
        pass: GatePass<'_>,
    ) -> ContactOutcome {
        let in_a_row = self.gate.close_in_doubt();
        if let Some(status) = elsewhere {
            let confirmed = self.destination.probe_destination().await.confirms_wrong_address(status);
            // Whether or not this lead was taken, the address has to be looked at before others are sent to it.
            self.stop_run(self.destination.wrong_address(status));
            if confirmed {
                return ContactOutcome::Retry(why.to_owned());
            }
        }
        let outcome = self.resolve_ambiguous(attempt, why).await;
        match &outcome {
            ContactOutcome::Synced(_) => self.record_taken(),
            ContactOutcome::Unsettled(_) => self.update_failure_count(|count| count + 1),
            _ if in_a_row >= UNCLEAR_ANSWERS => self.stop_in_doubt("neither to the one after it"),
            _ => {}
        }
        // The next contact waits until the gate knows all this.
        drop(pass);
        outcome
    }

    /// The outcome of a lead that a firewall refused. It never reached the destination.
    async fn judge_blocked_lead(&self, what: &str) -> SentOutcome {
        if self.destination.probe_destination().await.is_blocked() {
            self.stop_run(RunError::Refused {
                side: Side::Destination,
                request: "every request".to_owned(),
                message: format!(
                    "{what}: a firewall in front of it blocks this function. The credentials aren't the reason; ask \
                     the vendor's support to allow these requests"
                ),
            });
            return SentOutcome::Known(ContactOutcome::Retry("The run stopped early: a firewall.".to_owned()));
        }
        SentOutcome::Doubtful(LeadRefusal::from_text(format!(
            "A firewall in front of the destination refused this lead ({what}). Something in it may look like an \
             attack, such as a link or code."
        )))
    }

    async fn resolve_ambiguous(&self, attempt: &Attempt, why: &str) -> ContactOutcome {
        if !self.can_look_up() {
            return self.undecidable_outcome(Some(attempt), true, why);
        }
        match self.destination.look_up_attempt(attempt).await {
            LookupResult::Found(id) => ContactOutcome::Synced(id),
            LookupResult::NotThere | LookupResult::Unknown(_) => ContactOutcome::Unsettled(why.to_owned()),
            LookupResult::Refused(error) => {
                self.give_up_look_ups(&error);
                self.undecidable_outcome(Some(attempt), true, why)
            }
        }
    }

    /// Whether an attempt can be looked up, as far as this run knows.
    pub(super) fn can_look_up(&self) -> bool {
        self.destination.can_look_up() && !self.look_ups_refused.load(Ordering::Relaxed)
    }

    /// Records that lookups are refused. No other one is tried in this run, and sending goes on.
    pub(super) fn give_up_look_ups(&self, error: &RunError) {
        self.look_ups_refused.store(true, Ordering::Relaxed);
        let message = format!("leads can't be looked up: {error}");
        self.update_report(|report| report.add_problem(ProblemKind::LookupRefused, message));
    }

    /// The outcome of a contact that an earlier run left `sending`.
    async fn look_up_left(&self, lead: &LeadFields, attempt: &Attempt, flagged: bool) -> SentOutcome {
        if !self.is_open() {
            return SentOutcome::Known(ContactOutcome::Unsettled(NOT_ITS_TURN.to_owned()));
        }
        SentOutcome::Known(match self.destination.look_up_attempt(attempt).await {
            LookupResult::Found(id) => ContactOutcome::Synced(id),
            // Sending again keeps the reference, so a later lookup finds the lead whichever request created it.
            LookupResult::NotThere if flagged => return self.link_or_send(lead, attempt).await,
            LookupResult::NotThere => ContactOutcome::Withdrawn,
            LookupResult::Unknown(why) => ContactOutcome::Unsettled(why),
            LookupResult::Refused(error) => {
                self.give_up_look_ups(&error);
                self.undecidable_outcome(Some(attempt), flagged, LEFT_SENDING)
            }
        })
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
