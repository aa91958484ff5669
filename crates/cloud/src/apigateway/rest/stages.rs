//! Deployments and stages of a REST API.

use serde_json::{Value, json};

use super::super::{conflict, merge};
use super::methods::{check_deployable, given_tags};
use super::{Answer, ApiError, Call, api, api_mut, bad, not_found};

/// The method settings in a patch's path, with the member of each.
const SETTINGS: [(&str, &str); 7] = [
    ("metrics/enabled", "metricsEnabled"),
    ("logging/loglevel", "loggingLevel"),
    ("logging/dataTrace", "dataTraceEnabled"),
    ("throttling/burstLimit", "throttlingBurstLimit"),
    ("throttling/rateLimit", "throttlingRateLimit"),
    ("caching/enabled", "cachingEnabled"),
    ("caching/ttlInSeconds", "cacheTtlInSeconds"),
];

/// Creates a deployment. If `stageName` is given, also creates the stage or moves it to the deployment.
pub(super) fn deploy(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    check_deployable(api(call)?)?;
    let body = call.body()?;
    let (id, now) = (call.id(6), call.cx.now.as_second());
    let mut deployment = json!({ "id": id, "createdDate": now });
    if let Some(description) = body.text("description") {
        deployment["description"] = json!(description);
    }
    let stage = body.text("stageName").map(|name| {
        let stages = api(call).map(|api| api.stages.get(name).cloned());
        let mut stage = stages.ok().flatten().unwrap_or_else(|| new(name, now));
        stage["deploymentId"] = json!(id);
        stage["lastUpdatedDate"] = json!(now);
        if let Some(variables) = body.value("variables") {
            stage["variables"] = variables.clone();
        }
        (name.to_owned(), stage)
    });
    let answer = Answer::rest(201, &deployment);
    let api = api_mut(call)?;
    api.deployments.insert(id, deployment);
    api.stages.extend(stage);
    Ok(answer)
}

fn new(name: &str, now: i64) -> Value {
    json!({
        "stageName": name,
        "createdDate": now,
        "lastUpdatedDate": now,
        "cacheClusterEnabled": false,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {},
        "tracingEnabled": false,
        "tags": {},
    })
}

pub(super) fn get_deployment(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    Ok(Answer::rest(200, deployment(call, call.part(3))?))
}

fn deployment<'c>(call: &'c Call<'_, '_>, id: &str) -> Result<&'c Value, ApiError> {
    api(call)?.deployments.get(id).ok_or_else(|| not_found("Invalid Deployment identifier specified"))
}

pub(super) fn delete_deployment(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let id = call.part(3).to_owned();
    deployment(call, &id)?;
    if api(call)?.stages.values().any(|stage| stage["deploymentId"] == id.as_str()) {
        return Err(bad("Active stages pointing to this deployment must be moved or deleted"));
    }
    api_mut(call)?.deployments.remove(&id);
    Ok(Answer::empty(202))
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let body = call.body()?;
    let name = body.required("stageName")?.to_owned();
    deployment(call, body.required("deploymentId")?)?;
    if api(call)?.stages.contains_key(&name) {
        return Err(conflict("Stage already exists"));
    }
    let mut stage = new(&name, call.cx.now.as_second());
    merge(&mut stage, &serde_json::from_slice(&call.request.body).unwrap_or_default());
    stage["tags"] = given_tags(call);
    let answer = Answer::rest(201, &stage);
    api_mut(call)?.stages.insert(name, stage);
    Ok(answer)
}

/// `Stage` in the API reference.
pub(super) fn stage<'c>(call: &'c Call<'_, '_>) -> Result<&'c Value, ApiError> {
    api(call)?.stages.get(call.part(3)).ok_or_else(|| not_found("Invalid stage identifier specified"))
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    stage(call)?;
    let name = call.part(3).to_owned();
    api_mut(call)?.stages.remove(&name);
    Ok(Answer::empty(202))
}

pub(super) fn update(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let mut changed = stage(call)?.clone();
    for operation in call.body()?.list("patchOperations") {
        let (path, value) = (operation["path"].as_str().unwrap_or_default(), &operation["value"]);
        patch(call, &mut changed, operation["op"].as_str().unwrap_or_default(), path, value)?;
    }
    changed["lastUpdatedDate"] = json!(call.cx.now.as_second());
    let answer = Answer::rest(200, &changed);
    let name = call.part(3).to_owned();
    api_mut(call)?.stages.insert(name, changed);
    Ok(answer)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html#UpdateStage-Patch>
fn patch(call: &Call<'_, '_>, stage: &mut Value, op: &str, path: &str, value: &Value) -> Result<(), ApiError> {
    let invalid = || bad(format!("Invalid patch path {path}"));
    let path = path.strip_prefix('/').ok_or_else(invalid)?;
    match path {
        "description" | "tracingEnabled" | "clientCertificateId" => {
            stage[path] = typed(value);
            return Ok(());
        }
        "deploymentId" => {
            deployment(call, value.as_str().unwrap_or_default()).map_err(|_| bad("Invalid deployment identifier"))?;
            stage[path] = value.clone();
            return Ok(());
        }
        _ => {}
    }
    if let Some(name) = path.strip_prefix("variables/") {
        if op == "remove" {
            stage["variables"].as_object_mut().map(|variables| variables.remove(name));
        } else {
            stage["variables"][name] = value.clone();
        }
        return Ok(());
    }
    let setting = SETTINGS.iter().find_map(|(suffix, member)| Some((path.strip_suffix(suffix)?, *member)));
    match setting {
        Some((method, member)) => {
            let method = method.trim_end_matches('/');
            let settings = stage["methodSettings"].as_object_mut().ok_or_else(invalid)?;
            settings.entry(method.to_owned()).or_insert_with(defaults)[member] = typed(value);
        }
        None if op == "remove" && path.contains('/') => {
            stage["methodSettings"].as_object_mut().map(|settings| settings.remove(path));
        }
        None => return Err(invalid()),
    }
    Ok(())
}

/// Parses a value of a patch, where every value is a string.
fn typed(value: &Value) -> Value {
    let parsed = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    parsed.filter(|parsed| parsed.is_boolean() || parsed.is_number()).unwrap_or_else(|| value.clone())
}

fn defaults() -> Value {
    json!({
        "metricsEnabled": false,
        "dataTraceEnabled": false,
        "throttlingBurstLimit": 5000,
        "throttlingRateLimit": 10_000.0,
        "cachingEnabled": false,
        "cacheTtlInSeconds": 300,
        "cacheDataEncrypted": false,
        "requireAuthorizationForCacheControl": true,
        "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    })
}
