//! REST APIs: the APIs themselves, and the mapping of requests to operations.

mod document;
mod methods;
mod stages;

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, ApiError, Call, bad, by, merge, not_found};
use crate::{Request, dispatch};

/// A REST API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestApi {
    /// `RestApi` in the API reference.
    pub shown: Value,
    /// By id.
    pub resources: BTreeMap<String, Resource>,
    /// `Deployment` in the API reference, by id.
    pub deployments: BTreeMap<String, Value>,
    /// `Stage` in the API reference, by name.
    pub stages: BTreeMap<String, Value>,
}

/// A resource of a REST API: a path with its methods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    pub path: String,
    /// `None` for the root.
    pub parent: Option<String>,
    /// `Method` in the API reference with its integration, by verb.
    pub methods: BTreeMap<String, Value>,
}

impl Resource {
    fn last_part(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

pub(super) fn operation(request: &Request, parts: &[&str]) -> Option<String> {
    let (get, post, put, patch, delete) = (Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
    let name = match parts {
        ["restapis"] if request.query("mode") == Some("import") => by(&request.method, &[(post, "ImportRestApi")]),
        ["restapis"] => by(&request.method, &[(get, "GetRestApis"), (post, "CreateRestApi")]),
        ["restapis", _] => by(
            &request.method,
            &[(get, "GetRestApi"), (put, "PutRestApi"), (patch, "UpdateRestApi"), (delete, "DeleteRestApi")],
        ),
        ["restapis", _, "resources"] => by(&request.method, &[(get, "GetResources")]),
        ["restapis", _, "resources", _] => {
            by(&request.method, &[(get, "GetResource"), (post, "CreateResource"), (delete, "DeleteResource")])
        }
        [.., "methods", _] => by(&request.method, &[(get, "GetMethod"), (put, "PutMethod"), (delete, "DeleteMethod")]),
        [.., "methods", _, "integration"] => {
            by(&request.method, &[(get, "GetIntegration"), (put, "PutIntegration"), (delete, "DeleteIntegration")])
        }
        [.., "integration", "responses", _] => by(&request.method, &[(put, "PutIntegrationResponse")]),
        [.., "methods", _, "responses", _] => by(&request.method, &[(put, "PutMethodResponse")]),
        ["restapis", _, "deployments"] => by(&request.method, &[(get, "GetDeployments"), (post, "CreateDeployment")]),
        ["restapis", _, "deployments", _] => {
            by(&request.method, &[(get, "GetDeployment"), (delete, "DeleteDeployment")])
        }
        ["restapis", _, "stages"] => by(&request.method, &[(get, "GetStages"), (post, "CreateStage")]),
        ["restapis", _, "stages", _] => {
            by(&request.method, &[(get, "GetStage"), (patch, "UpdateStage"), (delete, "DeleteStage")])
        }
        ["restapis", _, "stages", _, "exports", _] => by(&request.method, &[(get, "GetExport")]),
        ["restapis", _, "authorizers"] => by(&request.method, &[(get, "GetAuthorizers")]),
        ["restapis", _, "models"] => by(&request.method, &[(get, "GetModels")]),
        _ => None,
    };
    name.map(ToOwned::to_owned)
}

pub(super) fn handle(call: &mut Call<'_, '_>, operation: &str) -> Result<Answer, ApiError> {
    match operation {
        "CreateRestApi" => create(call),
        "ImportRestApi" => document::import(call),
        "PutRestApi" => document::put(call),
        "GetRestApis" => {
            let apis = call.state().rest.iter();
            call.listed(apis.map(|(id, api)| (id.clone(), api.shown.clone())))
        }
        "GetRestApi" => Ok(Answer::rest(200, &api(call)?.shown)),
        "UpdateRestApi" => update(call),
        "DeleteRestApi" => delete(call),
        "GetResources" => methods::list_resources(call),
        "GetResource" => methods::get_resource(call),
        "CreateResource" => methods::create_resource(call),
        "DeleteResource" => methods::delete_resource(call),
        "GetMethod" => Ok(Answer::rest(200, methods::method(call)?)),
        "PutMethod" => methods::put(call),
        "DeleteMethod" => methods::delete(call),
        "GetIntegration" => methods::get_integration(call),
        "PutIntegration" => methods::put_integration(call),
        "DeleteIntegration" => methods::delete_integration(call),
        "PutMethodResponse" => methods::put_response(call, false),
        "PutIntegrationResponse" => methods::put_response(call, true),
        "GetDeployments" => {
            let deployments = api(call)?.deployments.iter();
            call.listed(deployments.map(|(id, deployment)| (id.clone(), deployment.clone())))
        }
        "CreateDeployment" => stages::deploy(call),
        "GetDeployment" => stages::get_deployment(call),
        "DeleteDeployment" => stages::delete_deployment(call),
        "GetStages" => Ok(Answer::rest(200, &json!({ "item": api(call)?.stages.values().collect::<Vec<_>>() }))),
        "CreateStage" => stages::create(call),
        "GetStage" => Ok(Answer::rest(200, stages::stage(call)?)),
        "UpdateStage" => stages::update(call),
        "DeleteStage" => stages::delete(call),
        "GetExport" => document::export(call),
        // The embedded cloud can create neither, so both lists are empty.
        "GetAuthorizers" | "GetModels" => {
            api(call)?;
            call.listed([])
        }
        _ => Err(dispatch::not_implemented("apigateway", operation)),
    }
}

fn api<'c>(call: &'c Call<'_, '_>) -> Result<&'c RestApi, ApiError> {
    let id = call.part(1);
    call.state().rest.get(id).ok_or_else(|| no_api(call, id))
}

/// The same, for changes.
fn api_mut<'c>(call: &'c mut Call<'_, '_>) -> Result<&'c mut RestApi, ApiError> {
    // A mutable borrow counts as a change, so look it up first: a refused request must not change the state.
    api(call)?;
    let id = call.part(1).to_owned();
    let missing = no_api(call, &id);
    call.state_mut().rest.get_mut(&id).ok_or(missing)
}

