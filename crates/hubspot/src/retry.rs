//! Ticks a venue's contacts again that a run left to staff: those that failed, and those that need review.
//!
//! What a contact's properties mean, and every write, is the [`Ledger`]'s; whether a lead exists is asked of the same
//! [`LeadDestination`] as in a run. Search only finds candidates: the index lags, so their state is read from the
//! primary store, and again before each write, since staff or a run may have changed it in the meantime.

use std::collections::BTreeMap;

use bounds::PageTokens;
use jiff::Timestamp;
use serde::Serialize;
use sync_config::mapping::ContactProperties;
use sync_lambda::destination::{LeadDestination, LookupResult};
use sync_lambda::error::RunError;
use sync_lambda::hubspot::{BATCH, HISTORY_BATCH};
use sync_lambda::ledger::{Attempt, ContactOutcome, Ledger, LedgerWrite, StaffTask};

use super::flagged::check_next_page;
use super::{ContactWrite, HubSpotClient, VendorError};

/// The properties that identify a contact to a person.
const NAMES: [&str; 3] = ["firstname", "lastname", "email"];
/// A word with this many digits may be a phone number.
const PHONE_DIGITS: usize = 5;

/// Which contacts are wanted.
#[derive(Debug, Clone, Default)]
pub struct RetrySelection {
    /// Those that failed.
    pub failed: bool,
    /// Those that need review.
    pub needs_review: bool,
    /// Only those that have been so since then or later.
    pub since: Option<Timestamp>,
    /// Read their names, too.
    pub with_names: bool,
}

/// A contact that a run left to staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryCandidate {
    /// The contact's id.
    pub id: String,
    /// What staff have to decide.
    pub task: StaffTask,
    /// The reason in the ledger. It may repeat what the contact entered: see [`RetryCandidate::shareable_reason`].
    pub reason: String,
    /// Name and email address, if they were wanted.
    pub name: Option<String>,
}

impl RetryCandidate {
    /// The reason without what may be personal data, and the same for all contacts that have it.
    pub fn shareable_reason(&self) -> String {
        let reason = match &self.task {
            StaffTask::Review(Some(attempt)) => self.reason.replace(&attempt.reference_text(), "its reference"),
            _ => self.reason.clone(),
        };
        let is_personal =
            |word: &str| word.contains('@') || word.chars().filter(char::is_ascii_digit).count() >= PHONE_DIGITS;
        let words = reason.split_whitespace().map(|word| if is_personal(word) { "…" } else { word });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// What happens to a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum RetryAction {
    /// Its flag is set again.
    Tick,
    /// It is a lead already: it becomes `synced`.
    Settle {
        /// The lead's id, if the destination has one.
        lead_id: Option<String>,
    },
    /// It stays as it is.
    Leave {
        /// Why.
        why: String,
    },
}

/// How many contacts had which result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RetryTally {
    /// Ticked again.
    pub ticked: u64,
    /// Marked as synced.
    pub settled: u64,
    /// Changed by somebody else in the meantime, so left alone.
    pub changed: u64,
    /// Not written.
    pub failed: u64,
}

/// A venue's contacts, and the means to decide about them.
#[derive(Debug)]
pub struct VenueRetry<'a> {
    /// The portal.
    pub hubspot: &'a HubSpotClient,
    /// The venue's properties.
    pub ledger: Ledger,
    /// Where its leads are looked up, if they can be.
    pub destination: Option<LeadDestination>,
    /// Tick contacts, too, that may be leads already and can't be looked up.
    pub resend_unseen: bool,
}

