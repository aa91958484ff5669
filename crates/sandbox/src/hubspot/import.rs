//! Imports contacts as if the portal had always had them: from a file, or from a test.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::definition::PropertyDefinition;
use super::error::Refusal;
use super::state::{Contact, Properties, State};
use super::validate;

/// Creates all of the contacts, or none. Searches find them at once, as if they had always been there. Unlike the API,
/// this accepts what files contain: option labels, dates as HubSpot exports them, and invalid emails.
pub(super) fn add(state: &mut State, rows: Vec<Properties>, now: Timestamp) -> Result<Vec<u64>, Refusal> {
    for name in rows.iter().flat_map(Properties::keys) {
        if state.definition(name).is_none() {
            let definition = PropertyDefinition::new(name, name, "string", "text");
            definition.check(&state.groups)?;
            state.define(definition, now);
        }
    }
    let mut emails: BTreeMap<String, u64> =
        state.contacts().filter_map(|contact| Some((contact.properties.get("email")?.clone(), contact.id))).collect();
    let (mut next, mut ids, mut contacts): (u64, BTreeSet<u64>, Vec<Contact>) =
        (state.next_id(), [].into(), Vec::new());
    for row in rows {
        let contact = contact(state, row, &mut next, now)?;
        if state.knows(contact.id) || !ids.insert(contact.id) {
            return Err(Refusal::new(409, "CONFLICT", format!("Record ID {} is already in use", contact.id)));
        }
        let email = contact.properties.get("email").filter(|email| !email.is_empty());
        if let Some(other) = email.and_then(|email| emails.insert(email.clone(), contact.id)) {
            let message = format!("Contacts {other} and {} have the same email", contact.id);
            return Err(Refusal::new(409, "CONFLICT", message));
        }
        contacts.push(contact);
    }
    Ok(contacts.into_iter().map(|contact| state.create(contact, Timestamp::MIN).id).collect())
}

fn contact(state: &State, mut row: Properties, next: &mut u64, now: Timestamp) -> Result<Contact, Refusal> {
    let id = match row.remove("hs_object_id").filter(|id| !id.is_empty()) {
        None => *next,
        Some(id) => id.parse().map_err(|_| Refusal::invalid(format!("Record ID {id} isn't a number")))?,
    };
    *next = (*next).max(id.saturating_add(1));
    let mut time = |name: &str| {
        let text = row.remove(name).filter(|text| !text.is_empty());
        text.map(|text| parse_time(&text).ok_or_else(|| refused(id, name, "isn't a date"))).transpose()
    };
    let created_at = time("createdate")?.unwrap_or(now);
    let updated_at = time("lastmodifieddate")?.unwrap_or(created_at);
    let mut properties = Properties::new();
    for (name, text) in row {
        let Some(definition) = state.definition(&name) else { continue };
        properties.insert(name.clone(), value(definition, text.trim()).map_err(|why| refused(id, &name, &why))?);
    }
    Ok(Contact { id, properties, created_at, updated_at })
}

fn value(definition: &PropertyDefinition, text: &str) -> Result<String, String> {
    let text = match definition.kind.as_str() {
        _ if definition.name == "email" => return Ok(text.to_lowercase()),
        _ if definition.is_tick_box() => match text.to_lowercase().as_str() {
            "yes" | "true" => "true",
            "no" | "false" => "false",
            _ => text,
        }
        .to_owned(),
        "enumeration" => {
            let by_label = definition.options.iter().find(|option| option.label.eq_ignore_ascii_case(text));
            by_label.map_or(text, |option| option.value.as_str()).to_owned()
        }
        "date" if !text.is_empty() => {
            let date = parse_time(text).map(|time| time.to_zoned(TimeZone::UTC).date());
            date.map_or_else(|| text.to_owned(), |date| date.to_string())
        }
        "datetime" if !text.is_empty() => parse_time(text).map_or_else(|| text.to_owned(), |time| time.to_string()),
        _ => text.to_owned(),
    };
    validate::value(definition, &text).map_err(|invalid| invalid.message)
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

fn refused(id: u64, property: &str, why: &str) -> Refusal {
    Refusal::invalid(format!("Contact {id}: {property}: {why}"))
}
