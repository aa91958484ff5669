//! REST APIs of API Gateway: resources, methods, stages, documents, domain names.

use aws_sdk_apigateway::primitives::Blob;
use aws_sdk_apigateway::types::{IntegrationType, Op, PatchOperation};
use deployer_aws::{Call, CallError, FailureKind};
use serde_json::Value;

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same, fail_probe};

use crate::sdk::GeneratedClients as _;

/// Creates an API with the resource `/hook`, whose POST calls a function. Returns the API's id.
async fn create_api(place: &ProbePlace, name: &str) -> Result<String, CallError> {
    let api = &place.aws.sdk().apigateway;
    let request = api.create_rest_api().name(name).description("a probe");
    let request = request.set_tags(Some(TAGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into()));
    let id = request.send().await.call("apigateway:CreateRestApi")?.id.unwrap_or_default();
    let resources = api.get_resources().rest_api_id(&id).send().await.call("apigateway:GetResources")?;
    let root = resources.items().first().and_then(|root| root.id()).unwrap_or_default();
    let request = api.create_resource().rest_api_id(&id).parent_id(root).path_part("hook");
    let hook = request.send().await.call("apigateway:CreateResource")?.id.unwrap_or_default();
    let request = api.put_method().rest_api_id(&id).resource_id(&hook).http_method("POST").authorization_type("NONE");
    request.send().await.call("apigateway:PutMethod")?;
    let request = api.put_integration().rest_api_id(&id).resource_id(&hook).http_method("POST");
    let request = request.r#type(IntegrationType::AwsProxy).integration_http_method("POST").uri(integration_uri(place));
    request.send().await.call("apigateway:PutIntegration")?;
    Ok(id)
}

fn integration_uri(place: &ProbePlace) -> String {
    let function = format!("arn:aws:lambda:us-east-1:{}:function:deployer-probe", place.account);
    format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations")
}

async fn deploy_api(place: &ProbePlace, id: &str) -> Result<String, CallError> {
    let request = place.aws.sdk().apigateway.create_deployment().rest_api_id(id).stage_name("prod");
    Ok(request.send().await.call("apigateway:CreateDeployment")?.id.unwrap_or_default())
}

async fn delete_api(place: &ProbePlace, id: &str) {
    let _ = place.aws.sdk().apigateway.delete_rest_api().rest_api_id(id).send().await;
}

