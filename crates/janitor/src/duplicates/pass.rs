//! Turns leads in any order into the rows of the report, by the rules in the module's documentation.

use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::person::{
    self, ComparedLead, LeadAction, LeadGroup, MAX_LEADS, PersonVerdict, SharedContact, judge_contact, judge_crowd,
};
use super::phone::PhoneCountry;
use super::sort::DiskSorter;
use super::status::LeadStatus;
use super::{AccountLead, DuplicateFinding, DuplicateRow, DuplicateSummary};

/// How many characters [`sort_key`] appends to the compared value.
const SUFFIX: usize = 40;

/// How leads are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparisonOptions {
    /// How long after the first lead another one belongs to its group.
    pub window: SignedDuration,
    /// Where phone numbers without a country code are meant.
    pub country: Option<PhoneCountry>,
}

/// A lead on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SortedLead {
    lead: AccountLead,
    at: Timestamp,
    /// It is kept in a group, and so isn't removed from another.
    is_kept: bool,
}

/// A key that sorts by the compared value, then by time and ID.
fn sort_key(compared: &str, at: Timestamp, id: u64) -> String {
    // Tripleseat has no leads from before 1970.
    format!("{compared}{:020}{id:020}", at.as_millisecond().max(0))
}

/// Passes every row to `sink`: another venue's leads, groups with one e-mail address, then groups with one phone number,
/// oldest first within each group. Sorts in unnamed temporary files in `directory`.
///
/// # Errors
/// A file can't be read or written.
pub fn find_duplicates(
    leads: impl Iterator<Item = io::Result<AccountLead>>,
    options: &ComparisonOptions,
    directory: &Path,
    sink: &mut impl FnMut(DuplicateRow) -> io::Result<()>,
) -> io::Result<DuplicateSummary> {
    let mut pass = DuplicatePass { options, directory, summary: DuplicateSummary::default(), groups: 0, sink };
    let by_email = pass.sort_distinct_leads(leads)?;
    let mut by_phone = DiskSorter::new(directory);
    pass.judge_sorted(by_email, SharedContact::Email, &mut |compared, is_kept| {
        let Some(phone) = compared.contact_key(SharedContact::Phone) else { return Ok(()) };
        let key = sort_key(phone, compared.at, compared.lead.id);
        by_phone.push(key, SortedLead { lead: compared.lead, at: compared.at, is_kept })
    })?;
    pass.judge_sorted(by_phone, SharedContact::Phone, &mut |_, _| Ok(()))?;
    Ok(pass.summary)
}

struct DuplicatePass<'a, S> {
    options: &'a ComparisonOptions,
    directory: &'a Path,
    summary: DuplicateSummary,
    groups: u64,
    sink: &'a mut S,
}

