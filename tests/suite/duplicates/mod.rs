//! `deployer duplicates` as a process, against the sandbox Tripleseat and HubSpot.

pub mod account;
mod large;
mod refused;
mod reports;
mod resumed;
