//! API Gateway's HTTP and WebSocket APIs: routes, integrations, authorizers, stages, the domains' mappings. The OpenAPI
//! export of an HTTP API is in the archive too, for people; a restore goes by the parts, which have more.

use std::collections::BTreeMap;

use aws_sdk_apigatewayv2::types::RouteSettings;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::parts::ResourceParts;
use super::super::wire::{answer, list_member, pick_members, text_member};
use super::super::{DecommissionContext, DecommissionTarget, TAG_RESTORING, none_if_missing, unexpected_error};
use super::{RestoredResource, parse_time};
use deployer_aws::{Call, CallError, Found};

pub(super) const NEW: &[&str] = &[
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

/// All pages of one of an API's lists.
macro_rules! pages {
    ($operation:literal, $request:expr) => {{
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            let page = none_if_missing(answer!($operation, $request.set_next_token(token)))?.unwrap_or_default();
            all.extend(list_member(&page, "items").iter().cloned());
            token = text_member(&page, "nextToken").map(ToOwned::to_owned);
            if token.is_none() {
                break all;
            }
        }
    }};
}

pub(super) async fn read(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<ResourceParts>, CallError> {
    let (id, client) = (target.aws_identifier(), &cx.aws.apigatewayv2);
    let Some(mut api) = answer!("apigateway:GetApi", client.get_api().api_id(id)).found()? else { return Ok(None) };
    let tags = api.as_object_mut().and_then(|members| members.remove("tags")).unwrap_or_else(|| json!({}));
    let mut parts = ResourceParts::default();
    if text_member(&api, "protocolType") == Some("HTTP") {
        let request =
            client.export_api().api_id(id).specification("OAS30").output_type("JSON").include_extensions(true);
        let export = none_if_missing(request.send().await.call("apigateway:ExportApi"))?;
        let export = export.and_then(|export| export.body().map(|body| Bytes::copy_from_slice(body.as_ref())));
        if let Some(export) = export {
            parts.put_bytes("openapi/api.json", export);
        }
    }
    parts.put_document("api.json", api);
    parts.put_document("tags.json", tags);
    parts.put_document("routes.json", Value::Array(pages!("apigateway:GetRoutes", client.get_routes().api_id(id))));
    let integrations = pages!("apigateway:GetIntegrations", client.get_integrations().api_id(id));
    parts.put_document("integrations.json", Value::Array(integrations));
    parts.put_document(
        "authorizers.json",
        Value::Array(pages!("apigateway:GetAuthorizers", client.get_authorizers().api_id(id))),
    );
    parts.put_document("stages.json", Value::Array(pages!("apigateway:GetStages", client.get_stages().api_id(id))));
    let mut mappings = Vec::new();
    for domain in pages!("apigateway:GetDomainNames", client.get_domain_names()) {
        let name = text_member(&domain, "domainName").unwrap_or_default();
        let all = pages!("apigateway:GetApiMappings", client.get_api_mappings().domain_name(name));
        for mapping in all.iter().filter(|mapping| text_member(mapping, "apiId") == Some(id)) {
            let mut mapping = pick_members(mapping, &["apiMappingId", "apiMappingKey", "stage"]);
            mapping["domainName"] = json!(name);
            mappings.push(mapping);
        }
    }
    parts.put_document("mappings.json", Value::Array(mappings));
    Ok(Some(parts))
}

pub(super) fn changed_at(parts: &ResourceParts) -> Option<Timestamp> {
    let stages = parts.get("stages.json").as_array().into_iter().flatten();
    stages.filter_map(|stage| parse_time(&stage["lastUpdatedDate"])).max()
}

pub(super) async fn delete(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<(), CallError> {
    let client = &cx.aws.apigatewayv2;
    for mapping in parts.get("mappings.json").as_array().into_iter().flatten() {
        let request = client.delete_api_mapping().domain_name(text_member(mapping, "domainName").unwrap_or_default());
        let request = request.api_mapping_id(text_member(mapping, "apiMappingId").unwrap_or_default());
        request.send().await.call("apigateway:DeleteApiMapping").found()?;
    }
    let request = client.delete_api().api_id(target.aws_identifier());
    cx.call_with_retry(async || request.clone().send().await.call("apigateway:DeleteApi")).await.found().map(drop)
}

pub(super) async fn restore(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<RestoredResource, CallError> {
    let client = &cx.aws.apigatewayv2;
    let old = target.aws_identifier();
    let id = create_api(cx, old, parts).await?;
    let all = |name: &str| parts.get(name).as_array().cloned().unwrap_or_default();
    // Old ids to new ones.
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for authorizer in all("authorizers.json") {
        let body = pick_members(&authorizer, AUTHORIZER);
        let request = || client.create_authorizer().api_id(&id);
        let made = cx.call_with_retry(async || answer!("apigateway:CreateAuthorizer", request(), &body)).await?;
        record_new_id(&mut ids, &authorizer, &made, "authorizerId");
    }
    for integration in all("integrations.json") {
        let body = pick_members(&integration, INTEGRATION);
        let request = || client.create_integration().api_id(&id);
        let made = cx.call_with_retry(async || answer!("apigateway:CreateIntegration", request(), &body)).await?;
        record_new_id(&mut ids, &integration, &made, "integrationId");
    }
    for route in all("routes.json") {
        let mut body = pick_members(&route, ROUTE);
        let renamed = |old: &str| ids.get(old).cloned().unwrap_or_else(|| old.to_owned());
        if let Some(integration) = text_member(&route, "target").and_then(|target| target.strip_prefix("integrations/"))
        {
            body["target"] = json!(format!("integrations/{}", renamed(integration)));
        }
        if let Some(authorizer) = text_member(&route, "authorizerId") {
            body["authorizerId"] = json!(renamed(authorizer));
        }
        let request = || client.create_route().api_id(&id);
        cx.call_with_retry(async || answer!("apigateway:CreateRoute", request(), &body)).await?;
    }
    for stage in all("stages.json") {
        let mut body = pick_members(&stage, STAGE);
        if stage["autoDeploy"].as_bool() != Some(true) && text_member(&stage, "deploymentId").is_some() {
            let request = client.create_deployment().api_id(&id);
            let made =
                cx.call_with_retry(async || request.clone().send().await.call("apigateway:CreateDeployment")).await?;
            body["deploymentId"] = json!(made.deployment_id());
        }
        let request = || client.create_stage().api_id(&id);
        cx.call_with_retry(async || answer!("apigateway:CreateStage", request(), &body)).await?;
    }
    for mapping in all("mappings.json") {
        let domain = text_member(&mapping, "domainName").unwrap_or_default();
        let mut body = pick_members(&mapping, &["apiMappingKey", "stage"]);
        body["apiId"] = json!(id);
        let request = || client.create_api_mapping().domain_name(domain);
        match cx.call_with_retry(async || answer!("apigateway:CreateApiMapping", request(), &body)).await {
            Err(error) if error.code == "ConflictException" => {}
            other => drop(other?),
        }
    }
    let (head, _) = target.id.rsplit_once('/').unwrap_or_default();
    let arn = format!("{head}/{id}");
    let region = &cx.scope.region;
    let note = format!(
        "its address is now https://{id}.execute-api.{region}.amazonaws.com; whoever has https://{old}.execute-api.{region}.amazonaws.com must be told"
    );
    Ok(RestoredResource { id: Some(arn), renamed: vec![(old.to_owned(), id)], notes: vec![note] })
}

fn record_new_id(ids: &mut BTreeMap<String, String>, archived: &Value, made: &Value, member: &str) {
    if let (Some(old), Some(new)) = (text_member(archived, member), text_member(made, member)) {
        ids.insert(old.to_owned(), new.to_owned());
    }
}

/// The id of a new API. One that an interrupted restore has begun is begun again: its parts have no names by which they
/// could be told apart.
async fn create_api(cx: &DecommissionContext<'_>, old: &str, parts: &ResourceParts) -> Result<String, CallError> {
    let client = &cx.aws.apigatewayv2;
    for api in pages!("apigateway:GetApis", client.get_apis()) {
        if text_member(&api["tags"], TAG_RESTORING) == Some(old)
            && let Some(id) = text_member(&api, "apiId")
        {
            client.delete_api().api_id(id).send().await.call("apigateway:DeleteApi").found()?;
        }
    }
    let mut body = pick_members(parts.get("api.json"), API);
    body["tags"] = parts.get("tags.json").clone();
    body["tags"][TAG_RESTORING] = json!(old);
    let made = cx.call_with_retry(async || answer!("apigateway:CreateApi", client.create_api(), &body)).await?;
    let id = text_member(&made, "apiId").map(ToOwned::to_owned);
    id.ok_or_else(|| unexpected_error("apigateway:CreateApi", "the answer has no id"))
}

/// Takes away the tag by which an interrupted restore finds what it has made.
pub(super) async fn settle(cx: &DecommissionContext<'_>, target: &DecommissionTarget) -> Result<(), CallError> {
    let request = cx.aws.apigatewayv2.untag_resource().resource_arn(&target.id).tag_keys(TAG_RESTORING);
    request.send().await.call("apigateway:UntagResource").map(drop)
}

/// No request comes through any more: each gets 429.
pub(super) async fn disable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
    tags: &[(&str, String)],
) -> Result<(), CallError> {
    let client = &cx.aws.apigatewayv2;
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let request = client.tag_resource().resource_arn(&target.id).set_tags(Some(tags));
    request.send().await.call("apigateway:TagResource")?;
    let nothing = RouteSettings::builder().throttling_burst_limit(0).throttling_rate_limit(0.0).build();
    for stage in parts.get("stages.json").as_array().into_iter().flatten() {
        let mut request = client.update_stage().api_id(target.aws_identifier()).default_route_settings(nothing.clone());
        request = request.stage_name(text_member(stage, "stageName").unwrap_or_default());
        for route in stage["routeSettings"].as_object().into_iter().flatten().map(|(route, _)| route) {
            request = request.route_settings(route, nothing.clone());
        }
        cx.call_with_retry(async || request.clone().send().await.call("apigateway:UpdateStage")).await?;
    }
    Ok(())
}

pub(super) async fn enable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
    keys: &[&str],
) -> Result<(), CallError> {
    let client = &cx.aws.apigatewayv2;
    for stage in parts.get("stages.json").as_array().into_iter().flatten() {
        let mut body = pick_members(stage, &["defaultRouteSettings", "routeSettings"]);
        if body["defaultRouteSettings"].is_null() {
            // What a stage has that nobody has set anything of.
            body["defaultRouteSettings"] = json!({ "detailedMetricsEnabled": false });
        }
        let name = text_member(stage, "stageName").unwrap_or_default();
        let request = || client.update_stage().api_id(target.aws_identifier()).stage_name(name);
        cx.call_with_retry(async || answer!("apigateway:UpdateStage", request(), &body)).await?;
    }
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let request = client.untag_resource().resource_arn(&target.id).set_tag_keys(Some(keys));
    request.send().await.call("apigateway:UntagResource").map(drop)
}
