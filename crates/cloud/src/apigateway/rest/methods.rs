//! Resources of a REST API, their methods and integrations.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{conflict_error, merge_members, tags_of};
use super::{
    ApiError, ApiGatewayCall, CloudAnswer, RestResource, StoredRestApi, bad_request, find_api, find_api_mut, not_found,
};

pub(super) fn get_resources(call: &ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let whole = call.request.query_values("embed").contains(&"methods");
    call.list_answer(
        find_api(call)?.resources.iter().map(|(id, resource)| (id.clone(), resource_json(id, resource, whole))),
    )
}

pub(super) fn get_resource(call: &ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let whole = call.request.query_values("embed").contains(&"methods");
    Ok(CloudAnswer::from_rest_json(200, &resource_json(call.path_part(3), find_resource(call)?, whole)))
}

fn resource_json(id: &str, resource: &RestResource, whole: bool) -> Value {
    let mut shown = json!({ "id": id, "path": resource.path });
    if let Some(parent) = &resource.parent {
        shown["parentId"] = json!(parent);
        shown["pathPart"] = json!(resource.last_part());
    }
    for (verb, method) in &resource.methods {
        shown["resourceMethods"][verb] = if whole { method.clone() } else { json!({}) };
    }
    shown
}

fn find_resource<'c>(call: &'c ApiGatewayCall<'_, '_>) -> Result<&'c RestResource, ApiError> {
    find_api(call)?.resources.get(call.path_part(3)).ok_or_else(no_resource)
}

fn no_resource() -> ApiError {
    not_found("Invalid Resource identifier specified")
}

impl StoredRestApi {
    /// Finds or creates the resource at a path segment below `parent`.
    fn ensure_child(&mut self, parent: &str, part: &str, id: String) -> String {
        let path = match self.resources.get(parent) {
            Some(above) => format!("{}/{part}", above.path.trim_end_matches('/')),
            None => format!("/{part}"),
        };
        if let Some((known, _)) = self.resources.iter().find(|(_, resource)| resource.path == path) {
            return known.clone();
        }
        let resource = RestResource { path, parent: Some(parent.to_owned()), methods: BTreeMap::new() };
        self.resources.insert(id.clone(), resource);
        id
    }

    /// Finds or creates the resource at a path, with all missing parents. New ids come from `new_id`.
    pub(super) fn ensure_resource(&mut self, path: &str, mut new_id: impl FnMut() -> String) -> &mut RestResource {
        let root = self.shown["rootResourceId"].as_str().unwrap_or_default().to_owned();
        let parts = path.split('/').filter(|part| !part.is_empty());
        let id = parts.fold(root, |parent, part| self.ensure_child(&parent, part, new_id()));
        self.resources.entry(id).or_insert_with(|| RestResource {
            path: path.to_owned(),
            parent: None,
            methods: BTreeMap::new(),
        })
    }
}

pub(super) fn create_resource(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let part = call.json_body()?.required_text("pathPart")?.to_owned();
    let parent = call.path_part(3).to_owned();
    let (id, above) = (call.random_id(6), find_resource(call)?.path.clone());
    let path = format!("{}/{part}", above.trim_end_matches('/'));
    if find_api(call)?.resources.values().any(|resource| resource.path == path) {
        return Err(conflict_error(format!("Another resource with the same parent already has this name: {part}")));
    }
    let made = RestResource { path, parent: Some(parent), methods: BTreeMap::new() };
    let answer = CloudAnswer::from_rest_json(201, &resource_json(&id, &made, false));
    find_api_mut(call)?.resources.insert(id, made);
    Ok(answer)
}

/// Also deletes every resource below it.
pub(super) fn delete_resource(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let gone = find_resource(call)?.clone();
    if gone.parent.is_none() {
        return Err(bad_request("Root resource cannot be deleted"));
    }
    let below = format!("{}/", gone.path);
    find_api_mut(call)?
        .resources
        .retain(|_, resource| resource.path != gone.path && !resource.path.starts_with(&below));
    Ok(CloudAnswer::without_body(202))
}

/// `Method` in the API reference.
pub(super) fn find_method<'c>(call: &'c ApiGatewayCall<'_, '_>) -> Result<&'c Value, ApiError> {
    let method = find_resource(call)?.methods.get(call.path_part(5));
    method.ok_or_else(|| not_found("Invalid Method identifier specified"))
}

