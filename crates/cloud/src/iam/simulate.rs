//! What a principal can do, in the form of IAM's policy simulator. It uses the deployer's own evaluation, so an
//! agreement of the two on the embedded cloud proves nothing. Context entries and resource policies are ignored.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use serde_json::Value;

use super::{ApiError, CloudAnswer, IamCall, managed, validation_error, write_truncation};
use deployer_core::isolation::RequestContext;
use deployer_core::isolation::policy::{
    Policy, PolicyDecision, PolicyRequest, RequestPrincipal, RolePolicies, decide_role_request,
};

/// `SimulatePrincipalPolicy`. A role of this account is evaluated by its inline and attached policies. The embedded
/// cloud has no policies of other principals, so they can do everything except what [`super::State::denied`] lists.
pub(super) fn simulate_principal_policy(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let arn = call.form.required_text("PolicySourceArn")?;
    if !arn.contains(":user/") && !arn.contains(":role/") && !arn.contains(":group/") {
        return Err(ApiError::bad_request(
            "InvalidInput",
            format!("Invalid Entity Arn: {arn} does not clearly define entity type and name."),
        ));
    }
    let Some(role) = call.cx.state.iam.find_role_by_arn(arn) else {
        let denied = &call.cx.state.iam.denied;
        return simulate_actions(
            call,
            |action, _| if denied.contains_key(action) { "implicitDeny" } else { "allowed" },
        );
    };
    let mut documents: Vec<&str> = role.inline.values().map(String::as_str).collect();
    for attached in &role.attached {
        documents.push(managed::find_document(call, attached)?);
    }
    let boundary = role.boundary.as_deref().map(|boundary| managed::find_document(call, boundary)).transpose()?;
    evaluate_policies(call, &documents, boundary, arn)
}

/// `SimulateCustomPolicy`.
pub(super) fn simulate_custom_policy(call: &IamCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let documents = call.form.member_list("PolicyInputList");
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    evaluate_policies(call, &documents, None, "arn:aws:iam::000000000000:role/simulated")
}

fn evaluate_policies(
    call: &IamCall<'_, '_>,
    documents: &[&str],
    boundary: Option<&str>,
    role: &str,
) -> Result<CloudAnswer, ApiError> {
    let read = |text: &&str| {
        let document: Value = serde_json::from_str(text)
            .map_err(|_| ApiError::bad_request("MalformedPolicyDocument", "This policy contains invalid Json"))?;
        Policy::parse_document("a policy", &document).map_err(validation_error)
    };
    let policies = documents.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let boundary = boundary.as_ref().map(read).transpose()?;
    let role_policies = RolePolicies { own: &policies, boundary: boundary.as_ref() };
    let context = RequestContext::from([("aws:sourcearn", None), ("aws:sourceaccount", None)]);
    simulate_actions(call, |action, resource| {
        let request = PolicyRequest { principal: RequestPrincipal::Role(role), action, resource, context: &context };
        match decide_role_request(role_policies, &[], &request) {
            PolicyDecision::Allowed(_) => "allowed",
            PolicyDecision::DeniedBy(_) => "explicitDeny",
            PolicyDecision::OutsideBoundary(_) | PolicyDecision::NotAllowed => "implicitDeny",
        }
    })
}

/// Decides on every action for every resource.
fn simulate_actions(
    call: &IamCall<'_, '_>,
    decide: impl Fn(&str, &str) -> &'static str,
) -> Result<CloudAnswer, ApiError> {
    let actions = call.form.member_list("ActionNames");
    if actions.is_empty() {
        return Err(ApiError::bad_request("InvalidInput", "ActionNames must not be empty"));
    }
    let mut resources = call.form.member_list("ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let pairs = actions.iter().flat_map(|action| resources.iter().map(move |resource| (action, resource)));
    let mut pairs: Vec<(&String, &String)> = pairs.collect();
    pairs.sort_by_cached_key(pair_key);
    let page = call.list_page(pairs, pair_key)?;
    Ok(call.xml_answer(|xml| {
        xml.write_members("EvaluationResults", &page.items, |xml, (action, resource)| {
            xml.write_text("EvalActionName", action);
            xml.write_text("EvalResourceName", resource);
            xml.write_text("EvalDecision", decide(action, resource));
            xml.write_element("MatchedStatements", |_| ());
            xml.write_element("MissingContextValues", |_| ());
        });
        write_truncation(xml, &page);
    }))
}

fn pair_key((action, resource): &(&String, &String)) -> String {
    format!("{action} {resource}")
}
