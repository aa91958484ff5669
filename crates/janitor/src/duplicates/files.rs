//! The report's files: every row as CSV and JSON, written as the rows arrive, and the excerpt for the HTML page.
//!
//! They contain personal data and are readable only by their owner. They are moved into place once all are complete.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use tempfile::NamedTempFile;

use super::cost::{RemovalCost, RemovalTerms};
use super::table::TableWriter;
use super::{DuplicateFinding, DuplicateRow, DuplicateSummary};

/// Version of the CSV and JSON formats. Existing members keep their meaning; new ones may be added.
const FORMAT_VERSION: u32 = 2;
/// How many groups of each kind the page shows.
pub const MAX_GROUPS: usize = 100;
/// How many leads of a group the page shows.
pub const MAX_MEMBERS: usize = 10;
/// How many of another venue's leads the page shows.
pub const MAX_FOREIGN: usize = 100;

const COLUMNS: [&str; 18] = [
    "finding",
    "group",
    "role",
    "remove",
    "lead_id",
    "created_at",
    "name",
    "email",
    "phone",
    "event_date",
    "made_by",
    "hubspot_contact",
    "reference",
    "belongs_to",
    "origin",
    "company",
    "status",
    "reason",
];

/// The subject of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportSubject {
    /// The venue.
    pub venue: String,
    /// Display name.
    pub display_name: String,
    /// The location, if only one is checked.
    pub location_id: Option<u64>,
    /// When reading started, in UTC.
    pub begun: String,
    /// When reading ended, in UTC.
    pub ended: String,
    /// As given on the command line: `30d`.
    pub window: String,
    /// Whether HubSpot's ledger was read.
    pub ledger: bool,
    /// Leads of other locations, which were not checked.
    pub other_locations: u64,
    /// Leads disappeared during reading, so some may have been missed.
    pub shrunk: bool,
    /// The country of phone numbers without a country code.
    pub country: Option<String>,
    /// Minutes of work per lead, as given on the command line.
    pub minutes_per_lead: String,
}

/// The part of a group that the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupExcerpt {
    /// How many leads it has.
    pub size: u64,
    /// The oldest leads.
    pub rows: Vec<DuplicateRow>,
}

/// What the page shows: the largest groups, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportExcerpt {
    /// Another venue's leads.
    pub another_venue: Vec<DuplicateRow>,
    /// Groups of which leads are one person's.
    pub duplicates: Vec<GroupExcerpt>,
    /// Groups that share a contact only.
    pub possible: Vec<GroupExcerpt>,
}

/// The files while they are being written.
pub struct ReportFiles {
    directory: PathBuf,
    csv: TableWriter<NamedTempFile>,
    json: BufWriter<NamedTempFile>,
    rows: u64,
    open: Option<(DuplicateFinding, GroupExcerpt)>,
    another_venue: Vec<DuplicateRow>,
    duplicates: LargestGroups,
    possible: LargestGroups,
}

impl ReportFiles {
    /// Starts the files in `directory`, which must exist.
    ///
    /// # Errors
    /// They can't be written.
    pub fn create_in(directory: &Path, about: &ReportSubject) -> io::Result<Self> {
        let mut csv = TableWriter::new(NamedTempFile::new_in(directory)?);
        csv.write_row(COLUMNS)?;
        let mut json = BufWriter::new(NamedTempFile::new_in(directory)?);
        write!(json, "{{\"format_version\":{FORMAT_VERSION},\"about\":{},\"rows\":[", serde_json::to_string(about)?)?;
        let directory = directory.to_owned();
        let (duplicates, possible) = (LargestGroups::default(), LargestGroups::default());
        Ok(Self { directory, csv, json, rows: 0, open: None, another_venue: Vec::new(), duplicates, possible })
    }

