//! Searches, on an index that lags behind the contacts.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm>

use std::sync::Arc;

use serde_json::json;

use super::error::HubSpotRefusal;
use super::filter::{SearchFilters, SearchOrder};
use super::index::SearchQuery;
use super::json::{DEFAULT_PROPERTIES, HubSpotBody, contact_json};
use super::routes::{CallAnswer, CallResult, HubSpotCall};
use crate::vendors::{HUBSPOT_SEARCH_PAGE, HUBSPOT_SEARCH_RESULTS};

/// `POST …/contacts/search`
pub(super) fn search_contacts(call: &mut HubSpotCall<'_>) -> CallResult {
    let body = HubSpotBody::from_request(call.request)?;
    body.require_members(&["filterGroups", "sorts", "properties", "limit", "after"])?;
    let limit = match body.optional_number("limit")?.and_then(|limit| usize::try_from(limit).ok()) {
        Some(limit) if (1..=HUBSPOT_SEARCH_PAGE).contains(&limit) => limit,
        _ => return Err(HubSpotRefusal::invalid_request(format!("limit must be between 1 and {HUBSPOT_SEARCH_PAGE}"))),
    };
    let after = parse_after(body.required_text("after")?)?;
    if after >= HUBSPOT_SEARCH_RESULTS {
        return Err(HubSpotRefusal::invalid_request(format!(
            "Paging past {HUBSPOT_SEARCH_RESULTS} results is not supported"
        )));
    }
    let asked = body.optional_texts("properties")?;
    let (groups, sorts) = (body.optional_list("filterGroups")?, body.optional_list("sorts")?);
    let filters = SearchFilters::parse_groups(call.state, groups)?;
    let order = SearchOrder::parse_sorts(call.state, sorts)?;
    if body.optional_text("query")?.is_some_and(|query| !query.is_empty()) {
        return Err(HubSpotRefusal::invalid_request("The sandbox doesn't support searches by query"));
    }

    call.state.settle_index(call.now);
    let query = SearchQuery { groups: groups.to_vec(), sorts: sorts.to_vec() };
    let found = call.state.index.kept_search(&query).unwrap_or_else(|| {
        let mut found = call.state.indexed_contacts(filters.candidates(&call.state.index).as_ref(), call.now);
        found.retain(|contact| filters.matches_contact(contact));
        let found = Arc::new(order.sort_contacts(found));
        call.state.index.keep_search(query, &found);
        found
    });
    let page = found.iter().skip(after).take(limit).filter_map(|id| call.state.indexed_contact(*id, call.now));
    let results = page.map(|contact| contact_json(call.state, contact, &asked, &DEFAULT_PROPERTIES));
    let mut body = json!({ "total": found.len(), "results": results.collect::<Vec<_>>() });
    let next = after + limit;
    if next < found.len() {
        body["paging"] = json!({ "next": { "after": next.to_string() } });
    }
    Ok(CallAnswer::from_read(body))
}

/// How many contacts come before the page. Clients send back the value they were given; for the first page it is empty.
fn parse_after(text: &str) -> Result<usize, HubSpotRefusal> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| HubSpotRefusal::invalid_request("after must be the paging.next.after of a response"))
}
