//! API Gateway's REST APIs: each stage's export as OpenAPI with Amazon's extensions, the stages, the domains' mappings.

mod export;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::{ResourceParts, replace_word};
use super::super::proof::{RebuiltCall, RestoreProof};
use super::super::wire::{list_of, pick_members, text_of};
use super::super::{DecommissionContext, DecommissionTarget, TAG_RESTORING, none_if_missing, unexpected_error};
use super::{accept_existing, moved_api, parse_time, tag_map};
use crate::audit::NodeKind;
use deployer_aws::signed::{AnswerPages, RestRequest};
use deployer_aws::{CallError, Found};

const NEW: &[&str] = &[
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

fn read_request(operation: &'static str, segments: &[&str]) -> RestRequest {
    RestRequest::new(operation, Method::GET, segments)
}

/// A list in pages of 500, the maximum.
fn list_pages<'c>(cx: &DecommissionContext<'c>, operation: &'static str, segments: &[&str]) -> AnswerPages<'c> {
    cx.aws.signed.send_pages(read_request(operation, segments).with_query("limit", 500))
}

/// Creates one of an API's parts, and returns the response.
async fn create_part(
    cx: &DecommissionContext<'_>,
    operation: &'static str,
    segments: &[&str],
    body: &Value,
) -> Result<Value, CallError> {
    cx.send_with_retry(RestRequest::new(operation, Method::POST, segments).with_body(body)).await
}

/// API Gateway's REST APIs.
pub struct RestApi;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::RestApi,
    deletion_stage: DeletionStage::Api,
    restore_stage: RestoreStage::Api,
    rule_target: true,
    // An export may say when it was made. What it contains is also in the resources, and comes with a new deployment.
    volatile_attributes: &["openapi"],
    new_attributes: NEW,
};

