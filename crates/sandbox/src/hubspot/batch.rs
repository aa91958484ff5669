//! Batch reads and batch updates of contacts.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/batch/update-contacts>

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::contacts::{find, written};
use super::error::Refusal;
use super::json::{Body, contact as contact_json, wrong_type};
use super::routes::{Call, Done, Outcome};
use super::state::{Properties, State};
use crate::clock::iso;
use crate::vendors::{HUBSPOT_BATCH_SIZE, HUBSPOT_HISTORY_BATCH_SIZE};

/// One input of a batch.
struct Input {
    id: String,
    id_property: Option<String>,
    trace_id: Option<String>,
    body: Body,
}

/// `POST …/contacts/batch/read`: reads the contacts themselves, not the search index.
pub(super) fn read(call: &mut Call<'_>) -> Outcome {
    let body = Body::of(call.request)?;
    body.require(&["inputs", "properties", "propertiesWithHistory"])?;
    let asked = body.texts("properties")?;
    let with_history = body.texts("propertiesWithHistory")?;
    let inputs = inputs(&body)?;
    if !with_history.is_empty() && inputs.len() > HUBSPOT_HISTORY_BATCH_SIZE {
        let most = HUBSPOT_HISTORY_BATCH_SIZE;
        return Err(Refusal::invalid(format!("At most {most} inputs are allowed with propertiesWithHistory")));
    }
    let id_property = body.optional_text("idProperty")?;
    let (mut results, mut missing, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for input in inputs {
        match find(call.state, &input.id, id_property)?.and_then(|id| call.state.contact(id)) {
            Some(contact) if seen.insert(contact.id) => {
                let mut json = contact_json(call.state, contact, &asked, &[]);
                if !with_history.is_empty() {
                    json["propertiesWithHistory"] = history(call.state, contact.id, &with_history);
                }
                results.push(json);
            }
            Some(_) => {}
            None => missing.push(input.id),
        }
    }
    let errors = if missing.is_empty() { Vec::new() } else { vec![not_found(missing, None)] };
    Ok(Done { changed: false, ..answer(call.now, results, errors) })
}

fn history(state: &State, id: u64, properties: &[String]) -> Value {
    let of = |name: &String| -> Vec<Value> {
        let value =
            |(at, value): &(Timestamp, String)| json!({ "value": value, "timestamp": iso(*at), "sourceType": "API" });
        state.values(id, name).map(value).collect()
    };
    let known = properties.iter().filter(|name| state.definition(name).is_some());
    Value::Object(known.map(|name| (name.clone(), json!(of(name)))).collect())
}

/// `POST …/contacts/batch/update`
pub(super) fn update(call: &mut Call<'_>) -> Outcome {
    let inputs = inputs(&Body::of(call.request)?)?;
    let changes = inputs.iter().map(|input| input.body.properties()).collect::<Result<Vec<Properties>, _>>()?;
    refuse_duplicates(&inputs)?;
    let each_is_told = each_has_a_trace_id(&inputs);

    let ids = inputs.iter().map(|input| find(call.state, &input.id, input.id_property.as_deref()));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    if !each_is_told {
        for (id, changes) in ids.iter().zip(&changes).filter(|(id, _)| id.is_some()) {
            call.state.check(*id, changes)?;
        }
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for ((input, id), changes) in inputs.iter().zip(ids).zip(&changes) {
        let Some(id) = id else {
            errors.push(not_found(vec![input.id.clone()], input.trace_id.as_ref()));
            continue;
        };
        // Each input is checked after the ones before it were written: two inputs can't give one email to two contacts.
        match call.state.check(Some(id), changes) {
            Ok(kept) => {
                let contact = call.state.write(id, &kept, call.now);
                results.extend(contact.map(|contact| written(call.state, &contact, changes)));
            }
            Err(refusal) => errors.push(traced(refusal, input.trace_id.as_ref())),
        }
    }
    let changed = !results.is_empty();
    Ok(Done { changed, ..answer(call.now, results, errors) })
}

fn inputs(body: &Body) -> Result<Vec<Input>, Refusal> {
    let inputs = body.list("inputs")?;
    if inputs.len() > HUBSPOT_BATCH_SIZE {
        let given = inputs.len();
        return Err(Refusal::invalid(format!("Batch of {given} inputs: at most {HUBSPOT_BATCH_SIZE} are allowed")));
    }
    let inputs = inputs.iter().map(|input| {
        let body = Body::from(input.clone())?;
        let optional = |name| Ok::<_, Refusal>(body.optional_text(name)?.map(ToOwned::to_owned));
        let (id_property, trace_id) = (optional("idProperty")?, optional("objectWriteTraceId")?);
        let id = match body.get("id") {
            Some(Value::String(id)) => id.clone(),
            None => return Err(body.text("id").err().unwrap_or_else(Refusal::not_found)),
            Some(other) => return Err(wrong_type("string", other)),
        };
        Ok(Input { id, id_property, trace_id, body })
    });
    inputs.collect()
}

fn refuse_duplicates(inputs: &[Input]) -> Result<(), Refusal> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for input in inputs {
        *counts.entry(&input.id).or_default() += 1;
    }
    let twice: Vec<String> = counts.into_iter().filter(|(_, count)| *count > 1).map(|(id, _)| id.to_owned()).collect();
    if twice.is_empty() {
        return Ok(());
    }
    let message = format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", twice.join(", "));
    Err(Refusal::invalid(message).with("ids", twice))
}

fn each_has_a_trace_id(inputs: &[Input]) -> bool {
    let trace_ids: BTreeSet<&String> = inputs.iter().filter_map(|input| input.trace_id.as_ref()).collect();
    trace_ids.len() == inputs.len()
}

fn not_found(ids: Vec<String>, trace_id: Option<&String>) -> Refusal {
    let message = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.";
    traced(Refusal::new(404, "OBJECT_NOT_FOUND", message).with("ids", ids), trace_id)
}

fn traced(refusal: Refusal, trace_id: Option<&String>) -> Refusal {
    match trace_id {
        Some(trace_id) => refusal.with("objectWriteTraceId", vec![trace_id.clone()]),
        None => refusal,
    }
}

/// The schema's `StandardError`: required members are always present, even if empty.
fn standard_error(refusal: &Refusal) -> Value {
    let mut error = Value::Object(refusal.body());
    for (member, empty) in [("context", json!({})), ("errors", json!([])), ("links", json!({}))] {
        if error.get(member).is_none() {
            error[member] = empty;
        }
    }
    error
}

fn answer(now: Timestamp, results: Vec<Value>, errors: Vec<Refusal>) -> Done {
    let mut body = json!({ "status": "COMPLETE", "results": results });
    let status = if errors.is_empty() { 200 } else { 207 };
    if !errors.is_empty() {
        body["numErrors"] = json!(errors.len());
        body["errors"] = errors.iter().map(standard_error).collect();
    }
    body["startedAt"] = json!(iso(now));
    body["completedAt"] = json!(iso(now));
    Done { status, body, changed: false }
}
