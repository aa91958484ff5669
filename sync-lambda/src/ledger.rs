//! The ledger: interprets each contact's five properties, and is the only code that can change them.
//!
//! It is kept in HubSpot itself, so that staff see the status of each contact and there is no second store that could
//! disagree with HubSpot. A contact becomes `sending` before its lead is sent, so that a run that dies leaves a trace.

mod attempt;

use jiff::Timestamp;

pub use attempt::{Attempt, AttemptOwner};
use sync_config::config::LedgerProperties;
use sync_config::mapping::ContactProperties;

/// Longest text in the error property: people read it.
const MAX_ERROR: usize = 1000;

/// The state that a contact's properties express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactState {
    /// The flag isn't set: nothing to do, whatever the search found.
    NotFlagged,
    /// Ready to be sent.
    Flagged,
    /// A run took it and died before settling it. The attempt is `None` if somebody changed its reference.
    Sending(Option<Attempt>),
}

/// What a run left for staff to decide about a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaffTask {
    /// `failed`: the destination refused its data.
    Correct,
    /// `needs_review`: it may or may not have become a lead. The attempt is `None` if somebody changed its reference.
    Review(Option<Attempt>),
}

impl StaffTask {
    /// The status of contacts whose data was refused.
    pub const FAILED: &str = "failed";
    /// The status of contacts that may or may not have become leads.
    pub const NEEDS_REVIEW: &str = "needs_review";

    /// The status of a contact with this task.
    pub fn status_name(&self) -> &'static str {
        match self {
            Self::Correct => Self::FAILED,
            Self::Review(_) => Self::NEEDS_REVIEW,
        }
    }
}

/// The outcome of a contact in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactOutcome {
    /// The lead exists. Carries its id if the destination returned one.
    Synced(Option<String>),
    /// Rejected because of its data, with the vendor's message: staff correct it and tick the flag again.
    Failed(String),
    /// The lead may or may not exist, and can't be looked up.
    NeedsReview(String),
    /// Definitely not received, but not because of its data: the flag stays, and the next run retries it.
    Retry(String),
    /// Possibly received; the next run looks it up. The flag and `sending` stay.
    Unsettled(String),
    /// Definitely not received, and staff have cleared the flag since.
    Withdrawn,
    /// The destination had a lead for the contact's e-mail address already, with this id.
    Linked(String),
    /// Ticked again after it became a lead. Nothing is sent, and what the ledger says about the lead stays.
    Reticked {
        /// Whether a person decides.
        review: bool,
        /// What staff should know.
        note: String,
    },
}

/// The lead that a contact became in an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedLead {
    /// Its id at the destination, or the reference in it.
    pub lead_id: String,
    /// When it was created; `None` if somebody changed the property.
    pub at: Option<Timestamp>,
}

impl ContactOutcome {
    /// The outcome's name in logs.
    pub fn outcome_name(&self) -> &'static str {
        match self {
            Self::Synced(_) => "synced",
            Self::Failed(_) => "failed",
            Self::NeedsReview(_) => "needs_review",
            Self::Retry(_) => "retried",
            Self::Unsettled(_) => "unsettled",
            Self::Withdrawn => "withdrawn",
            Self::Linked(_) => "linked",
            Self::Reticked { review: false, .. } => "ignored",
            Self::Reticked { review: true, .. } => "needs_review",
        }
    }
}

impl ContactOutcome {
    /// The level of its line in the log.
    pub fn log_level(&self) -> &'static str {
        match self {
            Self::Synced(_) | Self::Linked(_) | Self::Withdrawn | Self::Reticked { review: false, .. } => "info",
            Self::Failed(_)
            | Self::NeedsReview(_)
            | Self::Retry(_)
            | Self::Unsettled(_)
            | Self::Reticked { review: true, .. } => "warn",
        }
    }
}

/// A write to one contact. Only a [`Ledger`] can create one, so only the venue's five properties can be written.
///
/// ```compile_fail,E0451
/// let properties = vec![("email".to_owned(), "other@example.com".to_owned())];
/// let write = sync_lambda::ledger::Write { id: "1".to_owned(), properties };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerWrite {
    id: String,
    properties: Vec<(String, String)>,
}

impl LedgerWrite {
    /// The contact's id.
    pub fn contact_id(&self) -> &str {
        &self.id
    }

    /// The property names and values.
    pub fn property_values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Reads and writes one venue's five properties.
#[derive(Debug, Clone)]
pub struct Ledger(LedgerProperties);

impl Ledger {
    /// A ledger with these properties.
    pub fn new(properties: LedgerProperties) -> Self {
        Self(properties)
    }

