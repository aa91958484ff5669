//! Faults of the vendors as a person knows them, each with a switch: for `deployer dev`, whose page shows what the sync
//! makes of them, and for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::watch;

use crate::faults::{RequestInfo, SandboxFault};
use crate::{SandboxHubSpot, SandboxTripleseat};

/// How long each answer of a slow Tripleseat takes.
const SLOW: Duration = Duration::from_secs(2);
/// How far the search index falls behind.
const LAG: SignedDuration = SignedDuration::from_secs(60);

/// A fault of a vendor that lasts until it is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VendorFault {
    /// Tripleseat answers nothing.
    TripleseatDown,
    /// Tripleseat takes long to answer.
    TripleseatSlow,
    /// Tripleseat refuses every lead.
    TripleseatRefusing,
    /// Tripleseat creates leads, and its answers get lost.
    AnswerLost,
    /// The portal has used up its requests of the day.
    HubSpotLimit,
    /// HubSpot's search index falls behind.
    SearchLag,
}

impl VendorFault {
    pub const ALL: [Self; 6] = [
        Self::TripleseatDown,
        Self::TripleseatSlow,
        Self::TripleseatRefusing,
        Self::AnswerLost,
        Self::HubSpotLimit,
        Self::SearchLag,
    ];

    /// For programs.
    pub fn key(self) -> &'static str {
        match self {
            Self::TripleseatDown => "tripleseat_down",
            Self::TripleseatSlow => "tripleseat_slow",
            Self::TripleseatRefusing => "tripleseat_refusing",
            Self::AnswerLost => "answer_lost",
            Self::HubSpotLimit => "hubspot_limit",
            Self::SearchLag => "search_lag",
        }
    }

    /// For people.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::TripleseatDown => "Tripleseat is down",
            Self::TripleseatSlow => "Tripleseat is slow",
            Self::TripleseatRefusing => "Tripleseat refuses every lead",
            Self::AnswerLost => "Tripleseat's answers get lost",
            Self::HubSpotLimit => "HubSpot answers 429",
            Self::SearchLag => "HubSpot's search lags",
        }
    }

    /// What it does to contacts.
    pub fn effect(self) -> &'static str {
        match self {
            Self::TripleseatDown => {
                "Each request is answered with 503. A run sends one lead at most: its contact needs review, or is looked \
                 up where a venue has OAuth. All others keep their flags, and become leads once this is off."
            }
            Self::TripleseatSlow => {
                "Each answer takes 2 seconds. Runs take longer, and contacts that a run has no time for are deferred to \
                 the next. None is lost, and none is sent twice."
            }
            Self::TripleseatRefusing => {
                "Each lead is refused in the same words. A contact or two fail with that reason; when the first three of a \
                 run are refused alike, the run fails as a wrong setting, and all contacts keep their flags."
            }
            Self::AnswerLost => {
                "Leads are created, but nobody hears of it. Such a contact needs review, or is looked up where a venue has \
                 OAuth. After two of them a run stops, and all others keep their flags."
            }
            Self::HubSpotLimit => {
                "The portal has used up its requests of the day. Runs fail before they send anything, and all contacts \
                 keep their flags until this is off."
            }
            Self::SearchLag => {
                "Searches find a flag 60 seconds after it is set. Until then a run finds nothing to do; then the contact \
                 becomes a lead, once."
            }
        }
    }

    /// What it makes of a request.
    fn break_request(self, request: &RequestInfo) -> Option<SandboxFault> {
        let creates = request.vendor == "tripleseat" && request.path.contains("leads/create");
        match self {
            Self::TripleseatDown => (request.vendor == "tripleseat").then(|| status_fault(503, json!({}))),
            Self::TripleseatSlow => (request.vendor == "tripleseat").then_some(SandboxFault::Delayed { by: SLOW }),
            Self::TripleseatRefusing => {
                let words = json!({ "errors": ["This account takes no leads at the moment"] });
                creates.then(|| status_fault(200, words))
            }
            Self::AnswerLost => creates.then_some(SandboxFault::DropAfter),
            Self::HubSpotLimit => (request.vendor == "hubspot").then(|| {
                let message = "You have reached your daily limit.";
                status_fault(
                    429,
                    json!({
                        "status": "error", "category": "RATE_LIMITS", "message": message, "errorType": "RATE_LIMIT",
                        "policyName": "DAILY",
                    }),
                )
            }),
            Self::SearchLag => None,
        }
    }
}

fn status_fault(status: u16, body: serde_json::Value) -> SandboxFault {
    SandboxFault::Status { status, body, headers: Vec::new() }
}

/// A fault that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchedFault {
    pub since: Timestamp,
    /// How many requests it has broken or delayed.
    pub requests: u64,
}

/// The switches of all faults. Clones are cheap and share them.
#[derive(Debug, Clone)]
pub struct FaultSwitches {
    on: Arc<Mutex<BTreeMap<VendorFault, SwitchedFault>>>,
    hubspot: SandboxHubSpot,
    search_lag: SignedDuration,
    changes: watch::Sender<u64>,
}

impl FaultSwitches {
    /// Switches for these vendors, all off; they replace the vendors' fault hooks. `search_lag` is the portal's own.
    pub fn install(hubspot: SandboxHubSpot, tripleseat: &SandboxTripleseat, search_lag: SignedDuration) -> Self {
        let switches = Self { on: Arc::default(), hubspot, search_lag, changes: watch::Sender::new(0) };
        let on = Arc::clone(&switches.on);
        let hook: crate::SandboxFaultHook = Arc::new(move |request| break_request(&mut on.lock(), request));
        switches.hubspot.set_fault_hook(Some(Arc::clone(&hook)));
        tripleseat.set_fault_hook(Some(hook));
        switches
    }

    /// Switches a fault on or off at `now`.
    pub fn switch_fault(&self, fault: VendorFault, on: bool, now: Timestamp) {
        let mut switched = self.on.lock();
        let was = switched.contains_key(&fault);
        match on {
            true => drop(switched.entry(fault).or_insert(SwitchedFault { since: now, requests: 0 })),
            false => drop(switched.remove(&fault)),
        }
        drop(switched);
        if fault == VendorFault::SearchLag && was != on {
            self.hubspot.set_search_lag(if on { LAG } else { self.search_lag });
        }
        self.changes.send_modify(|number| *number += 1);
    }

    /// Since when a fault is on; `None` if it is off.
    pub fn find_switched(&self, fault: VendorFault) -> Option<SwitchedFault> {
        self.on.lock().get(&fault).copied()
    }

    /// A counter that grows with every switch.
    pub fn watch_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// The first fault in the order of [`VendorFault::ALL`] that breaks a request does so.
fn break_request(on: &mut BTreeMap<VendorFault, SwitchedFault>, request: &RequestInfo) -> Option<SandboxFault> {
    on.iter_mut().find_map(|(fault, switched)| {
        let broken = fault.break_request(request)?;
        switched.requests += 1;
        Some(broken)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_key_of_its_own_and_is_off_at_first() {
        let keys: std::collections::BTreeSet<_> = VendorFault::ALL.map(VendorFault::key).into_iter().collect();
        assert_eq!(keys.len(), VendorFault::ALL.len());
        assert!(VendorFault::ALL.is_sorted(), "the first one wins");
    }
}