fn no_api(call: &Call<'_, '_>, id: &str) -> ApiError {
    not_found(format!("Invalid API identifier specified {}:{id}", call.cx.account()))
}

fn create(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let name = call.body()?.required("name")?.to_owned();
    let given: Value = serde_json::from_slice(&call.request.body).unwrap_or_default();
    let api = new(call, &name, &given);
    let answer = Answer::rest(201, &api.shown);
    keep(call, api);
    Ok(answer)
}

/// A new API with only its root.
fn new(call: &mut Call<'_, '_>, name: &str, given: &Value) -> RestApi {
    let (id, root) = (call.id(10), call.id(10));
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
    merge(&mut shown, given);
    let resource = Resource { path: "/".to_owned(), parent: None, methods: BTreeMap::new() };
    RestApi { shown, resources: [(root, resource)].into(), deployments: BTreeMap::new(), stages: BTreeMap::new() }
}

fn keep(call: &mut Call<'_, '_>, api: RestApi) {
    let id = api.shown["id"].as_str().unwrap_or_default().to_owned();
    call.state_mut().rest.insert(id, api);
}

/// Only the name, description and policy can be changed.
fn update(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let mut shown = api(call)?.shown.clone();
    for operation in call.body()?.list("patchOperations") {
        let path = operation["path"].as_str().unwrap_or_default();
        match path {
            "/name" | "/description" | "/policy" => shown[&path[1..]] = operation["value"].clone(),
            _ => return Err(bad(format!("Invalid patch path {path}"))),
        }
    }
    let answer = Answer::rest(200, &shown);
    api_mut(call)?.shown = shown;
    Ok(answer)
}

fn delete(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    api(call)?;
    let id = call.part(1).to_owned();
    let mut domains = call.state().domains.iter();
    if let Some((name, _)) = domains.find(|(_, domain)| domain.mappings.iter().any(|mapping| mapping.api_id == id)) {
        return Err(bad(format!("Please remove all base path mappings related to the API in your domain: {name}")));
    }
    call.state_mut().rest.remove(&id);
    Ok(Answer::empty(202))
}
