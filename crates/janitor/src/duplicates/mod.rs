//! Finds duplicate leads in a Tripleseat account, and leads there that belong to another venue.
//!
//! This only reads, groups and reports. It never changes anything at a vendor.
//!
//! # What a duplicate is
//!
//! If the manifest names a location, only leads of that location are checked. Of those:
//!
//! 1. A lead is **another venue's** if it has this system's reference and the ledger says so (see [`LeadOrigin`]). It is
//!    excluded from the following steps.
//! 2. Leads with the same e-mail address ([`email`]), and then those with the same phone number ([`phone`]), that were
//!    created within the window form a **group**. It starts with its oldest lead and includes all leads with that contact
//!    that were created up to one window later, inclusive. A single lead is not a group.
//! 3. [`person`] says which lead of a group is kept, which are the same person's ([`name`]) and can be removed, and why
//!    the others can't. A group of one person is of **duplicates**; in a group of **possible duplicates**, leads share a
//!    contact and nothing more.
//!
//! A lead with neither an address nor a number, or without a time, can't be compared. The report says how many there
//! are.
//!
//! # How much memory it takes
//!
//! Leads are written to a file as they are read. Grouping sorts on disk ([`sort`]), [`sort::RUN`] leads at a time.
//! Whatever grows with the account is on disk; of one contact, [`person::MAX_LEADS`] leads are in memory; the HTML page
//! has only the largest groups.
//!
//! [`read`] and [`ledger`] query the vendors. [`work`] stores what was read, so that a crash costs one page at most.
//! [`pass`] goes through them, [`person`] judges, [`files`] writes, and [`deployer::render::duplicates_html`] renders the page.

pub mod cost;
pub mod email;
pub mod files;
#[cfg(test)]
mod labeled;
pub mod ledger;
pub mod name;
pub mod origin;
pub mod pass;
pub mod person;
pub mod phone;
pub mod read;
pub mod sort;
pub mod status;
mod table;
pub mod work;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use origin::LeadOrigin;
use person::SharedContact;
use status::LeadStatus;

/// The longest text kept of a lead's field, in characters: enough for a person to recognize the lead.
const MAX_FIELD: usize = 200;

/// The stored part of a lead. It contains personal data, so it is written only to files in the report's directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLead {
    /// Tripleseat's ID.
    pub id: u64,
    /// `None` if Tripleseat's response has none.
    pub created_at: Option<Timestamp>,
    /// First and last name.
    pub name: String,
    /// E-mail address, as received.
    pub email: String,
    /// Phone number, as received, with its extension.
    pub phone: String,
    /// Company, as received.
    pub company: String,
    /// Event date, as received.
    pub event_date: String,
    /// What staff did with it.
    pub status: LeadStatus,
    /// `HS-<contact>-<attempt>`, if this system created it.
    pub reference: Option<String>,
    /// HubSpot's ID of the contact that it was created from.
    pub contact_id: Option<String>,
    /// Which venue it belongs to.
    pub origin: LeadOrigin,
}

/// The kind of finding in a row of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateFinding {
    /// Another venue's lead.
    AnotherVenue,
    /// One of a group with the same contact, of which leads are one person's.
    Duplicate,
    /// One of a group with the same contact, and nothing more.
    PossibleDuplicate,
}

/// A row of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateRow {
    /// The kind of finding.
    pub finding: DuplicateFinding,
    /// The contact that its group shares.
    pub contact: Option<SharedContact>,
    /// The number of its group, from 1; 0 if the finding has no groups.
    pub group: u64,
    /// The position in its group, from 0, which is the oldest.
    pub position: u64,
    /// Whether it is the lead of its group to keep.
    pub keep: bool,
    /// Whether it can be removed.
    pub remove: bool,
    /// Why it is kept, removed or to be looked at, without personal data.
    pub reason: String,
    /// The lead.
    pub lead: AccountLead,
}

/// The counts. No personal data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DuplicateSummary {
    /// Distinct leads that were read.
    pub leads: u64,
    /// Of these, created by this system.
    pub made_here: u64,
    /// Created by this system, for an unknown venue.
    pub origin_unknown: u64,
    /// Leads of another venue.
    pub another_venue: u64,
    /// Leads with neither an address nor a number, or without a time.
    pub not_compared: u64,
    /// Leads that staff converted, booked, turned down or deleted.
    pub handled: u64,
    /// Leads of which Tripleseat doesn't say what became of them.
    pub status_unknown: u64,
    /// Groups of which leads are one person's.
    pub groups: u64,
    /// Leads in these groups other than the one to keep.
    pub repeats: u64,
    /// Repeats created by this system.
    pub repeats_made_here: u64,
    /// Repeats that may be another inquiry of the same person, such as for another event date.
    pub other_event_date: u64,
    /// Groups that share a contact and nothing more.
    pub possible_groups: u64,
    /// Leads in these groups other than the one to keep.
    pub possible_repeats: u64,
    /// Leads to remove: those of another venue, and repeats that are no other inquiry. None that staff did something with.
    pub remove: u64,
}

fn trim_field(text: &str) -> String {
    text.trim().chars().take(MAX_FIELD).collect()
}
