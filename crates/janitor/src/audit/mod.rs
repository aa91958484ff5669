//! What an account has that calls or is called, who calls whom, and what nobody needs any more.
//!
//! 1. [`read`]: one reader a service, in parallel and paged, gives [`Node`]s and [`Edge`]s: the [`Inventory`].
//! 2. [`judge`]: pure; the inventory becomes a [`Verdict`] for each node, with its evidence in words.
//! 3. [`deployer::render`] shows an [`Audit`]; as JSON it is the file that `deployer decommission` takes.
//!
//! Nothing is concluded from what couldn't be read: it is [`Unread`], and what could hang on it is
//! [`Verdict::Unknown`]. No value of an environment variable, no message and no contact is in an inventory.

mod address;
mod arn;
mod judge;
mod model;
mod read;
mod venues;

pub use judge::judge_inventory;
pub use model::*;
pub use read::{HubSpotSource, Options, read};
pub use venues::VenueMarks;
