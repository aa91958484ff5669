//! API Gateway's HTTP and WebSocket APIs: routes, integrations, authorizers, stages, the domains' mappings. The archive
//! also has the OpenAPI export of an HTTP API, for people; a restore uses the parts, which contain more.

use std::collections::BTreeMap;

use aws_sdk_apigatewayv2::types::RouteSettings;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::parts::Parts;
use super::super::wire::{answer, list, members, text};
use super::super::{Cx, TAG_RESTORING, Target, optional, unexpected};
use super::{Restored, time};
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

/// Reads all pages of one of API Gateway's lists.
macro_rules! pages {
    ($operation:literal, $request:expr) => {{
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            let page = optional(answer!($operation, $request.set_next_token(token)))?.unwrap_or_default();
            all.extend(list(&page, "items").iter().cloned());
            token = text(&page, "nextToken").map(ToOwned::to_owned);
            if token.is_none() {
                break all;
            }
        }
    }};
}

pub(super) async fn read(cx: &Cx<'_>, target: &Target) -> Result<Option<Parts>, CallError> {
    let (id, client) = (target.key(), &cx.aws.apigatewayv2);
    let Some(mut api) = answer!("apigateway:GetApi", client.get_api().api_id(id)).found()? else { return Ok(None) };
    let tags = api.as_object_mut().and_then(|members| members.remove("tags")).unwrap_or_else(|| json!({}));
    let mut parts = Parts::default();
    if text(&api, "protocolType") == Some("HTTP") {
        let request =
            client.export_api().api_id(id).specification("OAS30").output_type("JSON").include_extensions(true);
        let export = optional(request.send().await.call("apigateway:ExportApi"))?;
        let export = export.and_then(|export| export.body().map(|body| Bytes::copy_from_slice(body.as_ref())));
        if let Some(export) = export {
            parts.put_bytes("openapi/api.json", export);
        }
    }
    parts.put("api.json", api);
    parts.put("tags.json", tags);
    parts.put("routes.json", Value::Array(pages!("apigateway:GetRoutes", client.get_routes().api_id(id))));
    let integrations = pages!("apigateway:GetIntegrations", client.get_integrations().api_id(id));
    parts.put("integrations.json", Value::Array(integrations));
    parts.put(
        "authorizers.json",
        Value::Array(pages!("apigateway:GetAuthorizers", client.get_authorizers().api_id(id))),
    );
    parts.put("stages.json", Value::Array(pages!("apigateway:GetStages", client.get_stages().api_id(id))));
    let mut mappings = Vec::new();
    for domain in pages!("apigateway:GetDomainNames", client.get_domain_names()) {
        let name = text(&domain, "domainName").unwrap_or_default();
        let all = pages!("apigateway:GetApiMappings", client.get_api_mappings().domain_name(name));
        for mapping in all.iter().filter(|mapping| text(mapping, "apiId") == Some(id)) {
            let mut mapping = members(mapping, &["apiMappingId", "apiMappingKey", "stage"]);
            mapping["domainName"] = json!(name);
            mappings.push(mapping);
        }
    }
    parts.put("mappings.json", Value::Array(mappings));
    Ok(Some(parts))
}

pub(super) fn changed_at(parts: &Parts) -> Option<Timestamp> {
    let stages = parts.get("stages.json").as_array().into_iter().flatten();
    stages.filter_map(|stage| time(&stage["lastUpdatedDate"])).max()
}

pub(super) async fn delete(cx: &Cx<'_>, target: &Target, parts: &Parts) -> Result<(), CallError> {
    let client = &cx.aws.apigatewayv2;
    for mapping in parts.get("mappings.json").as_array().into_iter().flatten() {
        let request = client.delete_api_mapping().domain_name(text(mapping, "domainName").unwrap_or_default());
        let request = request.api_mapping_id(text(mapping, "apiMappingId").unwrap_or_default());
        request.send().await.call("apigateway:DeleteApiMapping").found()?;
    }
    let request = client.delete_api().api_id(target.key());
    cx.retried(async || request.clone().send().await.call("apigateway:DeleteApi")).await.found().map(drop)
}

