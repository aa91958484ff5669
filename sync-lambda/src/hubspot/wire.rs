//! HubSpot's interface, as far as it is used: paths, bodies, limits. `crm-apis` facts are gathered here so that they
//! can be corrected in one place.
//!
//! <https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide>

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ledger::Write;
use sync_config::mapping::Properties;

/// Generation of the interface in use; `v3` is the one before, with the same calls.
pub const VERSION: &str = "2026-03";
/// Most inputs of a batch call.
pub const BATCH: usize = 100;
/// Most inputs of a batch read with the history of properties.
pub const HISTORY_BATCH: usize = 50;
/// Results of one search page. Up to 200 are allowed; a batch reads 100.
pub const PAGE: usize = 100;
/// Most results of one query, over all its pages.
pub const MAX_RESULTS: usize = 10_000;
/// Searches: 5 a second for the account, whoever asks. Other venues ask too.
pub const SEARCH_INTERVAL: Duration = Duration::from_millis(250);
/// All other calls: 100 in 10 seconds for a private app.
pub const CALL_INTERVAL: Duration = Duration::from_millis(110);
/// Calls that may go at once after a pause, inside those 100.
pub const CALL_BURST: u32 = 8;

/// Path of the contact search.
pub fn search_path() -> String {
    format!("/crm/objects/{VERSION}/contacts/search")
}

/// Path of the batch read.
pub fn batch_read_path() -> String {
    format!("/crm/objects/{VERSION}/contacts/batch/read")
}

/// Path of the batch update.
pub fn batch_update_path() -> String {
    format!("/crm/objects/{VERSION}/contacts/batch/update")
}

/// Path of the account's details: whose portal a token opens.
pub fn account_path() -> String {
    format!("/account-info/{VERSION}/details")
}

/// Path of the contact properties that a portal has.
pub fn properties_path() -> String {
    format!("/crm/properties/{VERSION}/contacts")
}

/// A search for contacts with any of `any_of` (property, value), oldest change first. All five members are required.
pub fn search_body(any_of: &[(&str, &str)], after: Option<&str>) -> Value {
    let groups: Vec<Value> = any_of
        .iter()
        .map(|(property, value)| json!({ "filters": [{ "propertyName": property, "operator": "EQ", "value": value }] }))
        .collect();
    json!({
        "filterGroups": groups,
        "sorts": [{ "propertyName": "lastmodifieddate", "direction": "ASCENDING" }],
        "properties": [any_of.first().map(|(property, _)| *property).unwrap_or("email")],
        "limit": PAGE,
        "after": after.unwrap_or("0"),
    })
}

/// A batch read.
pub fn batch_read_body(ids: &[String], properties: &[&str], with_history: &[&str]) -> Value {
    json!({
        "inputs": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>(),
        "properties": properties,
        "propertiesWithHistory": with_history,
    })
}

/// A batch update. The trace id is what an error names its input by.
pub fn batch_update_body(writes: &[Write]) -> Value {
    let inputs: Vec<Value> = writes
        .iter()
        .map(|write| {
            let properties: BTreeMap<&str, &str> = write.properties().collect();
            json!({ "id": write.id(), "properties": properties, "objectWriteTraceId": write.id() })
        })
        .collect();
    json!({ "inputs": inputs })
}

/// A page of search results. Their properties come from the index and say nothing: only the ids are used.
#[derive(Debug, Default, Deserialize)]
pub struct SearchPage {
    /// The contacts found.
    pub results: Vec<Found>,
    /// Contacts in all.
    #[serde(default)]
    pub total: usize,
    #[serde(default)]
    paging: Option<Paging>,
}

/// A contact's id.
#[derive(Debug, Deserialize)]
pub struct Found {
    /// The id.
    pub id: String,
}

#[derive(Debug, Deserialize)]
struct Paging {
    next: Option<Next>,
}

#[derive(Debug, Deserialize)]
struct Next {
    after: Option<String>,
}

