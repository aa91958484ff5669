//! Contact properties and their groups.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide>

use serde_json::{Value, json};

use super::definition::{PropertyDefinition, PropertyOption};
use super::error::Refusal;
use super::json::Body;
use super::routes::{Call, Done, Outcome};
use super::state::Property;

/// `GET …/properties/contacts`
pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let archived = call.request.parameter("archived") == Some("true");
    let asked = call.state.properties.values().filter(|property| property.archived == archived);
    Ok(Done::read(json!({ "results": asked.map(as_json).collect::<Vec<_>>() })))
}

/// `GET …/properties/contacts/{name}`
pub(super) fn get(call: &mut Call<'_>, name: &str) -> Outcome {
    let archived = call.request.parameter("archived") == Some("true");
    let property = call.state.properties.get(name).filter(|property| property.archived == archived);
    Ok(Done::read(as_json(property.ok_or_else(|| not_found(name))?)))
}

/// `POST …/properties/contacts`
pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let body = Body::of(call.request)?;
    body.require(&["name", "label", "type", "fieldType", "groupName"])?;
    let name = body.text("name")?.to_owned();
    let mut definition = PropertyDefinition::new(&name, "", "", "");
    merge(&mut definition, &body)?;
    definition.unique = body.optional_flag("hasUniqueValue")?.unwrap_or_default();
    definition.check(&call.state.groups)?;
    if call.state.definition(&name).is_some() {
        let message = format!("A property named '{name}' already exists.");
        return Err(Refusal::new(409, "OBJECT_ALREADY_EXISTS", message));
    }
    call.state.define(definition, call.now);
    Ok(Done::wrote(201, call.state.properties.get(&name).map(as_json).unwrap_or_default()))
}

/// `PATCH …/properties/contacts/{name}`
pub(super) fn update(call: &mut Call<'_>, name: &str) -> Outcome {
    let body = Body::of(call.request)?;
    let mut definition = own(call, name)?.clone();
    merge(&mut definition, &body)?;
    definition.check(&call.state.groups)?;
    call.state.define(definition, call.now);
    Ok(Done::wrote(200, call.state.properties.get(name).map(as_json).unwrap_or_default()))
}

/// `DELETE …/properties/contacts/{name}`
pub(super) fn archive(call: &mut Call<'_>, name: &str) -> Outcome {
    own(call, name)?;
    if let Some(property) = call.state.properties.get_mut(name) {
        property.archived = true;
        property.updated = call.now;
    }
    Ok(Done::wrote(204, Value::Null))
}

/// `GET …/properties/contacts/groups`
pub(super) fn groups(call: &mut Call<'_>) -> Outcome {
    let groups = call.state.groups.iter().map(|(name, label)| group_json(name, label));
    Ok(Done::read(json!({ "results": groups.collect::<Vec<_>>() })))
}

/// `GET …/properties/contacts/groups/{name}`
pub(super) fn group(call: &mut Call<'_>, name: &str) -> Outcome {
    let label = call.state.groups.get(name).ok_or_else(Refusal::not_found)?;
    Ok(Done::read(group_json(name, label)))
}

/// `POST …/properties/contacts/groups`
pub(super) fn create_group(call: &mut Call<'_>) -> Outcome {
    let body = Body::of(call.request)?;
    body.require(&["name", "label"])?;
    body.optional_number("displayOrder")?;
    let (name, label) = (body.text("name")?.to_owned(), body.text("label")?.to_owned());
    if call.state.groups.contains_key(&name) {
        let message = format!("A property group named '{name}' already exists.");
        return Err(Refusal::new(409, "OBJECT_ALREADY_EXISTS", message));
    }
    call.state.groups.insert(name.clone(), label.clone());
    Ok(Done::wrote(201, group_json(&name, &label)))
}

/// A custom property, which the account created itself.
fn own<'a>(call: &'a Call<'_>, name: &str) -> Result<&'a PropertyDefinition, Refusal> {
    let definition = call.state.definition(name).ok_or_else(|| not_found(name))?;
    if definition.hubspot_defined {
        return Err(Refusal::invalid(format!("Property \"{name}\" is read only: it is defined by HubSpot")));
    }
    Ok(definition)
}

/// Updates a definition with the members of a body.
fn merge(definition: &mut PropertyDefinition, body: &Body) -> Result<(), Refusal> {
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
        let options = body.list("options")?.iter().map(option);
        definition.options = options.collect::<Result<_, _>>()?;
    }
    Ok(())
}

fn option(value: &Value) -> Result<PropertyOption, Refusal> {
    let body = Body::from(value.clone())?;
    body.require(&["label", "value", "displayOrder", "hidden"])?;
    Ok(PropertyOption {
        label: body.text("label")?.to_owned(),
        value: body.text("value")?.to_owned(),
        description: body.optional_text("description")?.unwrap_or_default().to_owned(),
        display_order: body.optional_number("displayOrder")?.unwrap_or_default(),
        hidden: body.optional_flag("hidden")?.unwrap_or_default(),
    })
}

fn as_json(property: &Property) -> Value {
    property.definition.json(property.created, property.updated, property.archived)
}

fn group_json(name: &str, label: &str) -> Value {
    json!({ "name": name, "label": label, "displayOrder": -1, "archived": false })
}

fn not_found(name: &str) -> Refusal {
    Refusal::new(404, "OBJECT_NOT_FOUND", format!("Property '{name}' not found"))
}
