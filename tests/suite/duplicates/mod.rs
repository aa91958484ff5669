//! `deployer duplicates` as a process, against the sandbox Tripleseat and HubSpot.

pub mod account;
mod large;
mod refused;
pub mod reports;
mod resumed;
