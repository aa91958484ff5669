//! Custom domain names, and which API serves which of their paths. Both interfaces show the same mappings, one as base
//! path mappings, the other as API mappings.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, ApiError, Call, bad, by, conflict, not_found};
use crate::dispatch;

/// The first interface's name for the root of a domain.
const ROOT: &str = "(none)";

/// A domain name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Domain {
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

pub(super) fn operation(method: &Method, parts: &[&str]) -> Option<String> {
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let name = match parts {
        ["domainnames"] => by(method, &[(get, "GetDomainNames"), (post, "CreateDomainName")]),
        ["domainnames", _] => by(method, &[(get, "GetDomainName"), (delete, "DeleteDomainName")]),
        ["domainnames", _, "basepathmappings"] => {
            by(method, &[(get, "GetBasePathMappings"), (post, "CreateBasePathMapping")])
        }
        ["domainnames", _, "basepathmappings", _] => {
            by(method, &[(get, "GetBasePathMapping"), (delete, "DeleteBasePathMapping")])
        }
        ["domainnames", _, "apimappings"] => by(method, &[(get, "GetApiMappings"), (post, "CreateApiMapping")]),
        ["domainnames", _, "apimappings", _] => by(method, &[(get, "GetApiMapping"), (delete, "DeleteApiMapping")]),
        _ => None,
    };
    name.map(ToOwned::to_owned)
}

pub(super) fn handle(call: &mut Call<'_, '_>, operation: &str) -> Result<Answer, ApiError> {
    match operation {
        "GetDomainNames" => {
            let domains = call.state().domains.iter();
            call.listed(domains.map(|(name, domain)| (name.clone(), shown(call, name, domain))))
        }
        "CreateDomainName" => create(call),
        "GetDomainName" => Ok(Answer::rest(200, &shown(call, call.part(1), domain(call)?))),
        "DeleteDomainName" => {
            domain(call)?;
            let name = call.part(1).to_owned();
            call.state_mut().domains.remove(&name);
            Ok(done(call))
        }
        "GetBasePathMappings" | "GetApiMappings" => {
            let mappings = domain(call)?.mappings.iter();
            call.listed(mappings.map(|mapping| (mapping.path.clone(), shown_mapping(call, mapping))))
        }
        "CreateBasePathMapping" | "CreateApiMapping" => map(call),
        "GetBasePathMapping" | "GetApiMapping" => Ok(Answer::rest(200, &shown_mapping(call, mapping(call)?))),
        "DeleteBasePathMapping" | "DeleteApiMapping" => {
            let id = mapping(call)?.id.clone();
            let name = call.part(1).to_owned();
            if let Some(domain) = call.state_mut().domains.get_mut(&name) {
                domain.mappings.retain(|mapping| mapping.id != id);
            }
            Ok(done(call))
        }
        _ => Err(dispatch::not_implemented("apigateway", operation)),
    }
}

/// Each interface's response to a deletion.
fn done(call: &Call<'_, '_>) -> Answer {
    Answer::empty(if call.second { 204 } else { 202 })
}

fn domain<'c>(call: &'c Call<'_, '_>) -> Result<&'c Domain, ApiError> {
    call.state().domains.get(call.part(1)).ok_or_else(|| not_found("Invalid domain name identifier specified"))
}

fn mapping<'c>(call: &'c Call<'_, '_>) -> Result<&'c ApiMapping, ApiError> {
    let asked = call.part(3);
    let path = if asked == ROOT { "" } else { asked };
    let is_it = |mapping: &&ApiMapping| if call.second { mapping.id == asked } else { mapping.path == path };
    domain(call)?.mappings.iter().find(is_it).ok_or_else(|| {
        not_found(if call.second {
            "Unable to find ApiMapping by the specified id"
        } else {
            "Invalid base path mapping identifier specified"
        })
    })
}

fn create(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let body = call.body()?;
    let name = body.required("domainName")?.to_owned();
    if call.state().domains.contains_key(&name) {
        return Err(bad("The domain name you provided already exists."));
    }
    let given = serde_json::from_slice(&call.request.body).unwrap_or_default();
    let domain = Domain { tags: json!({ "tags": body.map("tags") }), given, mappings: Vec::new() };
    let answer = Answer::rest(201, &shown(call, &name, &domain));
    call.state_mut().domains.insert(name, domain);
    Ok(answer)
}

fn shown(call: &Call<'_, '_>, name: &str, domain: &Domain) -> Value {
    let regional = format!("d-{}.execute-api.{}.amazonaws.com", name.replace('.', "-"), call.cx.region());
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

fn map(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let body = call.body()?;
    let (api, stage, path) = if call.second {
        (body.required("apiId")?, body.required("stage")?, body.text("apiMappingKey").unwrap_or_default())
    } else {
        let path = body.text("basePath").filter(|path| *path != ROOT);
        (body.required("restApiId")?, body.text("stage").unwrap_or_default(), path.unwrap_or_default())
    };
    if domain(call)?.mappings.iter().any(|mapping| mapping.path == path) {
        return Err(conflict("Base path already exists for this domain name"));
    }
    let state = call.state();
    let stages = match (state.rest.get(api), state.http.get(api)) {
        (Some(api), _) => api.stages.contains_key(stage),
        (None, Some(api)) => api.below.get("stages").is_some_and(|stages| stages.contains_key(stage)),
        (None, None) => return Err(bad("Invalid API identifier specified")),
    };
    if !stage.is_empty() && !stages {
        return Err(bad("Invalid stage identifier specified"));
    }
    let (api_id, stage, path) = (api.to_owned(), stage.to_owned(), path.to_owned());
    let mapping = ApiMapping { id: call.id(6), api_id, stage, path };
    let answer = Answer::rest(201, &shown_mapping(call, &mapping));
    let name = call.part(1).to_owned();
    if let Some(domain) = call.state_mut().domains.get_mut(&name) {
        domain.mappings.push(mapping);
        domain.mappings.sort_by(|one, other| one.path.cmp(&other.path));
    }
    Ok(answer)
}

fn shown_mapping(call: &Call<'_, '_>, mapping: &ApiMapping) -> Value {
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
