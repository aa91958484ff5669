//! HTTP and WebSocket APIs. An API's routes, integrations, stages and deployments are lists that all work alike.

mod document;

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, ApiError, Call, bad, by, conflict, merge, not_found};
use crate::dispatch;

/// An HTTP or WebSocket API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpApi {
    /// `Api` of the API reference.
    pub shown: Value,
    /// Its entries in the form in which they are returned, by list (`routes`, …) and by id.
    pub below: BTreeMap<String, BTreeMap<String, Value>>,
}

/// The lists of an API: the path segment, the name in operations, the identifying member, the required member.
const LISTS: [(&str, &str, &str, Option<&str>); 5] = [
    ("routes", "Route", "routeId", Some("routeKey")),
    ("integrations", "Integration", "integrationId", Some("integrationType")),
    ("stages", "Stage", "stageName", Some("stageName")),
    ("deployments", "Deployment", "deploymentId", None),
    ("authorizers", "Authorizer", "authorizerId", Some("name")),
];
/// The stage at an API's root.
const DEFAULT_STAGE: &str = "$default";

pub(super) fn operation(method: &Method, parts: &[&str]) -> Option<String> {
    let (get, post, put, patch, delete) = (Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
    let whole = match parts {
        ["apis"] => by(method, &[(get, "GetApis"), (post, "CreateApi"), (put, "ImportApi")]),
        ["apis", _] => {
            by(method, &[(get, "GetApi"), (put, "ReimportApi"), (patch, "UpdateApi"), (delete, "DeleteApi")])
        }
        ["apis", _, "exports", _] => by(method, &[(get, "ExportApi")]),
        ["apis", _, list] => {
            let verb = by(method, &[(get, "Get"), (post, "Create")])?;
            let plural = if verb == "Get" { "s" } else { "" };
            return Some(format!("{verb}{}{plural}", of_list(list)?.1));
        }
        ["apis", _, list, _] => {
            let verb = by(method, &[(get, "Get"), (patch, "Update"), (delete, "Delete")])?;
            return Some(format!("{verb}{}", of_list(list)?.1));
        }
        _ => None,
    };
    whole.map(ToOwned::to_owned)
}

fn of_list(list: &str) -> Option<&'static (&'static str, &'static str, &'static str, Option<&'static str>)> {
    LISTS.iter().find(|(path, ..)| *path == list)
}

pub(super) fn handle(call: &mut Call<'_, '_>, operation: &str) -> Result<Answer, ApiError> {
    match operation {
        "CreateApi" => create(call),
        "ImportApi" => document::import(call),
        "GetApis" => {
            let apis = call.state().http.iter();
            call.listed(apis.map(|(id, api)| (id.clone(), api.shown.clone())))
        }
        "GetApi" => Ok(Answer::rest(200, &api(call)?.shown)),
        "UpdateApi" => {
            api(call)?;
            let given = given(call);
            let shown = &mut api_mut(call)?.shown;
            merge(shown, &given);
            Ok(Answer::rest(200, shown))
        }
        "DeleteApi" => delete(call),
        "ExportApi" => document::export(call),
        _ if call.parts.len() == 3 && operation.starts_with("Get") => {
            let entries = api(call)?.below.get(call.part(2)).into_iter().flatten();
            call.listed(entries.map(|(id, entry)| (id.clone(), entry.clone())))
        }
        _ if operation.starts_with("Create") => create_below(call),
        _ if operation.starts_with("Get") => Ok(Answer::rest(200, entry(call)?)),
        _ if operation.starts_with("Update") => update_below(call),
        _ if operation.starts_with("Delete") => delete_below(call),
        _ => Err(dispatch::not_implemented("apigateway", operation)),
    }
}

fn given(call: &Call<'_, '_>) -> Value {
    serde_json::from_slice(&call.request.body).unwrap_or_default()
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn api<'c>(call: &'c Call<'_, '_>) -> Result<&'c HttpApi, ApiError> {
    let id = call.part(1);
    call.state().http.get(id).ok_or_else(|| not_found(format!("Invalid API identifier specified {id}")))
}

/// The same, for changes.
fn api_mut<'c>(call: &'c mut Call<'_, '_>) -> Result<&'c mut HttpApi, ApiError> {
    // A mutable borrow counts as a change, so look it up first: a refused request must not change the state.
    api(call)?;
    let id = call.part(1).to_owned();
    call.state_mut().http.get_mut(&id).ok_or_else(|| not_found("Invalid API identifier specified"))
}

/// If `target` is given, a quick start: creates an integration, a route and a stage too.
fn create(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let body = call.body()?;
    let (name, protocol) = (body.required("name")?.to_owned(), body.required("protocolType")?.to_owned());
    if !["HTTP", "WEBSOCKET"].contains(&protocol.as_str()) {
        return Err(bad(format!("Invalid protocol specified: {protocol}. Must be one of [HTTP, WEBSOCKET]")));
    }
    let mut given = given(call);
    let (target, route) = (body.text("target"), body.text("routeKey").unwrap_or(DEFAULT_STAGE));
    if let Some(members) = given.as_object_mut() {
        for quick in ["target", "routeKey", "credentialsArn"] {
            members.remove(quick);
        }
    }
    let mut api = new(call, &name, &protocol, &given);
    if let Some(target) = target {
        let kind = if target.starts_with("arn:") { "AWS_PROXY" } else { "HTTP_PROXY" };
        let integration = json!({
            "integrationType": kind,
            "integrationUri": target,
            "integrationMethod": if kind == "AWS_PROXY" { "POST" } else { "ANY" },
            "payloadFormatVersion": if kind == "AWS_PROXY" { "2.0" } else { "1.0" },
        });
        let id = api.add(call, "integrations", &integration);
        api.add(call, "routes", &json!({ "routeKey": route, "target": format!("integrations/{id}") }));
        api.add(call, "stages", &json!({ "stageName": DEFAULT_STAGE, "autoDeploy": true }));
    }
    let answer = Answer::rest(201, &api.shown);
    keep(call, api);
    Ok(answer)
}

