//! Groups leads with the same key within a window. Pure, and holds one lead at a time.

use jiff::{SignedDuration, Timestamp};

/// How a lead was grouped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupedLead<T> {
    /// It is in no group.
    Alone(T),
    /// It is in the group with this number (from 1), at this position (from 0).
    Member(u64, u64, T),
}

/// Groups leads, which must come in the order of their keys and, within a key, of their times.
#[derive(Debug)]
pub struct LeadGrouper<T> {
    window: SignedDuration,
    /// Key and time of the oldest lead in the current group.
    open: Option<(String, Timestamp)>,
    /// The oldest lead, as long as it is alone.
    held: Option<T>,
    size: u64,
    groups: u64,
}

impl<T> LeadGrouper<T> {
    /// Leads form a group if they have the same key and were created at most `window` after the oldest.
    pub fn new(window: SignedDuration) -> Self {
        Self { window, open: None, held: None, size: 0, groups: 0 }
    }

    /// Adds the next lead, and returns the leads whose grouping is now known.
    pub fn push_lead(&mut self, key: &str, at: Timestamp, lead: T) -> Vec<GroupedLead<T>> {
        let joins =
            self.open.as_ref().is_some_and(|(open, start)| open == key && at.duration_since(*start) <= self.window);
        if joins {
            let mut out = Vec::new();
            if let Some(oldest) = self.held.take() {
                self.groups += 1;
                out.push(GroupedLead::Member(self.groups, 0, oldest));
            }
            out.push(GroupedLead::Member(self.groups, self.size, lead));
            self.size += 1;
            return out;
        }
        let out = self.finish_group();
        self.open = Some((key.to_owned(), at));
        self.held = Some(lead);
        self.size = 1;
        out
    }

    /// Ends the input, and returns the lead that is still held.
    pub fn finish_group(&mut self) -> Vec<GroupedLead<T>> {
        self.open = None;
        self.held.take().map(GroupedLead::Alone).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group_leads(window_s: i64, leads: &[(&str, i64)]) -> Vec<String> {
        let mut grouper = LeadGrouper::new(SignedDuration::from_secs(window_s));
        let mut out = Vec::new();
        for (key, second) in leads {
            let at = Timestamp::from_second(*second).expect("a time");
            out.extend(grouper.push_lead(key, at, format!("{key}{second}")));
        }
        out.extend(grouper.finish_group());
        let shown = |grouped| match grouped {
            GroupedLead::Alone(lead) => format!("{lead} alone"),
            GroupedLead::Member(group, place, lead) => format!("{lead} in {group} at {place}"),
        };
        out.into_iter().map(shown).collect()
    }

    #[test]
    fn group_ends_one_window_after_its_oldest_lead() {
        let leads = [("a", 0), ("a", 10), ("a", 11), ("a", 21), ("a", 22), ("b", 22), ("c", 22), ("c", 22)];
        assert_eq!(
            group_leads(10, &leads),
            [
                "a0 in 1 at 0",
                "a10 in 1 at 1",
                "a11 in 2 at 0",
                "a21 in 2 at 1",
                "a22 alone",
                "b22 alone",
                "c22 in 3 at 0",
                "c22 in 3 at 1",
            ]
        );
        assert_eq!(group_leads(0, &leads[..2]), ["a0 alone", "a10 alone"]);
        assert_eq!(group_leads(10, &[]), Vec::<String>::new());
    }
}