impl ArchivableKind for RestApi {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
    }

    /// The count includes requests that got 429.
    fn usage_metrics<'t>(&self, target: &'t DecommissionTarget) -> Option<UsageMetrics<'t>> {
        Some(UsageMetrics {
            namespace: "AWS/ApiGateway",
            metrics: &["Count"],
            dimension: "ApiName",
            value: &target.name,
        })
    }

    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>> {
        Box::pin(async move {
            let (id, aws) = (target.aws_identifier(), &cx.aws.signed);
            let answer = aws.send(read_request("apigateway:GetRestApi", &["restapis", id])).await;
            let Some(mut api) = answer.found()? else { return Ok(None) };
            let tags = api.as_object_mut().and_then(|members| members.remove("tags")).unwrap_or_else(|| json!({}));
            let stages = aws.send(read_request("apigateway:GetStages", &["restapis", id, "stages"])).await?;
            let stages = list_of(&stages, "item").to_vec();
            let deployments = list_pages(cx, "apigateway:GetDeployments", &["restapis", id, "deployments"]);
            let deployments = deployments.collect_items("item").await?;
            let mut parts = ResourceParts::default();
            for stage in stages.iter().filter_map(|stage| text_of(stage, "stageName")) {
                const CALL: &str = "apigateway:GetExport";
                let request = read_request(CALL, &["restapis", id, "stages", stage, "exports", "oas30"]);
                let export = aws.send_for_bytes(request.with_query("extensions", "apigateway")).await?;
                if export.is_empty() {
                    return Err(unexpected_error(CALL, format!("the export of stage {stage} is empty")));
                }
                parts.put_bytes(&format!("openapi/{stage}.json"), export);
            }
            parts.put_document("api.json", api);
            parts.put_document("tags.json", tags);
            parts.put_document("stages.json", Value::Array(stages));
            parts.put_document("deployments.json", Value::Array(deployments));
            parts.put_document("resources.json", read_resources(cx, id).await?);
            parts.put_document("mappings.json", Value::Array(read_mappings(cx, id).await?));
            Ok(Some(parts))
        })
    }

    /// Deletes the mappings of domains first: they prevent the API's deletion.
    fn delete_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let aws = &cx.aws.signed;
            for mapping in parts.get("mappings.json").as_array().into_iter().flatten() {
                let domain = text_of(mapping, "domainName").unwrap_or_default();
                let path =
                    ["domainnames", domain, "basepathmappings", text_of(mapping, "basePath").unwrap_or("(none)")];
                let request = RestRequest::new("apigateway:DeleteBasePathMapping", Method::DELETE, &path);
                aws.send(request).await.found()?;
            }
            // An account may call `DeleteRestApi` once in 30 seconds, so the SDK's own retries may not be enough.
            let request =
                RestRequest::new("apigateway:DeleteRestApi", Method::DELETE, &["restapis", target.aws_identifier()]);
            cx.send_with_retry(request).await.found().map(drop)
        })
    }

    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource> {
        Box::pin(async move {
            let aws = &cx.aws.signed;
            let old = target.aws_identifier();
            let id = find_or_create_api(cx, old, parts).await?;
            let mut stages: Vec<&Value> = parts.get("stages.json").as_array().into_iter().flatten().collect();
            let deployments = parts.get("deployments.json").as_array().into_iter().flatten();
            let dates: Map<String, Value> = deployments
                .filter_map(|deployment| {
                    Some((text_of(deployment, "id")?.to_owned(), deployment["createdDate"].clone()))
                })
                .collect();
            let deployed =
                |stage: &Value| text_of(stage, "deploymentId").and_then(|id| dates.get(id)).and_then(parse_time);
            // The newest comes last: the next deployment will contain its resources.
            stages.sort_by_key(|stage| deployed(stage));
            for stage in stages {
                let name = text_of(stage, "stageName").unwrap_or_default();
                let there = aws.send(read_request("apigateway:GetStage", &["restapis", &id, "stages", name])).await;
                if there.found()?.is_none() {
                    let export = parts.file_bytes(&format!("openapi/{name}.json"));
                    let export = export.ok_or_else(|| {
                        unexpected_error("apigateway:PutRestApi", "the archive lacks the stage's export")
                    })?;
                    let request = RestRequest::new("apigateway:PutRestApi", Method::PUT, &["restapis", &id]);
                    // Its policy may contain the old id.
                    let export = replace_word(&String::from_utf8_lossy(export), old, &id);
                    let request = request.with_query("mode", "overwrite").with_bytes(Bytes::from(export));
                    cx.send_with_retry(request).await?;
                    let path = ["restapis", id.as_str(), "deployments"];
                    let mut deployment = create_part(cx, "apigateway:CreateDeployment", &path, &json!({})).await?;
                    let mut body = pick_members(stage, STAGE);
                    body["deploymentId"] = deployment["id"].take();
                    create_part(cx, "apigateway:CreateStage", &["restapis", &id, "stages"], &body).await?;
                }
                patch_stage(cx, &id, name, stage_settings(stage)).await?;
            }
            for mapping in parts.get("mappings.json").as_array().into_iter().flatten() {
                let domain = text_of(mapping, "domainName").unwrap_or_default();
                let mut body = pick_members(mapping, &["basePath", "stage"]);
                body["restApiId"] = json!(id);
                let path = ["domainnames", domain, "basepathmappings"];
                accept_existing(create_part(cx, "apigateway:CreateBasePathMapping", &path, &body).await)?;
            }
            Ok(moved_api(cx, target, id))
        })
    }

    fn rebuild_calls(&self, target: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        let create = create_request(target.aws_identifier(), parts);
        let mut calls = vec![RebuiltCall::new("apigateway:CreateRestApi", create)];
        let stages = parts.get("stages.json").as_array().ok_or("the archive has no list of the API's stages")?;
        calls.extend(stages.iter().map(|stage| RebuiltCall::new("apigateway:CreateStage", pick_members(stage, STAGE))));
        Ok(calls)
    }

    fn add_restore_doubts(&self, parts: &ResourceParts, _: Timestamp, proof: &mut RestoreProof) {
        export::check_exports(parts, proof);
    }

    /// Removes the tag by which an interrupted restore finds the API that it created.
    fn settle_restore<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, ()> {
        Box::pin(async move { remove_tags(cx, target, &[TAG_RESTORING]).await })
    }

    /// Throttles every request, so that each gets 429.
    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
        tags: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let request = RestRequest::new("apigateway:TagResource", Method::PUT, &["tags", &target.id]);
            cx.aws.signed.send(request.with_body(&json!({ "tags": tag_map(tags) }))).await?;
            for stage in parts.get("stages.json").as_array().into_iter().flatten() {
                let settings = stage["methodSettings"].as_object().into_iter().flatten();
                let mut keys: Vec<&str> = settings.map(|(key, _)| key.as_str()).filter(|key| *key != ALL).collect();
                keys.push(ALL);
                let limits = keys.into_iter().flat_map(|key| {
                    ["throttling/rateLimit", "throttling/burstLimit"]
                        .map(|limit| (format!("/{key}/{limit}"), "0".to_owned()))
                });
                patch_stage(
                    cx,
                    target.aws_identifier(),
                    text_of(stage, "stageName").unwrap_or_default(),
                    limits.collect(),
                )
                .await?;
            }
            Ok(())
        })
    }

    fn enable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
        keys: &'a [&'a str],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            for stage in parts.get("stages.json").as_array().into_iter().flatten() {
                let name = text_of(stage, "stageName").unwrap_or_default();
                if stage["methodSettings"][ALL].is_null() {
                    let remove = json!({ "op": "remove", "path": format!("/{ALL}") });
                    cx.aws.signed.send(patch_request(target.aws_identifier(), name, &[remove])).await?;
                }
                patch_stage(cx, target.aws_identifier(), name, stage_settings(stage)).await?;
            }
            remove_tags(cx, target, keys).await
        })
    }

    fn find_objection(&self, _: &DecommissionTarget, parts: &ResourceParts, _: UseWindow<'_>) -> Option<String> {
        let stages = parts.get("stages.json").as_array().is_none_or(Vec::is_empty);
        stages.then(|| {
            "it has no stage, and API Gateway exports an API by stage: deploy it to one, or delete it yourself"
                .to_owned()
        })
    }

    fn lost_parts(&self, _: &ResourceParts) -> Vec<String> {
        vec!["its id and so its address; API keys and usage plans".to_owned()]
    }

    fn changed_at(&self, parts: &ResourceParts) -> Option<Timestamp> {
        let stages = parts.get("stages.json").as_array().into_iter().flatten();
        stages.filter_map(|stage| parse_time(&stage["lastUpdatedDate"])).max()
    }
}