fn new(call: &mut Call<'_, '_>, name: &str, protocol: &str, given: &Value) -> HttpApi {
    let id = call.id(10);
    let scheme = if protocol == "WEBSOCKET" { "wss" } else { "https" };
    let mut shown = json!({
        "apiId": id,
        "name": name,
        "protocolType": protocol,
        "apiEndpoint": format!("{scheme}://{id}.execute-api.{}.amazonaws.com", call.cx.region()),
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "routeSelectionExpression": "$request.method $request.path",
        "createdDate": time(call.cx.now),
        "disableExecuteApiEndpoint": false,
        "tags": {},
    });
    merge(&mut shown, given);
    HttpApi { shown, below: BTreeMap::new() }
}

fn keep(call: &mut Call<'_, '_>, api: HttpApi) {
    let id = api.shown["apiId"].as_str().unwrap_or_default().to_owned();
    call.state_mut().http.insert(id, api);
}

fn delete(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    api(call)?;
    let id = call.part(1).to_owned();
    call.state_mut().http.remove(&id);
    Ok(Answer::empty(204))
}

impl HttpApi {
    /// Adds an entry with its defaults to one of the lists and returns its id.
    fn add(&mut self, call: &mut Call<'_, '_>, list: &str, given: &Value) -> String {
        let id = match given["stageName"].as_str().filter(|_| list == "stages") {
            Some(name) => name.to_owned(),
            None => call.id(7),
        };
        let now = time(call.cx.now);
        let mut entry = match list {
            "routes" => json!({ "apiKeyRequired": false, "authorizationType": "NONE" }),
            "integrations" => json!({
                "connectionType": "INTERNET",
                "payloadFormatVersion": "1.0",
                "timeoutInMillis": 30_000,
            }),
            "stages" => json!({
                "autoDeploy": false,
                "createdDate": now,
                "lastUpdatedDate": now,
                "defaultRouteSettings": { "detailedMetricsEnabled": false },
                "routeSettings": {},
                "stageVariables": {},
                "tags": {},
            }),
            "deployments" => json!({ "autoDeployed": false, "createdDate": now, "deploymentStatus": "DEPLOYED" }),
            _ => json!({}),
        };
        merge(&mut entry, given);
        if let Some((_, _, identifier, _)) = of_list(list) {
            entry[*identifier] = json!(id);
        }
        // A deployment that names a stage is deployed to it.
        let stage = entry.get("stageName").and_then(Value::as_str).filter(|_| list == "deployments");
        let stages = self.below.get_mut("stages");
        if let Some(stage) = stage.and_then(|stage| stages?.get_mut(stage)) {
            stage["deploymentId"] = json!(id);
        }
        self.below.entry(list.to_owned()).or_default().insert(id.clone(), entry);
        id
    }
}

fn create_below(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let list = call.part(2).to_owned();
    let body = call.body()?;
    let mut api = api(call)?.clone();
    let (_, singular, _, required) = of_list(&list).ok_or_else(|| not_found("Not Found"))?;
    let entries = api.below.get(&list);
    if let Some(member) = required {
        let value = body.required(member).map_err(|error| bad(error.message))?;
        let taken = ["routes", "stages"].contains(&list.as_str())
            && entries.into_iter().flatten().any(|(_, entry)| entry[*member] == value);
        if taken {
            return Err(conflict(format!("{singular} with key {value} already exists for this API")));
        }
    }
    let given = given(call);
    let id = api.add(call, &list, &given);
    let answer = Answer::rest(201, &api.below[&list][&id]);
    keep(call, api);
    Ok(answer)
}

fn entry<'c>(call: &'c Call<'_, '_>) -> Result<&'c Value, ApiError> {
    let (list, id) = (call.part(2), call.part(3));
    let entry = api(call)?.below.get(list).and_then(|entries| entries.get(id));
    entry.ok_or_else(|| {
        let singular = of_list(list).map_or("Resource", |(_, singular, ..)| singular);
        not_found(format!("Unable to find {singular} by the specified id {id}"))
    })
}

fn update_below(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let mut changed = entry(call)?.clone();
    merge(&mut changed, &given(call));
    if changed.get("lastUpdatedDate").is_some() {
        changed["lastUpdatedDate"] = json!(time(call.cx.now));
    }
    let answer = Answer::rest(200, &changed);
    let (list, id) = (call.part(2).to_owned(), call.part(3).to_owned());
    api_mut(call)?.below.entry(list).or_default().insert(id, changed);
    Ok(answer)
}

fn delete_below(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    entry(call)?;
    let (list, id) = (call.part(2).to_owned(), call.part(3).to_owned());
    let target = format!("integrations/{id}");
    let routes = api(call)?.below.get("routes").into_iter().flatten();
    let user =
        routes.map(|(_, route)| route).find(|route| list == "integrations" && route["target"] == target.as_str());
    if let Some(route) = user {
        let message =
            format!("Cannot delete Integration '{id}' because it is referenced by Route {}", route["routeKey"]);
        return Err(conflict(message));
    }
    if let Some(entries) = api_mut(call)?.below.get_mut(&list) {
        entries.remove(&id);
    }
    Ok(Answer::empty(204))
}
