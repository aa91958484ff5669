//! What a venue's function and the deployer agree on: the function's configuration, how a contact becomes a lead,
//! which version of HubSpot's API is spoken, and how ARNs and marks are written.

pub mod address;
pub mod alarm_words;
pub mod arn;
pub mod chat;
pub mod config;
pub mod digest;
pub mod hubspot_api;
pub mod mapping;
pub mod metrics;
pub mod spread;
pub mod text;
pub mod tripleseat;
