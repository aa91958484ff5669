//! Lambda functions: one paged list shows which exist. For ours, function, alias, policy and asynchronous settings are
//! read concurrently.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Region;
use aws_sdk_lambda::types::FunctionConfiguration as SdkConfiguration;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{KeptAnswer, PartRead, check_success};
use super::{ResourceList, to_observed, to_unreadable};
use crate::{Call, CallError, Found, ListPages, sdk_pages};
use deployer_core::isolation::strangers::statements_of;
use deployer_core::naming::{ALIAS, PERMISSION_SIDS};
use deployer_core::resource::declared::DeclaredSettings;
use deployer_core::resource::members::{AnswerKind, UnmodeledPart};
use deployer_core::resource::{
    FunctionConfiguration, FunctionState, LiveAlias, LiveFunction, LivePermission, LiveRole, Observed,
    PermissionStatement, StringMap,
};

const GET_FUNCTION: &str = "lambda:GetFunction";
const GET_POLICY: &str = "lambda:GetPolicy";

/// A function in the list.
pub(super) struct ListedFunction {
    pub(super) description: String,
    /// Its configuration, or why that is unreadable. `None` once nobody needs it any more.
    pub(super) configuration: Option<Result<Box<FunctionConfiguration>, CallError>>,
}

/// A function with its parts.
pub(super) struct FunctionDetails {
    pub(super) function: Observed<LiveFunction>,
    pub(super) alias: Observed<LiveAlias>,
    pub(super) permission: Observed<LivePermission>,
    /// When its configuration or code was last changed.
    modified: Option<Timestamp>,
}

/// Reads `ListFunctions`, which can't be filtered by name.
pub(super) async fn list_functions(lambda: &Client) -> ResourceList<ListedFunction> {
    list_functions_in(lambda, None).await
}

/// Reads `ListFunctions` in another region than the client's.
pub(super) async fn list_functions_in(lambda: &Client, region: Option<&str>) -> ResourceList<ListedFunction> {
    let elsewhere = || region.map(|region| aws_sdk_lambda::Config::builder().region(Region::new(region.to_owned())));
    const CALL: &str = "lambda:ListFunctions";
    let mut found = BTreeMap::new();
    let mut pages = ListPages::of_call(CALL);
    loop {
        let kept = KeptAnswer::default();
        let mut request = lambda.list_functions().set_marker(pages.token()).customize().interceptor(kept.clone());
        if let Some(elsewhere) = elsewhere() {
            request = request.config_override(elsewhere);
        }
        let page = request.send().await.call(CALL)?;
        let answer = kept.read_list(CALL)?;
        for (index, function) in page.functions().iter().enumerate() {
            let entry = &answer["Functions"][index];
            let configuration = check_success(CALL, entry).map(|()| Box::new(convert_configuration(function, entry)));
            let description = function.description().unwrap_or_default().to_owned();
            let listed = ListedFunction { description, configuration: Some(configuration) };
            found.insert(function.function_name().unwrap_or_default().to_owned(), listed);
        }
        if !pages.advance_to(page.next_marker)? {
            return Ok(found);
        }
    }
}

pub(super) async fn observe_function(
    lambda: &Client,
    list: &ResourceList<ListedFunction>,
    name: &str,
    confirm: bool,
) -> FunctionDetails {
    match list {
        Err(error) => FunctionDetails::unreadable(error),
        Ok(functions) if functions.contains_key(name) => {
            let (function, parts) = tokio::join!(read_function(lambda, name), read_parts(lambda, name));
            FunctionDetails::new(function, parts)
        }
        Ok(_) if !confirm => FunctionDetails::ABSENT,
        Ok(_) => match read_function(lambda, name).await {
            Ok(None) => FunctionDetails::ABSENT,
            Ok(found) => FunctionDetails::new(Ok(found), read_parts(lambda, name).await),
            Err(error) => FunctionDetails::unreadable(&error),
        },
    }
}

