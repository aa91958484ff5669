//! Batch reads and batch updates of contacts.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/batch/update-contacts>

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::contacts::{find_contact, written_contact};
use super::error::HubSpotRefusal;
use super::json::{HubSpotBody, contact_json, wrong_type};
use super::routes::{CallAnswer, CallResult, HubSpotCall};
use super::state::{PortalState, PropertyValues};
use crate::clock::format_iso;
use crate::vendors::{HUBSPOT_BATCH_SIZE, HUBSPOT_HISTORY_BATCH_SIZE};

/// One input of a batch.
struct BatchInput {
    id: String,
    id_property: Option<String>,
    trace_id: Option<String>,
    body: HubSpotBody,
}

/// `POST …/contacts/batch/read`: reads the contacts themselves, not the search index.
pub(super) fn read_batch(call: &mut HubSpotCall<'_>) -> CallResult {
    let body = HubSpotBody::from_request(call.request)?;
    body.require_members(&["inputs", "properties", "propertiesWithHistory"])?;
    let asked = body.optional_texts("properties")?;
    let with_history = body.optional_texts("propertiesWithHistory")?;
    let inputs = parse_inputs(&body)?;
    if !with_history.is_empty() && inputs.len() > HUBSPOT_HISTORY_BATCH_SIZE {
        let most = HUBSPOT_HISTORY_BATCH_SIZE;
        return Err(HubSpotRefusal::invalid_request(format!(
            "At most {most} inputs are allowed with propertiesWithHistory"
        )));
    }
    let id_property = body.optional_text("idProperty")?;
    let (mut results, mut missing, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for input in inputs {
        match find_contact(call.state, &input.id, id_property)?.and_then(|id| call.state.active_contact(id)) {
            Some(contact) if seen.insert(contact.id) => {
                let mut json = contact_json(call.state, contact, &asked, &[]);
                if !with_history.is_empty() {
                    json["propertiesWithHistory"] = history_json(call.state, contact.id, &with_history);
                }
                results.push(json);
            }
            Some(_) => {}
            None => missing.push(input.id),
        }
    }
    let errors = if missing.is_empty() { Vec::new() } else { vec![not_found(missing, None)] };
    Ok(CallAnswer { changed: false, ..finish_batch(call.now, results, errors) })
}

fn history_json(state: &PortalState, id: u64, properties: &[String]) -> Value {
    let of = |name: &String| -> Vec<Value> {
        let value = |(at, value): &(Timestamp, String)| json!({ "value": value, "timestamp": format_iso(*at), "sourceType": "API" });
        state.property_history(id, name).map(value).collect()
    };
    let known = properties.iter().filter(|name| state.property_definition(name).is_some());
    Value::Object(known.map(|name| (name.clone(), json!(of(name)))).collect())
}

/// `POST …/contacts/batch/update`
pub(super) fn update_batch(call: &mut HubSpotCall<'_>) -> CallResult {
    let inputs = parse_inputs(&HubSpotBody::from_request(call.request)?)?;
    let changes =
        inputs.iter().map(|input| input.body.required_properties()).collect::<Result<Vec<PropertyValues>, _>>()?;
    refuse_duplicates(&inputs)?;
    let each_is_told = each_has_a_trace_id(&inputs);

    let ids = inputs.iter().map(|input| find_contact(call.state, &input.id, input.id_property.as_deref()));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    for id in ids.iter().flatten() {
        call.state.behavior.check_lock(*id, call.now)?;
    }
    if !each_is_told || call.state.behavior.rejects_whole_batches {
        for (id, changes) in ids.iter().zip(&changes).filter(|(id, _)| id.is_some()) {
            call.check_write(*id, changes)?;
        }
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for ((input, id), changes) in inputs.iter().zip(ids).zip(&changes) {
        let Some(id) = id else {
            errors.push(not_found(vec![input.id.clone()], input.trace_id.as_ref()));
            continue;
        };
        // Each input is checked after the ones before it were written: two inputs can't give one email to two contacts.
        match call.check_write(Some(id), changes) {
            Ok(kept) => {
                let contact = call.state.write_contact(id, &kept, call.now);
                results.extend(contact.map(|contact| written_contact(call.state, &contact, changes)));
            }
            Err(refusal) => errors.push(with_trace_id(refusal, input.trace_id.as_ref())),
        }
    }
    let changed = !results.is_empty();
    Ok(CallAnswer { changed, ..finish_batch(call.now, results, errors) })
}

fn parse_inputs(body: &HubSpotBody) -> Result<Vec<BatchInput>, HubSpotRefusal> {
    let inputs = body.required_list("inputs")?;
    check_batch_size(inputs.len())?;
    let inputs = inputs.iter().map(|input| {
        let body = HubSpotBody::from_value(input.clone())?;
        let optional = |name| Ok::<_, HubSpotRefusal>(body.optional_text(name)?.map(ToOwned::to_owned));
        let (id_property, trace_id) = (optional("idProperty")?, optional("objectWriteTraceId")?);
        let id = match body.get("id") {
            Some(Value::String(id)) => id.clone(),
            None => return Err(body.required_text("id").err().unwrap_or_else(HubSpotRefusal::not_found)),
            Some(other) => return Err(wrong_type("string", other)),
        };
        Ok(BatchInput { id, id_property, trace_id, body })
    });
    inputs.collect()
}

pub(super) fn check_batch_size(given: usize) -> Result<(), HubSpotRefusal> {
    if given > HUBSPOT_BATCH_SIZE {
        let message = format!("Batch of {given} inputs: at most {HUBSPOT_BATCH_SIZE} are allowed");
        return Err(HubSpotRefusal::invalid_request(message));
    }
    Ok(())
}

fn refuse_duplicates(inputs: &[BatchInput]) -> Result<(), HubSpotRefusal> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for input in inputs {
        *counts.entry(&input.id).or_default() += 1;
    }
    let twice: Vec<String> = counts.into_iter().filter(|(_, count)| *count > 1).map(|(id, _)| id.to_owned()).collect();
    if twice.is_empty() {
        return Ok(());
    }
    let message = format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", twice.join(", "));
    Err(HubSpotRefusal::invalid_request(message).with_context("ids", twice))
}

fn each_has_a_trace_id(inputs: &[BatchInput]) -> bool {
    let trace_ids: BTreeSet<&String> = inputs.iter().filter_map(|input| input.trace_id.as_ref()).collect();
    trace_ids.len() == inputs.len()
}

fn not_found(ids: Vec<String>, trace_id: Option<&String>) -> HubSpotRefusal {
    let message = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.";
    with_trace_id(HubSpotRefusal::new(404, "OBJECT_NOT_FOUND", message).with_context("ids", ids), trace_id)
}

fn with_trace_id(refusal: HubSpotRefusal, trace_id: Option<&String>) -> HubSpotRefusal {
    match trace_id {
        Some(trace_id) => refusal.with_context("objectWriteTraceId", vec![trace_id.clone()]),
        None => refusal,
    }
}

/// The schema's `StandardError`: required members are always present, even if empty.
fn standard_error(refusal: &HubSpotRefusal) -> Value {
    let mut error = Value::Object(refusal.body_members());
    for (member, empty) in [("context", json!({})), ("errors", json!([])), ("links", json!({}))] {
        if error.get(member).is_none() {
            error[member] = empty;
        }
    }
    error
}

pub(super) fn finish_batch(now: Timestamp, results: Vec<Value>, errors: Vec<HubSpotRefusal>) -> CallAnswer {
    let mut body = json!({ "status": "COMPLETE", "results": results });
    let status = if errors.is_empty() { 200 } else { 207 };
    if !errors.is_empty() {
        body["numErrors"] = json!(errors.len());
        body["errors"] = errors.iter().map(standard_error).collect();
    }
    body["startedAt"] = json!(format_iso(now));
    body["completedAt"] = json!(format_iso(now));
    CallAnswer { status, body, changed: false }
}
