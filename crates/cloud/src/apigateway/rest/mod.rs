//! REST APIs: the APIs themselves, and the mapping of requests to operations.

mod document;
mod methods;
mod stages;

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ApiError, ApiGatewayCall, CloudAnswer, bad_request, merge_members, not_found, operation_by_method};
use crate::{CloudRequest, dispatch};

/// A REST API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredRestApi {
    /// `StoredRestApi` in the API reference.
    pub shown: Value,
    /// By id.
    pub resources: BTreeMap<String, RestResource>,
    /// `Deployment` in the API reference, by id.
    pub deployments: BTreeMap<String, Value>,
    /// `Stage` in the API reference, by name.
    pub stages: BTreeMap<String, Value>,
}

/// A resource of a REST API: a path with its methods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestResource {
    pub path: String,
    /// `None` for the root.
    pub parent: Option<String>,
    /// `Method` in the API reference with its integration, by verb.
    pub methods: BTreeMap<String, Value>,
}

impl RestResource {
    fn last_part(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

pub(super) fn rest_operation_name(request: &CloudRequest, parts: &[&str]) -> Option<String> {
    let (get, post, put, patch, delete) = (Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
    let name = match parts {
        ["restapis"] if request.query_value("mode") == Some("import") => {
            operation_by_method(&request.method, &[(post, "ImportRestApi")])
        }
        ["restapis"] => operation_by_method(&request.method, &[(get, "GetRestApis"), (post, "CreateRestApi")]),
        ["restapis", _] => operation_by_method(
            &request.method,
            &[(get, "GetRestApi"), (put, "PutRestApi"), (patch, "UpdateRestApi"), (delete, "DeleteRestApi")],
        ),
        ["restapis", _, "resources"] => operation_by_method(&request.method, &[(get, "GetResources")]),
        ["restapis", _, "resources", _] => operation_by_method(
            &request.method,
            &[(get, "GetResource"), (post, "CreateResource"), (delete, "DeleteResource")],
        ),
        [.., "methods", _] => {
            operation_by_method(&request.method, &[(get, "GetMethod"), (put, "PutMethod"), (delete, "DeleteMethod")])
        }
        [.., "methods", _, "integration"] => operation_by_method(
            &request.method,
            &[(get, "GetIntegration"), (put, "PutIntegration"), (delete, "DeleteIntegration")],
        ),
        [.., "integration", "responses", _] => operation_by_method(&request.method, &[(put, "PutIntegrationResponse")]),
        [.., "methods", _, "responses", _] => operation_by_method(&request.method, &[(put, "PutMethodResponse")]),
        ["restapis", _, "deployments"] => {
            operation_by_method(&request.method, &[(get, "GetDeployments"), (post, "CreateDeployment")])
        }
        ["restapis", _, "deployments", _] => {
            operation_by_method(&request.method, &[(get, "GetDeployment"), (delete, "DeleteDeployment")])
        }
        ["restapis", _, "stages"] => operation_by_method(&request.method, &[(get, "GetStages"), (post, "CreateStage")]),
        ["restapis", _, "stages", _] => {
            operation_by_method(&request.method, &[(get, "GetStage"), (patch, "UpdateStage"), (delete, "DeleteStage")])
        }
        ["restapis", _, "stages", _, "exports", _] => operation_by_method(&request.method, &[(get, "GetExport")]),
        ["restapis", _, "authorizers"] => operation_by_method(&request.method, &[(get, "GetAuthorizers")]),
        ["restapis", _, "models"] => operation_by_method(&request.method, &[(get, "GetModels")]),
        _ => None,
    };
    name.map(ToOwned::to_owned)
}

pub(super) fn handle_rest_request(call: &mut ApiGatewayCall<'_, '_>, operation: &str) -> Result<CloudAnswer, ApiError> {
    match operation {
        "CreateRestApi" => create_rest_api(call),
        "ImportRestApi" => document::import_rest_api(call),
        "PutRestApi" => document::put_rest_api(call),
        "GetRestApis" => {
            let apis = call.gateway_state().rest.iter();
            call.list_answer(apis.map(|(id, api)| (id.clone(), api.shown.clone())))
        }
        "GetRestApi" => Ok(CloudAnswer::from_rest_json(200, &find_api(call)?.shown)),
        "UpdateRestApi" => update_rest_api(call),
        "DeleteRestApi" => delete_rest_api(call),
        "GetResources" => methods::get_resources(call),
        "GetResource" => methods::get_resource(call),
        "CreateResource" => methods::create_resource(call),
        "DeleteResource" => methods::delete_resource(call),
        "GetMethod" => Ok(CloudAnswer::from_rest_json(200, methods::find_method(call)?)),
        "PutMethod" => methods::put_method(call),
        "DeleteMethod" => methods::delete_method(call),
        "GetIntegration" => methods::get_integration(call),
        "PutIntegration" => methods::put_integration(call),
        "DeleteIntegration" => methods::delete_integration(call),
        "PutMethodResponse" => methods::put_response(call, false),
        "PutIntegrationResponse" => methods::put_response(call, true),
        "GetDeployments" => {
            let deployments = find_api(call)?.deployments.iter();
            call.list_answer(deployments.map(|(id, deployment)| (id.clone(), deployment.clone())))
        }
        "CreateDeployment" => stages::create_deployment(call),
        "GetDeployment" => stages::get_deployment(call),
        "DeleteDeployment" => stages::delete_deployment(call),
        "GetStages" => Ok(CloudAnswer::from_rest_json(
            200,
            &json!({ "item": find_api(call)?.stages.values().collect::<Vec<_>>() }),
        )),
        "CreateStage" => stages::create_stage(call),
        "GetStage" => Ok(CloudAnswer::from_rest_json(200, stages::find_stage(call)?)),
        "UpdateStage" => stages::update_stage(call),
        "DeleteStage" => stages::delete_stage(call),
        "GetExport" => document::get_export(call),
        // The embedded cloud can create neither, so both lists are empty.
        "GetAuthorizers" | "GetModels" => {
            find_api(call)?;
            call.list_answer([])
        }
        _ => Err(dispatch::not_implemented("apigateway", operation)),
    }
}

fn find_api<'c>(call: &'c ApiGatewayCall<'_, '_>) -> Result<&'c StoredRestApi, ApiError> {
    let id = call.path_part(1);
    call.gateway_state().rest.get(id).ok_or_else(|| no_api(call, id))
}

/// The same, for changes.
fn find_api_mut<'c>(call: &'c mut ApiGatewayCall<'_, '_>) -> Result<&'c mut StoredRestApi, ApiError> {
    // A mutable borrow counts as a change, so look it up first: a refused request must not change the state.
    find_api(call)?;
    let id = call.path_part(1).to_owned();
    let missing = no_api(call, &id);
    call.gateway_state_mut().rest.get_mut(&id).ok_or(missing)
}

