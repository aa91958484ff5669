//! Single contacts, and the list of all.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide>

use serde_json::{Value, json};

use super::error::Refusal;
use super::json::{Body, DEFAULT_PROPERTIES, contact as contact_json};
use super::routes::{Call, Done, Outcome};
use super::state::{Contact, Properties, State};
use crate::front::Received;
use crate::vendors::HUBSPOT_LIST_PAGE;

/// `GET …/contacts`
pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let limit = number(call.request, "limit")?.unwrap_or(10);
    if limit == 0 || limit > HUBSPOT_LIST_PAGE as u64 {
        return Err(Refusal::invalid(format!("limit must be between 1 and {HUBSPOT_LIST_PAGE}")));
    }
    let after = number(call.request, "after")?.unwrap_or_default();
    let asked = asked(call.request);
    let rest = call.state.contacts().filter(|contact| contact.id >= after);
    let page: Vec<_> = rest.take(limit as usize + 1).collect();
    let results = page.iter().take(limit as usize);
    let results = results.map(|contact| contact_json(call.state, contact, &asked, &DEFAULT_PROPERTIES));
    let mut body = json!({ "results": results.collect::<Vec<_>>() });
    if let Some(next) = page.get(limit as usize) {
        body["paging"] = json!({ "next": { "after": next.id.to_string() } });
    }
    Ok(Done::read(body))
}

/// `GET …/contacts/{id}`
pub(super) fn get(call: &mut Call<'_>, id: &str) -> Outcome {
    let id = find(call.state, id, call.request.parameter("idProperty"))?.ok_or_else(Refusal::not_found)?;
    let contact = call.state.contact(id).ok_or_else(Refusal::not_found)?;
    Ok(Done::read(contact_json(call.state, contact, &asked(call.request), &DEFAULT_PROPERTIES)))
}

/// `POST …/contacts`
pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let body = Body::of(call.request)?;
    body.require(&["associations", "properties"])?;
    if !body.list("associations")?.is_empty() {
        return Err(Refusal::invalid("The sandbox doesn't support associations"));
    }
    let properties = body.properties()?;
    let kept = call.state.check(None, &properties)?;
    let id = call.state.next_id();
    let contact = Contact { id, properties: kept, created_at: call.now, updated_at: call.now };
    let contact = call.state.create(contact, call.now);
    Ok(Done::wrote(201, written(call.state, &contact, &properties)))
}

/// `PATCH …/contacts/{id}`
pub(super) fn update(call: &mut Call<'_>, id: &str) -> Outcome {
    let properties = Body::of(call.request)?.properties()?;
    let id = find(call.state, id, call.request.parameter("idProperty"))?.ok_or_else(Refusal::not_found)?;
    let kept = call.state.check(Some(id), &properties)?;
    let contact = call.state.write(id, &kept, call.now).ok_or_else(Refusal::not_found)?;
    Ok(Done::wrote(200, written(call.state, &contact, &properties)))
}

/// `DELETE …/contacts/{id}`: succeeds even if the contact is already gone.
pub(super) fn archive(call: &mut Call<'_>, id: &str) -> Outcome {
    let archived = find(call.state, id, None)?.is_some_and(|id| call.state.archive(id, call.now));
    Ok(Done { status: 204, body: Value::Null, changed: archived })
}

/// The contact with this id, or with this value of a unique property.
pub(super) fn find(state: &State, id: &str, property: Option<&str>) -> Result<Option<u64>, Refusal> {
    let Some(property) = property.filter(|property| *property != "hs_object_id") else {
        return Ok(id.parse().ok().and_then(|id| state.resolve(id)));
    };
    if !state.definition(property).is_some_and(|definition| definition.unique) {
        let portal = state.portal_id;
        let message = format!("Unable to find contacts by non-unique property {property} in portal ID {portal}");
        return Err(Refusal::invalid(message));
    }
    let wanted = if property == "email" { id.to_lowercase() } else { id.to_owned() };
    let found = state.contacts().find(|contact| contact.properties.get(property) == Some(&wanted));
    Ok(found.map(|contact| contact.id))
}

/// The response to a write: the properties that it named, and the three that every response has.
pub(super) fn written(state: &State, contact: &Contact, properties: &Properties) -> Value {
    let asked: Vec<String> = properties.keys().cloned().collect();
    contact_json(state, contact, &asked, &[])
}

/// The properties requested in the query: comma-separated, repeated, or both.
fn asked(request: &Received) -> Vec<String> {
    let values = request.query.iter().filter(|(name, _)| name == "properties").map(|(_, value)| value);
    values.flat_map(|value| value.split(',')).filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

fn number(request: &Received, name: &str) -> Result<Option<u64>, Refusal> {
    let text = request.parameter(name).filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|_| Refusal::invalid(format!("{name} must be a number")))).transpose()
}
