//! A function's settings outside its versions (reserved concurrency, asynchronous invocations, tags), and the account's
//! settings.

use serde_json::{Value, json};

use super::functions::PAGE;
use super::model::AsyncSettings;
use super::{Addressed, invalid};
use crate::{Answer, ApiError, Context, Json, Page, Request};

/// The limit on concurrent executions per account and region.
const CONCURRENT_EXECUTIONS: u32 = 1000;
/// How many executions must stay unreserved.
const MIN_UNRESERVED: u32 = 100;

pub(super) fn put_concurrency(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let body = Json::parse(&request.body)?;
    let asked = body.integer("ReservedConcurrentExecutions").and_then(|value| u32::try_from(value).ok());
    let reserved = asked.ok_or_else(|| ApiError::validation("ReservedConcurrentExecutions must be at least 0"))?;
    addressed.function(cx)?;
    let others: u32 = cx
        .regional()
        .lambda
        .functions
        .values()
        .filter(|function| function.name != addressed.name)
        .filter_map(|function| function.reserved_concurrency)
        .sum();
    if others + reserved + MIN_UNRESERVED > CONCURRENT_EXECUTIONS {
        return Err(invalid(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
             its minimum value of [100].",
        ));
    }
    addressed.function_mut(cx)?.reserved_concurrency = Some(reserved);
    Ok(Answer::rest(200, &json!({ "ReservedConcurrentExecutions": reserved })))
}

pub(super) fn get_concurrency(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let function = Addressed::of(request).function(cx)?;
    Ok(Answer::rest(
        200,
        &match function.reserved_concurrency {
            Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
            None => json!({}),
        },
    ))
}

pub(super) fn delete_concurrency(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    Addressed::of(request).function_mut(cx)?.reserved_concurrency = None;
    Ok(Answer::empty(204))
}

pub(super) fn put_async(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    set_async(cx, request, AsyncSettings::default())
}

pub(super) fn update_async(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let before = addressed.function(cx)?.asynchronous.get(addressed.qualifier()).cloned();
    let before = before.ok_or_else(|| no_async(cx, &addressed))?;
    set_async(cx, request, before)
}

fn set_async(cx: &mut Context<'_>, request: &Request, mut settings: AsyncSettings) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let body = Json::parse(&request.body)?;
    if let Some(attempts) = body.integer("MaximumRetryAttempts") {
        settings.maximum_retry_attempts = Some(in_range("MaximumRetryAttempts", attempts, 0, 2)?);
    }
    if let Some(age) = body.integer("MaximumEventAgeInSeconds") {
        settings.maximum_event_age_s = Some(in_range("MaximumEventAgeInSeconds", age, 60, 21_600)?);
    }
    if let Some(destinations) = body.value("DestinationConfig") {
        settings.destinations = Some(destinations.clone());
    }
    settings.last_modified_s = cx.epoch_s();
    if addressed.function(cx)?.version(addressed.qualifier()).is_none() {
        return Err(addressed.not_found(cx));
    }
    let shown = shown_async(cx, &addressed.name, addressed.qualifier(), &settings);
    let qualifier = addressed.qualifier().to_owned();
    addressed.function_mut(cx)?.asynchronous.insert(qualifier, settings);
    Ok(Answer::rest(200, &shown))
}

fn in_range(member: &str, value: i64, least: i64, most: i64) -> Result<i64, ApiError> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(ApiError::validation(format!("Value '{value}' at '{member}' must be between {least} and {most}")))
}

pub(super) fn get_async(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let settings = addressed.function(cx)?.asynchronous.get(addressed.qualifier());
    let settings = settings.ok_or_else(|| no_async(cx, &addressed))?;
    Ok(Answer::rest(200, &shown_async(cx, &addressed.name, addressed.qualifier(), settings)))
}

pub(super) fn list_async(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let settings = &addressed.function(cx)?.asynchronous;
    let size = cx.page_size(request.query("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let key = |(qualifier, _): &(&String, &AsyncSettings)| (*qualifier).clone();
    let page = Page::of(settings, key, request.query("Marker"), size, || invalid("Invalid marker"))?;
    let shown: Vec<Value> = page
        .items
        .into_iter()
        .map(|(qualifier, settings)| shown_async(cx, &addressed.name, qualifier, settings))
        .collect();
    Ok(Answer::rest(200, &json!({ "FunctionEventInvokeConfigs": shown, "NextMarker": page.next })))
}

pub(super) fn delete_async(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let missing = no_async(cx, &addressed);
    let qualifier = addressed.qualifier().to_owned();
    match addressed.function_mut(cx)?.asynchronous.remove(&qualifier) {
        Some(_) => Ok(Answer::empty(204)),
        None => Err(missing),
    }
}

fn no_async(cx: &Context<'_>, addressed: &Addressed) -> ApiError {
    let message = format!("The function {} doesn't have an EventInvokeConfig", addressed.arn(cx));
    ApiError::new(404, "ResourceNotFoundException", message)
}

fn shown_async(cx: &Context<'_>, name: &str, qualifier: &str, settings: &AsyncSettings) -> Value {
    let mut shown = json!({
        "FunctionArn": cx.arn("lambda", &format!("function:{name}:{qualifier}")),
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

pub(super) fn list_tags(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let function = tagged(request).function(cx)?;
    Ok(Answer::rest(200, &json!({ "Tags": function.tags })))
}

pub(super) fn tag(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let tags = Json::parse(&request.body)?.map("Tags");
    tagged(request).function_mut(cx)?.tags.extend(tags);
    Ok(Answer::empty(204))
}

pub(super) fn untag(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let function = tagged(request).function_mut(cx)?;
    for key in request.query_all("tagKeys") {
        function.tags.remove(key);
    }
    Ok(Answer::empty(204))
}

fn tagged(request: &Request) -> Addressed {
    Addressed::parse(&request.segments().get(2).cloned().unwrap_or_default())
}

pub(super) fn account(cx: &Context<'_>) -> Result<Answer, ApiError> {
    let functions = &cx.regional().lambda.functions;
    let reserved: u32 = functions.values().filter_map(|function| function.reserved_concurrency).sum();
    let code: u64 = functions.values().map(|function| function.configuration.code_size).sum();
    Ok(Answer::rest(
        200,
        &json!({
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800_u64,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": CONCURRENT_EXECUTIONS,
                "UnreservedConcurrentExecutions": CONCURRENT_EXECUTIONS - reserved,
            },
            "AccountUsage": { "TotalCodeSize": code, "FunctionCount": functions.len() },
        }),
    ))
}
