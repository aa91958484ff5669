//! Which leads with one contact are one person, and which of them to keep. Pure: one contact's leads at a time.
//!
//! # The rules
//!
//! A **contact** is an e-mail address or a phone number. All leads of the account with the same contact are judged
//! together:
//!
//! 1. The contact identifies nobody if it is a role's mailbox (`info@`), a placeholder (`noemail@`, `@example.com`,
//!    `555-5555`), a number that isn't valid or is toll-free, if leads with incompatible names have it ([`PersonName`]), or
//!    if more than [`MAX_LEADS`] leads have it. Then no lead is marked.
//! 2. Leads form groups, by time: a group starts with its oldest lead and includes those created within the window.
//! 3. **Kept** is a lead that became an event or a booking, or else the oldest that wasn't turned down or deleted. No lead
//!    that staff did something with is marked, nor one whose status or own address tells nothing.
//! 4. Another lead of the group is the **same person**'s if its full name agrees with the kept lead's, and the other
//!    contact doesn't contradict: it is equal, or one of the leads lacks it. If only diacritics or the order of the name's
//!    words differ, the other contact must be equal.
//! 5. It may still be **another inquiry**: another event date or company, or made after the kept lead was won.
//!
//! What is left is marked for removal. So a mark takes the same name, the same contact, nothing that contradicts, and
//! nobody who has done anything with the lead.

use jiff::{SignedDuration, Timestamp};

use super::AccountLead;
use super::email::{EmailAddress, MailboxKind};
use super::name::PersonName;
use super::phone::{PhoneCountry, PhoneNumber};
use super::status::LeadStatus;

/// How many leads with one contact are compared. A person doesn't make more.
pub const MAX_LEADS: usize = 200;
/// How many different names of one contact are told apart.
const MAX_NAMES: usize = 8;

/// Which contact leads share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedContact {
    /// The e-mail address.
    Email,
    /// The phone number.
    Phone,
}

/// A lead with what it is compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedLead {
    /// The lead.
    pub lead: AccountLead,
    /// When it was created.
    pub at: Timestamp,
    name: PersonName,
    email: Option<EmailAddress>,
    phone: Option<PhoneNumber>,
    /// It is kept in a group with another contact.
    is_kept: bool,
}

impl ComparedLead {
    /// Normalizes what is compared. `country` is the venue's.
    pub fn new(lead: AccountLead, at: Timestamp, country: Option<PhoneCountry>) -> Self {
        let name = PersonName::normalize(&lead.name);
        let email = EmailAddress::normalize(&lead.email);
        let phone = PhoneNumber::normalize(&lead.phone, country);
        Self { lead, at, name, email, phone, is_kept: false }
    }

    /// The same lead, which isn't marked if it `is_kept` in a group with another contact.
    pub fn kept_elsewhere(self, is_kept: bool) -> Self {
        Self { is_kept, ..self }
    }

    /// What is compared of a contact.
    pub fn contact_key(&self, contact: SharedContact) -> Option<&str> {
        match contact {
            SharedContact::Email => self.email.as_ref().map(|email| email.key.as_str()),
            SharedContact::Phone => self.phone.as_ref().map(|phone| phone.key.as_str()),
        }
    }

    /// Why its e-mail address is nobody's own.
    fn impersonal_email(&self) -> Option<&'static str> {
        match self.email.as_ref()?.kind {
            MailboxKind::Personal => None,
            MailboxKind::Role => Some("the e-mail address is a shared mailbox"),
            MailboxKind::Placeholder => Some("the e-mail address is a placeholder"),
        }
    }
}

/// What is to be done with a lead of a group, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonVerdict {
    /// What is to be done.
    pub action: LeadAction,
    /// Why, in a sentence without personal data.
    pub reason: String,
}

/// What is to be done with a lead of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadAction {
    /// It is the one to keep.
    Keep,
    /// It is the kept lead's person's, and can be removed.
    Remove,
    /// It is the kept lead's person's, but has another event date.
    OtherEvent,
    /// A person has to look.
    Look,
}

/// A group of leads with one contact within the window: the leads by time, each with its verdict.
pub type LeadGroup = Vec<(ComparedLead, PersonVerdict)>;