type FunctionParts = (Observed<LiveAlias>, Observed<LivePermission>);

impl FunctionDetails {
    const ABSENT: Self =
        Self { function: Observed::Absent, alias: Observed::Absent, permission: Observed::Absent, modified: None };

    fn new(
        function: Result<Option<(LiveFunction, Option<Timestamp>)>, CallError>,
        (alias, permission): FunctionParts,
    ) -> Self {
        let modified = function.as_ref().ok().and_then(Option::as_ref).and_then(|(_, modified)| *modified);
        let function = to_observed(function.map(|found| found.map(|(function, _)| function)));
        let mut details = Self { function, alias, permission, modified };
        // Nearly always the version that runs has the function's variables.
        if let (Observed::Present(function), Observed::Present(alias)) = (&details.function, &mut details.alias) {
            alias.configuration.environment.share_with(&function.configuration.environment);
        }
        details
    }

    fn unreadable(error: &CallError) -> Self {
        Self {
            function: to_unreadable(error),
            alias: to_unreadable(error),
            permission: to_unreadable(error),
            modified: None,
        }
    }

    /// Finds out whether the role was created after the function was last changed: then Lambda, which knows roles by
    /// their unique ids, still has the one before it.
    pub(super) fn compare_role(&mut self, role: &Observed<LiveRole>) {
        let (Observed::Present(function), Some(role)) = (&mut self.function, role.as_present()) else { return };
        let is_its_role = function.configuration.role_arn.ends_with(&format!(":role{}{}", role.path, role.name));
        let (Some(created), Some(modified)) = (role.created, self.modified) else { return };
        // IAM's times have no fractions of a second.
        function.role_recreated = is_its_role && created.as_second() > modified.as_second();
    }
}

async fn read_parts(lambda: &Client, name: &str) -> FunctionParts {
    let (alias, policy) = tokio::join!(read_alias(lambda, name), read_policy(lambda, name, Some(ALIAS)));
    let permission = match &policy {
        Ok(statements) => Ok(find_permission(statements)),
        Err(error) => Err(error.clone()),
    };
    let alias = match alias {
        Ok(Some((version, configuration, mut answer, mut unread))) => {
            let others = policy.map(|mut statements| {
                statements.retain(|sid, _| !PERMISSION_SIDS.contains(&sid.as_str()));
                statements
            });
            // An unreadable policy of the alias is reported as its permission.
            answer["Policy"] = json!(others.unwrap_or_default());
            PartRead::of_call(read_policy(lambda, name, Some(&version)).await.map(|policy| Some(json!(policy))))
                .add_to(&mut answer, "VersionPolicy", &mut unread);
            Observed::Present(build_alias(name, version, configuration, &answer, unread))
        }
        Ok(None) => Observed::Absent,
        Err(error) => to_unreadable(&error),
    };
    (alias, to_observed(permission))
}

/// A function, and when it was last changed.
async fn read_function(lambda: &Client, name: &str) -> Result<Option<(LiveFunction, Option<Timestamp>)>, CallError> {
    let kept = KeptAnswer::default();
    let whole = lambda.get_function().function_name(name).customize().interceptor(kept.clone());
    let (whole, policy, urls) = tokio::join!(whole.send(), read_policy(lambda, name, None), read_urls(lambda, name));
    let Some(found) = whole.call(GET_FUNCTION).found()? else { return Ok(None) };
    let mut answer = kept.read_json(GET_FUNCTION)?;
    let Some(configuration) = found.configuration() else { return Ok(None) };
    let converted = convert_configuration(configuration, &answer["Configuration"]);
    let mut unread = Vec::new();
    PartRead::of_call(policy.map(|policy| Some(json!(policy)))).add_to(&mut answer, "Policy", &mut unread);
    PartRead::of_call(urls.map(Some)).add_to(&mut answer, "FunctionUrls", &mut unread);
    let concurrency = found.concurrency().and_then(|concurrency| concurrency.reserved_concurrent_executions());
    let modified = configuration.last_modified().and_then(|at| at.parse().ok());
    let live = LiveFunction {
        name: name.to_owned(),
        configuration: converted,
        reserved_concurrency: concurrency.and_then(|reserved| u32::try_from(reserved).ok()),
        tags: found.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
        state: read_state(configuration),
        role_recreated: false,
        unmodeled: UnmodeledPart { members: AnswerKind::Function.find_unmodeled(name, &answer), unread },
    };
    Ok(Some((live, modified)))
}

