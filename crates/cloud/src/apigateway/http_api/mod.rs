//! HTTP and WebSocket APIs. An API's routes, integrations, stages and deployments are lists that all work alike.

mod document;

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    ApiError, ApiGatewayCall, CloudAnswer, bad_request, conflict_error, merge_members, not_found, operation_by_method,
};
use crate::dispatch;

/// An HTTP or WebSocket API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredHttpApi {
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

pub(super) fn http_api_operation_name(method: &Method, parts: &[&str]) -> Option<String> {
    let (get, post, put, patch, delete) = (Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
    let whole = match parts {
        ["apis"] => operation_by_method(method, &[(get, "GetApis"), (post, "CreateApi"), (put, "ImportApi")]),
        ["apis", _] => operation_by_method(
            method,
            &[(get, "GetApi"), (put, "ReimportApi"), (patch, "UpdateApi"), (delete, "DeleteApi")],
        ),
        ["apis", _, "exports", _] => operation_by_method(method, &[(get, "ExportApi")]),
        ["apis", _, list] => {
            let verb = operation_by_method(method, &[(get, "Get"), (post, "Create")])?;
            let plural = if verb == "Get" { "s" } else { "" };
            return Some(format!("{verb}{}{plural}", list_definition(list)?.1));
        }
        ["apis", _, list, _] => {
            let verb = operation_by_method(method, &[(get, "Get"), (patch, "Update"), (delete, "Delete")])?;
            return Some(format!("{verb}{}", list_definition(list)?.1));
        }
        _ => None,
    };
    whole.map(ToOwned::to_owned)
}

fn list_definition(list: &str) -> Option<&'static (&'static str, &'static str, &'static str, Option<&'static str>)> {
    LISTS.iter().find(|(path, ..)| *path == list)
}

pub(super) fn handle_http_api_request(
    call: &mut ApiGatewayCall<'_, '_>,
    operation: &str,
) -> Result<CloudAnswer, ApiError> {
    match operation {
        "CreateApi" => create_api(call),
        "ImportApi" => document::import_api(call),
        "GetApis" => {
            let apis = call.gateway_state().http.iter();
            call.list_answer(apis.map(|(id, api)| (id.clone(), api.shown.clone())))
        }
        "GetApi" => Ok(CloudAnswer::from_rest_json(200, &find_api(call)?.shown)),
        "UpdateApi" => {
            find_api(call)?;
            let given = call.request_members()?;
            let shown = &mut find_api_mut(call)?.shown;
            merge_members(shown, &given);
            Ok(CloudAnswer::from_rest_json(200, shown))
        }
        "DeleteApi" => delete_api(call),
        "ExportApi" => document::export_api(call),
        _ if call.parts.len() == 3 && operation.starts_with("Get") => {
            let entries = find_api(call)?.below.get(call.path_part(2)).into_iter().flatten();
            call.list_answer(entries.map(|(id, entry)| (id.clone(), entry.clone())))
        }
        _ if operation.starts_with("Create") => create_entry(call),
        _ if operation.starts_with("Get") => Ok(CloudAnswer::from_rest_json(200, find_entry(call)?)),
        _ if operation.starts_with("Update") => update_entry(call),
        _ if operation.starts_with("Delete") => delete_entry(call),
        _ => Err(dispatch::not_implemented("apigateway", operation)),
    }
}

fn format_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn find_api<'c>(call: &'c ApiGatewayCall<'_, '_>) -> Result<&'c StoredHttpApi, ApiError> {
    let id = call.path_part(1);
    call.gateway_state().http.get(id).ok_or_else(|| not_found(format!("Invalid API identifier specified {id}")))
}

/// The same, for changes.
fn find_api_mut<'c>(call: &'c mut ApiGatewayCall<'_, '_>) -> Result<&'c mut StoredHttpApi, ApiError> {
    // A mutable borrow counts as a change, so look it up first: a refused request must not change the state.
    find_api(call)?;
    let id = call.path_part(1).to_owned();
    call.gateway_state_mut().http.get_mut(&id).ok_or_else(|| not_found("Invalid API identifier specified"))
}

/// If `target` is given, a quick start: creates an integration, a route and a stage too.
fn create_api(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let body = call.json_body()?;
    let (name, protocol) = (body.required_text("name")?.to_owned(), body.required_text("protocolType")?.to_owned());
    if !["HTTP", "WEBSOCKET"].contains(&protocol.as_str()) {
        return Err(bad_request(format!("Invalid protocol specified: {protocol}. Must be one of [HTTP, WEBSOCKET]")));
    }
    let mut given = call.request_members()?;
    let (target, route) = (body.member_text("target"), body.member_text("routeKey").unwrap_or(DEFAULT_STAGE));
    if let Some(members) = given.as_object_mut() {
        for quick in ["target", "routeKey", "credentialsArn"] {
            members.remove(quick);
        }
    }
    let mut api = new_api(call, &name, &protocol, &given);
    if let Some(target) = target {
        let kind = if target.starts_with("arn:") { "AWS_PROXY" } else { "HTTP_PROXY" };
        let integration = json!({
            "integrationType": kind,
            "integrationUri": target,
            "integrationMethod": if kind == "AWS_PROXY" { "POST" } else { "ANY" },
            "payloadFormatVersion": if kind == "AWS_PROXY" { "2.0" } else { "1.0" },
        });
        let id = api.add_entry(call, "integrations", &integration);
        api.add_entry(call, "routes", &json!({ "routeKey": route, "target": format!("integrations/{id}") }));
        api.add_entry(call, "stages", &json!({ "stageName": DEFAULT_STAGE, "autoDeploy": true }));
    }
    let answer = CloudAnswer::from_rest_json(201, &api.shown);
    store_api(call, api);
    Ok(answer)
}

