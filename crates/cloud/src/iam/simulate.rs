//! What a principal can do, in the form of IAM's policy simulator. It uses the deployer's own evaluation, so an
//! agreement of the two on the embedded cloud proves nothing. Context entries, boundaries and resource policies are
//! ignored.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use serde_json::Value;

use super::{Answer, ApiError, Call, invalid, managed, truncation};
use deployer_core::isolation::Context;
use deployer_core::isolation::policy::{Decision, Policy, Principal, Request, decide};

/// `SimulatePrincipalPolicy`. A role of this account is evaluated by its inline and attached policies. The embedded
/// cloud has no policies of other principals, so they can do everything except what [`super::State::denied`] lists.
pub(super) fn principal(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let arn = call.form.required("PolicySourceArn")?;
    if !arn.contains(":user/") && !arn.contains(":role/") && !arn.contains(":group/") {
        return Err(ApiError::bad(
            "InvalidInput",
            format!("Invalid Entity Arn: {arn} does not clearly define entity type and name."),
        ));
    }
    let Some(role) = call.cx.state.iam.roles.values().find(|role| role.arn == arn) else {
        let denied = &call.cx.state.iam.denied;
        return simulate(call, |action, _| if denied.contains(action) { "implicitDeny" } else { "allowed" });
    };
    let mut documents: Vec<&str> = role.inline.values().map(String::as_str).collect();
    for attached in &role.attached {
        documents.push(managed::document_of(call, attached)?);
    }
    evaluate(call, &documents, arn)
}

/// `SimulateCustomPolicy`.
pub(super) fn custom(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let documents = call.form.list("PolicyInputList");
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    evaluate(call, &documents, "arn:aws:iam::000000000000:role/simulated")
}

fn evaluate(call: &Call<'_, '_>, documents: &[&str], role: &str) -> Result<Answer, ApiError> {
    let read = |text: &&str| {
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        Policy::parse("a policy", &document).map_err(invalid)
    };
    let policies = documents.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let context = Context::from([("aws:sourcearn", None), ("aws:sourceaccount", None)]);
    simulate(call, |action, resource| {
        let request = Request { principal: Principal::Role(role), action, resource, context: &context };
        match decide(&policies, &[], &request) {
            Decision::Allowed(_) => "allowed",
            Decision::DeniedBy(_) => "explicitDeny",
            Decision::NotAllowed => "implicitDeny",
        }
    })
}

/// Decides on every action for every resource.
fn simulate(call: &Call<'_, '_>, decide: impl Fn(&str, &str) -> &'static str) -> Result<Answer, ApiError> {
    let actions = call.form.list("ActionNames");
    if actions.is_empty() {
        return Err(ApiError::bad("InvalidInput", "ActionNames must not be empty"));
    }
    let mut resources = call.form.list("ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let pairs = actions.iter().flat_map(|action| resources.iter().map(move |resource| (action, resource)));
    let mut pairs: Vec<(&String, &String)> = pairs.collect();
    pairs.sort_by_cached_key(key);
    let page = call.page(pairs, key)?;
    Ok(call.answer(|xml| {
        xml.members("EvaluationResults", &page.items, |xml, (action, resource)| {
            xml.text("EvalActionName", action);
            xml.text("EvalResourceName", resource);
            xml.text("EvalDecision", decide(action, resource));
            xml.element("MatchedStatements", |_| ());
            xml.element("MissingContextValues", |_| ());
        });
        truncation(xml, &page);
    }))
}

fn key((action, resource): &(&String, &String)) -> String {
    format!("{action} {resource}")
}