/// The methods of every path, with their integrations.
async fn read_resources(cx: &DecommissionContext<'_>, id: &str) -> Result<Value, CallError> {
    let request = read_request("apigateway:GetResources", &["restapis", id, "resources"]);
    let pages = cx.aws.signed.send_pages(request.with_query("embed", "methods").with_query("limit", 500));
    let mut paths = Map::new();
    for mut resource in pages.collect_items("item").await? {
        let path = text_of(&resource, "path").unwrap_or_default().to_owned();
        paths.insert(path, resource["resourceMethods"].take());
    }
    Ok(Value::Object(paths))
}

/// The paths of the account's domains that lead to this API.
async fn read_mappings(cx: &DecommissionContext<'_>, id: &str) -> Result<Vec<Value>, CallError> {
    let mut found = Vec::new();
    let mut pages = list_pages(cx, "apigateway:GetDomainNames", &["domainnames"]);
    while let Some(page) = pages.next_page().await {
        let page = none_if_missing(page)?.unwrap_or_default();
        for domain in list_of(&page, "item").iter().filter_map(|domain| text_of(domain, "domainName")) {
            let path = ["domainnames", domain, "basepathmappings"];
            let mappings = list_pages(cx, "apigateway:GetBasePathMappings", &path).collect_items("item").await;
            let mappings = none_if_missing(mappings)?.unwrap_or_default();
            for mapping in mappings.iter().filter(|mapping| text_of(mapping, "restApiId") == Some(id)) {
                let mut mapping = pick_members(mapping, &["basePath", "stage"]);
                mapping["domainName"] = json!(domain);
                found.push(mapping);
            }
        }
    }
    Ok(found)
}

/// Finds the API that an interrupted restore created, or creates one, and returns its id.
async fn find_or_create_api(
    cx: &DecommissionContext<'_>,
    old: &str,
    parts: &ResourceParts,
) -> Result<String, CallError> {
    let mut pages = list_pages(cx, "apigateway:GetRestApis", &["restapis"]);
    while let Some(page) = pages.next_page().await {
        let begun = |api: &&Value| text_of(&api["tags"], TAG_RESTORING) == Some(old);
        if let Some(id) = list_of(&page?, "item").iter().find(begun).and_then(|api| text_of(api, "id")) {
            return Ok(id.to_owned());
        }
    }
    let body = create_request(old, parts);
    let made = create_part(cx, "apigateway:CreateRestApi", &["restapis"], &body).await?;
    let id = text_of(&made, "id").map(ToOwned::to_owned);
    id.ok_or_else(|| unexpected_error("apigateway:CreateRestApi", "the response has no id"))
}

/// The parameters of `CreateRestApi`. The tag finds the API again if the restore is interrupted.
fn create_request(old: &str, parts: &ResourceParts) -> Value {
    let api = parts.get("api.json");
    let mut body = pick_members(api, API);
    let types = &api["endpointConfiguration"];
    if types.is_object() {
        body["endpointConfiguration"] = pick_members(types, &["types", "vpcEndpointIds", "ipAddressType"]);
    }
    // API Gateway returns a policy with escaped quotation marks. It still contains the old id here.
    if let Some(policy) = text_of(&body, "policy") {
        body["policy"] = json!(policy.replace("\\\"", "\""));
    }
    body["tags"] = parts.get("tags.json").clone();
    body["tags"][TAG_RESTORING] = json!(old);
    body
}

async fn remove_tags(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    keys: &[&str],
) -> Result<(), CallError> {
    let mut request = RestRequest::new("apigateway:UntagResource", Method::DELETE, &["tags", &target.id]);
    for key in keys {
        request = request.with_query("tagKeys", key);
    }
    cx.aws.signed.send(request).await.map(drop)
}

/// The settings of a stage that `CreateStage` doesn't accept, by path.
fn stage_settings(stage: &Value) -> Vec<(String, String)> {
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
        if let Some(value) = text_of(&stage["accessLogSettings"], name) {
            settings.push((format!("/accessLogSettings/{name}"), value.to_owned()));
        }
    }
    settings
}

async fn patch_stage(
    cx: &DecommissionContext<'_>,
    id: &str,
    stage: &str,
    settings: Vec<(String, String)>,
) -> Result<(), CallError> {
    if settings.is_empty() {
        return Ok(());
    }
    let replace = |(path, value)| json!({ "op": "replace", "path": path, "value": value });
    let operations: Vec<Value> = settings.into_iter().map(replace).collect();
    let request = patch_request(id, stage, &operations);
    cx.send_with_retry(request).await.map(drop)
}

fn patch_request(id: &str, stage: &str, operations: &[Value]) -> RestRequest {
    let request = RestRequest::new("apigateway:UpdateStage", Method::PATCH, &["restapis", id, "stages", stage]);
    request.with_body(&json!({ "patchOperations": operations }))
}
