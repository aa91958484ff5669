//! Decides what a refusal means for a contact. What names nothing of the contact is held back until it is known whether
//! the destination takes anybody's lead: if the first contacts are all refused with the same words, a setting is wrong,
//! and no contact must pay for it.

use super::{SentContact, SentOutcome, SettledContact, SyncRun};
use crate::clock;
use crate::destination::{LeadRefusal, RefusalFault, SettingFault, judge_refusal};
use crate::error::RunError;
use crate::ledger::ContactOutcome;
use sync_config::mapping::LeadFields;

/// How many of the first contacts must be refused with the same words for a setting to be at fault.
const SAME_REFUSALS: usize = 3;
const WRONG_SETTING: &str = "A setting of the venue is wrong; nothing is wrong with this contact.";

/// The refusals of a run that name nothing of their contacts.
#[derive(Debug, Default)]
pub(super) struct RefusalWatch {
    /// A lead was taken in this run, so the settings are right.
    taken: bool,
    held: Vec<(LeadRefusal, SettledContact)>,
}

impl RefusalWatch {
    /// Records that a lead was taken.
    pub(super) fn record_taken(&mut self) {
        self.taken = true;
    }
}

impl SyncRun<'_> {
    /// What a refusal means for its contact. A wrong setting ends the run.
    pub(super) fn judge_refused_lead(&self, lead: &LeadFields, refusal: LeadRefusal) -> SentOutcome {
        match judge_refusal(&refusal, lead, &self.mapping) {
            RefusalFault::Contact => {
                self.gate.open();
                SentOutcome::Known(ContactOutcome::Failed(refusal.full_text()))
            }
            RefusalFault::Setting(fault) => {
                self.stop_run(self.wrong_setting(&refusal, lead, &fault));
                SentOutcome::Known(ContactOutcome::Retry(WRONG_SETTING.to_owned()))
            }
            RefusalFault::Unnamed => SentOutcome::Doubtful(refusal),
        }
    }

    /// The error for a wrong setting, which a refusal of `lead` shows.
    pub(super) fn wrong_setting(&self, refusal: &LeadRefusal, lead: &LeadFields, fault: &SettingFault) -> RunError {
        RunError::WrongSetting {
            refusal: refusal.setting_text(lead, &self.mapping),
            advice: fault.advice_text(&self.settings.venue),
        }
    }

    /// Passes a contact on to be settled, with those whose refusals have become clear, or holds it back.
    pub(super) fn release_contacts(&self, sent: SentContact) -> Vec<SettledContact> {
        let SentContact { contact_id, attempt, outcome, begun } = sent;
        let at = clock::timestamp();
        let settle = |outcome| SettledContact { contact_id, attempt, outcome, begun, at, counted: false };
        let mut watch = self.refusals.lock();
        match outcome {
            SentOutcome::Known(outcome) => {
                let mut released = if watch.taken { release_as_failed(&mut watch) } else { Vec::new() };
                released.push(settle(outcome));
                released
            }
            SentOutcome::Doubtful(_) if self.found_wrong_setting() => {
                vec![settle(ContactOutcome::Retry(WRONG_SETTING.to_owned()))]
            }
            SentOutcome::Doubtful(refusal) => {
                let text = refusal.comparable_text();
                watch.held.push((refusal.clone(), settle(ContactOutcome::Failed(refusal.full_text()))));
                if watch.taken {
                    return release_as_failed(&mut watch);
                }
                let same = watch.held.iter().filter(|(held, _)| held.comparable_text() == text).count();
                if same < SAME_REFUSALS {
                    return Vec::new();
                }
                self.stop_run(self.wrong_setting(&refusal, &LeadFields::new(), &SettingFault::SameRefusal));
                let retry = |(_, contact): (LeadRefusal, SettledContact)| SettledContact {
                    outcome: ContactOutcome::Retry(WRONG_SETTING.to_owned()),
                    ..contact
                };
                watch.held.drain(..).map(retry).collect()
            }
        }
    }

    /// The contacts that are still held back when everybody was sent: too few to blame a setting.
    pub(super) fn release_rest(&self) -> Vec<SettledContact> {
        let mut rest = release_as_failed(&mut self.refusals.lock());
        if self.found_wrong_setting() {
            for contact in &mut rest {
                contact.outcome = ContactOutcome::Retry(WRONG_SETTING.to_owned());
            }
        }
        rest
    }

    fn found_wrong_setting(&self) -> bool {
        matches!(self.stop.lock().error, Some(RunError::WrongSetting { .. }))
    }
}

fn release_as_failed(watch: &mut RefusalWatch) -> Vec<SettledContact> {
    watch.held.drain(..).map(|(_, contact)| contact).collect()
}