fn new_api(call: &mut ApiGatewayCall<'_, '_>, name: &str, protocol: &str, given: &Value) -> StoredHttpApi {
    let id = call.random_id(10);
    let scheme = if protocol == "WEBSOCKET" { "wss" } else { "https" };
    let mut shown = json!({
        "apiId": id,
        "name": name,
        "protocolType": protocol,
        "apiEndpoint": format!("{scheme}://{id}.execute-api.{}.amazonaws.com", call.cx.request_region()),
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "routeSelectionExpression": "$request.method $request.path",
        "createdDate": format_time(call.cx.now),
        "disableExecuteApiEndpoint": false,
        "tags": {},
    });
    merge_members(&mut shown, given);
    StoredHttpApi { shown, below: BTreeMap::new() }
}

fn store_api(call: &mut ApiGatewayCall<'_, '_>, api: StoredHttpApi) {
    let id = api.shown["apiId"].as_str().unwrap_or_default().to_owned();
    call.gateway_state_mut().http.insert(id, api);
}

fn delete_api(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    find_api(call)?;
    let id = call.path_part(1).to_owned();
    call.gateway_state_mut().http.remove(&id);
    Ok(CloudAnswer::without_body(204))
}

impl StoredHttpApi {
    /// Adds an entry with its defaults to one of the lists and returns its id.
    fn add_entry(&mut self, call: &mut ApiGatewayCall<'_, '_>, list: &str, given: &Value) -> String {
        let id = match given["stageName"].as_str().filter(|_| list == "stages") {
            Some(name) => name.to_owned(),
            None => call.random_id(7),
        };
        let now = format_time(call.cx.now);
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
        merge_members(&mut entry, given);
        if let Some((_, _, identifier, _)) = list_definition(list) {
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

fn create_entry(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let list = call.path_part(2).to_owned();
    let body = call.json_body()?;
    let mut api = find_api(call)?.clone();
    let (_, singular, _, required) = list_definition(&list).ok_or_else(|| not_found("Not Found"))?;
    let entries = api.below.get(&list);
    if let Some(member) = required {
        let value = body.required_text(member).map_err(|error| bad_request(error.message))?;
        let taken = ["routes", "stages"].contains(&list.as_str())
            && entries.into_iter().flatten().any(|(_, entry)| entry[*member] == value);
        if taken {
            return Err(conflict_error(format!("{singular} with key {value} already exists for this API")));
        }
    }
    let given = call.request_members()?;
    let id = api.add_entry(call, &list, &given);
    let answer = CloudAnswer::from_rest_json(201, &api.below[&list][&id]);
    store_api(call, api);
    Ok(answer)
}

fn find_entry<'c>(call: &'c ApiGatewayCall<'_, '_>) -> Result<&'c Value, ApiError> {
    let (list, id) = (call.path_part(2), call.path_part(3));
    let entry = find_api(call)?.below.get(list).and_then(|entries| entries.get(id));
    entry.ok_or_else(|| {
        let singular = list_definition(list).map_or("Resource", |(_, singular, ..)| singular);
        not_found(format!("Unable to find {singular} by the specified id {id}"))
    })
}

fn update_entry(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let mut changed = find_entry(call)?.clone();
    merge_members(&mut changed, &call.request_members()?);
    if changed.get("lastUpdatedDate").is_some() {
        changed["lastUpdatedDate"] = json!(format_time(call.cx.now));
    }
    let answer = CloudAnswer::from_rest_json(200, &changed);
    let (list, id) = (call.path_part(2).to_owned(), call.path_part(3).to_owned());
    find_api_mut(call)?.below.entry(list).or_default().insert(id, changed);
    Ok(answer)
}

fn delete_entry(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    find_entry(call)?;
    let (list, id) = (call.path_part(2).to_owned(), call.path_part(3).to_owned());
    let target = format!("integrations/{id}");
    let routes = find_api(call)?.below.get("routes").into_iter().flatten();
    let user =
        routes.map(|(_, route)| route).find(|route| list == "integrations" && route["target"] == target.as_str());
    if let Some(route) = user {
        let message =
            format!("Cannot delete Integration '{id}' because it is referenced by Route {}", route["routeKey"]);
        return Err(conflict_error(message));
    }
    if let Some(entries) = find_api_mut(call)?.below.get_mut(&list) {
        entries.remove(&id);
    }
    Ok(CloudAnswer::without_body(204))
}