impl VenueRetry<'_> {
    /// The contacts that wait for staff, by id.
    ///
    /// # Errors
    /// HubSpot returned no usable response.
    pub async fn find_candidates(&self, selection: &RetrySelection) -> Result<Vec<RetryCandidate>, VendorError> {
        let mut candidates = BTreeMap::new();
        let wanted = [(StaffTask::FAILED, selection.failed), (StaffTask::NEEDS_REVIEW, selection.needs_review)];
        for (status, _) in wanted.into_iter().filter(|(_, wanted)| *wanted) {
            let mut after = 0;
            let mut pages = PageTokens::default();
            loop {
                let property = &self.ledger.property_names().status;
                let ids = self.hubspot.ids_with_value_after(property, status, after).await?;
                let Some(last) = ids.iter().filter_map(|id| id.parse().ok()).max() else { break };
                for ids in ids.chunks(HISTORY_BATCH) {
                    for candidate in self.read_candidates(ids, selection).await? {
                        candidates.insert(candidate.id.clone(), candidate);
                    }
                }
                if ids.len() < BATCH {
                    break;
                }
                check_next_page(&mut pages, last)?;
                after = last;
            }
        }
        let mut candidates: Vec<RetryCandidate> = candidates.into_values().collect();
        candidates.sort_by_key(|candidate| candidate.id.parse::<u64>().unwrap_or(u64::MAX));
        Ok(candidates)
    }

    async fn read_candidates(
        &self,
        ids: &[String],
        selection: &RetrySelection,
    ) -> Result<Vec<RetryCandidate>, VendorError> {
        let names = self.ledger.property_names();
        let mut properties = self.ledger.properties_to_read().to_vec();
        properties.push(&names.error);
        if selection.with_names {
            properties.extend(NAMES);
        }
        let history: &[&str] = if selection.since.is_some() { &[&names.status] } else { &[] };
        let contacts = self.hubspot.read_contacts_with_history(ids, &properties, history).await?;
        let candidates = contacts.into_iter().filter_map(|contact| {
            let id = contact.id.clone();
            let since = |status: &str| contact.value_since(&names.status, status);
            let (failed, review) = (since(StaffTask::FAILED), since(StaffTask::NEEDS_REVIEW));
            let found = contact.into_properties();
            let task = self.ledger.staff_task(&found)?;
            let (wanted, since) = match &task {
                StaffTask::Correct => (selection.failed, failed),
                StaffTask::Review(_) => (selection.needs_review, review),
            };
            let recent = selection.since.is_none_or(|from| since.is_some_and(|since| since >= from));
            (wanted && recent).then(|| RetryCandidate {
                id,
                task,
                reason: found.get(&names.error).cloned().unwrap_or_default(),
                name: selection.with_names.then(|| person_name(&found)),
            })
        });
        Ok(candidates.collect())
    }

    /// Decides about each candidate. Those that may be leads are looked up where that is possible. Also returns why no
    /// more could be looked up, if the destination refused: then those that are left stay as they are.
    pub async fn decide_actions(
        &self,
        candidates: Vec<RetryCandidate>,
    ) -> (Vec<(RetryCandidate, RetryAction)>, Option<RunError>) {
        let mut refused = None;
        let mut decided = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let action = match &candidate.task {
                StaffTask::Correct => RetryAction::Tick,
                StaffTask::Review(attempt) => self.decide_review(attempt.as_ref(), &mut refused).await,
            };
            decided.push((candidate, action));
        }
        (decided, refused)
    }

    async fn decide_review(&self, attempt: Option<&Attempt>, refused: &mut Option<RunError>) -> RetryAction {
        let leave = |why: &str| RetryAction::Leave { why: why.to_owned() };
        let destination = self.destination.as_ref().filter(|destination| destination.can_look_up());
        match (attempt, destination) {
            (Some(_), Some(_)) if refused.is_some() => leave("it may be a lead already, and the lookup was refused"),
            (Some(attempt), Some(destination)) => match destination.look_up_attempt(attempt).await {
                LookupResult::Found(lead_id) => RetryAction::Settle { lead_id },
                LookupResult::NotThere => RetryAction::Tick,
                LookupResult::Unknown(why) => leave(&format!("it may be a lead already, and the lookup failed: {why}")),
                LookupResult::Refused(error) => {
                    *refused = Some(error);
                    leave("it may be a lead already, and the lookup was refused")
                }
            },
            _ if self.resend_unseen => RetryAction::Tick,
            _ => leave("it may be a lead already, and it can't be looked up"),
        }
    }

    /// Carries the actions out, a batch at a time; `tally` is updated after each, so it stays correct if this is
    /// interrupted. Returns why contacts weren't written, by id.
    ///
    /// # Errors
    /// HubSpot returned no usable response. Earlier batches are done, and the same command can be run again.
    pub async fn carry_out(
        &self,
        decided: &[(RetryCandidate, RetryAction)],
        tally: &mut RetryTally,
    ) -> Result<BTreeMap<String, String>, VendorError> {
        let mut failed = BTreeMap::new();
        let acted = |(_, action): &&(RetryCandidate, RetryAction)| !matches!(action, RetryAction::Leave { .. });
        let acted: Vec<&(RetryCandidate, RetryAction)> = decided.iter().filter(acted).collect();
        for batch in acted.chunks(BATCH) {
            let ids: Vec<String> = batch.iter().map(|(candidate, _)| candidate.id.clone()).collect();
            let current = self.hubspot.read_contacts(&ids, &self.ledger.properties_to_read()).await?;
            let current: BTreeMap<String, ContactProperties> =
                current.into_iter().map(|contact| (contact.id.clone(), contact.into_properties())).collect();
            let unchanged = |candidate: &RetryCandidate| {
                let found = current.get(&candidate.id).and_then(|found| self.ledger.staff_task(found));
                found.as_ref() == Some(&candidate.task)
            };
            let (same, changed): (Vec<_>, Vec<_>) =
                batch.iter().copied().partition(|(candidate, _)| unchanged(candidate));
            tally.changed += changed.len() as u64;
            let writes: Vec<ContactWrite> = same
                .iter()
                .filter_map(|(candidate, action)| self.action_write(candidate, action))
                .map(|write| ContactWrite::from_ledger(&write))
                .collect();
            let unwritten =
                if writes.is_empty() { BTreeMap::new() } else { self.hubspot.write_contacts(&writes).await? };
            for (candidate, action) in same {
                match action {
                    _ if unwritten.contains_key(&candidate.id) => tally.failed += 1,
                    RetryAction::Tick => tally.ticked += 1,
                    RetryAction::Settle { .. } => tally.settled += 1,
                    RetryAction::Leave { .. } => {}
                }
            }
            failed.extend(unwritten);
        }
        Ok(failed)
    }

    fn action_write(&self, candidate: &RetryCandidate, action: &RetryAction) -> Option<LedgerWrite> {
        match action {
            RetryAction::Tick => Some(self.ledger.tick_again(&candidate.id)),
            RetryAction::Settle { lead_id } => {
                let attempt = match &candidate.task {
                    StaffTask::Review(attempt) => attempt.as_ref(),
                    StaffTask::Correct => None,
                };
                let outcome = ContactOutcome::Synced(lead_id.clone());
                self.ledger.record_outcome(&candidate.id, attempt, &outcome, Timestamp::now())
            }
            RetryAction::Leave { .. } => None,
        }
    }
}

