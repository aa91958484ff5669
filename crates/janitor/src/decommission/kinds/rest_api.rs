//! API Gateway's REST APIs: each stage's export as OpenAPI with Amazon's extensions, the stages, the domains' mappings.

use aws_sdk_apigateway::primitives::Blob;
use aws_sdk_apigateway::types::{Op, PatchOperation, PutMode};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::parts::{Parts, replace_word};
use super::super::wire::{answer, list, members, text};
use super::super::{Cx, TAG_RESTORING, Target, optional, unexpected};
use super::{Restored, time};
use deployer_aws::{Call, CallError, Found};

pub(super) const NEW: &[&str] = &[
    "api.json/id",
    "api.json/createdDate",
    "api.json/rootResourceId",
    "stages.json/*/deploymentId",
    "stages.json/*/createdDate",
    "stages.json/*/lastUpdatedDate",
    "deployments.json/*/id",
    "deployments.json/*/createdDate",
    // An export contains the time and the address. Its contents are compared through the resources.
    "openapi",
    "resources.json/*/*/methodIntegration/cacheNamespace",
    "resources.json/*/*/authorizerId",
    "resources.json/*/*/requestValidatorId",
];

/// The members of a response that `CreateRestApi` accepts.
const API: &[&str] = &[
    "name",
    "description",
    "version",
    "binaryMediaTypes",
    "minimumCompressionSize",
    "apiKeySource",
    "policy",
    "disableExecuteApiEndpoint",
    "securityPolicy",
    "endpointAccessMode",
];
/// The members of a response that `CreateStage` accepts.
const STAGE: &[&str] = &[
    "stageName",
    "description",
    "cacheClusterEnabled",
    "cacheClusterSize",
    "variables",
    "documentationVersion",
    "canarySettings",
    "tracingEnabled",
    "tags",
];
/// The settings of a method, each with its path in `UpdateStage`
/// (<https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html>).
const SETTINGS: [(&str, &str); 10] = [
    ("metricsEnabled", "metrics/enabled"),
    ("loggingLevel", "logging/loglevel"),
    ("dataTraceEnabled", "logging/dataTrace"),
    ("throttlingBurstLimit", "throttling/burstLimit"),
    ("throttlingRateLimit", "throttling/rateLimit"),
    ("cachingEnabled", "caching/enabled"),
    ("cacheTtlInSeconds", "caching/ttlInSeconds"),
    ("cacheDataEncrypted", "caching/dataEncrypted"),
    ("requireAuthorizationForCacheControl", "caching/requireAuthorizationForCacheControl"),
    ("unauthorizedCacheControlHeaderStrategy", "caching/unauthorizedCacheControlHeaderStrategy"),
];
/// The path of the settings for all methods of all resources.
const ALL: &str = "*/*";

pub(super) async fn read(cx: &Cx<'_>, target: &Target) -> Result<Option<Parts>, CallError> {
    let (id, client) = (target.key(), &cx.aws.apigateway);
    let Some(mut api) = answer!("apigateway:GetRestApi", client.get_rest_api().rest_api_id(id)).found()? else {
        return Ok(None);
    };
    let tags = api.as_object_mut().and_then(|members| members.remove("tags")).unwrap_or_else(|| json!({}));
    let stages = answer!("apigateway:GetStages", client.get_stages().rest_api_id(id))?;
    let stages = list(&stages, "item").to_vec();
    let deployments = answer!("apigateway:GetDeployments", client.get_deployments().rest_api_id(id).limit(500))?;
    let mut parts = Parts::default();
    for stage in stages.iter().filter_map(|stage| text(stage, "stageName")) {
        const CALL: &str = "apigateway:GetExport";
        let request = client.get_export().rest_api_id(id).stage_name(stage).export_type("oas30");
        let request = request.parameters("extensions", "apigateway").accepts("application/json");
        let export = request.send().await.call(CALL)?;
        let export = export.body().map(|body| Bytes::copy_from_slice(body.as_ref())).filter(|body| !body.is_empty());
        let export = export.ok_or_else(|| unexpected(CALL, format!("the export of stage {stage} is empty")))?;
        parts.put_bytes(&format!("openapi/{stage}.json"), export);
    }
    parts.put("api.json", api);
    parts.put("tags.json", tags);
    parts.put("stages.json", Value::Array(stages));
    parts.put("deployments.json", json!(list(&deployments, "item")));
    parts.put("resources.json", resources(cx, id).await?);
    parts.put("mappings.json", Value::Array(mappings(cx, id).await?));
    Ok(Some(parts))
}