impl<S: FnMut(DuplicateRow) -> io::Result<()>> DuplicatePass<'_, S> {
    /// Drops leads that were read twice, counts them, emits those of another venue, and sorts the rest by address.
    fn sort_distinct_leads(
        &mut self,
        leads: impl Iterator<Item = io::Result<AccountLead>>,
    ) -> io::Result<DiskSorter<SortedLead>> {
        // A lead that is created while pages are read shifts others to the next page, where they are read again.
        let mut by_id = DiskSorter::new(self.directory);
        for lead in leads {
            let lead = lead?;
            by_id.push(format!("{:020}", lead.id), lead)?;
        }
        let mut by_email = DiskSorter::new(self.directory);
        let mut last = None;
        for entry in by_id.into_sorted()? {
            let (_, lead) = entry?;
            if last.replace(lead.id) == Some(lead.id) {
                continue;
            }
            self.count_lead(&lead);
            if lead.origin.other_venue().is_some() {
                self.emit_foreign_lead(lead)?;
                continue;
            }
            let Some(at) = lead.created_at else {
                self.summary.not_compared += 1;
                continue;
            };
            let compared = ComparedLead::new(lead, at, self.options.country);
            let contacts = [SharedContact::Email, SharedContact::Phone].map(|contact| compared.contact_key(contact));
            if contacts == [None, None] {
                self.summary.not_compared += 1;
                continue;
            }
            // Leads without an address come through here too, to be compared by phone number.
            let key = sort_key(contacts[0].unwrap_or_default(), at, compared.lead.id);
            by_email.push(key, SortedLead { lead: compared.lead, at, is_kept: false })?;
        }
        Ok(by_email)
    }

    fn count_lead(&mut self, lead: &AccountLead) {
        let summary = &mut self.summary;
        summary.leads += 1;
        summary.made_here += u64::from(lead.reference.is_some());
        summary.origin_unknown += u64::from(lead.origin.is_unknown());
        summary.handled += u64::from(matches!(lead.status, LeadStatus::Handled { .. }));
        summary.status_unknown += u64::from(lead.status == LeadStatus::Unknown);
    }

    fn emit_foreign_lead(&mut self, lead: AccountLead) -> io::Result<()> {
        let remove = lead.status == LeadStatus::Open;
        self.summary.another_venue += 1;
        self.summary.remove += u64::from(remove);
        let reason = match remove {
            true => "it is another venue's".to_owned(),
            false => format!("another venue's, but not marked: its status is {}", lead.status.describe_status()),
        };
        let finding = DuplicateFinding::AnotherVenue;
        (self.sink)(DuplicateRow { finding, contact: None, group: 0, position: 0, keep: false, remove, reason, lead })
    }

    /// Judges leads contact by contact. `pass_on` gets those that are alone or kept, and whether they are kept.
    fn judge_sorted(
        &mut self,
        sorted: DiskSorter<SortedLead>,
        contact: SharedContact,
        pass_on: &mut impl FnMut(ComparedLead, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut open = ContactRun::default();
        for entry in sorted.into_sorted()? {
            let (key, SortedLead { lead, at, is_kept }) = entry?;
            let compared = ComparedLead::new(lead, at, self.options.country).kept_elsewhere(is_kept);
            let value = &key[..key.len().saturating_sub(SUFFIX)];
            if value.is_empty() {
                pass_on(compared, false)?;
                continue;
            }
            if value != open.value {
                self.judge_run(std::mem::take(&mut open), contact, pass_on)?;
                value.clone_into(&mut open.value);
            }
            open.leads.push(compared);
            if open.leads.len() > MAX_LEADS || open.crowd.is_some() {
                let crowd = std::mem::take(&mut open.leads);
                open.crowd = Some(self.emit_crowd(crowd, contact, open.crowd, pass_on)?);
            }
        }
        self.judge_run(open, contact, pass_on)
    }

    fn judge_run(
        &mut self,
        run: ContactRun,
        contact: SharedContact,
        pass_on: &mut impl FnMut(ComparedLead, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let (groups, alone) = judge_contact(run.leads, contact, self.options.window);
        for group in groups {
            self.groups += 1;
            self.emit_group(group, contact, self.groups, 0, pass_on)?;
        }
        alone.into_iter().try_for_each(|lead| pass_on(lead, false))
    }

    /// Emits leads of a contact that has too many. `so_far` is its group, and how many of it were emitted.
    fn emit_crowd(
        &mut self,
        leads: Vec<ComparedLead>,
        contact: SharedContact,
        so_far: Option<(u64, u64)>,
        pass_on: &mut impl FnMut(ComparedLead, bool) -> io::Result<()>,
    ) -> io::Result<(u64, u64)> {
        let (group, position) = so_far.unwrap_or_else(|| {
            self.groups += 1;
            (self.groups, 0)
        });
        let count = leads.len() as u64;
        self.emit_group(judge_crowd(leads, position == 0), contact, group, position, pass_on)?;
        Ok((group, position + count))
    }

    fn emit_group(
        &mut self,
        leads: LeadGroup,
        contact: SharedContact,
        group: u64,
        first_position: u64,
        pass_on: &mut impl FnMut(ComparedLead, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let person = |verdict: &PersonVerdict| matches!(verdict.action, LeadAction::Remove | LeadAction::OtherEvent);
        let is_person = leads.iter().any(|(_, verdict)| person(verdict));
        let finding = if is_person { DuplicateFinding::Duplicate } else { DuplicateFinding::PossibleDuplicate };
        for (offset, (compared, PersonVerdict { action, reason })) in leads.into_iter().enumerate() {
            let position = first_position + offset as u64;
            let (keep, remove) = (action == LeadAction::Keep, action == LeadAction::Remove);
            self.count_row(finding, position, &compared.lead, action);
            if keep {
                pass_on(compared.clone(), true)?;
            }
            let (contact, lead) = (Some(contact), compared.lead);
            (self.sink)(DuplicateRow { finding, contact, group, position, keep, remove, reason, lead })?;
        }
        Ok(())
    }

    fn count_row(&mut self, finding: DuplicateFinding, position: u64, lead: &AccountLead, action: LeadAction) {
        let summary = &mut self.summary;
        // Of a group without a kept lead, the first counts as such.
        let repeat = action != LeadAction::Keep && position > 0 || position == 0 && action == LeadAction::Remove;
        summary.remove += u64::from(action == LeadAction::Remove);
        summary.other_event_date += u64::from(action == LeadAction::OtherEvent);
        if finding == DuplicateFinding::Duplicate {
            summary.groups += u64::from(position == 0);
            summary.repeats += u64::from(repeat);
            summary.repeats_made_here += u64::from(repeat && lead.reference.is_some());
        } else {
            summary.possible_groups += u64::from(position == 0);
            summary.possible_repeats += u64::from(repeat);
        }
    }
}

/// The leads with one contact, as far as they were read.
#[derive(Default)]
struct ContactRun {
    value: String,
    leads: Vec<ComparedLead>,
    /// The group, and how many of it were emitted, if there are too many.
    crowd: Option<(u64, u64)>,
}

const _: () = assert!(person::MAX_LEADS < super::sort::RUN, "a contact's leads take less memory than a run");
