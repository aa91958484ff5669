//! API Gateway's HTTP and WebSocket APIs: routes, integrations, authorizers, stages, the domains' mappings. The archive
//! also has the OpenAPI export of an HTTP API, for people; a restore uses the parts, which contain more.

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::ResourceParts;
use super::super::proof::{RebuiltCall, RestoreProof};
use super::super::wire::{pick_members, text_of};
use super::super::{DecommissionContext, DecommissionTarget, TAG_RESTORING, none_if_missing, unexpected_error};
use super::{accept_existing, moved_api, parse_time, tag_map};
use crate::audit::NodeKind;
use deployer_aws::signed::RestRequest;
use deployer_aws::{CallError, Found};

const NEW: &[&str] = &[
    "api.json/apiId",
    "api.json/apiEndpoint",
    "api.json/createdDate",
    "routes.json/*/routeId",
    "routes.json/*/target",
    "routes.json/*/authorizerId",
    "integrations.json/*/integrationId",
    "authorizers.json/*/authorizerId",
    "stages.json/*/deploymentId",
    "stages.json/*/createdDate",
    "stages.json/*/lastUpdatedDate",
    "stages.json/*/lastDeploymentStatusMessage",
    "openapi",
];

const API: &[&str] = &[
    "name",
    "protocolType",
    "description",
    "version",
    "corsConfiguration",
    "disableExecuteApiEndpoint",
    "disableSchemaValidation",
    "apiKeySelectionExpression",
    "routeSelectionExpression",
    "ipAddressType",
];
const INTEGRATION: &[&str] = &[
    "connectionId",
    "connectionType",
    "contentHandlingStrategy",
    "credentialsArn",
    "description",
    "integrationMethod",
    "integrationSubtype",
    "integrationType",
    "integrationUri",
    "passthroughBehavior",
    "payloadFormatVersion",
    "requestParameters",
    "requestTemplates",
    "responseParameters",
    "templateSelectionExpression",
    "timeoutInMillis",
    "tlsConfig",
];
const AUTHORIZER: &[&str] = &[
    "authorizerCredentialsArn",
    "authorizerPayloadFormatVersion",
    "authorizerResultTtlInSeconds",
    "authorizerType",
    "authorizerUri",
    "enableSimpleResponses",
    "identitySource",
    "identityValidationExpression",
    "jwtConfiguration",
    "name",
];
const ROUTE: &[&str] = &[
    "apiKeyRequired",
    "authorizationScopes",
    "authorizationType",
    "modelSelectionExpression",
    "operationName",
    "requestModels",
    "requestParameters",
    "routeKey",
    "routeResponseSelectionExpression",
];
const STAGE: &[&str] = &[
    "accessLogSettings",
    "autoDeploy",
    "clientCertificateId",
    "defaultRouteSettings",
    "description",
    "routeSettings",
    "stageName",
    "stageVariables",
    "tags",
];

/// A request whose path is `/v2` and these segments.
fn api_request(operation: &'static str, method: Method, segments: &[&str]) -> RestRequest {
    RestRequest::new(operation, method, &[&["v2"], segments].concat())
}

/// All pages of a list. A missing list is empty.
async fn list_all(
    cx: &DecommissionContext<'_>,
    operation: &'static str,
    segments: &[&str],
) -> Result<Vec<Value>, CallError> {
    let pages = cx.aws.signed.send_pages(api_request(operation, Method::GET, segments));
    Ok(none_if_missing(pages.collect_items("items").await)?.unwrap_or_default())
}

/// Creates one of an API's parts, and returns the response.
async fn create_part(
    cx: &DecommissionContext<'_>,
    operation: &'static str,
    segments: &[&str],
    body: &Value,
) -> Result<Value, CallError> {
    cx.send_with_retry(api_request(operation, Method::POST, segments).with_body(body)).await
}

/// API Gateway's HTTP and WebSocket APIs.
pub struct HttpApi;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::HttpApi,
    deletion_stage: DeletionStage::Api,
    restore_stage: RestoreStage::Api,
    rule_target: true,
    // It says when it was made, and what it contains is also in the parts.
    volatile_attributes: &["openapi"],
    new_attributes: NEW,
};

