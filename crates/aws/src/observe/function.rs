//! Lambda functions: one paged list shows which exist. For ours, function, alias, policy and asynchronous settings are
//! read concurrently.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::FunctionConfiguration as SdkConfiguration;
use serde_json::Value;

use super::{ResourceList, to_observed, to_unreadable};
use crate::{Call, CallError, FailureKind, Found};
use deployer_core::naming::{ALIAS, PERMISSION_SID};
use deployer_core::resource::{FunctionConfiguration, LiveAlias, LiveFunction, LivePermission, Observed, StringMap};

/// A function in the list.
pub(super) struct ListedFunction {
    pub(super) description: String,
    pub(super) configuration: FunctionConfiguration,
}

/// A function with its parts.
pub(super) struct FunctionDetails {
    pub(super) function: Observed<LiveFunction>,
    pub(super) alias: Observed<LiveAlias>,
    pub(super) permission: Observed<LivePermission>,
}

/// Reads `ListFunctions`, which can't be filtered by name.
pub(super) async fn list_functions(lambda: &Client) -> ResourceList<ListedFunction> {
    let mut found = BTreeMap::new();
    let mut pages = lambda.list_functions().into_paginator().send();
    while let Some(page) = pages.next().await {
        for function in page.call("lambda:ListFunctions")?.functions() {
            let description = function.description().unwrap_or_default().to_owned();
            let listed = ListedFunction { description, configuration: convert_configuration(function) };
            found.insert(function.function_name().unwrap_or_default().to_owned(), listed);
        }
    }
    Ok(found)
}

pub(super) async fn observe_function(
    lambda: &Client,
    list: &ResourceList<ListedFunction>,
    name: &str,
    confirm: bool,
) -> FunctionDetails {
    match list {
        Err(error) => FunctionDetails {
            function: to_unreadable(error),
            alias: to_unreadable(error),
            permission: to_unreadable(error),
        },
        Ok(functions) if functions.contains_key(name) => {
            let (function, parts) = tokio::join!(read_function(lambda, name), read_parts(lambda, name));
            FunctionDetails { function: to_observed(function), alias: parts.0, permission: parts.1 }
        }
        Ok(_) if !confirm => FunctionDetails::ABSENT,
        Ok(_) => match read_function(lambda, name).await {
            Ok(None) => FunctionDetails::ABSENT,
            Ok(Some(function)) => {
                let (alias, permission) = read_parts(lambda, name).await;
                FunctionDetails { function: Observed::Present(function), alias, permission }
            }
            Err(error) => FunctionDetails {
                function: to_unreadable(&error),
                alias: to_unreadable(&error),
                permission: to_unreadable(&error),
            },
        },
    }
}

impl FunctionDetails {
    const ABSENT: Self = Self { function: Observed::Absent, alias: Observed::Absent, permission: Observed::Absent };
}

async fn read_parts(lambda: &Client, name: &str) -> (Observed<LiveAlias>, Observed<LivePermission>) {
    let (alias, permission) = tokio::join!(read_alias(lambda, name), read_permission(lambda, name));
    (to_observed(alias), to_observed(permission))
}

async fn read_function(lambda: &Client, name: &str) -> Result<Option<LiveFunction>, CallError> {
    let Some(answer) = lambda.get_function().function_name(name).send().await.call("lambda:GetFunction").found()?
    else {
        return Ok(None);
    };
    // GetFunction omits the tags if the credentials may not list them. Taken as "no tags", that would mean that the
    // function isn't ours.
    if let Some(error) = answer.tags_error() {
        return Err(CallError {
            kind: FailureKind::Denied,
            code: error.error_code().to_owned(),
            ..CallError::unexpected("lambda:ListTags", error.message())
        });
    }
    let Some(found) = answer.configuration() else { return Ok(None) };
    let concurrency = answer.concurrency().and_then(|concurrency| concurrency.reserved_concurrent_executions());
    Ok(Some(LiveFunction {
        name: name.to_owned(),
        configuration: convert_configuration(found),
        reserved_concurrency: concurrency.and_then(|reserved| u32::try_from(reserved).ok()),
        tags: answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
    }))
}

async fn read_alias(lambda: &Client, name: &str) -> Result<Option<LiveAlias>, CallError> {
    let (version, asynchronous) = tokio::join!(
        lambda.get_function().function_name(name).qualifier(ALIAS).send(),
        lambda.get_function_event_invoke_config().function_name(name).qualifier(ALIAS).send(),
    );
    let Some(version) = version.call("lambda:GetFunction").found()?.and_then(|answer| answer.configuration) else {
        return Ok(None);
    };
    let asynchronous = asynchronous.call("lambda:GetFunctionEventInvokeConfig").found()?;
    let unsigned = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    Ok(Some(LiveAlias {
        version: version.version().unwrap_or_default().to_owned(),
        maximum_retry_attempts: unsigned(asynchronous.as_ref().and_then(|config| config.maximum_retry_attempts())),
        maximum_event_age_s: unsigned(asynchronous.as_ref().and_then(|config| config.maximum_event_age_in_seconds())),
        configuration: convert_configuration(&version),
    }))
}

