//! Turns each HubSpot contact whose flag is set into a lead in one venue's Tripleseat account, exactly once, and resets
//! the flag.
//!
//! - [`config`]: the configuration that the deployer writes for a venue's function. [`settings`] reads it;
//!   [`credentials`] and [`secret`] load the values that must not be part of it.
//! - [`handler`]: one invocation. [`engine`]: one run, step by step. [`ledger`]: the status of each contact, kept in
//!   HubSpot.
//! - [`hubspot`] and [`destination`]: the two sides. [`mapping`] turns a contact into a lead, [`phone`] normalizes
//!   phone numbers. [`retry`] spaces retries, and the crate `pacing` enforces rate limits. [`clock`] is the time.
//! - [`tokens`]: the pair of tokens that a consent gave, and how the function renews it.
//! - [`lease`]: keeps runs from overlapping where nothing else does. [`signed`] makes the requests to AWS.
//! - [`forward`] and [`digest`]: the other mode of the executable, for all venues: messages of a deployment's alarms to its
//!   chats, and the digest that a rule starts.
//! - [`report`]: log lines, metrics and the response. [`error`]: why a run ended early.

pub mod clock;
pub mod credentials;
pub mod destination;
pub mod digest;
pub mod engine;
pub mod error;
pub mod forward;
pub mod handler;
pub mod http;
pub mod hubspot;
pub mod lease;
pub mod ledger;
pub mod phone;
pub mod redaction;
pub mod report;
pub mod retry;
mod schedule;
pub mod secret;
pub mod settings;
pub mod signed;
pub mod tokens;
