//! The checks that IAM runs on a policy document before accepting it.

use serde_json::Value;

use super::ApiError;
use deployer_core::isolation::RequestContext;
use deployer_core::isolation::policy::{Policy, PolicyRequest, RequestPrincipal, decide_request};

/// The purpose of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PolicyPurpose {
    /// Defines who can assume a role. Has principals but no resources.
    Trust,
    /// Defines what a role can do. Has resources but no principals.
    Identity,
}

/// # Errors
/// `MalformedPolicyDocument`.
pub(super) fn check_document(text: &str, purpose: PolicyPurpose) -> Result<(), ApiError> {
    let malformed = |message: &str| ApiError::bad_request("MalformedPolicyDocument", message);
    let document: Value = serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    let list = policy_statements(&document);
    if list.is_empty() {
        return Err(malformed("Syntax errors in policy."));
    }
    for statement in list {
        let has = |name: &str| statement.get(name).is_some() || statement.get(format!("Not{name}")).is_some();
        if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
            return Err(malformed("Syntax errors in policy."));
        }
        if !has("Action") {
            return Err(malformed("Policy statement must contain actions."));
        }
        match purpose {
            PolicyPurpose::Trust if has("Resource") => return Err(malformed("Has prohibited field Resource")),
            PolicyPurpose::Trust if !has("Principal") => {
                return Err(malformed("AssumeRole policy must contain principals"));
            }
            PolicyPurpose::Identity if has("Principal") => {
                return Err(malformed("Policy document should not specify a principal."));
            }
            PolicyPurpose::Identity if !has("Resource") => {
                return Err(malformed("Policy statement must contain resources."));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a trust policy lets a service assume the role. `context` is what the service sends. One that can't be parsed lets
/// nobody.
pub(super) fn trusts_service(text: &str, role_arn: &str, service: &str, context: &RequestContext) -> bool {
    let Ok(trust) = parse_policy(text) else { return false };
    let principal = RequestPrincipal::Service(service);
    let request = PolicyRequest { principal, action: "sts:AssumeRole", resource: role_arn, context };
    decide_request(&[], &[trust], &request).is_allowed()
}

/// # Errors
/// It isn't JSON, or no policy.
pub(super) fn parse_policy(text: &str) -> Result<Policy, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Policy::parse_document("a policy", &document)
}

/// A document's statements. A single one needs no list around it.
fn policy_statements(document: &Value) -> &[Value] {
    match document.get("Statement") {
        Some(Value::Array(list)) => list,
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    }
}
