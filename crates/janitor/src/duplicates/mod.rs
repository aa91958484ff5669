//! Duplicate leads in a Tripleseat account, and leads there that are another venue's.
//!
//! Nothing here changes anything at a vendor: it reads, groups and reports.
//!
//! # What a duplicate is
//!
//! Only leads of the venue's location are looked at, where the manifest names one. Of those:
//!
//! 1. A lead is **another venue's** if it carries this system's reference and the ledger says so (see [`Origin`]). It
//!    takes no part in what follows.
//! 2. Leads are **duplicates** if they have the same e-mail address ([`keys::email`]) and were created within the window.
//!    A group begins with its oldest lead and has all of that address that were created at most the window after it (the
//!    end belongs to it); the next later lead begins a new group. A group of one is none. The oldest is the one to keep, each other a **repeat**.
//! 3. A repeat with another event date than the oldest is perhaps a second inquiry: it is listed, and not counted among
//!    those to remove.
//! 4. Leads are **possible duplicates** if they have the same phone number ([`keys::phone`]) in the same sense, and aren't
//!    repeats by their address. People of one company share a number, so none of these is counted either.
//!
//! A lead without an address and a number, or without a time, can't be compared. How many there are is said.
//!
//! # How much memory it takes
//!
//! What is read goes to a file at once; grouping sorts on disk ([`sort`]), [`sort::RUN`] leads at a time. What grows with
//! the account is on disk; the page for people has the largest groups only.
//!
//! [`read`] and [`ledger`] ask the vendors; [`work`] keeps what was read, so that a crash costs one page; [`pass`] groups;
//! [`files`] writes. [`deployer::render::duplicates_html`] draws the page.

pub mod cost;
pub mod files;
pub mod group;
pub mod keys;
pub mod ledger;
pub mod origin;
pub mod pass;
pub mod read;
pub mod sort;
pub mod work;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use origin::Origin;

/// Longest text that is kept of a lead's field, in characters: it is for a person to recognise.
const MAX_FIELD: usize = 200;

/// What is kept of a lead. It has personal data: it is written to files of the report's directory only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// Tripleseat's id.
    pub id: u64,
    /// `None` where Tripleseat's answer has none.
    pub created_at: Option<Timestamp>,
    /// First and last name.
    pub name: String,
    /// As it was sent.
    pub email: String,
    /// As it was sent.
    pub phone: String,
    /// As it was sent.
    pub event_date: String,
    /// `HS-<contact>-<attempt>`, where this system made it.
    pub reference: Option<String>,
    /// HubSpot's id of the contact that it was made from.
    pub contact_id: Option<String>,
    /// Whose it is.
    pub origin: Origin,
}

/// What a row of the report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Another venue's lead.
    AnotherVenue,
    /// One of a group with the same e-mail address.
    Duplicate,
    /// One of a group with the same phone number.
    PossibleDuplicate,
}

/// A row of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub finding: Finding,
    /// Number of its group, from 1; 0 where there are no groups.
    pub group: u64,
    /// Place in its group, from 0, the oldest.
    pub position: u64,
    /// Whether it is one to remove.
    pub remove: bool,
    /// The lead.
    pub lead: Lead,
}

/// What was counted. No personal data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// Leads that were read, each once.
    pub leads: u64,
    /// Of these, made by this system.
    pub made_here: u64,
    /// Made by this system, and whose can't be told.
    pub origin_unknown: u64,
    /// Another venue's.
    pub another_venue: u64,
    /// Without an address and a number, or without a time.
    pub not_compared: u64,
    /// Groups with the same address.
    pub groups: u64,
    /// Leads in them beyond the oldest.
    pub repeats: u64,
    /// Repeats that this system made.
    pub repeats_made_here: u64,
    /// Repeats with another event date than the oldest.
    pub other_event_date: u64,
    /// Groups with the same number.
    pub possible_groups: u64,
    /// Leads in them beyond the oldest.
    pub possible_repeats: u64,
    /// Leads to remove: another venue's, and repeats but for those with another event date.
    pub remove: u64,
}

fn limited(text: &str) -> String {
    text.trim().chars().take(MAX_FIELD).collect()
}
