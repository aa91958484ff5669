//! Simulations of policies, by the deployer's own evaluation: that both agree here proves nothing. Context entries,
//! boundaries and resource policies are left out of account.

use serde_json::Value;

use super::{Answer, ApiError, Call, invalid, managed, no_entity};
use crate::isolation::Context;
use crate::isolation::policy::{Decision, Policy, Principal, Request, decide};

/// `SimulatePrincipalPolicy` for a role: its inline policies and those attached to it.
pub(super) fn principal(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let arn = call.form.required("PolicySourceArn")?;
    let role = call.cx.state.iam.roles.values().find(|role| role.arn == arn);
    let role = role.ok_or_else(|| no_entity(format!("The entity {arn} cannot be found.")))?;
    let mut documents: Vec<&str> = role.inline.values().map(String::as_str).collect();
    for attached in &role.attached {
        documents.push(managed::document_of(call, attached)?);
    }
    simulate(call, &documents, arn)
}

/// `SimulateCustomPolicy`
pub(super) fn custom(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let documents = call.form.list("PolicyInputList");
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    simulate(call, &documents, "arn:aws:iam::000000000000:role/simulated")
}

fn simulate(call: &Call<'_, '_>, documents: &[&str], role: &str) -> Result<Answer, ApiError> {
    let read = |text: &&str| {
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        Policy::parse("a policy", &document).map_err(invalid)
    };
    let policies = documents.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let actions = call.form.list("ActionNames");
    if actions.is_empty() {
        return Err(invalid("1 validation error detected: Value null at 'actionNames' must not be null"));
    }
    let mut resources = call.form.list("ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let context = Context::from([("aws:sourcearn", None), ("aws:sourceaccount", None)]);
    let decided = actions.iter().flat_map(|action| resources.iter().map(move |resource| (action, resource)));
    let decided = decided.map(|(action, resource)| {
        let request = Request { principal: Principal::Role(role), action, resource, context: &context };
        let decision = match decide(&policies, &[], &request) {
            Decision::Allowed(_) => "allowed",
            Decision::DeniedBy(_) => "explicitDeny",
            Decision::NotAllowed => "implicitDeny",
        };
        (action, resource, decision)
    });
    Ok(call.answer(|xml| {
        xml.members("EvaluationResults", decided, |xml, (action, resource, decision)| {
            xml.text("EvalActionName", action);
            xml.text("EvalResourceName", resource);
            xml.text("EvalDecision", decision);
        });
        xml.text("IsTruncated", "false");
    }))
}