async fn read_permission(lambda: &Client, name: &str) -> Result<Option<LivePermission>, CallError> {
    let Some(answer) =
        lambda.get_policy().function_name(name).qualifier(ALIAS).send().await.call("lambda:GetPolicy").found()?
    else {
        return Ok(None);
    };
    let unreadable = |why| CallError::unexpected("lambda:GetPolicy", format!("the policy of {name}:{ALIAS} {why}"));
    let text = answer.policy().ok_or_else(|| unreadable("is missing from the response"))?;
    parse_permission(text).map_err(unreadable)
}

/// Finds our permission in a function's policy. The error says what the policy lacks.
fn parse_permission(policy: &str) -> Result<Option<LivePermission>, &'static str> {
    let policy: Value = serde_json::from_str(policy).map_err(|_| "isn't JSON")?;
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
        _ => return Err("has no statements"),
    };
    let ours = statements.iter().find(|statement| statement["Sid"] == PERMISSION_SID);
    Ok(ours.map(|statement| LivePermission {
        action: json_text(&statement["Action"]),
        principal: json_text(match &statement["Principal"] {
            Value::Object(principal) => principal.values().next().unwrap_or(&Value::Null),
            principal => principal,
        }),
        source_arn: parse_source_arn(&statement["Condition"]),
    }))
}

fn json_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Reads the ARN from `{"ArnLike": {"AWS:SourceArn": "…"}}`. The case of the key differs between services.
fn parse_source_arn(condition: &Value) -> Option<String> {
    let operators = condition.as_object()?.values().filter_map(Value::as_object);
    operators.flatten().find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn")).map(|(_, value)| json_text(value))
}

pub(super) async fn list_versions(
    lambda: &Client,
    name: &str,
) -> Result<BTreeMap<u64, FunctionConfiguration>, CallError> {
    let mut versions = BTreeMap::new();
    let mut pages = lambda.list_versions_by_function().function_name(name).into_paginator().send();
    while let Some(page) = pages.next().await {
        for found in page.call("lambda:ListVersionsByFunction")?.versions() {
            // `$LATEST` isn't a number.
            if let Some(number) = found.version().and_then(|version| version.parse().ok()) {
                versions.insert(number, convert_configuration(found));
            }
        }
    }
    Ok(versions)
}

pub(super) async fn read_function_tags(lambda: &Client, arn: &str) -> Result<StringMap, CallError> {
    let answer = lambda.list_tags().resource(arn).send().await.call("lambda:ListTags")?;
    Ok(answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn convert_configuration(found: &SdkConfiguration) -> FunctionConfiguration {
    let unsigned = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or_default();
    let environment = found.environment().and_then(|environment| environment.variables());
    FunctionConfiguration {
        description: found.description().unwrap_or_default().to_owned(),
        runtime: found.runtime().map(|runtime| runtime.as_str().to_owned()).unwrap_or_default(),
        handler: found.handler().unwrap_or_default().to_owned(),
        architecture: found.architectures().first().map_or("x86_64", |architecture| architecture.as_str()).to_owned(),
        memory_mb: unsigned(found.memory_size()),
        timeout_s: unsigned(found.timeout()),
        role_arn: found.role().unwrap_or_default().to_owned(),
        environment: environment.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
        code_sha256: found.code_sha256().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_our_permission_in_a_policy() {
        let ours = r#"{"Sid":"deployer-schedule","Action":"lambda:InvokeFunction",
            "Principal":{"Service":"events.amazonaws.com"},"Condition":{"ArnLike":{"AWS:SourceArn":"arn"}}}"#;
        let expected = LivePermission {
            action: "lambda:InvokeFunction".to_owned(),
            principal: "events.amazonaws.com".to_owned(),
            source_arn: Some("arn".to_owned()),
        };
        for policy in [format!(r#"{{"Statement":[{{"Sid":"other"}},{ours}]}}"#), format!(r#"{{"Statement":{ours}}}"#)] {
            assert_eq!(parse_permission(&policy), Ok(Some(expected.clone())), "{policy}");
        }
        assert_eq!(parse_permission(r#"{"Statement":[{"Sid":"other"}]}"#), Ok(None));
    }

    #[test]
    fn a_policy_that_cannot_be_parsed_is_not_an_empty_one() {
        for policy in ["", "{not json", "%7B%7D"] {
            assert_eq!(parse_permission(policy), Err("isn't JSON"), "{policy}");
        }
        for policy in ["{}", "null", r#"{"Statement":"none"}"#] {
            assert_eq!(parse_permission(policy), Err("has no statements"), "{policy}");
        }
    }
}
