//! What a principal may do, as IAM's policy simulator says it.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use super::{Answer, ApiError, Call, truncation};

/// Every action on every resource: allowed, unless it is among those that are denied.
pub(super) fn simulate(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let principal = call.form.required("PolicySourceArn")?;
    if !principal.contains(":user/") && !principal.contains(":role/") && !principal.contains(":group/") {
        return Err(ApiError::bad(
            "InvalidInput",
            format!("Invalid Entity Arn: {principal} does not clearly define entity type and name."),
        ));
    }
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
    let denied = &call.cx.state.iam.denied;
    Ok(call.answer(|xml| {
        xml.members("EvaluationResults", &page.items, |xml, (action, resource)| {
            xml.text("EvalActionName", action);
            xml.text("EvalResourceName", resource);
            xml.text("EvalDecision", if denied.contains(*action) { "implicitDeny" } else { "allowed" });
            xml.element("MatchedStatements", |_| ());
            xml.element("MissingContextValues", |_| ());
        });
        truncation(xml, &page);
    }))
}

fn key((action, resource): &(&String, &String)) -> String {
    format!("{action} {resource}")
}
