//! A function's settings outside its versions (reserved concurrency, asynchronous invocations, tags), and the account's
//! settings.

use serde_json::{Value, json};

use super::functions::PAGE;
use super::model::AsyncSettings;
use super::{AddressedFunction, invalid_parameter};
use crate::quotas::Quota;
use crate::{ApiError, CloudAnswer, CloudContext, CloudRequest, JsonBody, ListPage};

/// How many executions must stay unreserved, unless there are fewer.
const MIN_UNRESERVED: u32 = 100;

pub(super) fn put_function_concurrency(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let body = JsonBody::parse_body(&request.body)?;
    let asked = body.member_integer("ReservedConcurrentExecutions").and_then(|value| u32::try_from(value).ok());
    let reserved =
        asked.ok_or_else(|| ApiError::validation_error("ReservedConcurrentExecutions must be at least 0"))?;
    let own = addressed.find_function(cx)?.reserved_concurrency.unwrap_or_default();
    let others = cx.region_state().lambda.reserved_total().saturating_sub(own);
    let (limit, unreserved) = execution_limits(cx);
    if others + reserved + unreserved > limit {
        return Err(invalid_parameter(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
             its minimum value of [{unreserved}].",
        )));
    }
    cx.region_state_mut().lambda.set_reserved(&addressed.name, Some(reserved));
    Ok(CloudAnswer::from_rest_json(200, &json!({ "ReservedConcurrentExecutions": reserved })))
}

pub(super) fn get_function_concurrency(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let function = AddressedFunction::from_request(request).find_function(cx)?;
    Ok(CloudAnswer::from_rest_json(
        200,
        &match function.reserved_concurrency {
            Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
            None => json!({}),
        },
    ))
}

pub(super) fn delete_function_concurrency(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    addressed.find_function(cx)?;
    cx.region_state_mut().lambda.set_reserved(&addressed.name, None);
    Ok(CloudAnswer::without_body(204))
}

pub(super) fn put_function_event_invoke_config(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    set_async_settings(cx, request, AsyncSettings::default())
}

pub(super) fn update_function_event_invoke_config(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let before = addressed.find_function(cx)?.asynchronous.get(addressed.qualifier_or_latest()).cloned();
    let before = before.ok_or_else(|| async_settings_not_found(cx, &addressed))?;
    set_async_settings(cx, request, before)
}

fn set_async_settings(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
    mut settings: AsyncSettings,
) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let body = JsonBody::parse_body(&request.body)?;
    if let Some(attempts) = body.member_integer("MaximumRetryAttempts") {
        settings.maximum_retry_attempts = Some(check_range("MaximumRetryAttempts", attempts, 0, 2)?);
    }
    if let Some(age) = body.member_integer("MaximumEventAgeInSeconds") {
        settings.maximum_event_age_s = Some(check_range("MaximumEventAgeInSeconds", age, 60, 21_600)?);
    }
    if let Some(destinations) = body.member_value("DestinationConfig") {
        settings.destinations = Some(destinations.clone());
    }
    settings.last_modified_s = cx.epoch_s();
    if addressed.find_function(cx)?.find_version(addressed.qualifier_or_latest()).is_none() {
        return Err(addressed.not_found(cx));
    }
    let shown = async_settings_json(cx, &addressed.name, addressed.qualifier_or_latest(), &settings);
    let qualifier = addressed.qualifier_or_latest().to_owned();
    addressed.find_function_mut(cx)?.asynchronous.insert(qualifier, settings);
    Ok(CloudAnswer::from_rest_json(200, &shown))
}

fn check_range(member: &str, value: i64, least: i64, most: i64) -> Result<i64, ApiError> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(ApiError::validation_error(format!("Value '{value}' at '{member}' must be between {least} and {most}")))
}

pub(super) fn get_function_event_invoke_config(
    cx: &CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let settings = addressed.find_function(cx)?.asynchronous.get(addressed.qualifier_or_latest());
    let settings = settings.ok_or_else(|| async_settings_not_found(cx, &addressed))?;
    Ok(CloudAnswer::from_rest_json(
        200,
        &async_settings_json(cx, &addressed.name, addressed.qualifier_or_latest(), settings),
    ))
}

