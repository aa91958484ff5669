//! Imports contacts as if the portal had always had them: from a file, or from a test.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::definition::PropertyDefinition;
use super::error::HubSpotRefusal;
use super::state::{PortalState, PropertyValues, SandboxContact};
use super::validate;

/// Creates all of the contacts, or none. Searches find them at once, as if they had always been there. Unlike the API,
/// this accepts what files contain: option labels, dates as HubSpot exports them, and invalid emails.
pub(super) fn import_contacts(
    state: &mut PortalState,
    rows: Vec<PropertyValues>,
    now: Timestamp,
) -> Result<Vec<u64>, HubSpotRefusal> {
    for name in rows.iter().flat_map(PropertyValues::keys) {
        if state.property_definition(name).is_none() {
            let definition = PropertyDefinition::new(name, name, "string", "text");
            definition.check_definition(&state.groups)?;
            state.define_property(definition, now);
        }
    }
    let mut emails: BTreeMap<String, u64> = state
        .active_contacts()
        .filter_map(|contact| Some((contact.properties.get("email")?.clone(), contact.id)))
        .collect();
    let (mut next, mut ids, mut contacts): (u64, BTreeSet<u64>, Vec<SandboxContact>) =
        (state.next_contact_id(), [].into(), Vec::new());
    for row in rows {
        let contact = parse_contact(state, row, &mut next, now)?;
        if state.knows_id(contact.id) || !ids.insert(contact.id) {
            return Err(HubSpotRefusal::new(409, "CONFLICT", format!("Record ID {} is already in use", contact.id)));
        }
        let email = contact.properties.get("email").filter(|email| !email.is_empty());
        if let Some(other) = email.and_then(|email| emails.insert(email.clone(), contact.id)) {
            let message = format!("Contacts {other} and {} have the same email", contact.id);
            return Err(HubSpotRefusal::new(409, "CONFLICT", message));
        }
        contacts.push(contact);
    }
    Ok(contacts.into_iter().map(|contact| state.create_contact(contact, Timestamp::MIN).id).collect())
}

fn parse_contact(
    state: &PortalState,
    mut row: PropertyValues,
    next: &mut u64,
    now: Timestamp,
) -> Result<SandboxContact, HubSpotRefusal> {
    let id = match row.remove("hs_object_id").filter(|id| !id.is_empty()) {
        None => *next,
        Some(id) => {
            id.parse().map_err(|_| HubSpotRefusal::invalid_request(format!("Record ID {id} isn't a number")))?
        }
    };
    *next = (*next).max(id.saturating_add(1));
    let mut time = |name: &str| {
        let text = row.remove(name).filter(|text| !text.is_empty());
        text.map(|text| parse_time(&text).ok_or_else(|| refuse_contact(id, name, "isn't a date"))).transpose()
    };
    let created_at = time("createdate")?.unwrap_or(now);
    let updated_at = time("lastmodifieddate")?.unwrap_or(created_at);
    let mut properties = PropertyValues::new();
    for (name, text) in row {
        let Some(definition) = state.property_definition(&name) else { continue };
        properties.insert(
            name.clone(),
            convert_value(definition, text.trim()).map_err(|why| refuse_contact(id, &name, &why))?,
        );
    }
    Ok(SandboxContact { id, properties, created_at, updated_at })
}

fn convert_value(definition: &PropertyDefinition, text: &str) -> Result<String, String> {
    let text = match definition.kind.as_str() {
        _ if definition.name == "email" => return Ok(text.to_lowercase()),
        _ if definition.is_single_checkbox() => match text.to_lowercase().as_str() {
            "yes" | "true" => "true",
            "no" | "false" => "false",
            _ => text,
        }
        .to_owned(),
        "enumeration" => {
            let value_of = |label: &str| {
                let label = label.trim();
                let by_label = definition.options.iter().find(|option| option.label.eq_ignore_ascii_case(label));
                by_label.map_or(label, |option| option.value.as_str()).to_owned()
            };
            text.split(';').map(value_of).collect::<Vec<_>>().join(";")
        }
        "date" if !text.is_empty() => {
            let date = parse_time(text).map(|time| time.to_zoned(TimeZone::UTC).date());
            date.map_or_else(|| text.to_owned(), |date| date.to_string())
        }
        "datetime" if !text.is_empty() => parse_time(text).map_or_else(|| text.to_owned(), |time| time.to_string()),
        _ => text.to_owned(),
    };
    validate::validate_value(definition, &text).map_err(|invalid| invalid.message)
}

/// Parses a time as HubSpot's API accepts it, as HubSpot exports it (`2026-03-01 09:30`), or a US date.
fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    validate::parse_time(text)
        .or_else(|| utc(DateTime::strptime("%Y-%m-%d %H:%M", text).ok()?))
        .or_else(|| utc(DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?))
        .or_else(|| utc(Date::strptime("%m/%d/%Y", text).ok()?.into()))
}

fn refuse_contact(id: u64, property: &str, why: &str) -> HubSpotRefusal {
    HubSpotRefusal::invalid_request(format!("Contact {id}: {property}: {why}"))
}