/// What Lambda says about a function's last change and about the function itself.
pub fn read_state(found: &SdkConfiguration) -> FunctionState {
    FunctionState {
        state: found.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
        state_reason: found.state_reason().unwrap_or_default().to_owned(),
        last_update: found.last_update_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        last_update_reason: found.last_update_status_reason().unwrap_or_default().to_owned(),
    }
}

/// An alias's version, that version's configuration, the answer about the alias, and what couldn't be read of it.
type AliasRead = (String, FunctionConfiguration, Value, Vec<String>);

async fn read_alias(lambda: &Client, name: &str) -> Result<Option<AliasRead>, CallError> {
    const SETTINGS: &str = "lambda:GetFunctionEventInvokeConfig";
    const ALIAS_CALL: &str = "lambda:GetAlias";
    let (of_version, of_settings, of_alias) = (KeptAnswer::default(), KeptAnswer::default(), KeptAnswer::default());
    let version = lambda.get_function().function_name(name).qualifier(ALIAS).customize();
    let settings = lambda.get_function_event_invoke_config().function_name(name).qualifier(ALIAS).customize();
    let alias = lambda.get_alias().function_name(name).name(ALIAS).customize();
    let (version, settings, alias) = tokio::join!(
        version.interceptor(of_version.clone()).send(),
        settings.interceptor(of_settings.clone()).send(),
        alias.interceptor(of_alias.clone()).send(),
    );
    let Some(version) = version.call(GET_FUNCTION).found()?.and_then(|answer| answer.configuration) else {
        return Ok(None);
    };
    let configuration = convert_configuration(&version, &of_version.read_json(GET_FUNCTION)?["Configuration"]);
    let settings = match settings.call(SETTINGS).found()? {
        Some(_) => of_settings.read_json(SETTINGS)?,
        None => Value::Null,
    };
    let mut unread = Vec::new();
    let mut answer = json!({});
    let alias = alias.call(ALIAS_CALL).and_then(|_| of_alias.read_json(ALIAS_CALL).map(Some));
    match PartRead::of_call(alias) {
        PartRead::Read(Some(members)) => answer = members,
        PartRead::Read(None) => {}
        PartRead::Unread(reason) => unread.push(reason),
    }
    answer["EventInvokeConfig"] = settings;
    Ok(Some((version.version().unwrap_or_default().to_owned(), configuration, answer, unread)))
}

fn build_alias(
    name: &str,
    version: String,
    configuration: FunctionConfiguration,
    answer: &Value,
    unread: Vec<String>,
) -> LiveAlias {
    let settings = &answer["EventInvokeConfig"];
    let unsigned = |member: &str| settings[member].as_u64().and_then(|value| u32::try_from(value).ok());
    LiveAlias {
        version,
        configuration,
        maximum_retry_attempts: unsigned("MaximumRetryAttempts"),
        maximum_event_age_s: unsigned("MaximumEventAgeInSeconds"),
        unmodeled: UnmodeledPart { members: AnswerKind::Alias.find_unmodeled(name, answer), unread },
    }
}

