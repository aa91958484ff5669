//! Converts HTTP APIs to and from OpenAPI documents.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::openapi::{OpenApiDocument, OpenApiOperation};
use super::{ApiError, ApiGatewayCall, CloudAnswer, StoredHttpApi, bad_request, find_api, new_api, store_api};

/// The members of an integration: the name in the API reference, and the name in a document.
const MEMBERS: [(&str, &str); 6] = [
    ("integrationType", "type"),
    ("integrationUri", "uri"),
    ("integrationMethod", "httpMethod"),
    ("payloadFormatVersion", "payloadFormatVersion"),
    ("connectionType", "connectionType"),
    ("timeoutInMillis", "timeoutInMillis"),
];
/// The path of the route for requests that match no other route.
const DEFAULT: &str = "$default";

/// The document is a string in the request.
pub(super) fn import_api(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let text = call.json_body()?.required_text("body").map_err(|error| bad_request(error.message))?.to_owned();
    let document = OpenApiDocument::parse_json(text.as_bytes())?;
    let given = json!({ "description": document.description, "version": document.version });
    let mut api = new_api(call, &document.title, "HTTP", &given);
    for operation in document.operations {
        let mut route = json!({ "routeKey": route_key(&operation) });
        if let Some(integration) = &operation.integration {
            let members = MEMBERS
                .iter()
                .filter_map(|(name, written)| Some(((*name).to_owned(), integration.get(*written)?.clone())));
            let id = api.add_entry(call, "integrations", &Value::Object(members.collect()));
            route["target"] = json!(format!("integrations/{id}"));
        }
        api.add_entry(call, "routes", &route);
    }
    let answer = CloudAnswer::from_rest_json(201, &api.shown);
    store_api(call, api);
    Ok(answer)
}

fn route_key(operation: &OpenApiOperation) -> String {
    if operation.is_default_route || operation.path.trim_start_matches('/') == DEFAULT {
        return DEFAULT.to_owned();
    }
    format!("{} {}", operation.method, operation.path)
}

pub(super) fn export_api(call: &ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    if call.request.query_value("outputType") != Some("JSON") {
        return Err(bad_request("The local cloud only exports JSON"));
    }
    let api = find_api(call)?;
    let text = |name: &str| api.shown[name].as_str().map(ToOwned::to_owned);
    let routes = api.below.get("routes").into_iter().flatten();
    let document = OpenApiDocument {
        title: text("name").unwrap_or_default(),
        version: text("version"),
        description: text("description"),
        policy: None,
        servers: vec![json!({ "url": api.shown["apiEndpoint"] })],
        operations: routes.map(|(_, route)| route_operation(api, route)).collect(),
    };
    let extensions = call.request.query_value("includeExtensions") != Some("false");
    let body = Bytes::from(document.write_json(extensions).to_string());
    Ok(CloudAnswer { status: 200, content_type: "application/json", headers: Vec::new(), body })
}

fn route_operation(api: &StoredHttpApi, route: &Value) -> OpenApiOperation {
    let key = route["routeKey"].as_str().unwrap_or_default();
    let (method, path) = key.split_once(' ').unwrap_or(("ANY", "/$default"));
    let target = route["target"].as_str().and_then(|target| target.strip_prefix("integrations/"));
    let integration = target.and_then(|id| api.below.get("integrations")?.get(id)).map(|integration| {
        let members =
            MEMBERS.iter().filter_map(|(name, written)| Some(((*written).to_owned(), integration.get(*name)?.clone())));
        Value::Object(members.collect())
    });
    OpenApiOperation {
        path: path.to_owned(),
        method: method.to_owned(),
        integration,
        responses: json!({ "default": { "description": format!("Default response for {key}") } }),
        is_default_route: key == DEFAULT,
    }
}
