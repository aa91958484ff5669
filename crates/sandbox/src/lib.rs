//! Sandbox HubSpot and sandbox Tripleseat: servers on 127.0.0.1 that behave as the vendors document.
//!
//! A [`HubSpot`] is a portal and a [`Tripleseat`] a vendor with its customers' accounts. Each has a router for a
//! [`Server`], and beside it what staff see and do in the browser. They go by a [`Clock`], remember their requests, and
//! take a [`FaultHook`] that breaks any one of them. What they assume of the vendors stands in [`vendors`], with its
//! source.

mod answer;
mod clock;
pub mod contacts_csv;
mod email;
mod faults;
mod front;
pub mod hubspot;
mod limits;
pub mod platform;
mod server;
pub mod tripleseat;
pub mod vendors;

pub use clock::Clock;
pub use faults::{Fault, FaultHook, RequestInfo};
pub use front::Request;
pub use hubspot::{HubSpot, HubSpotConfig};
pub use server::Server;
pub use tripleseat::{Account, Lead, Location, Tripleseat, TripleseatConfig};
