//! `venues.toml`: reading and checking. Every mistake is reported with its place and how to fix it.
//!
//! [`load_manifest`] reads a file, [`parse_manifest`] a string. The keys of a manifest are declared once, in `keys`; the
//! checks, [`manifest_schema`] and reading all use the declaration. `isolation` checks that no venue can reach another venue's contacts or leads.
//! [`add_venue`] and the other edits change only what they are about and keep the rest of the text byte for byte.

mod across;
mod alarms;
mod company;
mod cron;
mod digest_schedule;
mod dotenv;
mod draw;
mod duration;
mod edit;
mod edit_venues;
mod excerpt;
mod format;
mod isolation;
mod key;
mod keys;
mod mapping;
mod model;
mod names;
mod read;
mod redact;
mod region;
mod report;
mod schedule;
mod schema;
mod secret;
mod shape;
mod suggest;
mod syntax;
mod table;
mod tags;
mod template;
mod tidy;
mod trust;
mod unusable;
mod value;
mod venue;

pub use across::{ClashPlace, ManifestClash, compare_manifests};
pub use alarms::{AlarmCause, AlarmSettings};
pub use cron::{CronBase, CronDays, CronExpression, CronItem, CronList};
pub use digest_schedule::DigestSchedule;
pub use dotenv::{DOTENV_FILE, DotEnv};
pub use duration::{format_duration, parse_duration};
pub use edit::secret_keys;
pub use edit::{
    BlockerEntry, NewVenue, Uneditable, add_venue, remove_blocker, set_account, set_blocker, set_region, set_status,
    status_word,
};
pub use edit_venues::{remove_venue, rename_venue};
pub use format::{check_domain, check_name};
pub use model::*;
pub use read::{LoadedManifest, check_manifest, load_manifest, parse_manifest};
pub use report::{Advice, Flaw, ManifestErrors, ManifestFinding, ReportStyle};
pub use schedule::{SchedulePattern, ScheduleRate};
pub use schema::manifest_schema;
pub use secret::{ResolveError, SecretValue};
pub use suggest::{FieldSuggestion, suggest_fields};
pub use template::{TEMPLATE, init_template};
pub use tidy::tidy_manifest;
pub use trust::{UnwatchedTrust, check_credential_host, restrict_manifest, trusted_things};
