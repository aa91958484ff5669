//! The parts of HubSpot's API that are used: paths, bodies, limits. All facts about the API are gathered here, so that
//! they can be corrected in one place.
//!
//! <https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide>

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::HubSpotErrorBody;
use crate::ledger::LedgerWrite;
use sync_config::hubspot_api::HUBSPOT_API_VERSION;
use sync_config::mapping::ContactProperties;

/// Maximum inputs of a batch call.
pub const BATCH: usize = 100;
/// Maximum inputs of a batch read with property history.
pub const HISTORY_BATCH: usize = 50;
/// Results per search page. Up to 200 are allowed, but a batch reads only 100.
pub const PAGE: usize = 100;
/// Maximum results of one query, over all its pages.
pub const MAX_RESULTS: usize = 10_000;
/// Searches: the account may make 5 per second in total, and other venues search too.
pub const SEARCH_INTERVAL: Duration = Duration::from_millis(250);
/// All other calls: a service key may make 100 in 10 seconds, as may a legacy private app.
pub const CALL_INTERVAL: Duration = Duration::from_millis(110);
/// Calls that may be made at once after a pause, within those 100.
pub const CALL_BURST: u32 = 8;

/// Path of the contact search.
pub fn search_path() -> String {
    format!("/crm/objects/{HUBSPOT_API_VERSION}/contacts/search")
}

/// Path of the batch read.
pub fn batch_read_path() -> String {
    format!("/crm/objects/{HUBSPOT_API_VERSION}/contacts/batch/read")
}

/// Path of the batch update.
pub fn batch_update_path() -> String {
    format!("/crm/objects/{HUBSPOT_API_VERSION}/contacts/batch/update")
}

/// Path of the account details, which name the portal of a token.
pub fn account_path() -> String {
    format!("/account-info/{HUBSPOT_API_VERSION}/details")
}

/// Path of the portal's contact properties.
pub fn properties_path() -> String {
    format!("/crm/properties/{HUBSPOT_API_VERSION}/contacts")
}

/// Path of one contact property's definition.
pub fn property_path(name: &str) -> String {
    format!("{}/{name}", properties_path())
}

/// The body of a search for contacts with any of `any_of` (property, value), least recently changed first. All five
/// members are required.
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

/// The body of a batch read.
pub fn batch_read_body(ids: &[String], properties: &[&str], with_history: &[&str]) -> Value {
    json!({
        "inputs": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>(),
        "properties": properties,
        "propertiesWithHistory": with_history,
    })
}

/// The body of a batch update. An error identifies its input by the trace id.
pub fn batch_update_body(writes: &[LedgerWrite]) -> Value {
    let inputs: Vec<Value> = writes
        .iter()
        .map(|write| {
            let properties: BTreeMap<&str, &str> = write.property_values().collect();
            json!({ "id": write.contact_id(), "properties": properties, "objectWriteTraceId": write.contact_id() })
        })
        .collect();
    json!({ "inputs": inputs })
}

/// A page of search results. Their properties come from the lagging index, so only the ids are used.
#[derive(Debug, Default, Deserialize)]
pub struct SearchPage {
    /// The contacts found.
    pub results: Vec<FoundContact>,
    /// Total number of contacts.
    #[serde(default)]
    pub total: usize,
    #[serde(default)]
    paging: Option<SearchPaging>,
}

/// A contact's id.
#[derive(Debug, Deserialize)]
pub struct FoundContact {
    /// The id.
    pub id: String,
}

#[derive(Debug, Deserialize)]
struct SearchPaging {
    next: Option<NextPage>,
}

#[derive(Debug, Deserialize)]
struct NextPage {
    after: Option<String>,
}

impl SearchPage {
    /// Where the next page begins, if HubSpot serves one: it rejects pages beyond [`MAX_RESULTS`].
    pub fn next_page(&self) -> Option<String> {
        let after = self.paging.as_ref()?.next.as_ref()?.after.clone()?;
        let refused = after.parse().is_ok_and(|before: usize| before + PAGE > MAX_RESULTS);
        (!refused).then_some(after)
    }
}

/// The response of a batch call; with status 207 some inputs failed.
#[derive(Debug, Default, Deserialize)]
pub struct BatchResponse {
    /// The contacts that were read or written.
    #[serde(default)]
    pub results: Vec<WireContact>,
    /// The errors of the others.
    #[serde(default)]
    pub errors: Vec<HubSpotErrorBody>,
}

/// A contact as the primary store has it.
#[derive(Debug, Clone, Deserialize)]
pub struct WireContact {
    /// The id.
    pub id: String,
    /// The requested properties; an unset one is `null`, `""` or missing.
    #[serde(default)]
    properties: BTreeMap<String, Option<String>>,
    #[serde(default, rename = "propertiesWithHistory")]
    history: BTreeMap<String, Vec<PastValue>>,
    /// Whether it is in the recycle bin.
    #[serde(default)]
    pub archived: bool,
    /// The trace id of the input that wrote it; not every response has it.
    #[serde(default, rename = "objectWriteTraceId")]
    pub trace_id: Option<String>,
}

/// A value that a property has or had, and since when.
#[derive(Debug, Clone, Deserialize)]
struct PastValue {
    value: Option<String>,
    /// ISO 8601.
    timestamp: String,
}

impl WireContact {
    /// Since when a property has had `value`; `None` if it has another value, or its history wasn't requested.
    pub fn value_since(&self, property: &str, value: &str) -> Option<Timestamp> {
        let past = self.history.get(property)?.iter();
        let mut past: Vec<(Timestamp, &PastValue)> =
            past.filter_map(|past| Some((past.timestamp.parse().ok()?, past))).collect();
        past.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let has = |past: &PastValue| past.value.as_deref().is_some_and(|past| past.eq_ignore_ascii_case(value));
        past.into_iter().take_while(|(_, past)| has(past)).last().map(|(at, _)| at)
    }

    /// Whether a property has this value. An unset one has the empty value.
    pub fn has_value(&self, property: &str, value: &str) -> bool {
        self.properties.get(property).and_then(Option::as_deref).unwrap_or_default() == value
    }

    /// The properties that have a value.
    pub fn into_properties(self) -> ContactProperties {
        self.properties
            .into_iter()
            .filter_map(|(name, value)| value.filter(|value| !value.is_empty()).map(|value| (name, value)))
            .collect()
    }
}
