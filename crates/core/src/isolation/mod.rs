//! Shows, for every pair of venues, that neither can reach the other.
//!
//! [`planned`] uses the policy documents that an apply would write, [`live`] the deployed ones. [`judge`] decides every
//! request of every pair by IAM's own rules ([`policy`]), and [`simulation`] asks IAM, whose answer must be the same.

mod condition;
mod judge;
mod model;
mod pattern;
pub mod planned;
pub mod policy;
mod shared;
mod simulated;

pub use condition::Context;
pub use judge::{Asked, asked, judge};
pub use model::{
    Check, Credential, Holdings, Pair, PairState, Reach, Report, Shared, Subject, Told, Verdict, policies,
};
pub use pattern::{Holds, glob, is_action, is_resource};
pub use shared::shared;
pub use simulated::Simulated;