/// The methods of every path, with their integrations.
async fn resources(cx: &Cx<'_>, id: &str) -> Result<Value, CallError> {
    let (mut paths, mut position) = (Map::new(), None);
    loop {
        let request = cx.aws.apigateway.get_resources().rest_api_id(id).embed("methods").limit(500);
        let page = answer!("apigateway:GetResources", request.set_position(position))?;
        for resource in list(&page, "item") {
            let path = text(resource, "path").unwrap_or_default();
            paths.insert(path.to_owned(), resource.get("resourceMethods").cloned().unwrap_or_default());
        }
        position = text(&page, "position").map(ToOwned::to_owned);
        if position.is_none() {
            return Ok(Value::Object(paths));
        }
    }
}

/// The paths of the account's domains that lead to this API.
async fn mappings(cx: &Cx<'_>, id: &str) -> Result<Vec<Value>, CallError> {
    let client = &cx.aws.apigateway;
    let (mut found, mut position) = (Vec::new(), None);
    loop {
        let request = client.get_domain_names().limit(500).set_position(position);
        let page = optional(answer!("apigateway:GetDomainNames", request))?.unwrap_or_default();
        for domain in list(&page, "item").iter().filter_map(|domain| text(domain, "domainName")) {
            let request = client.get_base_path_mappings().domain_name(domain).limit(500);
            let answer = optional(answer!("apigateway:GetBasePathMappings", request))?.unwrap_or_default();
            for mapping in list(&answer, "item").iter().filter(|mapping| text(mapping, "restApiId") == Some(id)) {
                let mut mapping = members(mapping, &["basePath", "stage"]);
                mapping["domainName"] = json!(domain);
                found.push(mapping);
            }
        }
        position = text(&page, "position").map(ToOwned::to_owned);
        if position.is_none() {
            return Ok(found);
        }
    }
}

pub(super) fn objection(parts: &Parts) -> Option<String> {
    let stages = parts.get("stages.json").as_array().is_none_or(Vec::is_empty);
    stages.then(|| {
        "it has no stage, and API Gateway exports an API by stage: deploy it to one, or delete it yourself".to_owned()
    })
}

pub(super) fn changed_at(parts: &Parts) -> Option<Timestamp> {
    let stages = parts.get("stages.json").as_array().into_iter().flatten();
    stages.filter_map(|stage| time(&stage["lastUpdatedDate"])).max()
}

/// Deletes the mappings of domains first: they prevent the API's deletion.
pub(super) async fn delete(cx: &Cx<'_>, target: &Target, parts: &Parts) -> Result<(), CallError> {
    let client = &cx.aws.apigateway;
    for mapping in parts.get("mappings.json").as_array().into_iter().flatten() {
        let request = client.delete_base_path_mapping().domain_name(text(mapping, "domainName").unwrap_or_default());
        let request = request.base_path(text(mapping, "basePath").unwrap_or("(none)"));
        request.send().await.call("apigateway:DeleteBasePathMapping").found()?;
    }
    // An account may call `DeleteRestApi` once in 30 seconds, so the SDK's own retries may not be enough.
    const CALL: &str = "apigateway:DeleteRestApi";
    let request = client.delete_rest_api().rest_api_id(target.key());
    cx.retried(async || request.clone().send().await.call(CALL)).await.found().map(drop)
}

