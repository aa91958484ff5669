//! AWS Step Functions: state machines. The embedded cloud never runs them.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, ApiError, Context, Handled, Json, Page, Request, dispatch};

/// The default and the maximum page size.
const PAGE: (i64, usize) = (100, 1000);

/// The state machines of a region, by ARN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub machines: BTreeMap<String, Machine>,
}

/// A state machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub name: String,
    /// In the Amazon States Language, as given.
    pub definition: String,
    pub role_arn: String,
    /// `STANDARD` or `EXPRESS`.
    pub kind: String,
    pub created_s: f64,
    pub tags: BTreeMap<String, String>,
}

pub(super) fn handle(cx: &mut Context<'_>, operation: &str, request: &Request) -> Result<Handled, ApiError> {
    let body = &Json::parse(&request.body)?;
    let answer = match operation {
        "CreateStateMachine" => create(cx, body),
        "ListStateMachines" => list(cx, body),
        "DescribeStateMachine" => describe(cx, body),
        "DeleteStateMachine" => delete(cx, body),
        "ListTagsForResource" => list_tags(cx, body),
        "TagResource" => {
            let tags = tags(body);
            tagged_mut(cx, body).map(|machine| machine.tags.extend(tags)).map(|()| json!({}))
        }
        "UntagResource" => {
            let keys = body.texts("tagKeys");
            tagged_mut(cx, body).map(|machine| machine.tags.retain(|key, _| !keys.contains(key))).map(|()| json!({}))
        }
        _ => Err(dispatch::not_implemented("states", operation)),
    };
    answer.map(|body| Answer::json(&body).into())
}

/// Creating a state machine that already exists with the same settings is not an error.
fn create(cx: &mut Context<'_>, body: &Json) -> Result<Value, ApiError> {
    let (name, definition) = (body.required("name")?, body.required("definition")?);
    let role_arn = body.required("roleArn")?;
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !named || name.len() > 80 {
        return Err(ApiError::bad("InvalidName", format!("Invalid Name: '{name}'")));
    }
    let document: Value = serde_json::from_str(definition).unwrap_or_default();
    let start = document["StartAt"].as_str();
    if start.is_none_or(|start| document["States"].get(start).is_none()) {
        return Err(ApiError::bad(
            "InvalidDefinition",
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: StartAt must name one of States'",
        ));
    }
    let machine = Machine {
        name: name.to_owned(),
        definition: definition.to_owned(),
        role_arn: role_arn.to_owned(),
        kind: body.text("type").unwrap_or("STANDARD").to_owned(),
        created_s: cx.epoch_s(),
        tags: tags(body),
    };
    let arn = cx.arn("states", &format!("stateMachine:{name}"));
    if let Some(other) = cx.regional().states.machines.get(&arn) {
        let same = (&other.definition, &other.role_arn, &other.kind)
            == (&machine.definition, &machine.role_arn, &machine.kind);
        if !same {
            let message = format!("State Machine Already Exists: '{arn}'");
            return Err(ApiError::bad("StateMachineAlreadyExists", message));
        }
        return Ok(json!({ "stateMachineArn": arn, "creationDate": other.created_s }));
    }
    let answer = json!({ "stateMachineArn": arn, "creationDate": machine.created_s });
    cx.regional_mut().states.machines.insert(arn, machine);
    Ok(answer)
}

fn list(cx: &Context<'_>, body: &Json) -> Result<Value, ApiError> {
    let asked = body.integer("maxResults").filter(|asked| *asked > 0).unwrap_or(PAGE.0);
    let size = cx.page_size(Some(asked), PAGE.1);
    let page = Page::of(
        &cx.regional().states.machines,
        |(arn, _)| (*arn).clone(),
        body.text("nextToken"),
        size,
        || ApiError::bad("InvalidToken", "Invalid Token"),
    )?;
    let brief = |(arn, machine): &(&String, &Machine)| {
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

fn describe(cx: &Context<'_>, body: &Json) -> Result<Value, ApiError> {
    let arn = body.required("stateMachineArn")?;
    let machine =
        cx.regional().states.machines.get(arn).ok_or_else(|| {
            ApiError::bad("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
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
fn delete(cx: &mut Context<'_>, body: &Json) -> Result<Value, ApiError> {
    let arn = body.required("stateMachineArn")?;
    if cx.regional().states.machines.contains_key(arn) {
        cx.regional_mut().states.machines.remove(arn);
    }
    Ok(json!({}))
}

fn no_resource(arn: &str) -> ApiError {
    ApiError::bad("ResourceNotFound", format!("Resource not found: '{arn}'"))
}

fn list_tags(cx: &Context<'_>, body: &Json) -> Result<Value, ApiError> {
    let arn = body.required("resourceArn")?;
    let machine = cx.regional().states.machines.get(arn).ok_or_else(|| no_resource(arn))?;
    let tags: Vec<Value> = machine.tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    Ok(json!({ "tags": tags }))
}

fn tagged_mut<'c>(cx: &'c mut Context<'_>, body: &Json) -> Result<&'c mut Machine, ApiError> {
    let arn = body.required("resourceArn")?;
    // A mutable borrow counts as a change, so look it up first: a refused request must not change the state.
    if !cx.regional().states.machines.contains_key(arn) {
        return Err(no_resource(arn));
    }
    cx.regional_mut().states.machines.get_mut(arn).ok_or_else(|| no_resource(arn))
}

/// The member names are lowercase, unlike in the other services.
fn tags(body: &Json) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((tag["key"].as_str()?.to_owned(), tag["value"].as_str()?.to_owned()));
    body.list("tags").iter().filter_map(pair).collect()
}
