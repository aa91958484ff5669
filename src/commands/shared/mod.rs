//! What several commands use.
//!
//! - [`session`]: the manifest, the clients and the account that a command starts with.
//! - [`reconcile`]: how the terminal takes part in a reconciliation; [`saved`]: saved plans as files.
//! - [`artifacts`]: the function's zips, and [`trial`], a dry run of a given one; [`secret_values`]: the values of the secrets that an apply creates.
//! - [`ask`]: questions; [`blockers`]: what a blocked venue waits for;
//! - [`vendors`]: a venue's vendors, or the sandboxes of a running `dev`.
//! - [`dotenv`]: what a file `.env` beside the manifest needs.
//! - [`trust`]: what a manifest may make this machine do; [`suggest`]: mappings that a portal's properties suggest.

pub(super) mod artifacts;
pub(super) mod ask;
pub(super) mod blockers;
mod dotenv;
pub(super) mod reconcile;
pub(super) mod saved;
pub(super) mod secret_values;
pub(super) mod session;
pub(super) mod suggest;
pub(super) mod trial;
pub(super) mod trust;
pub(super) mod vendors;
