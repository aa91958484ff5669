//! Takes the contacts whose flag is set in HubSpot, makes each a lead in one venue's Tripleseat account exactly once,
//! and resets the flag.

pub mod config;
pub mod credentials;
pub mod error;
pub mod http;
pub mod limiter;
pub mod mapping;
pub mod secret;
pub mod settings;
