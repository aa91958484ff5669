//! Turns leads in any order into the rows of the report, by the rules in the module's documentation.

use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::group::{GroupedLead, LeadGrouper};
use super::sort::DiskSorter;
use super::{AccountLead, DuplicateFinding, DuplicateRow, DuplicateSummary, keys};

/// How many characters [`key`] appends to the compared value.
const SUFFIX: usize = 40;

/// A key that sorts by the compared value, then by time and ID.
fn sort_key(compared: &str, at: Timestamp, id: u64) -> String {
    // Tripleseat has no leads from before 1970.
    format!("{compared}{:020}{id:020}", at.as_millisecond().max(0))
}

/// Passes every row to `sink`: another venue's leads, duplicates, then possible duplicates, oldest first within each
/// group. Sorts in unnamed temporary files in `directory`.
///
/// # Errors
/// A file can't be read or written.
pub fn find_duplicates(
    leads: impl Iterator<Item = io::Result<AccountLead>>,
    window: SignedDuration,
    directory: &Path,
    sink: &mut impl FnMut(DuplicateRow) -> io::Result<()>,
) -> io::Result<DuplicateSummary> {
    let mut summary = DuplicateSummary::default();
    let by_email = sort_distinct_leads(leads, directory, &mut summary, sink)?;
    let mut by_phone = DiskSorter::new(directory);
    let mut grouper = LeadGrouper::new(window);
    let mut oldest_date = String::new();
    let mut place = |grouped: GroupedLead<AccountLead>, summary: &mut DuplicateSummary| -> io::Result<()> {
        match grouped {
            GroupedLead::Alone(lead) => push_by_phone(&mut by_phone, lead),
            GroupedLead::Member(group, 0, lead) => {
                summary.groups += 1;
                oldest_date.clone_from(&lead.event_date);
                push_by_phone(&mut by_phone, lead.clone())?;
                sink(DuplicateRow { finding: DuplicateFinding::Duplicate, group, position: 0, remove: false, lead })
            }
            GroupedLead::Member(group, position, lead) => {
                let dates = [&lead.event_date, &oldest_date];
                let other_date = dates[0] != dates[1] && dates.iter().all(|date| !date.is_empty());
                summary.repeats += 1;
                summary.repeats_made_here += u64::from(lead.reference.is_some());
                summary.other_event_date += u64::from(other_date);
                summary.remove += u64::from(!other_date);
                sink(DuplicateRow { finding: DuplicateFinding::Duplicate, group, position, remove: !other_date, lead })
            }
        }
    };
    for entry in by_email.into_sorted()? {
        let (key, (lead, at)): (String, (AccountLead, Timestamp)) = entry?;
        // Leads without an address come through here too, to be compared by phone number.
        let compared = &key[..key.len().saturating_sub(SUFFIX)];
        if compared.is_empty() {
            place(GroupedLead::Alone(lead), &mut summary)?;
            continue;
        }
        for grouped in grouper.push_lead(compared, at, lead) {
            place(grouped, &mut summary)?;
        }
    }
    for grouped in grouper.finish_group() {
        place(grouped, &mut summary)?;
    }
    find_possible_duplicates(by_phone, window, &mut summary, sink)?;
    Ok(summary)
}

/// Drops leads that were read twice, counts them, emits those of another venue, and sorts the rest by address.
fn sort_distinct_leads(
    leads: impl Iterator<Item = io::Result<AccountLead>>,
    directory: &Path,
    summary: &mut DuplicateSummary,
    sink: &mut impl FnMut(DuplicateRow) -> io::Result<()>,
) -> io::Result<DiskSorter<(AccountLead, Timestamp)>> {
    // A lead that is created while pages are read shifts others to the next page, where they are read again.
    let mut by_id = DiskSorter::new(directory);
    for lead in leads {
        let lead = lead?;
        by_id.push(format!("{:020}", lead.id), lead)?;
    }
    let mut by_email = DiskSorter::new(directory);
    let mut last = None;
    for entry in by_id.into_sorted()? {
        let (_, lead) = entry?;
        if last.replace(lead.id) == Some(lead.id) {
            continue;
        }
        summary.leads += 1;
        summary.made_here += u64::from(lead.reference.is_some());
        summary.origin_unknown += u64::from(lead.origin.is_unknown());
        if lead.origin.other_venue().is_some() {
            summary.another_venue += 1;
            summary.remove += 1;
            sink(DuplicateRow { finding: DuplicateFinding::AnotherVenue, group: 0, position: 0, remove: true, lead })?;
            continue;
        }
        let email = keys::normalize_email(&lead.email);
        let comparable = email.is_some() || keys::normalize_phone(&lead.phone).is_some();
        match lead.created_at.filter(|_| comparable) {
            Some(at) => by_email.push(sort_key(&email.unwrap_or_default(), at, lead.id), (lead, at))?,
            None => summary.not_compared += 1,
        }
    }
    Ok(by_email)
}