/// The URLs of a function and its aliases, by qualifier.
async fn read_urls(lambda: &Client, name: &str) -> Result<Value, CallError> {
    const CALL: &str = "lambda:ListFunctionUrlConfigs";
    let kept = KeptAnswer::default();
    // A function has at most one URL for each alias, and a page has 50.
    let request = lambda.list_function_url_configs().function_name(name).customize().interceptor(kept.clone());
    request.send().await.call(CALL)?;
    let mut urls = json!({});
    for url in kept.read_json(CALL)?["FunctionUrlConfigs"].as_array().into_iter().flatten() {
        let arn = url["FunctionArn"].as_str().unwrap_or_default();
        let qualifier = arn.split(':').nth(7).unwrap_or("$LATEST");
        urls[qualifier] = url.clone();
    }
    Ok(urls)
}

/// The statements of a policy of the function, an alias or a version, by id. There are none without a policy.
async fn read_policy(
    lambda: &Client,
    name: &str,
    qualifier: Option<&str>,
) -> Result<BTreeMap<String, Value>, CallError> {
    let request = lambda.get_policy().function_name(name).set_qualifier(qualifier.map(ToOwned::to_owned));
    let Some(answer) = request.send().await.call(GET_POLICY).found()? else { return Ok(BTreeMap::new()) };
    let of = qualifier.map_or_else(|| name.to_owned(), |qualifier| format!("{name}:{qualifier}"));
    let unreadable = |why| CallError::unexpected(GET_POLICY, format!("the policy of {of} {why}"));
    let text = answer.policy().ok_or_else(|| unreadable("is missing from the response"))?;
    let mut statements = parse_statements(text).map_err(unreadable)?;
    statements.retain(|_, statement| is_about(statement, qualifier));
    Ok(statements)
}

/// Whether a statement is about the function itself, the alias or the version that was asked for. Some AWS-compatible
/// servers keep one policy for all of them.
fn is_about(statement: &Value, qualifier: Option<&str>) -> bool {
    statement["Resource"].as_str().is_none_or(|arn| match qualifier {
        Some(qualifier) => arn.rsplit(':').next() == Some(qualifier),
        None => arn.split(':').nth(7).is_none(),
    })
}

/// The statements of a policy document, by id. The error says what the document lacks.
pub(super) fn parse_statements(policy: &str) -> Result<BTreeMap<String, Value>, &'static str> {
    let policy: Value = serde_json::from_str(policy).map_err(|_| "isn't JSON")?;
    if !policy["Statement"].is_array() && !policy["Statement"].is_object() {
        return Err("has no statements");
    }
    let named = statements_of(&policy).iter().enumerate().map(|(index, statement)| {
        let sid = statement["Sid"].as_str().map_or_else(|| format!("#{}", index + 1), ToOwned::to_owned);
        (sid, statement.clone())
    });
    Ok(named.collect())
}

/// Finds our permission among the statements of the alias's policy.
fn find_permission(statements: &BTreeMap<String, Value>) -> Option<LivePermission> {
    let ours = PERMISSION_SIDS.iter().filter_map(|sid| {
        let statement = statements.get(*sid)?;
        Some(PermissionStatement {
            statement_id: (*sid).to_owned(),
            action: json_text(&statement["Action"]),
            principal: json_text(match &statement["Principal"] {
                Value::Object(principal) => principal.values().next().unwrap_or(&Value::Null),
                principal => principal,
            }),
            source_arn: find_condition(&statement["Condition"], "aws:SourceArn"),
            source_account: find_condition(&statement["Condition"], "aws:SourceAccount"),
        })
    });
    let statements: Vec<_> = ours.collect();
    (!statements.is_empty()).then_some(LivePermission { statements })
}

fn json_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Reads a key's value from `{"ArnLike": {"AWS:SourceArn": "…"}}`. The case of the key differs between services.
fn find_condition(condition: &Value, wanted: &str) -> Option<String> {
    let operators = condition.as_object()?.values().filter_map(Value::as_object);
    operators.flatten().find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| json_text(value))
}

