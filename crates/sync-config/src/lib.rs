//! What a venue's function and the deployer agree on: the function's configuration, how a contact becomes a lead,
//! and how ARNs are written.

pub mod arn;
pub mod config;
pub mod mapping;
pub mod metrics;
pub mod text;
pub mod tripleseat;
