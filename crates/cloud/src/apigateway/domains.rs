//! Custom domain names, and which API serves which of their paths. Both interfaces show the same mappings, one as base
//! path mappings, the other as API mappings.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ApiError, ApiGatewayCall, CloudAnswer, bad_request, conflict_error, not_found, operation_by_method};
use crate::dispatch;

/// The first interface's name for the root of a domain.
const ROOT: &str = "(none)";

/// A domain name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredDomain {
    /// `{"tags": {…}}`
    pub tags: Value,
    /// The members of the request that created it.
    pub given: Value,
    pub mappings: Vec<ApiMapping>,
}

/// An API at a path of a domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiMapping {
    pub id: String,
    pub api_id: String,
    pub stage: String,
    /// Empty for the root.
    pub path: String,
}

pub(super) fn domain_operation_name(method: &Method, parts: &[&str]) -> Option<String> {
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let name = match parts {
        ["domainnames"] => operation_by_method(method, &[(get, "GetDomainNames"), (post, "CreateDomainName")]),
        ["domainnames", _] => operation_by_method(method, &[(get, "GetDomainName"), (delete, "DeleteDomainName")]),
        ["domainnames", _, "basepathmappings"] => {
            operation_by_method(method, &[(get, "GetBasePathMappings"), (post, "CreateBasePathMapping")])
        }
        ["domainnames", _, "basepathmappings", _] => {
            operation_by_method(method, &[(get, "GetBasePathMapping"), (delete, "DeleteBasePathMapping")])
        }
        ["domainnames", _, "apimappings"] => {
            operation_by_method(method, &[(get, "GetApiMappings"), (post, "CreateApiMapping")])
        }
        ["domainnames", _, "apimappings", _] => {
            operation_by_method(method, &[(get, "GetApiMapping"), (delete, "DeleteApiMapping")])
        }
        _ => None,
    };
    name.map(ToOwned::to_owned)
}

pub(super) fn handle_domain_request(
    call: &mut ApiGatewayCall<'_, '_>,
    operation: &str,
) -> Result<CloudAnswer, ApiError> {
    match operation {
        "GetDomainNames" => {
            let domains = call.gateway_state().domains.iter();
            call.list_answer(domains.map(|(name, domain)| (name.clone(), domain_json(call, name, domain))))
        }
        "CreateDomainName" => create_domain_name(call),
        "GetDomainName" => {
            Ok(CloudAnswer::from_rest_json(200, &domain_json(call, call.path_part(1), find_domain(call)?)))
        }
        "DeleteDomainName" => {
            find_domain(call)?;
            let name = call.path_part(1).to_owned();
            call.gateway_state_mut().domains.remove(&name);
            Ok(deletion_answer(call))
        }
        "GetBasePathMappings" | "GetApiMappings" => {
            let mappings = find_domain(call)?.mappings.iter();
            call.list_answer(mappings.map(|mapping| (mapping.path.clone(), mapping_json(call, mapping))))
        }
        "CreateBasePathMapping" | "CreateApiMapping" => create_mapping(call),
        "GetBasePathMapping" | "GetApiMapping" => {
            Ok(CloudAnswer::from_rest_json(200, &mapping_json(call, find_mapping(call)?)))
        }
        "DeleteBasePathMapping" | "DeleteApiMapping" => {
            let id = find_mapping(call)?.id.clone();
            let name = call.path_part(1).to_owned();
            if let Some(domain) = call.gateway_state_mut().domains.get_mut(&name) {
                domain.mappings.retain(|mapping| mapping.id != id);
            }
            Ok(deletion_answer(call))
        }
        _ => Err(dispatch::not_implemented("apigateway", operation)),
    }
}

/// Each interface's response to a deletion.
fn deletion_answer(call: &ApiGatewayCall<'_, '_>) -> CloudAnswer {
    CloudAnswer::without_body(if call.second { 204 } else { 202 })
}

fn find_domain<'c>(call: &'c ApiGatewayCall<'_, '_>) -> Result<&'c StoredDomain, ApiError> {
    call.gateway_state()
        .domains
        .get(call.path_part(1))
        .ok_or_else(|| not_found("Invalid domain name identifier specified"))
}