pub(super) async fn restore(cx: &Cx<'_>, target: &Target, parts: &Parts) -> Result<Restored, CallError> {
    let client = &cx.aws.apigatewayv2;
    let old = target.key();
    let id = made(cx, old, parts).await?;
    let all = |name: &str| parts.get(name).as_array().cloned().unwrap_or_default();
    // From old ids to new ones.
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for authorizer in all("authorizers.json") {
        let body = members(&authorizer, AUTHORIZER);
        let request = || client.create_authorizer().api_id(&id);
        let made = cx.retried(async || answer!("apigateway:CreateAuthorizer", request(), &body)).await?;
        keep(&mut ids, &authorizer, &made, "authorizerId");
    }
    for integration in all("integrations.json") {
        let body = members(&integration, INTEGRATION);
        let request = || client.create_integration().api_id(&id);
        let made = cx.retried(async || answer!("apigateway:CreateIntegration", request(), &body)).await?;
        keep(&mut ids, &integration, &made, "integrationId");
    }
    for route in all("routes.json") {
        let mut body = members(&route, ROUTE);
        let renamed = |old: &str| ids.get(old).cloned().unwrap_or_else(|| old.to_owned());
        if let Some(integration) = text(&route, "target").and_then(|target| target.strip_prefix("integrations/")) {
            body["target"] = json!(format!("integrations/{}", renamed(integration)));
        }
        if let Some(authorizer) = text(&route, "authorizerId") {
            body["authorizerId"] = json!(renamed(authorizer));
        }
        let request = || client.create_route().api_id(&id);
        cx.retried(async || answer!("apigateway:CreateRoute", request(), &body)).await?;
    }
    for stage in all("stages.json") {
        let mut body = members(&stage, STAGE);
        if stage["autoDeploy"].as_bool() != Some(true) && text(&stage, "deploymentId").is_some() {
            let request = client.create_deployment().api_id(&id);
            let made = cx.retried(async || request.clone().send().await.call("apigateway:CreateDeployment")).await?;
            body["deploymentId"] = json!(made.deployment_id());
        }
        let request = || client.create_stage().api_id(&id);
        cx.retried(async || answer!("apigateway:CreateStage", request(), &body)).await?;
    }
    for mapping in all("mappings.json") {
        let domain = text(&mapping, "domainName").unwrap_or_default();
        let mut body = members(&mapping, &["apiMappingKey", "stage"]);
        body["apiId"] = json!(id);
        let request = || client.create_api_mapping().domain_name(domain);
        match cx.retried(async || answer!("apigateway:CreateApiMapping", request(), &body)).await {
            Err(error) if error.code == "ConflictException" => {}
            other => drop(other?),
        }
    }
    let (head, _) = target.id.rsplit_once('/').unwrap_or_default();
    let arn = format!("{head}/{id}");
    let region = &cx.scope.region;
    let note = format!(
        "its address is now https://{id}.execute-api.{region}.amazonaws.com; update everything that uses https://{old}.execute-api.{region}.amazonaws.com"
    );
    Ok(Restored { id: Some(arn), renamed: vec![(old.to_owned(), id)], notes: vec![note] })
}

fn keep(ids: &mut BTreeMap<String, String>, archived: &Value, made: &Value, member: &str) {
    if let (Some(old), Some(new)) = (text(archived, member), text(made, member)) {
        ids.insert(old.to_owned(), new.to_owned());
    }
}

/// Creates an API and returns its id. An API that an interrupted restore created is deleted first: its parts have no
/// names by which a second try could recognize them.
async fn made(cx: &Cx<'_>, old: &str, parts: &Parts) -> Result<String, CallError> {
    let client = &cx.aws.apigatewayv2;
    for api in pages!("apigateway:GetApis", client.get_apis()) {
        if text(&api["tags"], TAG_RESTORING) == Some(old)
            && let Some(id) = text(&api, "apiId")
        {
            client.delete_api().api_id(id).send().await.call("apigateway:DeleteApi").found()?;
        }
    }
    let mut body = members(parts.get("api.json"), API);
    body["tags"] = parts.get("tags.json").clone();
    body["tags"][TAG_RESTORING] = json!(old);
    let made = cx.retried(async || answer!("apigateway:CreateApi", client.create_api(), &body)).await?;
    let id = text(&made, "apiId").map(ToOwned::to_owned);
    id.ok_or_else(|| unexpected("apigateway:CreateApi", "the answer has no id"))
}

/// Removes the tag by which an interrupted restore finds the API that it created.
pub(super) async fn settle(cx: &Cx<'_>, target: &Target) -> Result<(), CallError> {
    let request = cx.aws.apigatewayv2.untag_resource().resource_arn(&target.id).tag_keys(TAG_RESTORING);
    request.send().await.call("apigateway:UntagResource").map(drop)
}

/// Throttles every request, so that each gets 429.
pub(super) async fn disable(
    cx: &Cx<'_>,
    target: &Target,
    parts: &Parts,
    tags: &[(&str, String)],
) -> Result<(), CallError> {
    let client = &cx.aws.apigatewayv2;
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let request = client.tag_resource().resource_arn(&target.id).set_tags(Some(tags));
    request.send().await.call("apigateway:TagResource")?;
    let nothing = RouteSettings::builder().throttling_burst_limit(0).throttling_rate_limit(0.0).build();
    for stage in parts.get("stages.json").as_array().into_iter().flatten() {
        let mut request = client.update_stage().api_id(target.key()).default_route_settings(nothing.clone());
        request = request.stage_name(text(stage, "stageName").unwrap_or_default());
        for route in stage["routeSettings"].as_object().into_iter().flatten().map(|(route, _)| route) {
            request = request.route_settings(route, nothing.clone());
        }
        cx.retried(async || request.clone().send().await.call("apigateway:UpdateStage")).await?;
    }
    Ok(())
}

pub(super) async fn enable(cx: &Cx<'_>, target: &Target, parts: &Parts, keys: &[&str]) -> Result<(), CallError> {
    let client = &cx.aws.apigatewayv2;
    for stage in parts.get("stages.json").as_array().into_iter().flatten() {
        let mut body = members(stage, &["defaultRouteSettings", "routeSettings"]);
        if body["defaultRouteSettings"].is_null() {
            // The settings of a stage that was never configured.
            body["defaultRouteSettings"] = json!({ "detailedMetricsEnabled": false });
        }
        let name = text(stage, "stageName").unwrap_or_default();
        let request = || client.update_stage().api_id(target.key()).stage_name(name);
        cx.retried(async || answer!("apigateway:UpdateStage", request(), &body)).await?;
    }
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let request = client.untag_resource().resource_arn(&target.id).set_tag_keys(Some(keys));
    request.send().await.call("apigateway:UntagResource").map(drop)
}
