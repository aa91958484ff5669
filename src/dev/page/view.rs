//! What the page shows, sent as JSON with these names. It contains personal data: the page is for the user only.
//!
//! All times are milliseconds since 1970.

use std::collections::BTreeMap;

use deployer_core::run_origin::RunOrigin;
use serde::{Deserialize, Serialize};

/// Everything the page shows at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PageView {
    /// The deployment's name.
    pub deployment: String,
    /// The sandbox portal's id.
    pub portal_id: u64,
    /// How often rules fire, such as `10s`, if an interval replaces the venues' schedules.
    pub fired_every: Option<String>,
    pub addresses: Addresses,
    /// What the alarms say; `None` if the manifest declares none.
    pub alarms: Option<AlarmsView>,
    /// In the manifest's order.
    pub venues: Vec<VenueView>,
    /// In the order in which the table shows them.
    pub contacts: Vec<ContactView>,
    /// Newest first.
    pub leads: Vec<LeadView>,
    /// Newest first, at most 200.
    pub runs: Vec<RunView>,
    /// Every fault that can be switched on.
    pub faults: Vec<FaultView>,
    /// What became of the last edit of the manifest; `None` before the first.
    pub edit: Option<ManifestEdit>,
    /// Properties besides the usual ones that the form for a new contact asks for.
    pub form_fields: Vec<FormField>,
}

/// The alarms of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmsView {
    /// How many seconds pass for the alarms in one: more than one if rules fire more often than on their schedules.
    pub time_factor: u64,
    /// The alarm for HubSpot failing at many venues.
    pub shared: Option<VenueAlarmView>,
    /// Newest first, at most 100.
    pub messages: Vec<AlarmMessageView>,
}

/// The alarms of one venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VenueAlarmView {
    pub state: VenueAlarmState,
    /// Since when; `None` before the first evaluation.
    pub since_ms: Option<i64>,
    /// What is in alarm, the most urgent first.
    pub causes: Vec<AlarmCauseView>,
}

/// What a venue's alarms say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueAlarmState {
    Ok,
    Raised,
    /// There are no values to judge by yet.
    Unknown,
}

/// Why an alarm is raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmCauseView {
    /// Its word in the manifest, such as `silent`.
    pub cause: String,
    /// The same in a sentence.
    pub text: String,
}

/// A message, as the topic's subscribers get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmMessageView {
    pub at_ms: i64,
    /// The venue's name; `_all` for HubSpot failing at many venues.
    pub venue: String,
    pub display_name: String,
    /// Whether the alarm is raised or cleared.
    pub raised: bool,
    /// Why it was raised.
    pub causes: Vec<AlarmCauseView>,
    /// How long it was raised, if it is cleared.
    pub lasted_ms: Option<i64>,
}

/// A fault of a vendor, and its switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultView {
    /// Names it in requests.
    pub key: &'static str,
    pub name: &'static str,
    /// What it does to contacts.
    pub effect: &'static str,
    /// Since when it is on; `None` if it is off.
    pub on_since_ms: Option<i64>,
    /// How many requests it has broken or delayed since then.
    pub requests: u64,
}

/// An edit of the manifest while `dev` runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestEdit {
    pub at_ms: i64,
    #[serde(flatten)]
    pub outcome: ManifestEditOutcome,
}

/// What became of an edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ManifestEditOutcome {
    /// It is in force.
    Applied {
        /// How many resources were changed.
        changes: usize,
    },
    /// What ran before keeps running.
    Rejected {
        /// The mistakes, for people. Can have several lines.
        mistakes: String,
    },
}

/// A property that a new contact can have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormField {
    /// HubSpot's internal name.
    pub name: String,
    pub label: String,
    /// HubSpot's type: `string`, `enumeration`, `date`, …
    pub kind: String,
    /// The labels and values that it can have, if they are limited.
    pub options: Vec<(String, String)>,
}

/// What HubSpot and the venues know about one contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContactDetails {
    /// HubSpot's id.
    pub id: String,
    pub name: String,
    /// The properties that aren't the sync's own.
    pub properties: Vec<PropertyValue>,
    /// In the manifest's order.
    pub venues: Vec<ContactVenue>,
}

/// A property of a contact, with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PropertyValue {
    /// HubSpot's internal name.
    pub name: String,
    pub label: String,
    pub value: String,
}

/// A contact at one venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContactVenue {
    /// The venue's name.
    pub venue: String,
    pub cell: ContactCell,
    /// The sync's five properties.
    pub ledger: Vec<PropertyValue>,
    /// What was written to them, newest first.
    pub history: Vec<PropertyChange>,
    /// The leads that were created from the contact, newest first.
    pub leads: Vec<LeadView>,
    /// Ids of the runs that wrote to them, newest first.
    pub runs: Vec<String>,
}