    /// Writes the next row.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write_row(&mut self, row: DuplicateRow) -> io::Result<()> {
        let cells = row_cells(&row);
        self.csv.write_row(cells.iter().map(String::as_str))?;
        let members = COLUMNS.iter().zip(&cells).map(|(name, cell)| ((*name).to_owned(), json!(cell)));
        let mut object: serde_json::Map<_, _> = members.collect();
        object.insert("group".to_owned(), json!((row.group > 0).then_some(row.group)));
        object.insert("remove".to_owned(), json!(row.remove));
        object.insert("lead_id".to_owned(), json!(row.lead.id));
        self.json.write_all(if self.rows == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut self.json, &object)?;
        self.rows += 1;
        self.add_to_excerpt(row);
        Ok(())
    }

    fn add_to_excerpt(&mut self, row: DuplicateRow) {
        if row.position == 0 {
            self.close_group();
        }
        match &mut self.open {
            _ if row.finding == DuplicateFinding::AnotherVenue => {
                if self.another_venue.len() < MAX_FOREIGN {
                    self.another_venue.push(row);
                }
            }
            Some((_, group)) => {
                group.size += 1;
                if group.rows.len() < MAX_MEMBERS {
                    group.rows.push(row);
                }
            }
            None => self.open = Some((row.finding, GroupExcerpt { size: 1, rows: vec![row] })),
        }
    }

    fn close_group(&mut self) {
        match self.open.take() {
            Some((DuplicateFinding::Duplicate, group)) => self.duplicates.push(group),
            Some((DuplicateFinding::PossibleDuplicate, group)) => self.possible.push(group),
            Some((DuplicateFinding::AnotherVenue, _)) | None => {}
        }
    }

    /// Completes the files and moves them into place; `draw` renders the page. Returns their paths.
    ///
    /// # Errors
    /// They can't be written.
    pub fn finish_report(
        mut self,
        summary: &DuplicateSummary,
        terms: &RemovalTerms,
        mend: &RemovalCost,
        draw: impl FnOnce(&ReportExcerpt) -> String,
    ) -> io::Result<Vec<PathBuf>> {
        self.close_group();
        let excerpt = ReportExcerpt {
            another_venue: std::mem::take(&mut self.another_venue),
            duplicates: std::mem::take(&mut self.duplicates).into_sorted(),
            possible: std::mem::take(&mut self.possible).into_sorted(),
        };
        let end = json!({ "summary": summary, "terms": terms, "mend": mend }).to_string();
        // The JSON object continues after the rows.
        writeln!(self.json, "\n],{}", &end[1..])?;
        let mut page = NamedTempFile::new_in(&self.directory)?;
        page.write_all(draw(&excerpt).as_bytes())?;
        let csv = self.csv.finish_file()?;
        let json = self.json.into_inner().map_err(io::IntoInnerError::into_error)?;
        let mut paths = Vec::new();
        for (file, extension) in [(csv, "csv"), (json, "json"), (page, "html")] {
            let path = self.directory.join(format!("duplicates.{extension}"));
            file.persist(&path).map_err(|error| error.error)?;
            paths.push(path);
        }
        Ok(paths)
    }
}

fn row_cells(row: &DuplicateRow) -> [String; COLUMNS.len()] {
    let lead = &row.lead;
    let word = |finding| match finding {
        DuplicateFinding::AnotherVenue => "another_venue",
        DuplicateFinding::Duplicate => "duplicate",
        DuplicateFinding::PossibleDuplicate => "possible_duplicate",
    };
    [
        word(row.finding).to_owned(),
        if row.group > 0 { row.group.to_string() } else { String::new() },
        match (row.finding, row.keep) {
            (DuplicateFinding::AnotherVenue, _) => "",
            (_, true) => "keep",
            (_, false) => "repeat",
        }
        .to_owned(),
        if row.remove { "yes" } else { "no" }.to_owned(),
        lead.id.to_string(),
        lead.created_at.map(|at| at.to_string()).unwrap_or_default(),
        lead.name.clone(),
        lead.email.clone(),
        lead.phone.clone(),
        lead.event_date.clone(),
        if lead.reference.is_some() { "deployer" } else { "other" }.to_owned(),
        lead.contact_id.clone().unwrap_or_default(),
        lead.reference.clone().unwrap_or_default(),
        lead.origin.other_venue().unwrap_or_default().to_owned(),
        lead.origin.describe_origin(),
        lead.company.clone(),
        lead.status.describe_status(),
        row.reason.clone(),
    ]
}

/// The largest groups; among groups of equal size, the first ones.
#[derive(Debug, Default)]
struct LargestGroups {
    count: u64,
    heap: BinaryHeap<Reverse<SizedGroup>>,
}

#[derive(Debug)]
struct SizedGroup(u64, Reverse<u64>, GroupExcerpt);

impl PartialEq for SizedGroup {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

impl Eq for SizedGroup {}

impl PartialOrd for SizedGroup {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SizedGroup {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

impl LargestGroups {
    fn push(&mut self, group: GroupExcerpt) {
        self.count += 1;
        self.heap.push(Reverse(SizedGroup(group.size, Reverse(self.count), group)));
        if self.heap.len() > MAX_GROUPS {
            self.heap.pop();
        }
    }

    fn into_sorted(self) -> Vec<GroupExcerpt> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(SizedGroup(_, _, group))| group).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_largest_groups_in_descending_order() {
        let mut largest = LargestGroups::default();
        for number in 0..500 {
            largest.push(GroupExcerpt { size: 2 + number % 250, rows: Vec::new() });
        }
        let sizes: Vec<u64> = largest.into_sorted().iter().map(|group| group.size).collect();
        assert_eq!((sizes.len(), sizes[0], sizes[MAX_GROUPS - 1]), (MAX_GROUPS, 251, 202));
        assert!(sizes.is_sorted_by(|one, other| one >= other));
    }
}
