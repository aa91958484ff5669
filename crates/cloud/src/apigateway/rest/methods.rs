//! Resources of a REST API, their methods and integrations.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{conflict, merge, tags_of};
use super::{Answer, ApiError, Call, Resource, RestApi, api, api_mut, bad, not_found};

pub(super) fn list_resources(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let whole = call.request.query_all("embed").contains(&"methods");
    call.listed(api(call)?.resources.iter().map(|(id, resource)| (id.clone(), shown(id, resource, whole))))
}

pub(super) fn get_resource(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let whole = call.request.query_all("embed").contains(&"methods");
    Ok(Answer::rest(200, &shown(call.part(3), resource(call)?, whole)))
}

fn shown(id: &str, resource: &Resource, whole: bool) -> Value {
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

fn resource<'c>(call: &'c Call<'_, '_>) -> Result<&'c Resource, ApiError> {
    api(call)?.resources.get(call.part(3)).ok_or_else(no_resource)
}

fn no_resource() -> ApiError {
    not_found("Invalid Resource identifier specified")
}

impl RestApi {
    /// Finds or creates the resource at a path segment below `parent`.
    fn below(&mut self, parent: &str, part: &str, id: String) -> String {
        let path = match self.resources.get(parent) {
            Some(above) => format!("{}/{part}", above.path.trim_end_matches('/')),
            None => format!("/{part}"),
        };
        if let Some((known, _)) = self.resources.iter().find(|(_, resource)| resource.path == path) {
            return known.clone();
        }
        let resource = Resource { path, parent: Some(parent.to_owned()), methods: BTreeMap::new() };
        self.resources.insert(id.clone(), resource);
        id
    }

    /// Finds or creates the resource at a path, with all missing parents. New ids come from `new_id`.
    pub(super) fn at(&mut self, path: &str, mut new_id: impl FnMut() -> String) -> &mut Resource {
        let root = self.shown["rootResourceId"].as_str().unwrap_or_default().to_owned();
        let parts = path.split('/').filter(|part| !part.is_empty());
        let id = parts.fold(root, |parent, part| self.below(&parent, part, new_id()));
        self.resources.entry(id).or_insert_with(|| Resource {
            path: path.to_owned(),
            parent: None,
            methods: BTreeMap::new(),
        })
    }
}

pub(super) fn create_resource(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let part = call.body()?.required("pathPart")?.to_owned();
    let parent = call.part(3).to_owned();
    let (id, above) = (call.id(6), resource(call)?.path.clone());
    let path = format!("{}/{part}", above.trim_end_matches('/'));
    if api(call)?.resources.values().any(|resource| resource.path == path) {
        return Err(conflict(format!("Another resource with the same parent already has this name: {part}")));
    }
    let made = Resource { path, parent: Some(parent), methods: BTreeMap::new() };
    let answer = Answer::rest(201, &shown(&id, &made, false));
    api_mut(call)?.resources.insert(id, made);
    Ok(answer)
}

/// Also deletes every resource below it.
pub(super) fn delete_resource(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let gone = resource(call)?.clone();
    if gone.parent.is_none() {
        return Err(bad("Root resource cannot be deleted"));
    }
    let below = format!("{}/", gone.path);
    api_mut(call)?.resources.retain(|_, resource| resource.path != gone.path && !resource.path.starts_with(&below));
    Ok(Answer::empty(202))
}

/// `Method` in the API reference.
pub(super) fn method<'c>(call: &'c Call<'_, '_>) -> Result<&'c Value, ApiError> {
    let method = resource(call)?.methods.get(call.part(5));
    method.ok_or_else(|| not_found("Invalid Method identifier specified"))
}

/// The same, for changes.
fn method_mut<'c>(call: &'c mut Call<'_, '_>) -> Result<&'c mut Value, ApiError> {
    method(call)?;
    let (id, verb) = (call.part(3).to_owned(), call.part(5).to_owned());
    let resource = api_mut(call)?.resources.get_mut(&id).ok_or_else(no_resource)?;
    resource.methods.get_mut(&verb).ok_or_else(no_resource)
}

pub(super) fn put(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let (id, verb) = (call.part(3).to_owned(), call.part(5).to_owned());
    call.body()?.required("authorizationType")?;
    if resource(call)?.methods.contains_key(&verb) {
        return Err(conflict("Method already exists for this resource"));
    }
    let mut made = json!({ "httpMethod": verb, "apiKeyRequired": false });
    merge(&mut made, &given(call));
    let answer = Answer::rest(201, &made);
    if let Some(resource) = api_mut(call)?.resources.get_mut(&id) {
        resource.methods.insert(verb, made);
    }
    Ok(answer)
}

fn given(call: &Call<'_, '_>) -> Value {
    serde_json::from_slice(&call.request.body).unwrap_or_default()
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    method(call)?;
    let (id, verb) = (call.part(3).to_owned(), call.part(5).to_owned());
    if let Some(resource) = api_mut(call)?.resources.get_mut(&id) {
        resource.methods.remove(&verb);
    }
    Ok(Answer::empty(204))
}

pub(super) fn get_integration(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    Ok(Answer::rest(200, integration(method(call)?)?))
}

fn integration(method: &Value) -> Result<&Value, ApiError> {
    method.get("methodIntegration").ok_or_else(|| not_found("Invalid Integration identifier specified"))
}

pub(super) fn put_integration(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let kind = call.body()?.required("type")?.to_owned();
    let body = call.body()?;
    if kind != "MOCK" && (body.text("uri").is_none() || body.text("httpMethod").is_none()) {
        return Err(bad("Enumeration value for HttpMethod and an integration URI must be non-empty"));
    }
    let mut made = json!({
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29_000,
        "cacheNamespace": call.part(3),
        "cacheKeyParameters": [],
    });
    merge(&mut made, &given(call));
    method_mut(call)?["methodIntegration"] = made.clone();
    Ok(Answer::rest(201, &made))
}

pub(super) fn delete_integration(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    integration(method(call)?)?;
    if let Some(members) = method_mut(call)?.as_object_mut() {
        members.remove("methodIntegration");
    }
    Ok(Answer::empty(204))
}

/// Sets a response of a method or of its integration.
pub(super) fn put_response(call: &mut Call<'_, '_>, of_integration: bool) -> Result<Answer, ApiError> {
    if of_integration {
        integration(method(call)?)?;
    }
    let status = call.part(if of_integration { 8 } else { 7 }).to_owned();
    let mut made = json!({ "statusCode": status });
    merge(&mut made, &given(call));
    let method = method_mut(call)?;
    if of_integration {
        method["methodIntegration"]["integrationResponses"][&status] = made.clone();
    } else {
        method["methodResponses"][&status] = made.clone();
    }
    Ok(Answer::rest(201, &made))
}

/// Checks what a deployment needs: at least one method, and an integration for each method.
pub(super) fn check_deployable(api: &RestApi) -> Result<(), ApiError> {
    let mut methods = api.resources.values().flat_map(|resource| resource.methods.values()).peekable();
    if methods.peek().is_none() {
        return Err(bad("The REST API doesn't contain any methods"));
    }
    if methods.any(|method| method.get("methodIntegration").is_none()) {
        return Err(bad("No integration defined for method"));
    }
    Ok(())
}

/// The tags in a request's body.
pub(super) fn given_tags(call: &Call<'_, '_>) -> Value {
    json!(tags_of(&given(call)))
}
