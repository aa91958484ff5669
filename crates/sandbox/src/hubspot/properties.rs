//! Contact properties and their groups.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide>

use serde_json::{Value, json};

use super::batch::{check_batch_size, finish_batch};
use super::definition::{PropertyDefinition, SandboxPropertyOption};
use super::error::HubSpotRefusal;
use super::json::HubSpotBody;
use super::routes::{CallAnswer, CallResult, HubSpotCall};
use super::state::StoredProperty;
use crate::vendors::CUSTOM_PROPERTIES;

/// `GET …/properties/contacts`
pub(super) fn list_properties(call: &mut HubSpotCall<'_>) -> CallResult {
    let archived = call.request.query_parameter("archived") == Some("true");
    let sensitive = asks_for_sensitive(call);
    let asked = call.state.properties.values();
    let asked = asked.filter(|property| property.archived == archived && property.definition.sensitive == sensitive);
    Ok(CallAnswer::from_read(json!({ "results": asked.map(property_json).collect::<Vec<_>>() })))
}

/// `GET /crm/limits/{version}/custom-properties`
pub(super) fn count_custom_properties(call: &mut HubSpotCall<'_>) -> CallResult {
    let all = call.state.properties.values();
    let usage = all.filter(|property| !property.archived && !property.definition.hubspot_defined).count() as u64;
    let limit = call.state.behavior.custom_properties.unwrap_or(CUSTOM_PROPERTIES);
    let percentage = usage as f64 / limit.max(1) as f64;
    Ok(CallAnswer::from_read(json!({
        "byObjectType": [{
            "objectTypeId": "0-1",
            "singularLabel": "Contact",
            "pluralLabel": "Contacts",
            "limit": limit,
            "usage": usage,
            "percentage": percentage,
        }],
        "overallLimit": limit,
        "overallUsage": usage,
        "overallPercentage": percentage,
    })))
}

/// `GET …/properties/contacts/{name}`
pub(super) fn get_property(call: &mut HubSpotCall<'_>, name: &str) -> CallResult {
    let archived = call.request.query_parameter("archived") == Some("true");
    let sensitive = asks_for_sensitive(call);
    let property = call.state.properties.get(name);
    let property =
        property.filter(|property| property.archived == archived && property.definition.sensitive == sensitive);
    Ok(CallAnswer::from_read(property_json(property.ok_or_else(|| property_not_found(name))?)))
}

/// Without `dataSensitivity`, only properties for other data are asked for.
fn asks_for_sensitive(call: &HubSpotCall<'_>) -> bool {
    call.request.query_parameter("dataSensitivity") == Some("sensitive")
}

/// `POST …/properties/contacts`
pub(super) fn create_property(call: &mut HubSpotCall<'_>) -> CallResult {
    let body = HubSpotBody::from_request(call.request)?;
    let definition = new_definition(call, &body)?;
    Ok(CallAnswer::from_write(201, define_property(call, definition)))
}

/// The property that a body describes, if it may be created.
fn new_definition(call: &HubSpotCall<'_>, body: &HubSpotBody) -> Result<PropertyDefinition, HubSpotRefusal> {
    body.require_members(&["name", "label", "type", "fieldType", "groupName"])?;
    let name = body.required_text("name")?.to_owned();
    let mut definition = PropertyDefinition::new(&name, "", "", "");
    merge_body(&mut definition, body)?;
    definition.unique = body.optional_flag("hasUniqueValue")?.unwrap_or_default();
    definition.check_definition(&call.state.groups)?;
    if call.state.property_definition(&name).is_some() {
        let message = format!("A property named '{name}' already exists.");
        return Err(HubSpotRefusal::new(409, "OBJECT_ALREADY_EXISTS", message));
    }
    Ok(definition)
}

fn define_property(call: &mut HubSpotCall<'_>, definition: PropertyDefinition) -> Value {
    let name = definition.name.clone();
    call.state.define_property(definition, call.now);
    call.state.properties.get(&name).map(property_json).unwrap_or_default()
}