pub(super) async fn restore(cx: &Cx<'_>, target: &Target, parts: &Parts) -> Result<Restored, CallError> {
    let client = &cx.aws.apigateway;
    let old = target.key();
    let id = made(cx, old, parts).await?;
    let mut stages: Vec<&Value> = parts.get("stages.json").as_array().into_iter().flatten().collect();
    let deployments = parts.get("deployments.json").as_array().into_iter().flatten();
    let dates: Map<String, Value> = deployments
        .filter_map(|deployment| Some((text(deployment, "id")?.to_owned(), deployment["createdDate"].clone())))
        .collect();
    let deployed = |stage: &Value| text(stage, "deploymentId").and_then(|id| dates.get(id)).and_then(time);
    // The newest comes last: its resources are what the next deployment will have.
    stages.sort_by_key(|stage| deployed(stage));
    for stage in stages {
        let name = text(stage, "stageName").unwrap_or_default();
        let there = client.get_stage().rest_api_id(&id).stage_name(name).send().await;
        if there.call("apigateway:GetStage").found()?.is_none() {
            let export = parts.bytes(&format!("openapi/{name}.json"));
            let export =
                export.ok_or_else(|| unexpected("apigateway:PutRestApi", "the archive lacks the stage's export"))?;
            let request = client.put_rest_api().rest_api_id(&id).mode(PutMode::Overwrite);
            // Its policy may contain the old id.
            let export = replace_word(&String::from_utf8_lossy(export), old, &id);
            let request = request.body(Blob::new(export));
            cx.retried(async || request.clone().send().await.call("apigateway:PutRestApi")).await?;
            let request = client.create_deployment().rest_api_id(&id);
            let deployment =
                cx.retried(async || request.clone().send().await.call("apigateway:CreateDeployment")).await?;
            let mut body = members(stage, STAGE);
            body["deploymentId"] = json!(deployment.id());
            let request = || client.create_stage().rest_api_id(&id);
            cx.retried(async || answer!("apigateway:CreateStage", request(), &body)).await?;
        }
        patch(cx, &id, name, settings_of(stage)).await?;
    }
    for mapping in parts.get("mappings.json").as_array().into_iter().flatten() {
        let domain = text(mapping, "domainName").unwrap_or_default();
        let mut body = members(mapping, &["basePath", "stage"]);
        body["restApiId"] = json!(id);
        let call = async || {
            answer!("apigateway:CreateBasePathMapping", client.create_base_path_mapping().domain_name(domain), &body)
        };
        match cx.retried(call).await {
            // From an earlier restore that was interrupted.
            Err(error) if error.code == "ConflictException" => {}
            other => drop(other?),
        }
    }
    let region = &cx.scope.region;
    let note = format!(
        "its address is now https://{id}.execute-api.{region}.amazonaws.com; update everything that uses https://{old}.execute-api.{region}.amazonaws.com"
    );
    Ok(Restored { id: Some(arn(target, &id)), renamed: vec![(old.to_owned(), id)], notes: vec![note] })
}

/// The ARN of another API of the same kind.
fn arn(target: &Target, id: &str) -> String {
    let (head, _) = target.id.rsplit_once('/').unwrap_or_default();
    format!("{head}/{id}")
}

/// Finds the API that an interrupted restore created, or creates one, and returns its id.
async fn made(cx: &Cx<'_>, old: &str, parts: &Parts) -> Result<String, CallError> {
    let client = &cx.aws.apigateway;
    let mut position = None;
    loop {
        let page = answer!("apigateway:GetRestApis", client.get_rest_apis().limit(500).set_position(position))?;
        let begun = |api: &&Value| text(&api["tags"], TAG_RESTORING) == Some(old);
        if let Some(id) = list(&page, "item").iter().find(begun).and_then(|api| text(api, "id")) {
            return Ok(id.to_owned());
        }
        position = text(&page, "position").map(ToOwned::to_owned);
        if position.is_none() {
            break;
        }
    }
    let api = parts.get("api.json");
    let mut body = members(api, API);
    let types = &api["endpointConfiguration"];
    if types.is_object() {
        body["endpointConfiguration"] = members(types, &["types", "vpcEndpointIds", "ipAddressType"]);
    }
    // API Gateway returns a policy with escaped quotation marks. It still contains the old id here.
    if let Some(policy) = text(&body, "policy") {
        body["policy"] = json!(policy.replace("\\\"", "\""));
    }
    body["tags"] = parts.get("tags.json").clone();
    body["tags"][TAG_RESTORING] = json!(old);
    let made = cx.retried(async || answer!("apigateway:CreateRestApi", client.create_rest_api(), &body)).await?;
    let id = text(&made, "id").map(ToOwned::to_owned);
    id.ok_or_else(|| unexpected("apigateway:CreateRestApi", "the answer has no id"))
}

