//! Takes the contacts whose flag is set in HubSpot, makes each a lead in one venue's Tripleseat account exactly once,
//! and resets the flag.
//!
//! - [`config`]: what the deployer tells a venue's function; [`settings`] reads it, [`credentials`] and [`secret`] get
//!   what must not stand there.
//! - [`handler`]: an invocation. [`engine`]: a run, step by step. [`ledger`]: what HubSpot is told of each contact.
//! - [`hubspot`] and [`destination`]: the two sides; [`mapping`] makes a contact a lead, [`phone`] its number one to dial; [`limiter`] keeps their rates.
//! - [`report`]: log lines, metrics, the answer; [`error`]: why a run ended early.

pub mod credentials;
pub mod destination;
pub mod engine;
pub mod error;
pub mod handler;
pub mod http;
pub mod hubspot;
pub mod ledger;
pub mod limiter;
pub mod phone;
pub mod report;
pub mod secret;
pub mod settings;
