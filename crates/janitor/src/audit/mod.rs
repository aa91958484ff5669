//! Finds everything in an account that calls or is called, who calls whom, and what nobody needs anymore.
//!
//! 1. [`read`]: one reader for each service, in parallel and paged, collects [`Node`]s and [`Edge`]s: the
//!    [`Inventory`].
//! 2. [`judge`]: pure; derives a [`Verdict`] for each node from the inventory, with evidence in words.
//! 3. [`deployer::render`] shows an [`Audit`]. As JSON, it is the file that `deployer decommission` takes.
//!
//! [`sources`] lists everything that can reach what is judged, and with which calls that is read.
//!
//! What couldn't be read is [`Unread`], and everything that could depend on it is [`Verdict::Unknown`]. An inventory
//! never contains the value of an environment variable, a message or a contact.

mod address;
pub(crate) mod arn;
mod judge;
mod model;
mod read;
pub mod sources;
mod venues;

pub use judge::{judge_and_count, judge_inventory};
pub use model::*;
pub use read::{AuditProgress, HubSpotSource, Options, read};
pub use venues::VenueMarks;