/// `POST …/properties/contacts/batch/create`: what may be created is, unless the portal refuses whole batches.
///
/// <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/batch/create-properties>
pub(super) fn create_properties(call: &mut HubSpotCall<'_>) -> CallResult {
    let body = HubSpotBody::from_request(call.request)?;
    let inputs = body.required_list("inputs")?;
    if inputs.is_empty() {
        return Err(HubSpotRefusal::invalid_request("The batch has no inputs"));
    }
    check_batch_size(inputs.len())?;
    let inputs = inputs.iter().map(|input| HubSpotBody::from_value(input.clone())).collect::<Result<Vec<_>, _>>()?;
    if call.state.behavior.rejects_whole_batches {
        inputs.iter().try_for_each(|input| new_definition(call, input).map(drop))?;
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    // Each is checked after those before it exist: a name that comes twice is created once.
    for input in inputs {
        match new_definition(call, &input) {
            Ok(definition) => results.push(define_property(call, definition)),
            Err(refusal) => errors.push(refusal),
        }
    }
    let changed = !results.is_empty();
    let answer = finish_batch(call.now, results, errors);
    let status = if answer.status == 200 { 201 } else { answer.status };
    Ok(CallAnswer { status, changed, ..answer })
}

/// `PATCH …/properties/contacts/{name}`
pub(super) fn update_property(call: &mut HubSpotCall<'_>, name: &str) -> CallResult {
    let body = HubSpotBody::from_request(call.request)?;
    let mut definition = custom_property(call, name)?.clone();
    merge_body(&mut definition, &body)?;
    definition.check_definition(&call.state.groups)?;
    call.state.define_property(definition, call.now);
    Ok(CallAnswer::from_write(200, call.state.properties.get(name).map(property_json).unwrap_or_default()))
}

/// `DELETE …/properties/contacts/{name}`
pub(super) fn archive_property(call: &mut HubSpotCall<'_>, name: &str) -> CallResult {
    custom_property(call, name)?;
    if let Some(property) = call.state.properties.get_mut(name) {
        property.archived = true;
        property.updated = call.now;
    }
    Ok(CallAnswer::from_write(204, Value::Null))
}

/// `GET …/properties/contacts/groups`
pub(super) fn list_groups(call: &mut HubSpotCall<'_>) -> CallResult {
    let groups = call.state.groups.iter().map(|(name, label)| group_json(name, label));
    Ok(CallAnswer::from_read(json!({ "results": groups.collect::<Vec<_>>() })))
}

/// `GET …/properties/contacts/groups/{name}`
pub(super) fn get_group(call: &mut HubSpotCall<'_>, name: &str) -> CallResult {
    let label = call.state.groups.get(name).ok_or_else(HubSpotRefusal::not_found)?;
    Ok(CallAnswer::from_read(group_json(name, label)))
}

/// `POST …/properties/contacts/groups`
pub(super) fn create_group(call: &mut HubSpotCall<'_>) -> CallResult {
    let body = HubSpotBody::from_request(call.request)?;
    body.require_members(&["name", "label"])?;
    body.optional_number("displayOrder")?;
    let (name, label) = (body.required_text("name")?.to_owned(), body.required_text("label")?.to_owned());
    if call.state.groups.contains_key(&name) {
        let message = format!("A property group named '{name}' already exists.");
        return Err(HubSpotRefusal::new(409, "OBJECT_ALREADY_EXISTS", message));
    }
    call.state.groups.insert(name.clone(), label.clone());
    Ok(CallAnswer::from_write(201, group_json(&name, &label)))
}

/// A custom property, which the account created itself.
fn custom_property<'a>(call: &'a HubSpotCall<'_>, name: &str) -> Result<&'a PropertyDefinition, HubSpotRefusal> {
    let definition = call.state.property_definition(name).ok_or_else(|| property_not_found(name))?;
    if definition.hubspot_defined {
        return Err(HubSpotRefusal::invalid_request(format!(
            "Property \"{name}\" is read only: it is defined by HubSpot"
        )));
    }
    Ok(definition)
}

/// Updates a definition with the members of a body.
fn merge_body(definition: &mut PropertyDefinition, body: &HubSpotBody) -> Result<(), HubSpotRefusal> {
    for (member, target) in [
        ("label", &mut definition.label),
        ("description", &mut definition.description),
        ("type", &mut definition.kind),
        ("fieldType", &mut definition.field_kind),
        ("groupName", &mut definition.group),
    ] {
        if let Some(text) = body.optional_text(member)? {
            text.clone_into(target);
        }
    }
    body.optional_number("displayOrder")?;
    for flag in ["hidden", "formField", "externalOptions", "hasUniqueValue"] {
        body.optional_flag(flag)?;
    }
    if body.get("options").is_some() {
        let options = body.required_list("options")?.iter().map(parse_option);
        definition.options = options.collect::<Result<_, _>>()?;
    }
    Ok(())
}

fn parse_option(value: &Value) -> Result<SandboxPropertyOption, HubSpotRefusal> {
    let body = HubSpotBody::from_value(value.clone())?;
    body.require_members(&["label", "value", "displayOrder", "hidden"])?;
    Ok(SandboxPropertyOption {
        label: body.required_text("label")?.to_owned(),
        value: body.required_text("value")?.to_owned(),
        description: body.optional_text("description")?.unwrap_or_default().to_owned(),
        display_order: body.optional_number("displayOrder")?.unwrap_or_default(),
        hidden: body.optional_flag("hidden")?.unwrap_or_default(),
    })
}

fn property_json(property: &StoredProperty) -> Value {
    property.definition.to_json(property.created, property.updated, property.archived)
}

fn group_json(name: &str, label: &str) -> Value {
    json!({ "name": name, "label": label, "displayOrder": -1, "archived": false })
}

fn property_not_found(name: &str) -> HubSpotRefusal {
    HubSpotRefusal::new(404, "OBJECT_NOT_FOUND", format!("Property '{name}' not found"))
}
