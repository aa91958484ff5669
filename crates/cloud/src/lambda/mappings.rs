//! Event source mappings, which invoke a function with the records of a queue or stream.
//!
//! The embedded cloud never polls the source. As in AWS, a mapping outlives its function and queue.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Addressed, invalid};
use crate::{Answer, ApiError, Context, Json, Page, Request};

/// The maximum page size.
const PAGE: usize = 100;
/// The default batch size of a queue and of a stream.
const BATCH: (i64, i64) = (10, 100);
/// Members of `CreateEventSourceMapping` that are stored and returned unchanged.
const SETTINGS: [&str; 9] = [
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "StartingPosition",
    "ParallelizationFactor",
    "MaximumRetryAttempts",
    "FilterCriteria",
    "FunctionResponseTypes",
    "ScalingConfig",
    "DestinationConfig",
];

/// An event source mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    pub uuid: String,
    pub source_arn: String,
    /// Includes the qualifier that it was created with.
    pub function_arn: String,
    pub enabled: bool,
    pub modified_s: f64,
    /// The request's members, by name.
    pub settings: Value,
}

pub(super) fn create(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let body = Json::parse(&request.body)?;
    let function_arn = known_function(cx, body.required("FunctionName")?)?;
    let source_arn = body.required("EventSourceArn")?.to_owned();
    let queue = source_arn.contains(":sqs:");
    if queue && !cx.regional().sqs.queues.values().any(|queue| queue.arn == source_arn) {
        return Err(invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error \
             Message: The specified queue does not exist.",
        ));
    }
    let mappings = &cx.regional().lambda.mappings;
    let same = |other: &&Mapping| other.source_arn == source_arn && other.function_arn == function_arn;
    if let Some(other) = mappings.values().find(same) {
        let message = format!(
            "The event source arn (\" {source_arn} \") and function (\" {function_arn} \") provided mapping already \
             exists. Please update or delete the existing mapping with UUID {}",
            other.uuid
        );
        return Err(ApiError::new(409, "ResourceConflictException", message));
    }
    let mut settings = json!({ "BatchSize": if queue { BATCH.0 } else { BATCH.1 } });
    set(&mut settings, &body);
    let mapping = Mapping {
        uuid: cx.uuid(),
        source_arn,
        function_arn,
        enabled: body.value("Enabled").and_then(Value::as_bool).unwrap_or(true),
        modified_s: cx.epoch_s(),
        settings,
    };
    let shown = shown(&mapping, None);
    cx.regional_mut().lambda.mappings.insert(mapping.uuid.clone(), mapping);
    Ok(Answer::rest(202, &shown))
}

/// The ARN of an existing function, with the qualifier if one is given.
fn known_function(cx: &Context<'_>, name: &str) -> Result<String, ApiError> {
    let addressed = Addressed::parse(name);
    match addressed.function(cx)?.version(addressed.qualifier()) {
        Some(_) => Ok(addressed.arn(cx)),
        None => Err(addressed.not_found(cx)),
    }
}

fn set(settings: &mut Value, body: &Json) {
    for name in SETTINGS {
        if let Some(value) = body.value(name) {
            settings[name] = value.clone();
        }
    }
}

pub(super) fn get(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let mapping = cx.regional().lambda.mappings.get(&uuid(request)).ok_or_else(missing)?;
    Ok(Answer::rest(200, &shown(mapping, None)))
}

pub(super) fn list(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let source = request.query("EventSourceArn");
    let function = request.query("FunctionName").map(|name| Addressed::parse(name).arn(cx));
    let mappings = cx.regional().lambda.mappings.values().filter(|mapping| {
        source.is_none_or(|source| mapping.source_arn == source)
            && function.as_ref().is_none_or(|function| mapping.function_arn == *function)
    });
    let size = cx.page_size(request.query("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let page = Page::of(
        mappings,
        |mapping| mapping.uuid.clone(),
        request.query("Marker"),
        size,
        || invalid("Invalid marker"),
    )?;
    let shown: Vec<Value> = page.items.into_iter().map(|mapping| shown(mapping, None)).collect();
    Ok(Answer::rest(200, &json!({ "EventSourceMappings": shown, "NextMarker": page.next })))
}

pub(super) fn update(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let body = Json::parse(&request.body)?;
    let mut mapping = cx.regional().lambda.mappings.get(&uuid(request)).cloned().ok_or_else(missing)?;
    if let Some(name) = body.text("FunctionName") {
        mapping.function_arn = known_function(cx, name)?;
    }
    mapping.enabled = body.value("Enabled").and_then(Value::as_bool).unwrap_or(mapping.enabled);
    mapping.modified_s = cx.epoch_s();
    set(&mut mapping.settings, &body);
    let shown = shown(&mapping, None);
    cx.regional_mut().lambda.mappings.insert(mapping.uuid.clone(), mapping);
    Ok(Answer::rest(202, &shown))
}

/// Deletes the mapping at once; AWS takes a while.
pub(super) fn delete(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let uuid = uuid(request);
    if !cx.regional().lambda.mappings.contains_key(&uuid) {
        return Err(missing());
    }
    let mapping = cx.regional_mut().lambda.mappings.remove(&uuid).ok_or_else(missing)?;
    Ok(Answer::rest(202, &shown(&mapping, Some("Deleting"))))
}

fn uuid(request: &Request) -> String {
    request.segments().get(2).cloned().unwrap_or_default()
}

fn missing() -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
}

fn shown(mapping: &Mapping, state: Option<&str>) -> Value {
    let mut shown = mapping.settings.clone();
    shown["UUID"] = json!(mapping.uuid);
    shown["EventSourceArn"] = json!(mapping.source_arn);
    shown["FunctionArn"] = json!(mapping.function_arn);
    shown["LastModified"] = json!(mapping.modified_s);
    shown["State"] = json!(state.unwrap_or(if mapping.enabled { "Enabled" } else { "Disabled" }));
    shown["StateTransitionReason"] = json!("USER_INITIATED");
    shown
}
