//! The deployer's own HubSpot requests: property definitions, test contacts, workflows. The requests of a sync run are
//! in `sync_lambda`. Every response is judged here, once, so nothing else looks at an HTTP status.

mod contacts;
mod destination;
mod error;
mod flagged;
pub mod hubspot;
mod migration;
mod network;
mod portal;
mod properties;
mod resolve;
mod retry;
mod workflows;

pub use contacts::CrmContact;
pub use destination::destination_settings;
pub use error::{VendorError, VendorFailure};
pub use flagged::ContactWrite;
pub use hubspot::HubSpotClient;
pub use migration::{FlagMigration, MigrationFate, MigrationTally};
pub use network::build_vendor_client;
pub use portal::observe_portal;
pub use properties::PropertyLimits;
pub use resolve::{UnresolvedSecret, resolve_secret};
pub use retry::{RetryAction, RetryCandidate, RetrySelection, RetryTally, VenueRetry};
pub use workflows::WorkflowsPath;
