//! Converts REST APIs to and from OpenAPI documents.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::openapi::{OpenApiDocument, OpenApiOperation};
use super::{
    ApiError, ApiGatewayCall, CloudAnswer, StoredRestApi, bad_request, find_api, find_api_mut, new_api, stages,
    store_api,
};

/// Members of an integration that an export leaves out, since they belong to the API.
const OWN: [&str; 2] = ["cacheNamespace", "cacheKeyParameters"];

pub(super) fn import_rest_api(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let document = OpenApiDocument::parse_json(&call.request.body)?;
    let mut given = json!({ "description": document.description, "version": document.version });
    if let Some(kind) = call.request.query_value("endpointConfigurationTypes") {
        given["endpointConfiguration"] = json!({ "types": [kind], "ipAddressType": "ipv4" });
    }
    let mut api = new_api(call, &document.title, &given);
    apply_document(call, &mut api, document);
    let answer = CloudAnswer::from_rest_json(201, &api.shown);
    store_api(call, api);
    Ok(answer)
}

/// `mode=overwrite` replaces everything that was there.
pub(super) fn put_rest_api(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let document = OpenApiDocument::parse_json(&call.request.body)?;
    let mut changed = find_api(call)?.clone();
    if call.request.query_value("mode") == Some("overwrite") {
        let root = changed.shown["rootResourceId"].as_str().unwrap_or_default().to_owned();
        changed.resources.retain(|id, _| *id == root);
        for resource in changed.resources.values_mut() {
            resource.methods.clear();
        }
    }
    changed.shown["name"] = json!(document.title);
    apply_document(call, &mut changed, document);
    let answer = CloudAnswer::from_rest_json(200, &changed.shown);
    *find_api_mut(call)? = changed;
    Ok(answer)
}

fn apply_document(call: &mut ApiGatewayCall<'_, '_>, api: &mut StoredRestApi, document: OpenApiDocument) {
    if let Some(policy) = document.policy {
        api.shown["policy"] = json!(policy.to_string());
    }
    for operation in document.operations {
        let mut method = json!({
            "httpMethod": operation.method,
            "authorizationType": "NONE",
            "apiKeyRequired": false,
        });
        for (status, _) in operation.responses.as_object().into_iter().flatten() {
            method["methodResponses"][status] = json!({ "statusCode": status });
        }
        let resource = api.ensure_resource(&operation.path, || call.random_id(6));
        if let Some(mut integration) = operation.integration {
            let responses = integration.as_object_mut().and_then(|members| members.remove("responses"));
            for (pattern, response) in responses.as_ref().and_then(Value::as_object).into_iter().flatten() {
                let mut response = response.clone();
                if pattern != "default" {
                    response["selectionPattern"] = json!(pattern);
                }
                let status = response["statusCode"].as_str().unwrap_or("200").to_owned();
                integration["integrationResponses"][status] = response;
            }
            method["methodIntegration"] = integration;
        }
        resource.methods.insert(operation.method, method);
    }
}

pub(super) fn get_export(call: &ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let kind = call.path_part(5);
    if kind != "oas30" {
        return Err(bad_request(format!("The local cloud only exports oas30, not {kind}")));
    }
    let accept = call.request.header_value("accept").unwrap_or("application/json");
    if !accept.contains("json") && !accept.contains('*') {
        return Err(bad_request(format!("The local cloud only exports application/json, not {accept}")));
    }
    let (api, stage) = (find_api(call)?, stages::find_stage(call)?);
    let stage = stage["stageName"].as_str().unwrap_or_default();
    let operations = api.resources.values().flat_map(|resource| {
        resource.methods.iter().map(|(verb, method)| {
            let responses = method["methodResponses"].as_object().into_iter().flatten();
            OpenApiOperation {
                path: resource.path.clone(),
                method: verb.clone(),
                integration: method.get("methodIntegration").map(export_integration),
                responses: responses.map(|(status, _)| (status.clone(), json!({ "description": status }))).collect(),
                is_default_route: false,
            }
        })
    });
    let (region, id) = (call.cx.request_region(), call.path_part(1));
    let text = |name: &str| api.shown[name].as_str().map(ToOwned::to_owned);
    let document = OpenApiDocument {
        title: text("name").unwrap_or_default(),
        version: text("version"),
        description: text("description"),
        policy: text("policy").and_then(|policy| serde_json::from_str(&policy).ok()),
        servers: vec![json!({
            "url": format!("https://{id}.execute-api.{region}.amazonaws.com/{{basePath}}"),
            "variables": { "basePath": { "default": stage } },
        })],
        operations: operations.collect(),
    };
    let document = document.write_json(!call.request.query_values("extensions").is_empty());
    let disposition = format!("attachment; filename=\"oas30_{id}_{stage}.json\"");
    Ok(CloudAnswer {
        status: 200,
        content_type: "application/octet-stream",
        headers: vec![("content-disposition", disposition)],
        body: Bytes::from(document.to_string()),
    })
}

fn export_integration(integration: &Value) -> Value {
    let mut exported = integration.clone();
    let Some(members) = exported.as_object_mut() else { return exported };
    for name in OWN {
        members.remove(name);
    }
    let responses = members.remove("integrationResponses");
    for (_, response) in responses.as_ref().and_then(Value::as_object).into_iter().flatten() {
        let mut response = response.clone();
        let pattern = response.as_object_mut().and_then(|members| members.remove("selectionPattern"));
        let pattern = pattern.as_ref().and_then(Value::as_str).unwrap_or("default").to_owned();
        exported["responses"][pattern] = response;
    }
    exported
}
