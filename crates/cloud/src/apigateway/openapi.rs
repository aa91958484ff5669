//! APIs as OpenAPI documents with API Gateway's extensions. An import can read what an export wrote.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html>

use serde_json::{Map, Value, json};

use super::{ApiError, bad_request};

const INTEGRATION: &str = "x-amazon-apigateway-integration";
const ANY: &str = "x-amazon-apigateway-any-method";
const POLICY: &str = "x-amazon-apigateway-policy";
/// The methods of a path.
const VERBS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
/// Members of an integration whose values are lowercase in a document.
const SMALL: [&str; 3] = ["type", "passthroughBehavior", "contentHandling"];

/// The parts of a document that imports and exports share.
#[derive(Debug, Default)]
pub(super) struct OpenApiDocument {
    pub(super) title: String,
    pub(super) version: Option<String>,
    pub(super) description: Option<String>,
    /// The resource policy.
    pub(super) policy: Option<Value>,
    pub(super) servers: Vec<Value>,
    pub(super) operations: Vec<OpenApiOperation>,
}

/// A method of a path.
#[derive(Debug)]
pub(super) struct OpenApiOperation {
    pub(super) path: String,
    /// Uppercase; `ANY` for all methods.
    pub(super) method: String,
    /// In the form of API Gateway's own interface.
    pub(super) integration: Option<Value>,
    /// Responses by status code.
    pub(super) responses: Value,
    pub(super) is_default_route: bool,
}

impl OpenApiDocument {
    pub(super) fn write_json(&self, extensions: bool) -> Value {
        let mut paths = Map::new();
        for operation in &self.operations {
            let path = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
            let verb = if operation.method == "ANY" { ANY.to_owned() } else { operation.method.to_ascii_lowercase() };
            let mut written = json!({ "responses": operation.responses });
            if operation.is_default_route {
                written["isDefaultRoute"] = json!(true);
            }
            if let Some(integration) = operation.integration.as_ref().filter(|_| extensions) {
                written[INTEGRATION] = respell_enumerations(integration, str::to_ascii_lowercase);
            }
            path[verb] = written;
        }
        let mut document = json!({
            "openapi": "3.0.1",
            "info": { "title": self.title, "version": self.version.as_deref().unwrap_or("1.0") },
            "servers": self.servers,
            "paths": paths,
            "components": {},
        });
        if let Some(description) = &self.description {
            document["info"]["description"] = json!(description);
        }
        if let Some(policy) = self.policy.as_ref().filter(|_| extensions) {
            document[POLICY] = policy.clone();
        }
        document
    }

    /// Parses a document. Only JSON is supported, not YAML.
    pub(super) fn parse_json(text: &[u8]) -> Result<Self, ApiError> {
        let invalid = || bad_request("Invalid OpenAPI input.");
        let document: Value = serde_json::from_slice(text).map_err(|_| invalid())?;
        if document.get("openapi").or_else(|| document.get("swagger")).is_none() {
            return Err(invalid());
        }
        let info = |name: &str| document["info"][name].as_str().map(ToOwned::to_owned);
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (verb, written) in methods.as_object().into_iter().flatten() {
                if verb != ANY && !VERBS.contains(&verb.as_str()) {
                    continue;
                }
                let integration = written.get(INTEGRATION);
                operations.push(OpenApiOperation {
                    path: path.clone(),
                    method: if verb == ANY { "ANY".to_owned() } else { verb.to_ascii_uppercase() },
                    integration: integration
                        .map(|integration| respell_enumerations(integration, str::to_ascii_uppercase)),
                    responses: written.get("responses").cloned().unwrap_or_else(|| json!({})),
                    is_default_route: written["isDefaultRoute"] == true,
                });
            }
        }
        Ok(Self {
            title: info("title").ok_or_else(invalid)?,
            version: info("version"),
            description: info("description"),
            policy: document.get(POLICY).cloned(),
            servers: Vec::new(),
            operations,
        })
    }
}

/// An integration with its enumerations in the other form's spelling.
fn respell_enumerations(integration: &Value, spell: fn(&str) -> String) -> Value {
    let mut written = integration.clone();
    for name in SMALL {
        if let Some(value) = integration[name].as_str() {
            written[name] = json!(spell(value));
        }
    }
    written
}
