//! Sandbox HubSpot and sandbox Tripleseat: servers on 127.0.0.1 that behave as the vendors document.
//!
//! A [`HubSpot`] is one portal; a [`Tripleseat`] is the vendor with all its customers' accounts. Each has a router for
//! a [`Server`], and methods for what staff see and do in the browser. Both use a [`Clock`], record their requests, and
//! accept a [`FaultHook`] that can break any of them. [`vendors`] lists what they assume about the vendors, with
//! sources.

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
