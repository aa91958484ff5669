//! What the deployer itself asks of HubSpot, beside what a run asks (which is `sync_lambda`'s): definitions of
//! properties, test contacts, workflows. Every answer is judged here, once, so that nothing else looks at a status.

mod contacts;
mod error;
mod flagged;
pub mod hubspot;
mod migration;
mod portal;
mod properties;
mod resolve;

pub use contacts::Contact;
pub use error::{VendorError, VendorFailure};
pub use flagged::ContactWrite;
pub use hubspot::HubSpot;
pub use migration::{Fate, Migration, Tally};
pub use portal::portal;
pub use resolve::{Unresolved, resolve};
