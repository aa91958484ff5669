//! What a venue's function and the deployer agree on: the function's configuration, and how a contact becomes a lead.

pub mod config;
pub mod mapping;
pub mod metrics;