impl ArchivableKind for HttpApi {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
    }

    fn usage_metrics<'t>(&self, target: &'t DecommissionTarget) -> Option<UsageMetrics<'t>> {
        Some(UsageMetrics {
            namespace: "AWS/ApiGateway",
            metrics: &["Count"],
            dimension: "ApiId",
            value: target.aws_identifier(),
        })
    }

    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>> {
        Box::pin(async move {
            let (id, aws) = (target.aws_identifier(), &cx.aws.signed);
            let answer = aws.send(api_request("apigateway:GetApi", Method::GET, &["apis", id])).await;
            let Some(mut api) = answer.found()? else { return Ok(None) };
            let tags = api.as_object_mut().and_then(|members| members.remove("tags")).unwrap_or_else(|| json!({}));
            let mut parts = ResourceParts::default();
            if text_of(&api, "protocolType") == Some("HTTP") {
                let request = api_request("apigateway:ExportApi", Method::GET, &["apis", id, "exports", "OAS30"]);
                let request = request.with_query("outputType", "JSON").with_query("includeExtensions", true);
                if let Some(export) = none_if_missing(aws.send_for_bytes(request).await)? {
                    parts.put_bytes("openapi/api.json", export);
                }
            }
            parts.put_document("api.json", api);
            parts.put_document("tags.json", tags);
            for (part, call) in [
                ("routes", "apigateway:GetRoutes"),
                ("integrations", "apigateway:GetIntegrations"),
                ("authorizers", "apigateway:GetAuthorizers"),
                ("stages", "apigateway:GetStages"),
            ] {
                let all = list_all(cx, call, &["apis", id, part]).await?;
                parts.put_document(&format!("{part}.json"), Value::Array(all));
            }
            let mut mappings = Vec::new();
            for domain in list_all(cx, "apigateway:GetDomainNames", &["domainnames"]).await? {
                let name = text_of(&domain, "domainName").unwrap_or_default();
                let all = list_all(cx, "apigateway:GetApiMappings", &["domainnames", name, "apimappings"]).await?;
                for mapping in all.iter().filter(|mapping| text_of(mapping, "apiId") == Some(id)) {
                    let mut mapping = pick_members(mapping, &["apiMappingId", "apiMappingKey", "stage"]);
                    mapping["domainName"] = json!(name);
                    mappings.push(mapping);
                }
            }
            parts.put_document("mappings.json", Value::Array(mappings));
            Ok(Some(parts))
        })
    }

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
                let path = ["domainnames", domain, "apimappings", text_of(mapping, "apiMappingId").unwrap_or_default()];
                aws.send(api_request("apigateway:DeleteApiMapping", Method::DELETE, &path)).await.found()?;
            }
            let request = api_request("apigateway:DeleteApi", Method::DELETE, &["apis", target.aws_identifier()]);
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
            let old = target.aws_identifier();
            let id = create_api(cx, old, parts).await?;
            let all = |name: &str| parts.get(name).as_array().cloned().unwrap_or_default();
            // From old ids to new ones.
            let mut ids: BTreeMap<String, String> = BTreeMap::new();
            for authorizer in all("authorizers.json") {
                let body = pick_members(&authorizer, AUTHORIZER);
                let made = create_part(cx, "apigateway:CreateAuthorizer", &["apis", &id, "authorizers"], &body).await?;
                record_new_id(&mut ids, &authorizer, &made, "authorizerId");
            }
            for integration in all("integrations.json") {
                let body = pick_members(&integration, INTEGRATION);
                let made =
                    create_part(cx, "apigateway:CreateIntegration", &["apis", &id, "integrations"], &body).await?;
                record_new_id(&mut ids, &integration, &made, "integrationId");
            }
            for route in all("routes.json") {
                let mut body = pick_members(&route, ROUTE);
                let renamed = |old: &str| ids.get(old).cloned().unwrap_or_else(|| old.to_owned());
                if let Some(integration) =
                    text_of(&route, "target").and_then(|target| target.strip_prefix("integrations/"))
                {
                    body["target"] = json!(format!("integrations/{}", renamed(integration)));
                }
                if let Some(authorizer) = text_of(&route, "authorizerId") {
                    body["authorizerId"] = json!(renamed(authorizer));
                }
                create_part(cx, "apigateway:CreateRoute", &["apis", &id, "routes"], &body).await?;
            }
            for stage in all("stages.json") {
                let mut body = pick_members(&stage, STAGE);
                if stage["autoDeploy"].as_bool() != Some(true) && text_of(&stage, "deploymentId").is_some() {
                    let path = ["apis", id.as_str(), "deployments"];
                    let mut made = create_part(cx, "apigateway:CreateDeployment", &path, &json!({})).await?;
                    body["deploymentId"] = made["deploymentId"].take();
                }
                create_part(cx, "apigateway:CreateStage", &["apis", &id, "stages"], &body).await?;
            }
            for mapping in all("mappings.json") {
                let domain = text_of(&mapping, "domainName").unwrap_or_default();
                let mut body = pick_members(&mapping, &["apiMappingKey", "stage"]);
                body["apiId"] = json!(id);
                let path = ["domainnames", domain, "apimappings"];
                accept_existing(create_part(cx, "apigateway:CreateApiMapping", &path, &body).await)?;
            }
            Ok(moved_api(cx, target, id))
        })
    }

    fn rebuild_calls(&self, target: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        let old = target.aws_identifier();
        let mut calls = vec![RebuiltCall::new("apigateway:CreateApi", create_request(old, parts))];
        for (part, operation, taken) in [
            ("authorizers", "apigateway:CreateAuthorizer", AUTHORIZER),
            ("integrations", "apigateway:CreateIntegration", INTEGRATION),
            ("routes", "apigateway:CreateRoute", ROUTE),
            ("stages", "apigateway:CreateStage", STAGE),
        ] {
            let all = parts.get(&format!("{part}.json")).as_array().into_iter().flatten();
            calls.extend(all.map(|one| RebuiltCall::new(operation, pick_members(one, taken))));
        }
        Ok(calls)
    }

    fn add_restore_doubts(&self, parts: &ResourceParts, _: Timestamp, proof: &mut RestoreProof) {
        let has = |part: &str, member: &str, id: &str| {
            let mut all = parts.get(part).as_array().into_iter().flatten();
            all.any(|one| text_of(one, member) == Some(id))
        };
        for route in parts.get("routes.json").as_array().into_iter().flatten() {
            let key = text_of(route, "routeKey").unwrap_or_default();
            let integration = text_of(route, "target").and_then(|target| target.strip_prefix("integrations/"));
            if let Some(id) = integration.filter(|id| !has("integrations.json", "integrationId", id)) {
                proof.gaps.push(format!("the archive has no integration {id}, which route {key} leads to"));
            }
            let authorizer = text_of(route, "authorizerId");
            if let Some(id) = authorizer.filter(|id| !has("authorizers.json", "authorizerId", id)) {
                proof.gaps.push(format!("the archive has no authorizer {id}, which route {key} needs"));
            }
        }
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
            let request = api_request("apigateway:TagResource", Method::POST, &["tags", &target.id]);
            cx.aws.signed.send(request.with_body(&json!({ "tags": tag_map(tags) }))).await?;
            let nothing = json!({ "throttlingBurstLimit": 0, "throttlingRateLimit": 0.0 });
            for stage in parts.get("stages.json").as_array().into_iter().flatten() {
                let mut body = json!({ "defaultRouteSettings": nothing });
                for (route, _) in stage["routeSettings"].as_object().into_iter().flatten() {
                    body["routeSettings"][route] = nothing.clone();
                }
                update_stage(cx, target, stage, &body).await?;
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
                let mut body = pick_members(stage, &["defaultRouteSettings", "routeSettings"]);
                if body["defaultRouteSettings"].is_null() {
                    // The settings of a stage that was never configured.
                    body["defaultRouteSettings"] = json!({ "detailedMetricsEnabled": false });
                }
                update_stage(cx, target, stage, &body).await?;
            }
            remove_tags(cx, target, keys).await
        })
    }

    fn find_objection(&self, _: &DecommissionTarget, _: &ResourceParts, _: UseWindow<'_>) -> Option<String> {
        None
    }

    fn lost_parts(&self, _: &ResourceParts) -> Vec<String> {
        vec!["its id, and so its address; CloudWatch keeps its metrics under the old id".to_owned()]
    }

    fn changed_at(&self, parts: &ResourceParts) -> Option<Timestamp> {
        let stages = parts.get("stages.json").as_array().into_iter().flatten();
        stages.filter_map(|stage| parse_time(&stage["lastUpdatedDate"])).max()
    }
}