pub(super) fn list_function_event_invoke_configs(
    cx: &CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let settings = &addressed.find_function(cx)?.asynchronous;
    let size = cx.page_size(request.query_value("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let key = |(qualifier, _): &(&String, &AsyncSettings)| (*qualifier).clone();
    let page = ListPage::from_items(settings, key, request.query_value("Marker"), size, || {
        invalid_parameter("Invalid marker")
    })?;
    let shown: Vec<Value> = page
        .items
        .into_iter()
        .map(|(qualifier, settings)| async_settings_json(cx, &addressed.name, qualifier, settings))
        .collect();
    Ok(CloudAnswer::from_rest_json(200, &json!({ "FunctionEventInvokeConfigs": shown, "NextMarker": page.next })))
}

pub(super) fn delete_function_event_invoke_config(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let missing = async_settings_not_found(cx, &addressed);
    let qualifier = addressed.qualifier_or_latest().to_owned();
    match addressed.find_function_mut(cx)?.asynchronous.remove(&qualifier) {
        Some(_) => Ok(CloudAnswer::without_body(204)),
        None => Err(missing),
    }
}

fn async_settings_not_found(cx: &CloudContext<'_>, addressed: &AddressedFunction) -> ApiError {
    let message = format!("The function {} doesn't have an EventInvokeConfig", addressed.function_arn(cx));
    ApiError::new(404, "ResourceNotFoundException", message)
}

fn async_settings_json(cx: &CloudContext<'_>, name: &str, qualifier: &str, settings: &AsyncSettings) -> Value {
    let mut shown = json!({
        "FunctionArn": cx.build_arn("lambda", &format!("function:{name}:{qualifier}")),
        "LastModified": settings.last_modified_s,
        "DestinationConfig": { "OnSuccess": {}, "OnFailure": {} },
    });
    for (name, value) in settings.destinations.iter().filter_map(Value::as_object).flatten() {
        shown["DestinationConfig"][name] = value.clone();
    }
    if let Some(attempts) = settings.maximum_retry_attempts {
        shown["MaximumRetryAttempts"] = json!(attempts);
    }
    if let Some(age) = settings.maximum_event_age_s {
        shown["MaximumEventAgeInSeconds"] = json!(age);
    }
    shown
}

pub(super) fn list_tags(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let function = tagged_function(request).find_function(cx)?;
    Ok(CloudAnswer::from_rest_json(200, &json!({ "Tags": function.tags })))
}

pub(super) fn tag_resource(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let tags = JsonBody::parse_body(&request.body)?.member_map("Tags");
    tagged_function(request).find_function_mut(cx)?.tags.extend(tags);
    Ok(CloudAnswer::without_body(204))
}

pub(super) fn untag_resource(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let function = tagged_function(request).find_function_mut(cx)?;
    for key in request.query_values("tagKeys") {
        function.tags.remove(key);
    }
    Ok(CloudAnswer::without_body(204))
}

fn tagged_function(request: &CloudRequest) -> AddressedFunction {
    AddressedFunction::parse_name(&request.path_segments().get(2).cloned().unwrap_or_default())
}

/// The account's limit on concurrent executions, and how many of them must stay unreserved. A new account may have 10.
fn execution_limits(cx: &CloudContext<'_>) -> (u32, u32) {
    let limit = u32::try_from(cx.quota_value(Quota::ConcurrentExecutions)).unwrap_or(u32::MAX);
    (limit, MIN_UNRESERVED.min(limit))
}

pub(super) fn get_account_settings(cx: &CloudContext<'_>) -> Result<CloudAnswer, ApiError> {
    let (limit, _) = execution_limits(cx);
    let functions = &cx.region_state().lambda.functions;
    let reserved = cx.region_state().lambda.count_reserved();
    let code: u64 = functions.values().map(|function| function.configuration.code_size).sum();
    Ok(CloudAnswer::from_rest_json(
        200,
        &json!({
            "AccountLimit": {
                "TotalCodeSize": (cx.quota_value(Quota::CodeStorage) as u64) << 30,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": limit,
                "UnreservedConcurrentExecutions": limit.saturating_sub(reserved),
            },
            "AccountUsage": { "TotalCodeSize": code, "FunctionCount": functions.len() },
        }),
    ))
}