impl SearchPage {
    /// Where the next page begins, if there is one that HubSpot gives: it refuses to go on past [`MAX_RESULTS`].
    pub fn next(&self) -> Option<String> {
        let after = self.paging.as_ref()?.next.as_ref()?.after.clone()?;
        let refused = after.parse().is_ok_and(|before: usize| before + PAGE > MAX_RESULTS);
        (!refused).then_some(after)
    }
}

/// The answer of a batch call; with status 207 some inputs failed.
#[derive(Debug, Default, Deserialize)]
pub struct BatchAnswer {
    /// What was read or written.
    #[serde(default)]
    pub results: Vec<Contact>,
    /// What wasn't.
    #[serde(default)]
    pub errors: Vec<InputError>,
}

/// A contact as the primary store has it.
#[derive(Debug, Clone, Deserialize)]
pub struct Contact {
    /// The id.
    pub id: String,
    /// The properties that were asked for; an unset one is `null`, `""` or missing.
    #[serde(default)]
    properties: BTreeMap<String, Option<String>>,
    #[serde(default, rename = "propertiesWithHistory")]
    history: BTreeMap<String, Vec<Past>>,
    /// In the recycle bin.
    #[serde(default)]
    pub archived: bool,
}

/// A value that a property had, and since when.
#[derive(Debug, Clone, Deserialize)]
struct Past {
    value: Option<String>,
    /// ISO 8601.
    timestamp: String,
}

impl Contact {
    /// Since when a property has had `value`; `None` if it doesn't have it, or its history wasn't asked for.
    pub fn since(&self, property: &str, value: &str) -> Option<Timestamp> {
        let past = self.history.get(property)?.iter();
        let mut past: Vec<(Timestamp, &Past)> =
            past.filter_map(|past| Some((past.timestamp.parse().ok()?, past))).collect();
        past.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let has = |past: &Past| past.value.as_deref().is_some_and(|past| past.eq_ignore_ascii_case(value));
        past.into_iter().take_while(|(_, past)| has(past)).last().map(|(at, _)| at)
    }

    /// The properties that are set.
    pub fn into_properties(self) -> Properties {
        self.properties
            .into_iter()
            .filter_map(|(name, value)| value.filter(|value| !value.is_empty()).map(|value| (name, value)))
            .collect()
    }
}

/// Why an input failed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct InputError {
    /// In HubSpot's words.
    pub message: String,
    /// For programs.
    pub category: String,
    context: BTreeMap<String, Value>,
}

impl InputError {
    /// Whether it is about this contact. HubSpot names contacts in lists, by id or by trace id.
    pub fn concerns(&self, id: &str) -> bool {
        let names = |value: &Value| match value {
            Value::String(text) => text == id,
            Value::Number(number) => number.to_string() == id,
            Value::Array(values) => values.iter().any(|value| {
                value.as_str().is_some_and(|text| text == id)
                    || value.as_i64().is_some_and(|number| number.to_string() == id)
            }),
            _ => false,
        };
        ["objectWriteTraceId", "ids", "id"].iter().any(|key| self.context.get(*key).is_some_and(names))
    }
}

/// `{status:"error", message, correlationId, category, policyName}`
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ErrorBody {
    /// For people.
    pub message: String,
    /// What HubSpot's support asks for.
    pub correlation_id: String,
    /// For programs.
    pub category: String,
    /// Which limit a 429 is about: `TEN_SECONDLY_ROLLING`, `SECONDLY`, `DAILY`.
    pub policy_name: String,
}

impl ErrorBody {
    /// Reads a body; one that isn't HubSpot's is an empty one.
    pub fn read(body: &str) -> Self {
        serde_json::from_str(body).unwrap_or_default()
    }

    /// Message and correlation id.
    pub fn text(&self, status: u16) -> String {
        let message = if self.message.is_empty() { "no message" } else { &self.message };
        match self.correlation_id.as_str() {
            "" => format!("{status}, {message}"),
            id => format!("{status}, {message} (correlation id {id})"),
        }
    }
}
