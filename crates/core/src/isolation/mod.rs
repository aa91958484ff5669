//! Shows, for every pair of venues, that neither can reach the other.
//!
//! [`planned`] uses the policy documents that an apply would write, [`live`] the deployed ones. [`judge`] decides every
//! request of every pair by IAM's own rules ([`policy`]) and everything that leads around them (`paths`), and [`simulation`] asks IAM, whose answer must be the same.

mod condition;
mod judge;
mod model;
mod paths;
mod pattern;
pub mod planned;
pub mod policy;
pub mod schedules;
mod shared;
mod simulated;
pub mod starters;
pub mod strangers;

pub use condition::RequestContext;
pub use judge::{RoleRequest, judge_pairs, requests_to_check};
pub use model::{
    ComparedCredential, Delivery, FunctionUrl, IsolationCheck, IsolationReport, KeyGrant, PairState, Reach,
    ReadOutcome, RequestVerdict, ScheduledStart, SecretKey, SharedDuties, SharedItem, VenueHoldings, VenuePair,
    VenueSubject, parse_policies,
};
pub use paths::live_deliveries;
pub use pattern::{Certainty, action_matches, glob_matches, resource_matches};
pub use shared::find_shared_items;
pub use simulated::SimulationResults;