pub async fn shows_methods_with_integrations(place: ProbePlace) -> ProbeResult {
    let id = create_api(&place, &place.resource_name("api")).await.map_err(error_text)?;
    let request = place.aws.sdk().apigateway.get_resources().rest_api_id(&id).embed("methods");
    let answer = request.send().await.call("apigateway:GetResources");
    let api = place.aws.sdk().apigateway.get_rest_api().rest_api_id(&id).send().await.call("apigateway:GetRestApi");
    delete_api(&place, &id).await;
    let api = api.map_err(error_text)?;
    expect_same(api.description(), Some("a probe"), "description")?;
    expect_same(api.tags().map(|tags| tags.len()), Some(TAGS.len()), "tags")?;
    let answer = answer.map_err(error_text)?;
    let hook = answer
        .items()
        .iter()
        .find(|resource| resource.path() == Some("/hook"))
        .ok_or("the resource /hook is missing")?;
    expect_same((hook.path_part(), hook.parent_id().is_some()), (Some("hook"), true), "resource")?;
    let method = hook.resource_methods().and_then(|methods| methods.get("POST")).ok_or("the method is missing")?;
    let integration = method.method_integration().ok_or("the integration is missing")?;
    expect_same(integration.uri(), Some(integration_uri(&place).as_str()), "integration URI")?;
    expect_same(integration.r#type(), Some(&IntegrationType::AwsProxy), "integration type")
}

pub async fn deployment_creates_its_stage(place: ProbePlace) -> ProbeResult {
    let id = create_api(&place, &place.resource_name("api")).await.map_err(error_text)?;
    let deployment = deploy_api(&place, &id).await.map_err(error_text)?;
    let api = &place.aws.sdk().apigateway;
    let stages = api.get_stages().rest_api_id(&id).send().await.call("apigateway:GetStages").map_err(error_text)?;
    let found = stages.item().first().map(|stage| (stage.stage_name(), stage.deployment_id()));
    let in_use = api.delete_deployment().rest_api_id(&id).deployment_id(&deployment).send().await;
    let in_use = in_use.call("apigateway:DeleteDeployment");
    let gone = api.delete_stage().rest_api_id(&id).stage_name("prod").send().await.call("apigateway:DeleteStage");
    let after = api.get_stage().rest_api_id(&id).stage_name("prod").send().await.call("apigateway:GetStage");
    delete_api(&place, &id).await;
    expect_same(found, Some((Some("prod"), Some(deployment.as_str()))), "stage")?;
    gone.map_err(error_text)?;
    expect_refused(after, FailureKind::NotFound)?;
    expect_refused(in_use, FailureKind::Invalid)
}

pub async fn throttles_stage(place: ProbePlace) -> ProbeResult {
    let id = create_api(&place, &place.resource_name("api")).await.map_err(error_text)?;
    deploy_api(&place, &id).await.map_err(error_text)?;
    let patch = |path: &str| {
        let patch = PatchOperation::builder().op(Op::Replace).path(format!("/*/*/throttling/{path}"));
        patch.value("0").build()
    };
    let request = place.aws.sdk().apigateway.update_stage().rest_api_id(&id).stage_name("prod");
    let request = request.patch_operations(patch("rateLimit")).patch_operations(patch("burstLimit"));
    let updated = request.send().await.call("apigateway:UpdateStage");
    delete_api(&place, &id).await;
    let updated = updated.map_err(error_text)?;
    let settings = updated.method_settings().and_then(|settings| settings.get("*/*")).ok_or("no settings")?;
    expect_same(settings.throttling_rate_limit(), 0.0, "rate limit")?;
    expect_same(settings.throttling_burst_limit(), 0, "burst limit")
}

pub async fn imports_its_own_export(place: ProbePlace) -> ProbeResult {
    let id = create_api(&place, &place.resource_name("api")).await.map_err(error_text)?;
    deploy_api(&place, &id).await.map_err(error_text)?;
    let api = &place.aws.sdk().apigateway;
    let request = api.get_export().rest_api_id(&id).stage_name("prod").export_type("oas30");
    let request = request.parameters("extensions", "apigateway").accepts("application/json");
    let exported = request.send().await.call("apigateway:GetExport");
    delete_api(&place, &id).await;
    let body = exported.map_err(error_text)?.body.unwrap_or_else(|| Blob::new("")).into_inner();
    let document: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    let integration = &document["paths"]["/hook"]["post"]["x-amazon-apigateway-integration"];
    expect_same(
        integration["uri"].as_str(),
        Some(integration_uri(&place).as_str()),
        "integration URI in the document",
    )?;
    let imported = api.import_rest_api().body(Blob::new(body)).send().await.call("apigateway:ImportRestApi");
    let id = imported.map_err(error_text)?.id.unwrap_or_default();
    let request = api.get_resources().rest_api_id(&id).embed("methods");
    let resources = request.send().await.call("apigateway:GetResources");
    delete_api(&place, &id).await;
    let resources = resources.map_err(error_text)?;
    let hook = resources.items().iter().find(|resource| resource.path() == Some("/hook")).ok_or("no path")?;
    let method = hook.resource_methods().and_then(|methods| methods.get("POST")).ok_or("no method")?;
    let integration = method.method_integration().ok_or("no integration")?;
    expect_same(integration.uri(), Some(integration_uri(&place).as_str()), "integration URI of the imported API")?;
    expect_same(integration.r#type(), Some(&IntegrationType::AwsProxy), "integration type")
}

pub async fn refuses_to_delete_api_with_domain(place: ProbePlace) -> ProbeResult {
    let id = create_api(&place, &place.resource_name("api")).await.map_err(error_text)?;
    deploy_api(&place, &id).await.map_err(error_text)?;
    let (api, domain) = (&place.aws.sdk().apigateway, format!("{}.example.com", place.resource_name("domain")));
    let made = api.create_domain_name().domain_name(&domain).send().await.call("apigateway:CreateDomainName");
    let request = api.create_base_path_mapping().domain_name(&domain).rest_api_id(&id).base_path("hooks").stage("prod");
    let mapped = request.send().await.call("apigateway:CreateBasePathMapping");
    let mappings = api.get_base_path_mappings().domain_name(&domain).send().await;
    let mappings = mappings.call("apigateway:GetBasePathMappings");
    let kept = api.delete_rest_api().rest_api_id(&id).send().await.call("apigateway:DeleteRestApi");
    let _ = api.delete_base_path_mapping().domain_name(&domain).base_path("hooks").send().await;
    let _ = api.delete_domain_name().domain_name(&domain).send().await;
    delete_api(&place, &id).await;
    made.map_err(error_text)?;
    mapped.map_err(error_text)?;
    let found: Vec<_> =
        mappings.as_ref().map_err(|error| error.to_string())?.items().iter().map(|one| one.rest_api_id()).collect();
    expect_same(found, vec![Some(id.as_str())], "APIs at the domain")?;
    expect_refused(kept, FailureKind::Invalid)
}

pub async fn pages_apis(place: ProbePlace) -> ProbeResult {
    let mut ids = Vec::new();
    for what in ["api-1", "api-2", "api-3"] {
        let answer = place.aws.sdk().apigateway.create_rest_api().name(place.resource_name(what)).send().await;
        ids.push(answer.call("apigateway:CreateRestApi").map_err(error_text)?.id.unwrap_or_default());
    }
    let (mut found, mut pages, mut position) = (Vec::new(), 0, None);
    loop {
        let request = place.aws.sdk().apigateway.get_rest_apis().limit(2).set_position(position);
        let page = request.send().await.call("apigateway:GetRestApis").map_err(error_text)?;
        found.extend(page.items().iter().filter_map(|api| api.id().map(ToOwned::to_owned)));
        pages += 1;
        position = page.position.clone();
        if position.is_none() {
            break;
        }
    }
    for id in &ids {
        delete_api(&place, id).await;
    }
    expect_same(ids.iter().all(|id| found.contains(id)), true, "whether all APIs are listed")?;
    if pages < 2 { fail_probe("all APIs came in one page") } else { Ok(()) }
}

pub async fn adds_and_removes_api_tags(place: ProbePlace) -> ProbeResult {
    let id = create_api(&place, &place.resource_name("api")).await.map_err(error_text)?;
    let (api, arn) = (&place.aws.sdk().apigateway, format!("arn:aws:apigateway:us-east-1::/restapis/{id}"));
    let tagged = api.tag_resource().resource_arn(&arn).tags("more", "1").send().await.call("apigateway:TagResource");
    let request = api.untag_resource().resource_arn(&arn).tag_keys(TAGS[0].0);
    let untagged = request.send().await.call("apigateway:UntagResource");
    let tags = api.get_tags().resource_arn(&arn).send().await.call("apigateway:GetTags");
    delete_api(&place, &id).await;
    tagged.map_err(error_text)?;
    untagged.map_err(error_text)?;
    let mut keys: Vec<_> = tags.map_err(error_text)?.tags.unwrap_or_default().into_keys().collect();
    keys.sort_unstable();
    expect_same(keys, vec![TAGS[1].0.to_owned(), "more".to_owned()], "tags")
}

pub async fn reports_missing_apis_as_not_found(place: ProbePlace) -> ProbeResult {
    let api = &place.aws.sdk().apigateway;
    let answer = api.get_rest_api().rest_api_id("0123456789").send().await.call("apigateway:GetRestApi");
    expect_refused(answer, FailureKind::NotFound)?;
    let answer = api.delete_rest_api().rest_api_id("0123456789").send().await.call("apigateway:DeleteRestApi");
    expect_refused(answer, FailureKind::NotFound)?;
    let answer = api.get_base_path_mappings().domain_name("nowhere.example.com").send().await;
    expect_refused(answer.call("apigateway:GetBasePathMappings"), FailureKind::NotFound)
}