fn find_mapping<'c>(call: &'c ApiGatewayCall<'_, '_>) -> Result<&'c ApiMapping, ApiError> {
    let asked = call.path_part(3);
    let path = if asked == ROOT { "" } else { asked };
    let is_it = |mapping: &&ApiMapping| if call.second { mapping.id == asked } else { mapping.path == path };
    find_domain(call)?.mappings.iter().find(is_it).ok_or_else(|| {
        not_found(if call.second {
            "Unable to find ApiMapping by the specified id"
        } else {
            "Invalid base path mapping identifier specified"
        })
    })
}

fn create_domain_name(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let body = call.json_body()?;
    let name = body.required_text("domainName")?.to_owned();
    if call.gateway_state().domains.contains_key(&name) {
        return Err(bad_request("The domain name you provided already exists."));
    }
    let given = call.request_members()?;
    let domain = StoredDomain { tags: json!({ "tags": body.member_map("tags") }), given, mappings: Vec::new() };
    let answer = CloudAnswer::from_rest_json(201, &domain_json(call, &name, &domain));
    call.gateway_state_mut().domains.insert(name, domain);
    Ok(answer)
}

fn domain_json(call: &ApiGatewayCall<'_, '_>, name: &str, domain: &StoredDomain) -> Value {
    let regional = format!("d-{}.execute-api.{}.amazonaws.com", name.replace('.', "-"), call.cx.request_region());
    let mut shown = domain.given.clone();
    shown["tags"] = domain.tags["tags"].clone();
    if call.second {
        shown["apiMappingSelectionExpression"] = json!("$request.basepath");
        let configurations = shown.get_mut("domainNameConfigurations").and_then(Value::as_array_mut);
        for configuration in configurations.into_iter().flatten() {
            configuration["apiGatewayDomainName"] = json!(regional);
            configuration["domainNameStatus"] = json!("AVAILABLE");
        }
    } else {
        shown["regionalDomainName"] = json!(regional);
        shown["domainNameStatus"] = json!("AVAILABLE");
    }
    shown
}

fn create_mapping(call: &mut ApiGatewayCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let body = call.json_body()?;
    let (api, stage, path) = if call.second {
        (
            body.required_text("apiId")?,
            body.required_text("stage")?,
            body.member_text("apiMappingKey").unwrap_or_default(),
        )
    } else {
        let path = body.member_text("basePath").filter(|path| *path != ROOT);
        (body.required_text("restApiId")?, body.member_text("stage").unwrap_or_default(), path.unwrap_or_default())
    };
    if find_domain(call)?.mappings.iter().any(|mapping| mapping.path == path) {
        return Err(conflict_error("Base path already exists for this domain name"));
    }
    let state = call.gateway_state();
    let stages = match (state.rest.get(api), state.http.get(api)) {
        (Some(api), _) => api.stages.contains_key(stage),
        (None, Some(api)) => api.below.get("stages").is_some_and(|stages| stages.contains_key(stage)),
        (None, None) => return Err(bad_request("Invalid API identifier specified")),
    };
    if !stage.is_empty() && !stages {
        return Err(bad_request("Invalid stage identifier specified"));
    }
    let (api_id, stage, path) = (api.to_owned(), stage.to_owned(), path.to_owned());
    let mapping = ApiMapping { id: call.random_id(6), api_id, stage, path };
    let answer = CloudAnswer::from_rest_json(201, &mapping_json(call, &mapping));
    let name = call.path_part(1).to_owned();
    if let Some(domain) = call.gateway_state_mut().domains.get_mut(&name) {
        domain.mappings.push(mapping);
        domain.mappings.sort_by(|one, other| one.path.cmp(&other.path));
    }
    Ok(answer)
}

fn mapping_json(call: &ApiGatewayCall<'_, '_>, mapping: &ApiMapping) -> Value {
    if call.second {
        return json!({
            "apiMappingId": mapping.id,
            "apiId": mapping.api_id,
            "stage": mapping.stage,
            "apiMappingKey": mapping.path,
        });
    }
    let path = if mapping.path.is_empty() { ROOT } else { &mapping.path };
    json!({ "basePath": path, "restApiId": mapping.api_id, "stage": mapping.stage })
}
