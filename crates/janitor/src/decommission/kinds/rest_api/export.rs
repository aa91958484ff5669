//! Whether the exports of a REST API have what a restore needs of them: it imports them, and nothing else has the
//! integrations.

use serde_json::Value;

use super::super::super::parts::ResourceParts;
use super::super::super::proof::RestoreProof;
use super::text_of;

/// What API Gateway adds to an operation.
const INTEGRATION: &str = "x-amazon-apigateway-integration";
/// How an export calls the method `ANY`.
const ANY: &str = "x-amazon-apigateway-any-method";

/// Parses the export of each stage, and looks in it for the integration of each method that has one.
pub(super) fn check_exports(parts: &ResourceParts, proof: &mut RestoreProof) {
    let mut exports = Vec::new();
    for stage in
        parts.get("stages.json").as_array().into_iter().flatten().filter_map(|stage| text_of(stage, "stageName"))
    {
        let file = parts.file_bytes(&format!("openapi/{stage}.json"));
        let Some(file) = file else {
            proof.gaps.push(format!("the archive lacks the export of stage {stage}"));
            continue;
        };
        match serde_json::from_slice::<Value>(file) {
            Ok(export) if export["paths"].is_object() => exports.push((stage, export)),
            Ok(_) => proof.gaps.push(format!("the export of stage {stage} isn't OpenAPI: it has no paths")),
            Err(error) => proof.gaps.push(format!("the export of stage {stage} isn't OpenAPI: {error}")),
        }
    }
    for (path, methods) in parts.get("resources.json").as_object().into_iter().flatten() {
        for (method, described) in methods.as_object().into_iter().flatten() {
            if described["methodIntegration"].is_object() {
                check_method(path, method, &exports, proof);
            }
        }
    }
}

fn check_method(path: &str, method: &str, exports: &[(&str, Value)], proof: &mut RestoreProof) {
    let name = if method == "ANY" { ANY.to_owned() } else { method.to_lowercase() };
    let mut found = false;
    for (stage, export) in exports {
        let operation = &export["paths"][path][&name];
        if operation.is_object() {
            found = true;
            if !operation[INTEGRATION].is_object() {
                proof.gaps.push(format!("the export of stage {stage} has no integration for {method} {path}"));
            }
        }
    }
    // Without any export, each is missed as a whole.
    if !found && !exports.is_empty() {
        proof.gaps.push(format!("{method} {path} is in no stage's export: deploy it, or remove it"));
    }
}