/// Judges all leads with one contact, which come by time: the groups of two or more, and the leads that are alone.
pub fn judge_contact(
    leads: Vec<ComparedLead>,
    contact: SharedContact,
    window: SignedDuration,
) -> (Vec<LeadGroup>, Vec<ComparedLead>) {
    let shared = shared_reason(&leads, contact);
    let (mut groups, mut alone) = (Vec::new(), Vec::new());
    for group in split_by_window(leads, window) {
        match <[ComparedLead; 1]>::try_from(group) {
            Ok([only]) => alone.push(only),
            Err(group) => groups.push(judge_group(group, contact, shared.as_deref())),
        }
    }
    (groups, alone)
}

/// Leads of a contact that has too many to compare: nothing is marked. `is_first` for those with which its group starts.
pub fn judge_crowd(leads: Vec<ComparedLead>, is_first: bool) -> LeadGroup {
    let reason = format!("not marked: more than {MAX_LEADS} leads have this contact, so it is not one person's");
    let verdict = |position| PersonVerdict {
        action: if is_first && position == 0 { LeadAction::Keep } else { LeadAction::Look },
        reason: reason.clone(),
    };
    leads.into_iter().enumerate().map(|(position, lead)| (lead, verdict(position))).collect()
}

fn split_by_window(leads: Vec<ComparedLead>, window: SignedDuration) -> Vec<Vec<ComparedLead>> {
    let mut groups: Vec<Vec<ComparedLead>> = Vec::new();
    for lead in leads {
        match groups.last_mut() {
            Some(group) if group.first().is_some_and(|oldest| lead.at.duration_since(oldest.at) <= window) => {
                group.push(lead);
            }
            _ => groups.push(vec![lead]),
        }
    }
    groups
}

/// Rule 1: why the contact of these leads identifies nobody.
fn shared_reason(leads: &[ComparedLead], contact: SharedContact) -> Option<String> {
    let first = leads.first()?;
    let own = match contact {
        SharedContact::Email => first.impersonal_email(),
        SharedContact::Phone => {
            let personal = first.phone.as_ref().is_some_and(|phone| phone.is_personal);
            (!personal).then_some("the phone number is not a valid number of one person")
        }
    };
    if let Some(reason) = own {
        return Some(reason.to_owned());
    }
    let mut names: Vec<&PersonName> = Vec::new();
    for name in leads.iter().map(|lead| &lead.name) {
        if names.iter().any(|known| !known.is_compatible_with(name)) {
            let contact = match contact {
                SharedContact::Email => "e-mail address",
                SharedContact::Phone => "phone number",
            };
            return Some(format!("leads with other names have this {contact}, so it is shared"));
        }
        if !names.contains(&name) {
            if names.len() >= MAX_NAMES {
                return Some(format!("leads have this contact with more than {MAX_NAMES} names"));
            }
            names.push(name);
        }
    }
    None
}

fn judge_group(group: Vec<ComparedLead>, contact: SharedContact, shared: Option<&str>) -> LeadGroup {
    let kept = kept_position(&group);
    let verdicts: Vec<PersonVerdict> = group
        .iter()
        .enumerate()
        .map(|(position, lead)| match kept {
            Some(kept) if kept == position => {
                let why = match lead.lead.status.is_won() {
                    true => lead.lead.status.describe_status(),
                    false => "the oldest".to_owned(),
                };
                PersonVerdict { action: LeadAction::Keep, reason: format!("kept: {why}") }
            }
            Some(kept) => judge_repeat(lead, &group[kept], contact, shared),
            None => look(format!("not marked: {}", lead.lead.status.describe_status())),
        })
        .collect();
    group.into_iter().zip(verdicts).collect()
}

/// Rule 3: the lead to keep.
fn kept_position(group: &[ComparedLead]) -> Option<usize> {
    let won = group.iter().position(|lead| lead.lead.status.is_won());
    won.or_else(|| group.iter().position(|lead| matches!(lead.lead.status, LeadStatus::Open | LeadStatus::Unknown)))
}

fn look(reason: impl Into<String>) -> PersonVerdict {
    PersonVerdict { action: LeadAction::Look, reason: reason.into() }
}