/// A write to a property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PropertyChange {
    pub at_ms: i64,
    pub label: String,
    /// Empty if the property was cleared.
    pub value: String,
    /// The run that wrote it; `None` if it was staff or an import.
    pub run: Option<String>,
}

/// The addresses of the sandboxes and the embedded cloud, as `http://127.0.0.1:PORT`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Addresses {
    pub hubspot: String,
    pub tripleseat: String,
    pub aws: String,
}

/// One venue of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VenueView {
    /// Key of its table in the manifest.
    pub name: String,
    pub display_name: String,
    pub status: VenueViewStatus,
    /// EventBridge's expression, such as `rate(5 minutes)`.
    pub schedule: String,
    /// When its rule fires next; `None` if the rule is disabled or not deployed.
    pub next_run_at: Option<i64>,
    /// Whether its function is running.
    pub running: bool,
    /// Internal name of its flag property in HubSpot.
    pub flag_property: String,
    /// Where its leads go, as a text for people.
    pub destination: String,
    /// What a blocked venue is waiting for.
    pub blocker: Option<BlockerView>,
    pub counts: VenueCounts,
    /// `None` if it has no alarms.
    pub alarm: Option<VenueAlarmView>,
    pub last_run: Option<RunView>,
}

/// Whether and how a venue is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueViewStatus {
    /// Its rule fires.
    Active,
    /// Its rule is disabled; it can be run by hand.
    Paused,
    /// Nothing is deployed.
    Blocked,
}

/// What a blocked venue is waiting for, in the manifest's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockerView {
    pub reason: String,
    pub owner: Option<String>,
    pub next_step: Option<String>,
    /// As `YYYY-MM-DD`.
    pub since: Option<String>,
}

/// How many of a venue's contacts are in each state. A contact whose flag is set counts as flagged only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VenueCounts {
    pub flagged: u64,
    pub synced: u64,
    pub failed: u64,
    pub needs_review: u64,
}

/// One contact of the sandbox portal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContactView {
    /// HubSpot's id.
    pub id: String,
    pub name: String,
    pub email: String,
    pub phone: String,
    pub company: String,
    /// By the venue's name. A venue without an entry has no properties in this portal.
    pub venues: BTreeMap<String, ContactCell>,
}

/// The state of a contact at one venue, from its five properties.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContactCell {
    pub flagged: bool,
    pub status: Option<SyncStatus>,
    /// The lead's id at the destination.
    pub lead_id: Option<String>,
    /// The error in the destination's words, for a contact that failed or needs review.
    pub error: Option<String>,
    pub synced_at: Option<i64>,
}

/// The values of `tripleseat_sync_status__<venue>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncStatus {
    Sending,
    Synced,
    Failed,
    NeedsReview,
}

/// One lead at a venue's destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeadView {
    /// The venue's name.
    pub venue: String,
    pub id: String,
    pub name: String,
    pub email: String,
    pub phone: String,
    pub created_at_ms: i64,
    /// The contact that it was created from, if the lead says so.
    pub contact_id: Option<String>,
}

/// One run of a venue's function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunView {
    /// Lambda's request id.
    pub id: String,
    /// The venue's name.
    pub venue: String,
    /// Who started it.
    pub origin: RunOrigin,
    /// Whether it only checked what a run would do.
    pub dry_run: bool,
    pub started_at_ms: i64,
    pub duration_ms: u64,
    /// Whether it was a cold start.
    pub cold: bool,
    pub outcome: RunOutcome,
    pub searched: u64,
    pub synced: u64,
    pub failed: u64,
    pub needs_review: u64,
    pub retried: u64,
    /// Why it failed.
    pub error: Option<String>,
    /// The lines that the function logged.
    pub log: Vec<String>,
}

/// How a run ended. Individual contacts may have failed in a run that is `ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    Ok,
    Failed,
    /// It did nothing, since another run of the venue had the lease.
    Skipped,
}

/// A contact as entered on the page. Fields that aren't filled in are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewContact {
    pub firstname: String,
    pub lastname: String,
    pub email: String,
    pub phone: String,
    pub company: String,
    pub message: String,
    /// Names of the venues whose flag is set.
    pub venues: Vec<String>,
    /// Values of the [`FormField`]s, by the property's name.
    pub properties: BTreeMap<String, String>,
}

/// Why a new contact was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContactRefusal {
    /// What is wrong, for people.
    pub error: String,
    /// HubSpot's category, such as `VALIDATION_ERROR`.
    pub category: String,
    /// What is wrong with single properties, by name.
    pub fields: BTreeMap<String, String>,
}