pub(super) async fn list_versions(
    lambda: &Client,
    name: &str,
) -> Result<BTreeMap<u64, FunctionConfiguration>, CallError> {
    let mut versions = BTreeMap::new();
    let stream = lambda.list_versions_by_function().function_name(name).into_paginator().send();
    let mut pages = sdk_pages("lambda:ListVersionsByFunction", stream, |page| page.next_marker());
    while let Some(page) = pages.next_page().await {
        for found in page?.versions() {
            // `$LATEST` isn't a number.
            if let Some(number) = found.version().and_then(|version| version.parse().ok()) {
                versions.insert(number, convert_configuration(found, &Value::Null));
            }
        }
    }
    Ok(versions)
}

pub(super) async fn read_function_tags(lambda: &Client, arn: &str) -> Result<StringMap, CallError> {
    let answer = lambda.list_tags().resource(arn).send().await.call("lambda:ListTags")?;
    Ok(answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// `answer` is the same configuration as it came.
fn convert_configuration(found: &SdkConfiguration, answer: &Value) -> FunctionConfiguration {
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
        declared: DeclaredSettings::default(),
        unmodeled: AnswerKind::Configuration.find_unmodeled(found.function_name().unwrap_or_default(), answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_our_permission_in_a_policy() {
        let ours = r#"{"Sid":"deployer-schedule","Action":"lambda:InvokeFunction",
            "Principal":{"Service":"events.amazonaws.com"},"Condition":{"ArnLike":{"AWS:SourceArn":"arn"}}}"#;
        let first = PermissionStatement {
            statement_id: "deployer-schedule".to_owned(),
            action: "lambda:InvokeFunction".to_owned(),
            principal: "events.amazonaws.com".to_owned(),
            source_arn: Some("arn".to_owned()),
            source_account: None,
        };
        let expected = LivePermission { statements: vec![first.clone()] };
        for policy in [format!(r#"{{"Statement":[{{"Sid":"other"}},{ours}]}}"#), format!(r#"{{"Statement":{ours}}}"#)] {
            let statements = parse_statements(&policy).expect("a policy");
            assert_eq!(find_permission(&statements), Some(expected.clone()), "{policy}");
        }
        let limited = ours
            .replace("deployer-schedule", "deployer-schedule-2")
            .replace(r#"{"ArnLike""#, r#"{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike""#);
        let both = parse_statements(&format!(r#"{{"Statement":[{limited},{ours}]}}"#)).expect("a policy");
        let second = PermissionStatement {
            statement_id: "deployer-schedule-2".to_owned(),
            source_account: Some("123456789012".to_owned()),
            ..first.clone()
        };
        assert_eq!(find_permission(&both), Some(LivePermission { statements: vec![first, second] }));
        let others = parse_statements(r#"{"Statement":[{"Sid":"other"},{}]}"#).expect("a policy");
        assert_eq!(find_permission(&others), None);
        assert_eq!(others.keys().collect::<Vec<_>>(), ["#2", "other"]);
    }

    #[test]
    fn tells_statements_about_the_function_from_those_about_its_alias() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:sync-a";
        let (function, alias) = (json!({ "Resource": arn }), json!({ "Resource": format!("{arn}:live") }));
        assert!(is_about(&function, None) && !is_about(&function, Some("live")));
        assert!(is_about(&alias, Some("live")) && !is_about(&alias, None) && !is_about(&alias, Some("1")));
        assert!(is_about(&json!({}), None));
    }

    #[test]
    fn a_policy_that_cannot_be_parsed_is_not_an_empty_one() {
        for policy in ["", "{not json", "%7B%7D"] {
            assert_eq!(parse_statements(policy), Err("isn't JSON"), "{policy}");
        }
        for policy in ["{}", "null", r#"{"Statement":"none"}"#] {
            assert_eq!(parse_statements(policy), Err("has no statements"), "{policy}");
        }
    }
}
