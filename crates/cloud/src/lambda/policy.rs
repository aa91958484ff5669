//! Resource policies: who can invoke a function or an alias.

use serde_json::{Value, json};

use super::{Addressed, Statement};
use crate::{Answer, ApiError, Context, Json, Request};

pub(super) fn add(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = qualified(cx, request)?;
    let body = Json::parse(&request.body)?;
    let statement = Statement {
        sid: body.required("StatementId")?.to_owned(),
        action: body.required("Action")?.to_owned(),
        principal: body.required("Principal")?.to_owned(),
        source_arn: body.text("SourceArn").map(ToOwned::to_owned),
        source_account: body.text("SourceAccount").map(ToOwned::to_owned),
        url_auth_type: body.text("FunctionUrlAuthType").map(ToOwned::to_owned),
    };
    let shown = shown(&addressed.arn(cx), &statement);
    let qualifier = addressed.qualifier().to_owned();
    let function = addressed.function_mut(cx)?;
    let statements = function.policies.entry(qualifier).or_default();
    if statements.iter().any(|other| other.sid == statement.sid) {
        let message = format!(
            "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing statement.",
            statement.sid
        );
        return Err(ApiError::new(409, "ResourceConflictException", message));
    }
    statements.push(statement);
    Ok(Answer::rest(201, &json!({ "Statement": shown.to_string() })))
}

pub(super) fn get(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = qualified(cx, request)?;
    let function = addressed.function(cx)?;
    let statements = function.policies.get(addressed.qualifier()).filter(|statements| !statements.is_empty());
    let statements = statements.ok_or_else(no_policy)?;
    let arn = addressed.arn(cx);
    let policy = json!({
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": statements.iter().map(|statement| shown(&arn, statement)).collect::<Vec<_>>(),
    });
    Ok(Answer::rest(200, &json!({ "Policy": policy.to_string(), "RevisionId": function.revision_id })))
}

pub(super) fn remove(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = qualified(cx, request)?;
    let sid = request.segments().get(4).cloned().unwrap_or_default();
    let there = addressed
        .function(cx)?
        .policies
        .get(addressed.qualifier())
        .is_some_and(|statements| statements.iter().any(|statement| statement.sid == sid));
    if !there {
        return Err(ApiError::new(
            404,
            "ResourceNotFoundException",
            format!("Statement {sid} is not found in resource policy."),
        ));
    }
    let qualifier = addressed.qualifier().to_owned();
    if let Some(statements) = addressed.function_mut(cx)?.policies.get_mut(&qualifier) {
        statements.retain(|statement| statement.sid != sid);
    }
    Ok(Answer::empty(204))
}

fn qualified(cx: &Context<'_>, request: &Request) -> Result<Addressed, ApiError> {
    let addressed = Addressed::of(request);
    match addressed.function(cx)?.version(addressed.qualifier()) {
        Some(_) => Ok(addressed),
        None => Err(addressed.not_found(cx)),
    }
}

fn no_policy() -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
}

fn shown(arn: &str, statement: &Statement) -> Value {
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
