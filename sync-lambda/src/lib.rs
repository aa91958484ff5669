//! Takes the contacts whose flag is set in HubSpot, makes each a lead in one venue's Tripleseat account exactly once,
//! and resets the flag.

pub mod config;
