//! Whether any venue can reach another: shown for every pair, and not assumed.
//!
//! [`planned`] takes the documents that an apply would write, [`live`] those that are there; [`judge`] decides every
//! request of every pair by IAM's own rules ([`policy`]), and [`simulation`] asks IAM the same, whose answer must agree.

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
