//! Single contacts, and the list of all.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide>

use serde_json::{Value, json};

use super::error::HubSpotRefusal;
use super::json::{DEFAULT_PROPERTIES, HubSpotBody, contact_json};
use super::routes::{CallAnswer, CallResult, HubSpotCall};
use super::state::{PortalState, PropertyValues, SandboxContact};
use crate::front::ReceivedRequest;
use crate::vendors::HUBSPOT_LIST_PAGE;

/// `GET …/contacts`
pub(super) fn list_contacts(call: &mut HubSpotCall<'_>) -> CallResult {
    let limit = number_parameter(call.request, "limit")?.unwrap_or(10);
    if limit == 0 || limit > HUBSPOT_LIST_PAGE as u64 {
        return Err(HubSpotRefusal::invalid_request(format!("limit must be between 1 and {HUBSPOT_LIST_PAGE}")));
    }
    let after = number_parameter(call.request, "after")?.unwrap_or_default();
    let asked = requested_properties(call.request);
    let rest = call.state.active_contacts().filter(|contact| contact.id >= after);
    let page: Vec<_> = rest.take(limit as usize + 1).collect();
    let results = page.iter().take(limit as usize);
    let results = results.map(|contact| contact_json(call.state, contact, &asked, &DEFAULT_PROPERTIES));
    let mut body = json!({ "results": results.collect::<Vec<_>>() });
    if let Some(next) = page.get(limit as usize) {
        body["paging"] = json!({ "next": { "after": next.id.to_string() } });
    }
    Ok(CallAnswer::from_read(body))
}

/// `GET …/contacts/{id}`
pub(super) fn get_contact(call: &mut HubSpotCall<'_>, id: &str) -> CallResult {
    let id = find_contact(call.state, id, call.request.query_parameter("idProperty"))?
        .ok_or_else(HubSpotRefusal::not_found)?;
    let contact = call.state.active_contact(id).ok_or_else(HubSpotRefusal::not_found)?;
    Ok(CallAnswer::from_read(contact_json(
        call.state,
        contact,
        &requested_properties(call.request),
        &DEFAULT_PROPERTIES,
    )))
}

/// `POST …/contacts`
pub(super) fn create_contact(call: &mut HubSpotCall<'_>) -> CallResult {
    let body = HubSpotBody::from_request(call.request)?;
    body.require_members(&["associations", "properties"])?;
    if !body.required_list("associations")?.is_empty() {
        return Err(HubSpotRefusal::invalid_request("The sandbox doesn't support associations"));
    }
    let properties = body.required_properties()?;
    let kept = call.check_write(None, &properties)?;
    let id = call.state.next_contact_id();
    let contact = SandboxContact { id, properties: kept, created_at: call.now, updated_at: call.now };
    let contact = call.state.create_contact(contact, call.now);
    Ok(CallAnswer::from_write(201, written_contact(call.state, &contact, &properties)))
}

/// `PATCH …/contacts/{id}`
pub(super) fn update_contact(call: &mut HubSpotCall<'_>, id: &str) -> CallResult {
    let properties = HubSpotBody::from_request(call.request)?.required_properties()?;
    let id = find_contact(call.state, id, call.request.query_parameter("idProperty"))?
        .ok_or_else(HubSpotRefusal::not_found)?;
    let kept = call.check_write(Some(id), &properties)?;
    let contact = call.state.write_contact(id, &kept, call.now).ok_or_else(HubSpotRefusal::not_found)?;
    Ok(CallAnswer::from_write(200, written_contact(call.state, &contact, &properties)))
}

/// `DELETE …/contacts/{id}`: succeeds even if the contact is already gone.
pub(super) fn archive_contact(call: &mut HubSpotCall<'_>, id: &str) -> CallResult {
    let archived = find_contact(call.state, id, None)?.is_some_and(|id| call.state.archive_contact(id, call.now));
    Ok(CallAnswer { status: 204, body: Value::Null, changed: archived })
}

/// The contact with this id, or with this value of a unique property.
pub(super) fn find_contact(
    state: &PortalState,
    id: &str,
    property: Option<&str>,
) -> Result<Option<u64>, HubSpotRefusal> {
    let Some(property) = property.filter(|property| *property != "hs_object_id") else {
        return Ok(id.parse().ok().and_then(|id| state.resolve_id(id)));
    };
    if !state.property_definition(property).is_some_and(|definition| definition.unique) {
        let portal = state.portal_id;
        let message = format!("Unable to find contacts by non-unique property {property} in portal ID {portal}");
        return Err(HubSpotRefusal::invalid_request(message));
    }
    let wanted = if property == "email" { id.to_lowercase() } else { id.to_owned() };
    let found = state.active_contacts().find(|contact| contact.properties.get(property) == Some(&wanted));
    Ok(found.map(|contact| contact.id))
}

/// The response to a write: the properties that it named, and the three that every response has.
pub(super) fn written_contact(state: &PortalState, contact: &SandboxContact, properties: &PropertyValues) -> Value {
    let asked: Vec<String> = properties.keys().cloned().collect();
    contact_json(state, contact, &asked, &[])
}

/// The properties requested in the query: comma-separated, repeated, or both.
fn requested_properties(request: &ReceivedRequest) -> Vec<String> {
    let values = request.query.iter().filter(|(name, _)| name == "properties").map(|(_, value)| value);
    values.flat_map(|value| value.split(',')).filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

fn number_parameter(request: &ReceivedRequest, name: &str) -> Result<Option<u64>, HubSpotRefusal> {
    let text = request.query_parameter(name).filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|_| HubSpotRefusal::invalid_request(format!("{name} must be a number"))))
        .transpose()
}