/// The same, for changes.
fn find_method_mut<'c>(call: &'c mut ApiGatewayCall<'_, '_>) -> Result<&'c mut Value, ApiError> {
    find_method(call)?;
    let (id, verb) = (call.path_part(3).to_owned(), call.path_part(5).to_owned());
    let resource = find_api_mut(call)?.resources.get_mut(&id).ok_or_else(no_resource)?;
    resource.methods.get_mut(&verb).ok_or_else(no_resource)
}

pub(super) fn put_method(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let (id, verb) = (call.path_part(3).to_owned(), call.path_part(5).to_owned());
    call.json_body()?.required_text("authorizationType")?;
    if find_resource(call)?.methods.contains_key(&verb) {
        return Err(conflict_error("Method already exists for this resource"));
    }
    let mut made = json!({ "httpMethod": verb, "apiKeyRequired": false });
    merge_members(&mut made, &call.request_members()?);
    let answer = CloudAnswer::from_rest_json(201, &made);
    if let Some(resource) = find_api_mut(call)?.resources.get_mut(&id) {
        resource.methods.insert(verb, made);
    }
    Ok(answer)
}

pub(super) fn delete_method(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    find_method(call)?;
    let (id, verb) = (call.path_part(3).to_owned(), call.path_part(5).to_owned());
    if let Some(resource) = find_api_mut(call)?.resources.get_mut(&id) {
        resource.methods.remove(&verb);
    }
    Ok(CloudAnswer::without_body(204))
}

pub(super) fn get_integration(call: &ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    Ok(CloudAnswer::from_rest_json(200, find_integration(find_method(call)?)?))
}

fn find_integration(method: &Value) -> Result<&Value, ApiError> {
    method.get("methodIntegration").ok_or_else(|| not_found("Invalid Integration identifier specified"))
}

pub(super) fn put_integration(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let kind = call.json_body()?.required_text("type")?.to_owned();
    let body = call.json_body()?;
    if kind != "MOCK" && (body.member_text("uri").is_none() || body.member_text("httpMethod").is_none()) {
        return Err(bad_request("Enumeration value for HttpMethod and an integration URI must be non-empty"));
    }
    let mut made = json!({
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29_000,
        "cacheNamespace": call.path_part(3),
        "cacheKeyParameters": [],
    });
    merge_members(&mut made, &call.request_members()?);
    find_method_mut(call)?["methodIntegration"] = made.clone();
    Ok(CloudAnswer::from_rest_json(201, &made))
}

pub(super) fn delete_integration(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    find_integration(find_method(call)?)?;
    if let Some(members) = find_method_mut(call)?.as_object_mut() {
        members.remove("methodIntegration");
    }
    Ok(CloudAnswer::without_body(204))
}

/// Sets a response of a method or of its integration.
pub(super) fn put_response(call: &mut ApiGatewayCall<'_, '_>, of_integration: bool) -> Result<CloudAnswer, ApiError> {
    if of_integration {
        find_integration(find_method(call)?)?;
    }
    let status = call.path_part(if of_integration { 8 } else { 7 }).to_owned();
    let mut made = json!({ "statusCode": status });
    merge_members(&mut made, &call.request_members()?);
    let method = find_method_mut(call)?;
    if of_integration {
        method["methodIntegration"]["integrationResponses"][&status] = made.clone();
    } else {
        method["methodResponses"][&status] = made.clone();
    }
    Ok(CloudAnswer::from_rest_json(201, &made))
}

/// Checks what a deployment needs: at least one method, and an integration for each method.
pub(super) fn check_deployable(api: &StoredRestApi) -> Result<(), ApiError> {
    let mut methods = api.resources.values().flat_map(|resource| resource.methods.values()).peekable();
    if methods.peek().is_none() {
        return Err(bad_request("The REST API doesn't contain any methods"));
    }
    if methods.any(|method| method.get("methodIntegration").is_none()) {
        return Err(bad_request("No integration defined for method"));
    }
    Ok(())
}

/// The tags in a request's body.
pub(super) fn given_tags(call: &ApiGatewayCall<'_, '_>) -> Result<Value, ApiError> {
    Ok(json!(tags_of(&call.request_members()?)))
}
