//! The tables of members have a row for each member of the SDK's own types, so that a new release of the SDK tells what
//! is missing.

use aws_sdk_eventbridge::operation::describe_rule::DescribeRuleOutput;
use aws_sdk_eventbridge::types::{RetryPolicy, Rule, Target};
use aws_sdk_iam::types::RoleDetail;
use aws_sdk_lambda::operation::get_alias::GetAliasOutput;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::operation::get_function_event_invoke_config::GetFunctionEventInvokeConfigOutput;
use aws_sdk_lambda::types::{
    EphemeralStorage, FunctionCodeLocation, FunctionConfiguration, LoggingConfig, SnapStartResponse,
    TracingConfigResponse,
};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::SecretListEntry;
use deployer_core::resource::members::AnswerKind;

/// The names of a structure's fields, from its `Debug` text: `Rule { name: None, arn: None }`.
fn field_names(shown: &str) -> Vec<String> {
    let inside = shown.split_once('{').map_or("", |(_, inside)| inside);
    let mut depth = 0;
    let mut names = vec![String::new()];
    for sign in inside.chars() {
        match sign {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().expect("one is always open").push(sign),
            _ => {}
        }
    }
    let names = names.iter().filter_map(|field| Some(field.split_once(':')?.0.trim().to_owned()));
    // The request's id and the like are no members of the answer's body.
    names.filter(|name| !name.starts_with('_')).collect()
}

/// `kms_key_arn` and `KMSKeyArn` are one name.
fn plain_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|sign| sign.to_ascii_lowercase()).collect()
}

/// The SDK's types, each with the answer and the path at which the table has its members.
fn modeled_types() -> Vec<(AnswerKind, &'static str, String)> {
    let target = Target::builder().id("x").arn("x").build().expect("complete");
    let storage = EphemeralStorage::builder().size(512).build().expect("complete");
    vec![
        (AnswerKind::Function, "", format!("{:?}", GetFunctionOutput::builder().build())),
        (AnswerKind::Function, "Code", format!("{:?}", FunctionCodeLocation::builder().build())),
        (AnswerKind::Configuration, "", format!("{:?}", FunctionConfiguration::builder().build())),
        (AnswerKind::Configuration, "LoggingConfig", format!("{:?}", LoggingConfig::builder().build())),
        (AnswerKind::Configuration, "SnapStart", format!("{:?}", SnapStartResponse::builder().build())),
        (AnswerKind::Configuration, "TracingConfig", format!("{:?}", TracingConfigResponse::builder().build())),
        (AnswerKind::Configuration, "EphemeralStorage", format!("{storage:?}")),
        (AnswerKind::Alias, "", format!("{:?}", GetAliasOutput::builder().build())),
        (
            AnswerKind::Alias,
            "EventInvokeConfig",
            format!("{:?}", GetFunctionEventInvokeConfigOutput::builder().build()),
        ),
        (AnswerKind::Role, "", format!("{:?}", RoleDetail::builder().build())),
        (AnswerKind::Secret, "", format!("{:?}", SecretListEntry::builder().build())),
        (AnswerKind::Secret, "", format!("{:?}", DescribeSecretOutput::builder().build())),
        (AnswerKind::Rule, "", format!("{:?}", Rule::builder().build())),
        (AnswerKind::Rule, "", format!("{:?}", DescribeRuleOutput::builder().build())),
        (AnswerKind::Target, "", format!("{target:?}")),
        (AnswerKind::Target, "RetryPolicy", format!("{:?}", RetryPolicy::builder().build())),
    ]
}

#[test]
fn every_member_of_the_sdk_has_a_row() {
    let mut members = 0;
    let mut missing = Vec::new();
    for (answer, path, shown) in modeled_types() {
        let fields = field_names(&shown);
        assert!(!fields.is_empty(), "{answer:?} {path}: {shown}");
        for field in fields {
            members += 1;
            let below = |row: &str| match path {
                "" => Some(row.split('.').next().unwrap_or(row).to_owned()),
                path => row.strip_prefix(path)?.strip_prefix('.').map(ToOwned::to_owned),
            };
            let mut rows = answer.rows().iter().filter_map(|row| below(row.path));
            if !rows.any(|row| plain_name(&row) == plain_name(&field)) {
                missing.push(format!("{answer:?} {path}.{field}"));
            }
        }
    }
    println!("{members} members of the SDK's types have a row");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn reads_the_fields_of_a_structure() {
    let shown = r#"Rule { name: Some("a, b: c"), state: None, nested: [Inner { x: 1, y: 2 }], _request_id: None }"#;
    assert_eq!(field_names(shown), ["name", "state", "nested"]);
}
