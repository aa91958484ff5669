//! HTTP APIs of API Gateway: routes, integrations, stages, documents.

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType, RouteSettings};
use deployer_aws::{Call, CallError, FailureKind};
use serde_json::Value;

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same};

use crate::sdk::GeneratedClients as _;

fn function_arn(place: &ProbePlace) -> String {
    format!("arn:aws:lambda:us-east-1:{}:function:deployer-probe", place.account)
}

/// Creates an API with one route to a function and an auto-deployed stage. Returns the ids of the API and the
/// integration.
async fn create_api(place: &ProbePlace, name: &str) -> Result<(String, String), CallError> {
    let api = &place.aws.sdk().apigatewayv2;
    let request = api.create_api().name(name).protocol_type(ProtocolType::Http);
    let request = request.set_tags(Some(TAGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into()));
    let id = request.send().await.call("apigateway:CreateApi")?.api_id.unwrap_or_default();
    let request = api.create_integration().api_id(&id).integration_type(IntegrationType::AwsProxy);
    let request = request.integration_uri(function_arn(place)).integration_method("POST").payload_format_version("2.0");
    let integration = request.send().await.call("apigateway:CreateIntegration")?.integration_id.unwrap_or_default();
    let request = api.create_route().api_id(&id).route_key("POST /hook").target(format!("integrations/{integration}"));
    request.send().await.call("apigateway:CreateRoute")?;
    let request = api.create_stage().api_id(&id).stage_name("$default").auto_deploy(true);
    request.send().await.call("apigateway:CreateStage")?;
    Ok((id, integration))
}

async fn delete_api(place: &ProbePlace, id: &str) {
    let _ = place.aws.sdk().apigatewayv2.delete_api().api_id(id).send().await;
}

pub async fn shows_route_integrations(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("api");
    let (id, integration) = create_api(&place, &name).await.map_err(error_text)?;
    let v2 = &place.aws.sdk().apigatewayv2;
    let api = v2.get_api().api_id(&id).send().await.call("apigateway:GetApi");
    let routes = v2.get_routes().api_id(&id).send().await.call("apigateway:GetRoutes");
    let integrations = v2.get_integrations().api_id(&id).send().await.call("apigateway:GetIntegrations");
    let stages = v2.get_stages().api_id(&id).send().await.call("apigateway:GetStages");
    delete_api(&place, &id).await;
    let api = api.map_err(error_text)?;
    expect_same(api.name(), Some(name.as_str()), "name")?;
    expect_same(
        api.api_endpoint().is_some_and(|uri| uri.contains(&id)),
        true,
        "whether the endpoint contains the API id",
    )?;
    expect_same(api.tags().map(|tags| tags.len()), Some(TAGS.len()), "tags")?;
    let routes = routes.map_err(error_text)?;
    let route = routes.items().first().ok_or("no route")?;
    expect_same(route.route_key(), Some("POST /hook"), "route")?;
    expect_same(route.target(), Some(format!("integrations/{integration}").as_str()), "target of the route")?;
    let integrations = integrations.map_err(error_text)?;
    let uri = integrations.items().first().and_then(|integration| integration.integration_uri());
    expect_same(uri, Some(function_arn(&place).as_str()), "integration URI")?;
    let stages = stages.map_err(error_text)?;
    expect_same(stages.items().first().and_then(|stage| stage.stage_name()), Some("$default"), "stage")
}

pub async fn throttles_stage(place: ProbePlace) -> ProbeResult {
    let (id, _) = create_api(&place, &place.resource_name("api")).await.map_err(error_text)?;
    let settings = RouteSettings::builder().throttling_rate_limit(0.0).throttling_burst_limit(0).build();
    let request = place.aws.sdk().apigatewayv2.update_stage().api_id(&id).stage_name("$default");
    let updated = request.default_route_settings(settings).send().await.call("apigateway:UpdateStage");
    delete_api(&place, &id).await;
    let updated = updated.map_err(error_text)?;
    let settings = updated.default_route_settings().ok_or("no settings")?;
    expect_same(
        (settings.throttling_rate_limit(), settings.throttling_burst_limit()),
        (Some(0.0), Some(0)),
        "rate and burst limits",
    )
}

pub async fn refuses_to_delete_integration_in_use(place: ProbePlace) -> ProbeResult {
    let (id, integration) = create_api(&place, &place.resource_name("api")).await.map_err(error_text)?;
    let request = place.aws.sdk().apigatewayv2.delete_integration().api_id(&id).integration_id(&integration);
    let kept = request.send().await.call("apigateway:DeleteIntegration");
    delete_api(&place, &id).await;
    expect_same(kept.map_err(|error| error.code).err().as_deref(), Some("ConflictException"), "error code")
}

pub async fn imports_its_own_export(place: ProbePlace) -> ProbeResult {
    let (id, _) = create_api(&place, &place.resource_name("api")).await.map_err(error_text)?;
    let v2 = &place.aws.sdk().apigatewayv2;
    let request = v2.export_api().api_id(&id).specification("OAS30").output_type("JSON").include_extensions(true);
    let exported = request.send().await.call("apigateway:ExportApi");
    delete_api(&place, &id).await;
    let body = exported.map_err(error_text)?.body.map(|body| body.into_inner()).unwrap_or_default();
    let document: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    let written = &document["paths"]["/hook"]["post"]["x-amazon-apigateway-integration"]["uri"];
    expect_same(written.as_str(), Some(function_arn(&place).as_str()), "integration URI in the document")?;
    let imported = v2.import_api().body(document.to_string()).send().await.call("apigateway:ImportApi");
    let id = imported.map_err(error_text)?.api_id.unwrap_or_default();
    let routes = v2.get_routes().api_id(&id).send().await.call("apigateway:GetRoutes");
    let integrations = v2.get_integrations().api_id(&id).send().await.call("apigateway:GetIntegrations");
    delete_api(&place, &id).await;
    let routes = routes.map_err(error_text)?;
    expect_same(
        routes.items().first().and_then(|route| route.route_key()),
        Some("POST /hook"),
        "route of the imported API",
    )?;
    let integrations = integrations.map_err(error_text)?;
    let uri = integrations.items().first().and_then(|integration| integration.integration_uri());
    expect_same(uri, Some(function_arn(&place).as_str()), "integration URI of the imported API")
}

pub async fn reports_missing_apis_as_not_found(place: ProbePlace) -> ProbeResult {
    let v2 = &place.aws.sdk().apigatewayv2;
    let answer = v2.get_api().api_id("0123456789").send().await.call("apigateway:GetApi");
    expect_refused(answer, FailureKind::NotFound)?;
    let answer = v2.delete_api().api_id("0123456789").send().await.call("apigateway:DeleteApi");
    expect_refused(answer, FailureKind::NotFound)?;
    let answer = v2.get_routes().api_id("0123456789").send().await.call("apigateway:GetRoutes");
    expect_refused(answer, FailureKind::NotFound)
}