/// Rules 1, 3, 4 and 5 for one lead.
fn judge_repeat(
    lead: &ComparedLead,
    kept: &ComparedLead,
    contact: SharedContact,
    shared: Option<&str>,
) -> PersonVerdict {
    if let Some(reason) = shared {
        return look(format!("not marked: {reason}"));
    }
    if let Some(reason) = handled_reason(lead).or_else(|| impersonal_reason(lead, kept)) {
        return look(format!("not marked: {reason}"));
    }
    if let Some(reason) = doubt_person(lead, kept, contact) {
        return look(format!("not marked: {reason}"));
    }
    if let Some(reason) = other_inquiry(lead, kept) {
        return PersonVerdict { action: LeadAction::OtherEvent, reason: format!("not marked: {reason}") };
    }
    let both =
        lead.email.is_some() && key_of(&lead.email) == key_of(&kept.email) && equal_phones(lead, kept) == Some(true);
    let same = match (both, contact) {
        (true, _) => "name, e-mail address and phone number",
        (false, SharedContact::Email) => "name and e-mail address",
        (false, SharedContact::Phone) => "name and phone number",
    };
    PersonVerdict { action: LeadAction::Remove, reason: format!("same {same} as lead {}, which is kept", kept.lead.id) }
}

fn handled_reason(lead: &ComparedLead) -> Option<String> {
    match lead.lead.status {
        LeadStatus::Open => lead.is_kept.then(|| "it is kept in another group".to_owned()),
        LeadStatus::Handled { .. } => Some(format!("it was {}", lead.lead.status.describe_status())),
        LeadStatus::Unknown => Some("Tripleseat didn't say what became of it".to_owned()),
    }
}

fn impersonal_reason(lead: &ComparedLead, kept: &ComparedLead) -> Option<String> {
    lead.impersonal_email().or_else(|| kept.impersonal_email()).map(ToOwned::to_owned)
}

fn key_of(email: &Option<EmailAddress>) -> Option<&str> {
    email.as_ref().map(|email| email.key.as_str())
}

/// Whether both have the same phone number; `None` if one has none.
fn equal_phones(one: &ComparedLead, other: &ComparedLead) -> Option<bool> {
    Some(one.phone.as_ref()?.key == other.phone.as_ref()?.key)
}

/// Rule 4: why it may be another person.
fn doubt_person(lead: &ComparedLead, kept: &ComparedLead, contact: SharedContact) -> Option<String> {
    if !lead.name.is_full() || !kept.name.is_full() {
        return Some("its name or the kept lead's is not a full name".to_owned());
    }
    let (equal, what) = match contact {
        SharedContact::Email => (equal_phones(lead, kept), "phone number"),
        SharedContact::Phone => {
            let both = lead.email.as_ref().zip(kept.email.as_ref());
            (both.map(|(one, other)| one.key == other.key), "e-mail address")
        }
    };
    if equal == Some(false) {
        return Some(format!("its {what} is not the kept lead's"));
    }
    if lead.name.agrees_with(&kept.name) {
        return None;
    }
    match lead.name.agrees_weakly_with(&kept.name) {
        true if equal == Some(true) => None,
        true => Some(format!("its name is spelled in another way, and no {what} confirms it")),
        false => Some("its name is not the kept lead's".to_owned()),
    }
}

/// Rule 5: why it may be another inquiry of the same person.
fn other_inquiry(lead: &ComparedLead, kept: &ComparedLead) -> Option<String> {
    let differ = |one: &str, other: &str| !one.is_empty() && !other.is_empty() && one != other;
    if differ(&lead.lead.event_date, &kept.lead.event_date) {
        return Some("its event date is another".to_owned());
    }
    let company =
        |lead: &ComparedLead| lead.lead.company.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    if differ(&company(lead), &company(kept)) {
        return Some("its company is another".to_owned());
    }
    match kept.lead.status {
        LeadStatus::Handled { at, .. } if at.is_none_or(|at| lead.at >= at) => {
            Some(format!("it may be younger than what became of lead {}", kept.lead.id))
        }
        _ => None,
    }
}
