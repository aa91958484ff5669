//! Sandbox HubSpot and sandbox Tripleseat: servers on 127.0.0.1 that behave as the vendors document.
//!
//! A [`SandboxHubSpot`] is one portal; a [`SandboxTripleseat`] is the vendor with all its customers' accounts. Each has a router for
//! a [`SandboxServer`], and methods for what staff see and do in the browser. Both use a [`SandboxClock`], record their requests, and
//! accept a [`SandboxFaultHook`] that can break any of them. [`vendors`] lists what they assume about the vendors, with
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
mod vendor_fault;
pub mod vendors;

pub use clock::SandboxClock;
pub use faults::{RequestInfo, SandboxFault, SandboxFaultHook};
pub use front::RecordedRequest;
pub use hubspot::{SandboxHubSpot, SandboxHubSpotConfig};
pub use server::SandboxServer;
pub use tripleseat::{
    LeadEvent, LeadFormRules, SandboxTripleseat, SandboxTripleseatConfig, TripleseatAccount, TripleseatLead,
    TripleseatLocation, TripleseatSwitches, TripleseatWebhook, WEBHOOK_TRIES,
};
pub use vendor_fault::{FaultSwitches, SwitchedFault, VendorFault};
