//! What happened to every flagged contact, for `dev --once`.

use serde::Serialize;

use super::System;
use super::backend::contact_cell;
use super::page::{ContactCell, RunView, SyncStatus};
use deployer_core::manifest::{Status, Venue};

/// The results of one venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VenueSummary {
    /// The venue's name.
    pub venue: String,
    /// `active`, `paused` or `blocked`.
    pub status: &'static str,
    /// Contacts whose flag was set at the start.
    pub flagged: usize,
    /// Those that became leads.
    pub synced: usize,
    /// Those that were refused.
    pub failed: usize,
    /// Those that need review.
    pub needs_review: usize,
    /// Those that are still waiting.
    pub waiting: usize,
    /// Leads in the venue's account.
    pub leads: usize,
    /// How long the run took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Why the run failed.
    pub error: Option<String>,
    /// The flagged contacts that didn't become leads, each with the reason.
    pub reasons: Vec<UnsyncedReason>,
}

/// Why a contact didn't become a lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnsyncedReason {
    /// The contact's id.
    pub contact_id: String,
    /// `failed`, `needs_review` or `waiting`.
    pub state: &'static str,
    /// The reason; `None` if none was given, which is a bug.
    pub reason: Option<String>,
}

impl VenueSummary {
    /// Whether every flagged contact became a lead or has a reason why not, and there are no other leads.
    pub fn is_accounted_for(&self) -> bool {
        self.error.is_none() && self.reasons.iter().all(|reason| reason.reason.is_some()) && self.leads == self.synced
    }
}

/// The flags at the start: the ids of each venue's flagged contacts.
pub struct FlaggedContacts(Vec<Vec<u64>>);

impl System {
    /// Records which flags are set.
    pub fn flagged_contacts(&self) -> FlaggedContacts {
        let contacts = self.vendors.hubspot.all_contacts();
        let of = |venue: &Venue| {
            contacts.iter().filter(|contact| contact_cell(contact, venue).flagged).map(|contact| contact.id).collect()
        };
        FlaggedContacts(self.current_manifest().venues.iter().map(of).collect())
    }

    /// What happened to the flagged contacts.
    pub fn summarize_venues(&self, flagged: &FlaggedContacts, runs: &[RunView]) -> Vec<VenueSummary> {
        let manifest = self.current_manifest();
        manifest.venues.iter().zip(&flagged.0).map(|(venue, ids)| self.summarize_venue(venue, ids, runs)).collect()
    }

    fn summarize_venue(&self, venue: &Venue, ids: &[u64], runs: &[RunView]) -> VenueSummary {
        let run = runs.iter().find(|run| run.venue == venue.name);
        let mut summary = VenueSummary {
            venue: venue.name.clone(),
            status: match venue.status {
                Status::Active => "active",
                Status::Paused => "paused",
                Status::Blocked => "blocked",
            },
            flagged: ids.len(),
            synced: 0,
            failed: 0,
            needs_review: 0,
            waiting: 0,
            leads: self.vendors.venue_leads(&venue.name).len(),
            duration_ms: run.map(|run| run.duration_ms),
            error: run.and_then(|run| run.error.clone()),
            reasons: Vec::new(),
        };
        for id in ids {
            let cell =
                self.vendors.hubspot.find_contact(*id).map(|contact| contact_cell(&contact, venue)).unwrap_or_default();
            let (state, reason) = match cell {
                ContactCell { flagged: false, status: Some(SyncStatus::Synced), .. } => {
                    summary.synced += 1;
                    continue;
                }
                ContactCell { flagged: false, status: Some(SyncStatus::Failed), error, .. } => {
                    summary.failed += 1;
                    ("failed", error)
                }
                ContactCell { flagged: false, status: Some(SyncStatus::NeedsReview), error, .. } => {
                    summary.needs_review += 1;
                    ("needs_review", error)
                }
                ContactCell { flagged, error, .. } => {
                    summary.waiting += 1;
                    let idle = idle_reason(venue).filter(|_| flagged);
                    ("waiting", error.or(idle))
                }
            };
            summary.reasons.push(UnsyncedReason { contact_id: id.to_string(), state, reason });
        }
        summary
    }
}

/// Why a venue that isn't active syncs nothing.
fn idle_reason(venue: &Venue) -> Option<String> {
    match venue.status {
        Status::Active => None,
        Status::Paused => Some("the venue is paused".to_owned()),
        Status::Blocked => {
            let reason = venue.blocker.as_ref().map(|blocker| blocker.reason.as_str()).unwrap_or_default();
            Some(format!("the venue is blocked: {reason}"))
        }
    }
}
