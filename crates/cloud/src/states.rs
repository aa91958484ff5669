//! AWS Step Functions: state machines. The embedded cloud never runs them.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, JsonBody, ListPage, dispatch};

/// The default and the maximum page size.
const PAGE: (i64, usize) = (100, 1000);

stored_parts! {
    /// The state machines of a region, by ARN.
    pub struct StepFunctionsState {
        pub machines: StoredTable<StoredStateMachine>,
    }
}

/// A state machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredStateMachine {
    pub name: String,
    /// In the Amazon States Language, as given.
    pub definition: String,
    pub role_arn: String,
    /// `STANDARD` or `EXPRESS`.
    pub kind: String,
    pub created_s: f64,
    pub tags: BTreeMap<String, String>,
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let body = &JsonBody::parse_body(&request.body)?;
    let answer = match operation {
        "CreateStateMachine" => create_state_machine(cx, body),
        "ListStateMachines" => list_state_machines(cx, body),
        "DescribeStateMachine" => describe_state_machine(cx, body),
        "DeleteStateMachine" => delete_state_machine(cx, body),
        "ListTagsForResource" => list_tags_for_resource(cx, body),
        "TagResource" => {
            let tags = read_tags(body);
            find_tagged_mut(cx, body).map(|machine| machine.tags.extend(tags)).map(|()| json!({}))
        }
        "UntagResource" => {
            let keys = body.member_texts("tagKeys");
            find_tagged_mut(cx, body)
                .map(|machine| machine.tags.retain(|key, _| !keys.contains(key)))
                .map(|()| json!({}))
        }
        _ => Err(dispatch::not_implemented("states", operation)),
    };
    answer.map(|body| CloudAnswer::from_json(&body).into())
}

/// Creating a state machine that already exists with the same settings is not an error.
fn create_state_machine(cx: &mut CloudContext<'_>, body: &JsonBody) -> Result<Value, ApiError> {
    let (name, definition) = (body.required_text("name")?, body.required_text("definition")?);
    let role_arn = body.required_text("roleArn")?;
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !named || name.len() > 80 {
        return Err(ApiError::bad_request("InvalidName", format!("Invalid Name: '{name}'")));
    }
    let document: Value = serde_json::from_str(definition).map_err(|_| {
        ApiError::bad_request(
            "InvalidDefinition",
            "Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: the definition is not JSON'",
        )
    })?;
    let start = document["StartAt"].as_str();
    if start.is_none_or(|start| document["States"].get(start).is_none()) {
        return Err(ApiError::bad_request(
            "InvalidDefinition",
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: StartAt must name one of States'",
        ));
    }
    let machine = StoredStateMachine {
        name: name.to_owned(),
        definition: definition.to_owned(),
        role_arn: role_arn.to_owned(),
        kind: body.member_text("type").unwrap_or("STANDARD").to_owned(),
        created_s: cx.epoch_s(),
        tags: read_tags(body),
    };
    let arn = cx.build_arn("states", &format!("stateMachine:{name}"));
    if let Some(other) = cx.region_state().states.machines.get(&arn) {
        let same = (&other.definition, &other.role_arn, &other.kind)
            == (&machine.definition, &machine.role_arn, &machine.kind);
        if !same {
            let message = format!("State Machine Already Exists: '{arn}'");
            return Err(ApiError::bad_request("StateMachineAlreadyExists", message));
        }
        return Ok(json!({ "stateMachineArn": arn, "creationDate": other.created_s }));
    }
    let answer = json!({ "stateMachineArn": arn, "creationDate": machine.created_s });
    cx.region_state_mut().states.machines.insert(arn, machine);
    Ok(answer)
}

fn list_state_machines(cx: &CloudContext<'_>, body: &JsonBody) -> Result<Value, ApiError> {
    let asked = body.member_integer("maxResults").filter(|asked| *asked > 0).unwrap_or(PAGE.0);
    let size = cx.page_size(Some(asked), PAGE.1);
    let page = ListPage::from_items_after(
        |after| cx.region_state().states.machines.iter_after(after),
        |(arn, _)| (*arn).clone(),
        body.member_text("nextToken"),
        size,
        || ApiError::bad_request("InvalidToken", "Invalid Token"),
    )?;
    let brief = |(arn, machine): &(&String, &StoredStateMachine)| {
        json!({
            "stateMachineArn": arn,
            "name": machine.name,
            "type": machine.kind,
            "creationDate": machine.created_s,
        })
    };
    let mut answer = json!({ "stateMachines": page.items.iter().map(brief).collect::<Vec<_>>() });
    if let Some(next) = page.next {
        answer["nextToken"] = json!(next);
    }
    Ok(answer)
}

fn describe_state_machine(cx: &CloudContext<'_>, body: &JsonBody) -> Result<Value, ApiError> {
    let arn = body.required_text("stateMachineArn")?;
    let machine = cx.region_state().states.machines.get(arn).ok_or_else(|| {
        ApiError::bad_request("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
    })?;
    Ok(json!({
        "stateMachineArn": arn,
        "name": machine.name,
        "status": "ACTIVE",
        "definition": machine.definition,
        "roleArn": machine.role_arn,
        "type": machine.kind,
        "creationDate": machine.created_s,
        "loggingConfiguration": { "level": "OFF", "includeExecutionData": false },
        "tracingConfiguration": { "enabled": false },
    }))
}

/// Deleting a missing state machine is not an error.
fn delete_state_machine(cx: &mut CloudContext<'_>, body: &JsonBody) -> Result<Value, ApiError> {
    let arn = body.required_text("stateMachineArn")?;
    if cx.region_state().states.machines.contains_key(arn) {
        cx.region_state_mut().states.machines.remove(arn);
    }
    Ok(json!({}))
}

fn no_resource(arn: &str) -> ApiError {
    ApiError::bad_request("ResourceNotFound", format!("Resource not found: '{arn}'"))
}

fn list_tags_for_resource(cx: &CloudContext<'_>, body: &JsonBody) -> Result<Value, ApiError> {
    let arn = body.required_text("resourceArn")?;
    let machine = cx.region_state().states.machines.get(arn).ok_or_else(|| no_resource(arn))?;
    let tags: Vec<Value> = machine.tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    Ok(json!({ "tags": tags }))
}

fn find_tagged_mut<'c>(cx: &'c mut CloudContext<'_>, body: &JsonBody) -> Result<&'c mut StoredStateMachine, ApiError> {
    let arn = body.required_text("resourceArn")?;
    // A mutable borrow counts as a change, so look it up first: a refused request must not change the state.
    if !cx.region_state().states.machines.contains_key(arn) {
        return Err(no_resource(arn));
    }
    cx.region_state_mut().states.machines.get_mut(arn).ok_or_else(|| no_resource(arn))
}

/// The member names are lowercase, unlike in the other services.
fn read_tags(body: &JsonBody) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((tag["key"].as_str()?.to_owned(), tag["value"].as_str()?.to_owned()));
    body.member_list("tags").iter().filter_map(pair).collect()
}
