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
//! 2. Leads are **duplicates** if they have the same e-mail address ([`keys::email`]) and were created within the
//!    window. A group starts with its oldest lead and includes all leads with that address that were created up to one
//!    window later, inclusive; the next later lead starts a new group. A single lead is not a group. The oldest lead is
//!    the one to keep; every other one is a **repeat**.
//! 3. A repeat with a different event date than the oldest lead may be a second inquiry. It is listed but not counted
//!    among the leads to remove.
//! 4. Leads are **possible duplicates** if they have the same phone number ([`keys::phone`]) by the same rule and
//!    aren't repeats by their address. People at one company share a number, so these are not counted for removal
//!    either.
//!
//! A lead with neither an address nor a number, or without a time, can't be compared. The report says how many there
//! are.
//!
//! # How much memory it takes
//!
//! Leads are written to a file as they are read. Grouping sorts on disk ([`sort`]), [`sort::RUN`] leads at a time.
//! Whatever grows with the account is on disk; the HTML page has only the largest groups.
//!
//! [`read`] and [`ledger`] query the vendors. [`work`] stores what was read, so that a crash costs one page at most.
//! [`pass`] groups, [`files`] writes, and [`deployer::render::duplicates_html`] renders the page.

pub mod cost;
pub mod files;
pub mod group;
pub mod keys;
pub mod ledger;
pub mod origin;
pub mod pass;
pub mod read;
pub mod sort;
mod table;
pub mod work;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use origin::LeadOrigin;

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
    /// Phone number, as received.
    pub phone: String,
    /// Event date, as received.
    pub event_date: String,
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
    /// One of a group with the same e-mail address.
    Duplicate,
    /// One of a group with the same phone number.
    PossibleDuplicate,
}

/// A row of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateRow {
    /// The kind of finding.
    pub finding: DuplicateFinding,
    /// The number of its group, from 1; 0 if the finding has no groups.
    pub group: u64,
    /// The position in its group, from 0, which is the oldest.
    pub position: u64,
    /// Whether it should be removed.
    pub remove: bool,
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
    /// Groups with the same e-mail address.
    pub groups: u64,
    /// Leads in these groups other than the oldest.
    pub repeats: u64,
    /// Repeats created by this system.
    pub repeats_made_here: u64,
    /// Repeats with a different event date than the oldest.
    pub other_event_date: u64,
    /// Groups with the same phone number.
    pub possible_groups: u64,
    /// Leads in these groups other than the oldest.
    pub possible_repeats: u64,
    /// Leads to remove: those of another venue, and repeats except for those with a different event date.
    pub remove: u64,
}

fn trim_field(text: &str) -> String {
    text.trim().chars().take(MAX_FIELD).collect()
}