fn no_api(call: &ApiGatewayCall<'_, '_>, id: &str) -> ApiError {
    not_found(format!("Invalid API identifier specified {}:{id}", call.cx.account_id()))
}

fn create_rest_api(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let name = call.json_body()?.required_text("name")?.to_owned();
    let given = call.request_members()?;
    let api = new_api(call, &name, &given);
    let answer = CloudAnswer::from_rest_json(201, &api.shown);
    store_api(call, api);
    Ok(answer)
}

/// A new API with only its root.
fn new_api(call: &mut ApiGatewayCall<'_, '_>, name: &str, given: &Value) -> StoredRestApi {
    let (id, root) = (call.random_id(10), call.random_id(10));
    let mut shown = json!({
        "id": id,
        "name": name,
        "createdDate": call.cx.now.as_second(),
        "apiKeySource": "HEADER",
        "endpointConfiguration": { "types": ["EDGE"], "ipAddressType": "ipv4" },
        "tags": {},
        "disableExecuteApiEndpoint": false,
        "rootResourceId": root,
    });
    merge_members(&mut shown, given);
    let resource = RestResource { path: "/".to_owned(), parent: None, methods: BTreeMap::new() };
    StoredRestApi { shown, resources: [(root, resource)].into(), deployments: BTreeMap::new(), stages: BTreeMap::new() }
}

fn store_api(call: &mut ApiGatewayCall<'_, '_>, api: StoredRestApi) {
    let id = api.shown["id"].as_str().unwrap_or_default().to_owned();
    call.gateway_state_mut().rest.insert(id, api);
}

/// Only the name, description and policy can be changed.
fn update_rest_api(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let mut shown = find_api(call)?.shown.clone();
    for operation in call.json_body()?.member_list("patchOperations") {
        let path = operation["path"].as_str().unwrap_or_default();
        match path {
            "/name" | "/description" | "/policy" => shown[&path[1..]] = operation["value"].clone(),
            _ => return Err(bad_request(format!("Invalid patch path {path}"))),
        }
    }
    let answer = CloudAnswer::from_rest_json(200, &shown);
    find_api_mut(call)?.shown = shown;
    Ok(answer)
}

fn delete_rest_api(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    find_api(call)?;
    let id = call.path_part(1).to_owned();
    let mut domains = call.gateway_state().domains.iter();
    if let Some((name, _)) = domains.find(|(_, domain)| domain.mappings.iter().any(|mapping| mapping.api_id == id)) {
        return Err(bad_request(format!(
            "Please remove all base path mappings related to the API in your domain: {name}"
        )));
    }
    call.gateway_state_mut().rest.remove(&id);
    Ok(CloudAnswer::without_body(202))
}
