//! Searches, on an index that lags behind the contacts.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm>

use serde_json::json;

use super::error::Refusal;
use super::filter::{Filters, Order};
use super::json::{Body, DEFAULT_PROPERTIES, contact as contact_json};
use super::routes::{Call, Done, Outcome};
use crate::vendors::{HUBSPOT_SEARCH_PAGE, HUBSPOT_SEARCH_RESULTS};

/// `POST …/contacts/search`
pub(super) fn search(call: &mut Call<'_>) -> Outcome {
    let body = Body::of(call.request)?;
    body.require(&["filterGroups", "sorts", "properties", "limit", "after"])?;
    let limit = match body.optional_number("limit")?.and_then(|limit| usize::try_from(limit).ok()) {
        Some(limit) if (1..=HUBSPOT_SEARCH_PAGE).contains(&limit) => limit,
        _ => return Err(Refusal::invalid(format!("limit must be between 1 and {HUBSPOT_SEARCH_PAGE}"))),
    };
    let after = after(body.text("after")?)?;
    if after >= HUBSPOT_SEARCH_RESULTS {
        return Err(Refusal::invalid(format!("Paging past {HUBSPOT_SEARCH_RESULTS} results is not supported")));
    }
    let asked = body.texts("properties")?;
    let filters = Filters::read(call.state, body.optional_list("filterGroups")?)?;
    let order = Order::read(call.state, body.optional_list("sorts")?)?;
    if body.optional_text("query")?.is_some_and(|query| !query.is_empty()) {
        return Err(Refusal::invalid("The sandbox doesn't support searches by query"));
    }

    let mut found = call.state.indexed(call.now);
    found.retain(|contact| filters.hold(contact));
    found.sort_by(|one, other| order.compare(one, other));
    let page = found.iter().skip(after).take(limit);
    let results = page.map(|contact| contact_json(call.state, contact, &asked, &DEFAULT_PROPERTIES));
    let mut body = json!({ "total": found.len(), "results": results.collect::<Vec<_>>() });
    let next = after + limit;
    if next < found.len() {
        body["paging"] = json!({ "next": { "after": next.to_string() } });
    }
    Ok(Done::read(body))
}

/// How many contacts come before the page. Clients send back the value they were given; for the first page it is empty.
fn after(text: &str) -> Result<usize, Refusal> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| Refusal::invalid("after must be the paging.next.after of a response"))
}