    /// The names of the properties.
    pub fn property_names(&self) -> &LedgerProperties {
        &self.0
    }

    /// The contact properties that [`Ledger::state`] needs.
    pub fn properties_to_read(&self) -> [&str; 4] {
        [&self.0.flag, &self.0.status, &self.0.lead_id, &self.0.synced_at]
    }

    /// The lead that a contact became, if that is the last thing that happened to it.
    pub fn recorded_lead(&self, contact: &ContactProperties) -> Option<RecordedLead> {
        let value = |name: &str| contact.get(name).map(String::as_str).unwrap_or_default().trim();
        value(&self.0.status).eq_ignore_ascii_case("synced").then(|| RecordedLead {
            lead_id: value(&self.0.lead_id).to_owned(),
            at: parse_recorded_time(value(&self.0.synced_at)),
        })
    }

    /// The state of a contact.
    pub fn contact_state(&self, contact: &ContactProperties) -> ContactState {
        let value = |name: &str| contact.get(name).map(String::as_str).unwrap_or_default();
        if value(&self.0.status).eq_ignore_ascii_case("sending") {
            ContactState::Sending(Attempt::parse_reference(value(&self.0.lead_id)))
        } else if self.is_flagged(contact) {
            ContactState::Flagged
        } else {
            ContactState::NotFlagged
        }
    }

    /// What staff have to decide about a contact; `None` if nothing, which is also so if its flag is set again.
    pub fn staff_task(&self, contact: &ContactProperties) -> Option<StaffTask> {
        let value = |name: &str| contact.get(name).map(String::as_str).unwrap_or_default();
        let status = value(&self.0.status);
        if self.is_flagged(contact) {
            None
        } else if status.eq_ignore_ascii_case(StaffTask::FAILED) {
            Some(StaffTask::Correct)
        } else if status.eq_ignore_ascii_case(StaffTask::NEEDS_REVIEW) {
            Some(StaffTask::Review(Attempt::parse_reference(value(&self.0.lead_id))))
        } else {
            None
        }
    }

    /// The write that sets a contact's flag again, as staff do.
    pub fn tick_again(&self, contact_id: &str) -> LedgerWrite {
        self.ledger_write(contact_id, [(&self.0.flag, "true")])
    }

    /// The write that marks the beginning of an attempt. Until the lead's id is known, its property has the reference.
    pub fn mark_sending(&self, attempt: &Attempt) -> LedgerWrite {
        let reference = attempt.reference_text();
        let names = &self.0;
        // `synced_at` is written too, so that a missing property is noticed before anything is sent.
        self.ledger_write(
            attempt.contact_id(),
            [(&names.status, "sending"), (&names.lead_id, &reference), (&names.error, ""), (&names.synced_at, "")],
        )
    }