fn record_new_id(ids: &mut BTreeMap<String, String>, archived: &Value, made: &Value, member: &str) {
    if let (Some(old), Some(new)) = (text_of(archived, member), text_of(made, member)) {
        ids.insert(old.to_owned(), new.to_owned());
    }
}

/// Creates an API and returns its id. An API that an interrupted restore created is deleted first: its parts have no
/// names by which a second try could recognize them.
async fn create_api(cx: &DecommissionContext<'_>, old: &str, parts: &ResourceParts) -> Result<String, CallError> {
    for api in list_all(cx, "apigateway:GetApis", &["apis"]).await? {
        if text_of(&api["tags"], TAG_RESTORING) == Some(old)
            && let Some(id) = text_of(&api, "apiId")
        {
            cx.aws.signed.send(api_request("apigateway:DeleteApi", Method::DELETE, &["apis", id])).await.found()?;
        }
    }
    let body = create_request(old, parts);
    let made = create_part(cx, "apigateway:CreateApi", &["apis"], &body).await?;
    let id = text_of(&made, "apiId").map(ToOwned::to_owned);
    id.ok_or_else(|| unexpected_error("apigateway:CreateApi", "the response has no id"))
}

/// The parameters of `CreateApi`. The tag finds the API again if the restore is interrupted.
fn create_request(old: &str, parts: &ResourceParts) -> Value {
    let mut body = pick_members(parts.get("api.json"), API);
    body["tags"] = parts.get("tags.json").clone();
    body["tags"][TAG_RESTORING] = json!(old);
    body
}

async fn remove_tags(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    keys: &[&str],
) -> Result<(), CallError> {
    let mut request = api_request("apigateway:UntagResource", Method::DELETE, &["tags", &target.id]);
    for key in keys {
        request = request.with_query("tagKeys", key);
    }
    cx.aws.signed.send(request).await.map(drop)
}

async fn update_stage(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    stage: &Value,
    body: &Value,
) -> Result<(), CallError> {
    let path = ["apis", target.aws_identifier(), "stages", text_of(stage, "stageName").unwrap_or_default()];
    let request = api_request("apigateway:UpdateStage", Method::PATCH, &path).with_body(body);
    cx.send_with_retry(request).await.map(drop)
}
