//! Deployments and stages of a REST API.

use serde_json::{Value, json};

use super::super::{conflict_error, merge_members};
use super::methods::{check_deployable, given_tags};
use super::{ApiError, ApiGatewayCall, CloudAnswer, bad_request, find_api, find_api_mut, not_found};

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
pub(super) fn create_deployment(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    check_deployable(find_api(call)?)?;
    let body = call.json_body()?;
    let (id, now) = (call.random_id(6), call.cx.now.as_second());
    let mut deployment = json!({ "id": id, "createdDate": now });
    if let Some(description) = body.member_text("description") {
        deployment["description"] = json!(description);
    }
    let stage = body.member_text("stageName").map(|name| {
        let stages = find_api(call).map(|api| api.stages.get(name).cloned());
        let mut stage = stages.ok().flatten().unwrap_or_else(|| new_stage(name, now));
        stage["deploymentId"] = json!(id);
        stage["lastUpdatedDate"] = json!(now);
        if let Some(variables) = body.member_value("variables") {
            stage["variables"] = variables.clone();
        }
        (name.to_owned(), stage)
    });
    let answer = CloudAnswer::from_rest_json(201, &deployment);
    let api = find_api_mut(call)?;
    api.deployments.insert(id, deployment);
    api.stages.extend(stage);
    Ok(answer)
}

fn new_stage(name: &str, now: i64) -> Value {
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

pub(super) fn get_deployment(call: &ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    Ok(CloudAnswer::from_rest_json(200, find_deployment(call, call.path_part(3))?))
}

fn find_deployment<'c>(call: &'c ApiGatewayCall<'_, '_>, id: &str) -> Result<&'c Value, ApiError> {
    find_api(call)?.deployments.get(id).ok_or_else(|| not_found("Invalid Deployment identifier specified"))
}

pub(super) fn delete_deployment(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let id = call.path_part(3).to_owned();
    find_deployment(call, &id)?;
    if find_api(call)?.stages.values().any(|stage| stage["deploymentId"] == id.as_str()) {
        return Err(bad_request("Active stages pointing to this deployment must be moved or deleted"));
    }
    find_api_mut(call)?.deployments.remove(&id);
    Ok(CloudAnswer::without_body(202))
}

pub(super) fn create_stage(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let body = call.json_body()?;
    let name = body.required_text("stageName")?.to_owned();
    find_deployment(call, body.required_text("deploymentId")?)?;
    if find_api(call)?.stages.contains_key(&name) {
        return Err(conflict_error("Stage already exists"));
    }
    let mut stage = new_stage(&name, call.cx.now.as_second());
    merge_members(&mut stage, &call.request_members()?);
    stage["tags"] = given_tags(call)?;
    let answer = CloudAnswer::from_rest_json(201, &stage);
    find_api_mut(call)?.stages.insert(name, stage);
    Ok(answer)
}

/// `Stage` in the API reference.
pub(super) fn find_stage<'c>(call: &'c ApiGatewayCall<'_, '_>) -> Result<&'c Value, ApiError> {
    find_api(call)?.stages.get(call.path_part(3)).ok_or_else(|| not_found("Invalid stage identifier specified"))
}

pub(super) fn delete_stage(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    find_stage(call)?;
    let name = call.path_part(3).to_owned();
    find_api_mut(call)?.stages.remove(&name);
    Ok(CloudAnswer::without_body(202))
}

pub(super) fn update_stage(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let mut changed = find_stage(call)?.clone();
    for operation in call.json_body()?.member_list("patchOperations") {
        let (path, value) = (operation["path"].as_str().unwrap_or_default(), &operation["value"]);
        patch_stage(call, &mut changed, operation["op"].as_str().unwrap_or_default(), path, value)?;
    }
    changed["lastUpdatedDate"] = json!(call.cx.now.as_second());
    let answer = CloudAnswer::from_rest_json(200, &changed);
    let name = call.path_part(3).to_owned();
    find_api_mut(call)?.stages.insert(name, changed);
    Ok(answer)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html#UpdateStage-Patch>
fn patch_stage(
    call: &ApiGatewayCall<'_, '_>,
    stage: &mut Value,
    op: &str,
    path: &str,
    value: &Value,
) -> Result<(), ApiError> {
    let invalid = || bad_request(format!("Invalid patch path {path}"));
    let path = path.strip_prefix('/').ok_or_else(invalid)?;
    match path {
        "description" | "tracingEnabled" | "clientCertificateId" => {
            stage[path] = parse_patch_value(value);
            return Ok(());
        }
        "deploymentId" => {
            find_deployment(call, value.as_str().unwrap_or_default())
                .map_err(|_| bad_request("Invalid deployment identifier"))?;
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
            settings.entry(method.to_owned()).or_insert_with(default_method_settings)[member] =
                parse_patch_value(value);
        }
        None if op == "remove" && path.contains('/') => {
            stage["methodSettings"].as_object_mut().map(|settings| settings.remove(path));
        }
        None => return Err(invalid()),
    }
    Ok(())
}

/// Parses a value of a patch, where every value is a string.
fn parse_patch_value(value: &Value) -> Value {
    let parsed = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    parsed.filter(|parsed| parsed.is_boolean() || parsed.is_number()).unwrap_or_else(|| value.clone())
}

fn default_method_settings() -> Value {
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