    /// Whether a contact's flag is set.
    pub fn is_flagged(&self, contact: &ContactProperties) -> bool {
        contact.get(&self.0.flag).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The write that records the outcome of an attempt; `None` if the contact stays as it is. People can search the
    /// destination for the reference of `attempt`.
    pub fn record_outcome(
        &self,
        contact_id: &str,
        attempt: Option<&Attempt>,
        outcome: &ContactOutcome,
        now: Timestamp,
    ) -> Option<LedgerWrite> {
        let names = &self.0;
        let reference = attempt.map(Attempt::reference_text).unwrap_or_default();
        let write = match outcome {
            ContactOutcome::Synced(lead_id) => self.ledger_write(
                contact_id,
                [
                    (&names.flag, "false"),
                    (&names.status, "synced"),
                    (&names.lead_id, lead_id.as_deref().unwrap_or(&reference)),
                    (&names.error, ""),
                    (&names.synced_at, &utc_seconds(now)),
                ],
            ),
            ContactOutcome::Failed(why) => self.ledger_write(
                contact_id,
                [
                    (&names.flag, "false"),
                    (&names.status, StaffTask::FAILED),
                    (&names.lead_id, ""),
                    (&names.error, &limit_length(why)),
                ],
            ),
            ContactOutcome::NeedsReview(why) => self.ledger_write(
                contact_id,
                [
                    (&names.flag, "false"),
                    (&names.status, StaffTask::NEEDS_REVIEW),
                    (&names.lead_id, &reference),
                    (&names.error, &limit_length(why)),
                ],
            ),
            ContactOutcome::Retry(why) => self.ledger_write(
                contact_id,
                [
                    (&names.status, ""),
                    (&names.lead_id, ""),
                    (&names.error, &limit_length(&format!("Not sent yet; the next run will retry it. {why}"))),
                ],
            ),
            ContactOutcome::Linked(lead_id) => {
                let note = format!("Linked to lead {lead_id}, which existed already for this e-mail address.");
                self.ledger_write(
                    contact_id,
                    [
                        (&names.flag, "false"),
                        (&names.status, "synced"),
                        (&names.lead_id, lead_id),
                        (&names.error, &note),
                        (&names.synced_at, &utc_seconds(now)),
                    ],
                )
            }
            ContactOutcome::Reticked { review: false, note } => {
                self.ledger_write(contact_id, [(&names.flag, "false"), (&names.error, &limit_length(note))])
            }
            ContactOutcome::Reticked { review: true, note } => self.ledger_write(
                contact_id,
                [(&names.flag, "false"), (&names.status, "needs_review"), (&names.error, &limit_length(note))],
            ),
            ContactOutcome::Withdrawn => {
                self.ledger_write(contact_id, [(&names.status, ""), (&names.lead_id, ""), (&names.error, "")])
            }
            ContactOutcome::Unsettled(_) => return None,
        };
        Some(write)
    }

    /// What can be written instead, if HubSpot rejects a write for one of its values: less each time, but always whether
    /// the contact is still to be sent.
    pub fn reduced_writes(&self, write: &LedgerWrite) -> Vec<LedgerWrite> {
        let keep = |names: &[&String]| LedgerWrite {
            id: write.id.clone(),
            properties: write.properties.iter().filter(|(name, _)| names.contains(&name)).cloned().collect(),
        };
        let Self(names) = self;
        vec![keep(&[&names.flag, &names.status, &names.lead_id]), keep(&[&names.flag, &names.status])]
    }

    fn ledger_write<const N: usize>(&self, id: &str, properties: [(&String, &str); N]) -> LedgerWrite {
        let properties = properties.map(|(name, value)| (name.clone(), value.to_owned())).to_vec();
        LedgerWrite { id: id.to_owned(), properties }
    }
}

/// HubSpot's date-time properties take ISO 8601 in UTC.
fn utc_seconds(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time as this ledger writes it, or as HubSpot's date-time properties store it: in milliseconds.
fn parse_recorded_time(text: &str) -> Option<Timestamp> {
    let milliseconds = || Timestamp::from_millisecond(text.parse().ok()?).ok();
    text.parse().ok().or_else(milliseconds)
}

fn limit_length(text: &str) -> String {
    secrets::shorten_text(text, MAX_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger_of_venue_a() -> Ledger {
        Ledger::new(LedgerProperties::new("venue-a", "tripleseat_sync__venue_a"))
    }

    fn apply_write(write: &LedgerWrite, mut contact: ContactProperties) -> ContactProperties {
        contact.extend(write.property_values().map(|(name, value)| (name.to_owned(), value.to_owned())));
        contact
    }

    #[test]
    fn reduced_writes_keep_what_decides_about_sending() {
        let ledger = ledger_of_venue_a();
        let outcome = ContactOutcome::Synced(Some("9".to_owned()));
        let write = ledger.record_outcome("1", None, &outcome, Timestamp::UNIX_EPOCH).expect("written");
        let reduced = ledger.reduced_writes(&write);
        let names = |write: &LedgerWrite| write.property_values().count();
        assert_eq!((names(&write), reduced.iter().map(names).collect::<Vec<_>>()), (5, vec![3, 2]));
        for write in reduced {
            assert_eq!(ledger.contact_state(&apply_write(&write, ContactProperties::new())), ContactState::NotFlagged);
        }
    }

    #[test]
    fn writes_lead_to_the_expected_states() {
        let ledger = ledger_of_venue_a();
        let now = Timestamp::UNIX_EPOCH;
        let attempt = Attempt::new("501", now);
        let flagged = ContactProperties::from([("tripleseat_sync__venue_a".to_owned(), "true".to_owned())]);
        assert_eq!(ledger.contact_state(&flagged), ContactState::Flagged);
        assert_eq!(ledger.contact_state(&ContactProperties::new()), ContactState::NotFlagged);
        let sending = apply_write(&ledger.mark_sending(&attempt), flagged);
        assert_eq!(ledger.contact_state(&sending), ContactState::Sending(Some(attempt.clone())));
        for (outcome, state) in [
            (ContactOutcome::Synced(Some("9".to_owned())), ContactState::NotFlagged),
            (ContactOutcome::Failed("no phone".to_owned()), ContactState::NotFlagged),
            (ContactOutcome::NeedsReview("no answer".to_owned()), ContactState::NotFlagged),
            (ContactOutcome::Retry("503".to_owned()), ContactState::Flagged),
            (ContactOutcome::Withdrawn, ContactState::Flagged),
            (ContactOutcome::Linked("9".to_owned()), ContactState::NotFlagged),
        ] {
            let write = ledger.record_outcome("501", Some(&attempt), &outcome, now).expect("written");
            assert_eq!(ledger.contact_state(&apply_write(&write, sending.clone())), state, "{outcome:?}");
        }
        assert_eq!(ledger.record_outcome("501", Some(&attempt), &ContactOutcome::Unsettled(String::new()), now), None);
    }

    #[test]
    fn failed_and_reviewed_contacts_wait_for_staff_until_they_are_ticked() {
        let ledger = ledger_of_venue_a();
        let attempt = Attempt::new("501", Timestamp::UNIX_EPOCH);
        let settled = |outcome: &ContactOutcome| {
            let write = ledger.record_outcome("501", Some(&attempt), outcome, Timestamp::UNIX_EPOCH).expect("written");
            apply_write(&write, ContactProperties::new())
        };
        for (outcome, task) in [
            (ContactOutcome::Failed(String::new()), Some(StaffTask::Correct)),
            (ContactOutcome::NeedsReview(String::new()), Some(StaffTask::Review(Some(attempt.clone())))),
            (ContactOutcome::Synced(None), None),
            (ContactOutcome::Retry(String::new()), None),
        ] {
            let contact = settled(&outcome);
            assert_eq!(ledger.staff_task(&contact), task, "{outcome:?}");
            let ticked = apply_write(&ledger.tick_again("501"), contact);
            assert_eq!((ledger.staff_task(&ticked), ledger.contact_state(&ticked)), (None, ContactState::Flagged));
        }
    }

    #[test]
    fn a_recorded_lead_is_what_happened_last() {
        let ledger = ledger_of_venue_a();
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let synced = |outcome: &ContactOutcome| {
            let write = ledger.record_outcome("501", None, outcome, now).expect("written");
            apply_write(&write, ContactProperties::new())
        };
        let contact = synced(&ContactOutcome::Synced(Some("9".to_owned())));
        assert_eq!(ledger.recorded_lead(&contact), Some(RecordedLead { lead_id: "9".to_owned(), at: Some(now) }));
        assert!(ledger.recorded_lead(&synced(&ContactOutcome::Linked("8".to_owned()))).is_some());
        for outcome in [ContactOutcome::Failed(String::new()), ContactOutcome::NeedsReview(String::new())] {
            assert_eq!(ledger.recorded_lead(&synced(&outcome)), None, "{outcome:?}: its tick asks for a lead");
        }
        let times = [("1790000000000", Some(now)), ("yesterday", None), ("", None)];
        for (text, at) in times {
            let mut contact = contact.clone();
            contact.insert(ledger.property_names().synced_at.clone(), text.to_owned());
            assert_eq!(ledger.recorded_lead(&contact).and_then(|lead| lead.at), at, "{text}");
        }
        // A tick that is ignored leaves the record as it is; a review makes the next tick count.
        let retick = |review| ContactOutcome::Reticked { review, note: "again".to_owned() };
        let ignored = ledger.record_outcome("501", None, &retick(false), now).expect("written");
        assert!(ledger.recorded_lead(&apply_write(&ignored, contact.clone())).is_some());
        let review = ledger.record_outcome("501", None, &retick(true), now).expect("written");
        let reviewed = apply_write(&review, contact);
        assert_eq!((ledger.recorded_lead(&reviewed), &reviewed["tripleseat_lead_id__venue_a"][..]), (None, "9"));
    }

    #[test]
    fn writes_only_the_five_properties() {
        let ledger = ledger_of_venue_a();
        let names = ledger.property_names().clone();
        let five = [names.flag, names.status, names.lead_id, names.error, names.synced_at];
        let attempt = Attempt::new("1", Timestamp::UNIX_EPOCH);
        let outcomes = [
            ContactOutcome::Withdrawn,
            ContactOutcome::Synced(None),
            ContactOutcome::Failed("x".repeat(5000)),
            ContactOutcome::NeedsReview(String::new()),
            ContactOutcome::Retry(String::new()),
            ContactOutcome::Linked("9".to_owned()),
            ContactOutcome::Reticked { review: true, note: "x".repeat(5000) },
            ContactOutcome::Reticked { review: false, note: String::new() },
        ];
        let settled =
            outcomes.iter().filter_map(|outcome| ledger.record_outcome("1", None, outcome, Timestamp::UNIX_EPOCH));
        for write in settled.chain([ledger.mark_sending(&attempt)]) {
            for (name, value) in write.property_values() {
                assert!(five.iter().any(|known| known == name), "{name}");
                assert!(value.len() <= MAX_ERROR);
            }
        }
    }
}
