//! Resource policies: who can invoke a function or an alias.

use serde_json::{Value, json};

use super::model::LATEST;
use super::{AddressedFunction, StoredStatement};
use crate::{ApiError, CloudAnswer, CloudContext, CloudRequest, JsonBody};

pub(super) fn add_permission(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let addressed = find_qualified(cx, request)?;
    let body = JsonBody::parse_body(&request.body)?;
    let statement = StoredStatement {
        sid: body.required_text("StatementId")?.to_owned(),
        action: body.required_text("Action")?.to_owned(),
        principal: body.required_text("Principal")?.to_owned(),
        source_arn: body.member_text("SourceArn").map(ToOwned::to_owned),
        source_account: body.member_text("SourceAccount").map(ToOwned::to_owned),
        url_auth_type: body.member_text("FunctionUrlAuthType").map(ToOwned::to_owned),
    };
    let shown = statement_json(&addressed.function_arn(cx), &statement);
    let qualifier = addressed.qualifier_or_latest().to_owned();
    let function = addressed.find_function_mut(cx)?;
    let statements = function.policies.entry(qualifier).or_default();
    if statements.iter().any(|other| other.sid == statement.sid) {
        let message = format!(
            "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing statement.",
            statement.sid
        );
        return Err(ApiError::new(409, "ResourceConflictException", message));
    }
    statements.push(statement);
    Ok(CloudAnswer::from_rest_json(201, &json!({ "Statement": shown.to_string() })))
}

pub(super) fn get_policy(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let addressed = find_qualified(cx, request)?;
    let function = addressed.find_function(cx)?;
    let statements = function.policies.get(addressed.qualifier_or_latest()).filter(|statements| !statements.is_empty());
    let statements = statements.ok_or_else(no_policy)?;
    let policy = policy_json(&addressed.function_arn(cx), statements);
    Ok(CloudAnswer::from_rest_json(200, &json!({ "Policy": policy.to_string(), "RevisionId": function.revision_id })))
}

pub(super) fn remove_permission(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let addressed = find_qualified(cx, request)?;
    let sid = request.path_segments().get(4).cloned().unwrap_or_default();
    let there = addressed
        .find_function(cx)?
        .policies
        .get(addressed.qualifier_or_latest())
        .is_some_and(|statements| statements.iter().any(|statement| statement.sid == sid));
    if !there {
        return Err(ApiError::new(
            404,
            "ResourceNotFoundException",
            format!("Statement {sid} is not found in resource policy."),
        ));
    }
    let qualifier = addressed.qualifier_or_latest().to_owned();
    if let Some(statements) = addressed.find_function_mut(cx)?.policies.get_mut(&qualifier) {
        statements.retain(|statement| statement.sid != sid);
    }
    Ok(CloudAnswer::without_body(204))
}

impl CloudContext<'_> {
    /// The policy of a function, or of one of its versions or aliases.
    pub(crate) fn function_policy(&self, function: &str, qualifier: Option<&str>) -> Option<Value> {
        let arn = self.build_arn("lambda", &format!("function:{function}"));
        let arn = qualifier.map_or_else(|| arn.clone(), |qualifier| format!("{arn}:{qualifier}"));
        let function = self.region_state().lambda.functions.get(function)?;
        let statements =
            function.policies.get(qualifier.unwrap_or(LATEST)).filter(|statements| !statements.is_empty())?;
        Some(policy_json(&arn, statements))
    }
}

fn policy_json(arn: &str, statements: &[StoredStatement]) -> Value {
    json!({
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": statements.iter().map(|statement| statement_json(arn, statement)).collect::<Vec<_>>(),
    })
}

fn find_qualified(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<AddressedFunction, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    match addressed.find_function(cx)?.find_version(addressed.qualifier_or_latest()) {
        Some(_) => Ok(addressed),
        None => Err(addressed.not_found(cx)),
    }
}

fn no_policy() -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
}

fn statement_json(arn: &str, statement: &StoredStatement) -> Value {
    let principal = if statement.principal.ends_with(".amazonaws.com") {
        json!({ "Service": statement.principal })
    } else if statement.principal == "*" {
        json!("*")
    } else {
        json!({ "AWS": statement.principal })
    };
    let mut shown = json!({
        "Sid": statement.sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": statement.action,
        "Resource": arn,
    });
    if let Some(source) = &statement.source_arn {
        shown["Condition"]["ArnLike"]["AWS:SourceArn"] = json!(source);
    }
    if let Some(account) = &statement.source_account {
        shown["Condition"]["StringEquals"]["AWS:SourceAccount"] = json!(account);
    }
    if let Some(auth_type) = &statement.url_auth_type {
        shown["Condition"]["StringEquals"]["lambda:FunctionUrlAuthType"] = json!(auth_type);
    }
    shown
}