/// Removes the tag by which an interrupted restore finds the API that it created.
pub(super) async fn settle(cx: &Cx<'_>, target: &Target) -> Result<(), CallError> {
    let request = cx.aws.apigateway.untag_resource().resource_arn(&target.id).tag_keys(TAG_RESTORING);
    request.send().await.call("apigateway:UntagResource").map(drop)
}

/// Throttles every request, so that each gets 429.
pub(super) async fn disable(
    cx: &Cx<'_>,
    target: &Target,
    parts: &Parts,
    tags: &[(&str, String)],
) -> Result<(), CallError> {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let request = cx.aws.apigateway.tag_resource().resource_arn(&target.id).set_tags(Some(tags));
    request.send().await.call("apigateway:TagResource")?;
    for stage in parts.get("stages.json").as_array().into_iter().flatten() {
        let settings = stage["methodSettings"].as_object().into_iter().flatten();
        let mut keys: Vec<&str> = settings.map(|(key, _)| key.as_str()).filter(|key| *key != ALL).collect();
        keys.push(ALL);
        let limits = keys.into_iter().flat_map(|key| {
            ["throttling/rateLimit", "throttling/burstLimit"].map(|limit| (format!("/{key}/{limit}"), "0".to_owned()))
        });
        patch(cx, target.key(), text(stage, "stageName").unwrap_or_default(), limits.collect()).await?;
    }
    Ok(())
}

pub(super) async fn enable(cx: &Cx<'_>, target: &Target, parts: &Parts, keys: &[&str]) -> Result<(), CallError> {
    for stage in parts.get("stages.json").as_array().into_iter().flatten() {
        let name = text(stage, "stageName").unwrap_or_default();
        if stage["methodSettings"][ALL].is_null() {
            const CALL: &str = "apigateway:UpdateStage";
            let remove = PatchOperation::builder().op(Op::Remove).path(format!("/{ALL}")).build();
            let request = cx.aws.apigateway.update_stage().rest_api_id(target.key()).stage_name(name);
            request.patch_operations(remove).send().await.call(CALL)?;
        }
        patch(cx, target.key(), name, settings_of(stage)).await?;
    }
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let request = cx.aws.apigateway.untag_resource().resource_arn(&target.id).set_tag_keys(Some(keys));
    request.send().await.call("apigateway:UntagResource").map(drop)
}

/// The settings of a stage that `CreateStage` doesn't accept, by path.
fn settings_of(stage: &Value) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    for (method, values) in stage["methodSettings"].as_object().into_iter().flatten() {
        for (name, path) in SETTINGS {
            // -1 means the account's own limit, and requests don't accept it.
            if !values[name].is_null() && values[name].as_f64() != Some(-1.0) {
                settings.push((format!("/{method}/{path}"), plain(&values[name])));
            }
        }
    }
    for name in ["destinationArn", "format"] {
        if let Some(value) = text(&stage["accessLogSettings"], name) {
            settings.push((format!("/accessLogSettings/{name}"), value.to_owned()));
        }
    }
    settings
}

async fn patch(cx: &Cx<'_>, id: &str, stage: &str, settings: Vec<(String, String)>) -> Result<(), CallError> {
    if settings.is_empty() {
        return Ok(());
    }
    const CALL: &str = "apigateway:UpdateStage";
    let replace = |(path, value)| PatchOperation::builder().op(Op::Replace).path(path).value(value).build();
    let operations: Vec<PatchOperation> = settings.into_iter().map(replace).collect();
    let request = cx.aws.apigateway.update_stage().rest_api_id(id).stage_name(stage);
    let request = request.set_patch_operations(Some(operations));
    cx.retried(async || request.clone().send().await.call(CALL)).await.map(drop)
}