fn person_name(found: &ContactProperties) -> String {
    let [first, last, email] = NAMES.map(|name| found.get(name).map_or("", |value| value.trim()));
    let name = [first, last].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    match (name.is_empty(), email.is_empty()) {
        (true, _) => email.to_owned(),
        (false, true) => name,
        (false, false) => format!("{name} <{email}>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_shown_without_personal_data_and_the_same_for_all() {
        let reason = |contact: &str| {
            let attempt = Attempt::new(contact, Timestamp::now());
            RetryCandidate {
                id: contact.to_owned(),
                reason: format!(
                    "No response. ana@example.com and +1-555-0100-22 are taken. Look for {attempt} at the destination; \
                     if it isn't there, tick the flag again."
                ),
                task: StaffTask::Review(Some(attempt)),
                name: None,
            }
            .shareable_reason()
        };
        assert_eq!(reason("501"), reason("502"));
        let text = reason("501");
        assert!(text.contains("Look for its reference at"), "{text}");
        assert!(!text.contains("ana") && !text.contains("0100"), "{text}");
    }

    #[test]
    fn names_are_what_people_recognize() {
        let found = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            person_name(&pairs)
        };
        let (first, last, email) = (("firstname", "Ana"), ("lastname", " Silva "), ("email", "ana@example.com"));
        assert_eq!(found(&[first, last, email]), "Ana Silva <ana@example.com>");
        assert_eq!(found(&[email]), "ana@example.com");
        assert_eq!(found(&[last]), "Silva");
        assert_eq!(found(&[]), "");
    }
}
