//! `venues.toml`: read with spans, checked as a whole, every mistake with its place and its remedy.
//!
//! [`load`] reads a file, [`parse`] a text. What may stand in a manifest is described once, in `keys`; the checks and
//! [`schema`] both come from there. What holds between venues, that none can reach another's contacts or leads, is in
//! `isolation`. [`add_venue`] and its like change a text, and leave all of it that they aren't about as it is.

mod cron;
mod duration;
mod edit;
mod format;
mod isolation;
mod keys;
mod mapping;
mod model;
mod names;
mod read;
mod redact;
mod report;
mod schedule;
mod schema;
mod secret;
mod shape;
mod syntax;
mod template;
mod venue;

pub use duration::{format_duration, parse_duration};
pub use edit::{BlockerEntry, NewVenue, Uneditable, add_venue, remove_blocker, set_blocker, set_status, status_word};
pub use format::{domain as check_domain, name as check_name};
pub use model::*;
pub use read::{Loaded, check, load, parse};
pub use report::{Advice, Finding, Flaw, ManifestErrors, ReportStyle};
pub use schema::schema;
pub use secret::{ResolveError, SecretValue};
pub use template::{TEMPLATE, init_template};