fn push_by_phone(by_phone: &mut DiskSorter<(AccountLead, Timestamp)>, lead: AccountLead) -> io::Result<()> {
    match (keys::normalize_phone(&lead.phone), lead.created_at) {
        (Some(phone), Some(at)) => by_phone.push(sort_key(&phone, at, lead.id), (lead, at)),
        _ => Ok(()),
    }
}

fn find_possible_duplicates(
    by_phone: DiskSorter<(AccountLead, Timestamp)>,
    window: SignedDuration,
    summary: &mut DuplicateSummary,
    sink: &mut impl FnMut(DuplicateRow) -> io::Result<()>,
) -> io::Result<()> {
    let mut grouper = LeadGrouper::new(window);
    for entry in by_phone.into_sorted()? {
        let (key, (lead, at)) = entry?;
        for grouped in grouper.push_lead(&key[..key.len().saturating_sub(SUFFIX)], at, lead) {
            if let GroupedLead::Member(group, position, lead) = grouped {
                summary.possible_groups += u64::from(position == 0);
                summary.possible_repeats += u64::from(position > 0);
                sink(DuplicateRow {
                    finding: DuplicateFinding::PossibleDuplicate,
                    group,
                    position,
                    remove: false,
                    lead,
                })?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duplicates::LeadOrigin;

    const DAY: i64 = 86_400;

    fn lead_on_day(id: u64, day: i64, email: &str, phone: &str) -> AccountLead {
        AccountLead {
            id,
            created_at: Timestamp::from_second(day * DAY).ok(),
            name: String::new(),
            email: email.to_owned(),
            phone: phone.to_owned(),
            event_date: String::new(),
            reference: None,
            contact_id: None,
            origin: LeadOrigin::Elsewhere,
        }
    }

    fn find_in_leads(leads: Vec<AccountLead>) -> (DuplicateSummary, Vec<(DuplicateFinding, u64, u64, bool)>) {
        let directory = tempfile::tempdir().expect("a directory");
        let mut rows = Vec::new();
        let window = SignedDuration::from_hours(30 * 24);
        let summary = find_duplicates(leads.into_iter().map(Ok), window, directory.path(), &mut |row| {
            rows.push((row.finding, row.group, row.lead.id, row.remove));
            Ok(())
        });
        (summary.expect("passed"), rows)
    }

    #[test]
    fn finds_duplicates_in_any_order_and_counts_them_once() {
        let leads = vec![
            lead_on_day(3, 30, "ANA@example.com", ""),
            lead_on_day(1, 0, "ana@example.com", "555 010 0100"),
            lead_on_day(2, 1, "ana@example.com", "555 010 0100"),
            lead_on_day(2, 1, "ana@example.com", "555 010 0100"),
            lead_on_day(4, 31, "ana@example.com", ""),
            lead_on_day(5, 2, "ben@example.com", "+1 555 010 0100"),
            lead_on_day(6, 3, "", "5550100100"),
            lead_on_day(7, 3, "", ""),
            AccountLead { created_at: None, ..lead_on_day(8, 0, "ana@example.com", "") },
        ];
        let (summary, rows) = find_in_leads(leads);
        use DuplicateFinding::{Duplicate, PossibleDuplicate};
        assert_eq!(
            rows,
            [
                (Duplicate, 1, 1, false),
                (Duplicate, 1, 2, true),
                (Duplicate, 1, 3, true),
                (PossibleDuplicate, 1, 1, false),
                (PossibleDuplicate, 1, 5, false),
                (PossibleDuplicate, 1, 6, false),
            ]
        );
        let counts = (summary.leads, summary.not_compared, summary.groups, summary.repeats, summary.remove);
        assert_eq!(counts, (8, 2, 1, 2, 2));
        assert_eq!((summary.possible_groups, summary.possible_repeats), (1, 2));
    }

    #[test]
    fn skips_leads_of_another_venue_and_keeps_other_event_dates() {
        let dated =
            |id, date: &str| AccountLead { event_date: date.to_owned(), ..lead_on_day(id, 0, "ana@example.com", "") };
        let foreign = AccountLead {
            origin: LeadOrigin::NamedByAnother("b".to_owned()),
            ..lead_on_day(1, 0, "ana@example.com", "")
        };
        let (summary, rows) =
            find_in_leads(vec![foreign, dated(2, "2026-06-01"), dated(3, "2026-07-01"), dated(4, "")]);
        assert_eq!(
            rows,
            [
                (DuplicateFinding::AnotherVenue, 0, 1, true),
                (DuplicateFinding::Duplicate, 1, 2, false),
                (DuplicateFinding::Duplicate, 1, 3, false),
                (DuplicateFinding::Duplicate, 1, 4, true),
            ]
        );
        assert_eq!((summary.another_venue, summary.other_event_date, summary.remove), (1, 1, 2));
    }
}
