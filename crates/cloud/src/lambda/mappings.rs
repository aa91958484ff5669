//! Event source mappings, which invoke a function with the records of a queue or stream.
//!
//! The embedded cloud never polls the source. As in AWS, a mapping outlives its function and queue.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AddressedFunction, invalid_parameter};
use crate::{ApiError, CloudAnswer, CloudContext, CloudRequest, JsonBody, ListPage};

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
pub struct StoredMapping {
    pub uuid: String,
    pub source_arn: String,
    /// Includes the qualifier that it was created with.
    pub function_arn: String,
    pub enabled: bool,
    pub modified_s: f64,
    /// The request's members, by name.
    pub settings: Value,
}

pub(super) fn create_event_source_mapping(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let body = JsonBody::parse_body(&request.body)?;
    let function_arn = known_function(cx, body.required_text("FunctionName")?)?;
    let source_arn = body.required_text("EventSourceArn")?.to_owned();
    let queue = source_arn.contains(":sqs:");
    if queue && cx.region_state().sqs.find_queue_by_arn(&source_arn).is_none() {
        return Err(invalid_parameter(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error \
             Message: The specified queue does not exist.",
        ));
    }
    let mappings = &cx.region_state().lambda.mappings;
    let same = |other: &&StoredMapping| other.source_arn == source_arn && other.function_arn == function_arn;
    if let Some(other) = mappings.values().find(same) {
        let message = format!(
            "The event source arn (\" {source_arn} \") and function (\" {function_arn} \") provided mapping already \
             exists. Please update or delete the existing mapping with UUID {}",
            other.uuid
        );
        return Err(ApiError::new(409, "ResourceConflictException", message));
    }
    let mut settings = json!({ "BatchSize": if queue { BATCH.0 } else { BATCH.1 } });
    set_mapping_settings(&mut settings, &body);
    let mapping = StoredMapping {
        uuid: cx.random_uuid(),
        source_arn,
        function_arn,
        enabled: body.member_value("Enabled").and_then(Value::as_bool).unwrap_or(true),
        modified_s: cx.epoch_s(),
        settings,
    };
    let shown = mapping_json(&mapping, None);
    cx.region_state_mut().lambda.mappings.insert(mapping.uuid.clone(), mapping);
    Ok(CloudAnswer::from_rest_json(202, &shown))
}

/// The ARN of an existing function, with the qualifier if one is given.
fn known_function(cx: &CloudContext<'_>, name: &str) -> Result<String, ApiError> {
    let addressed = AddressedFunction::parse_name(name);
    match addressed.find_function(cx)?.find_version(addressed.qualifier_or_latest()) {
        Some(_) => Ok(addressed.function_arn(cx)),
        None => Err(addressed.not_found(cx)),
    }
}

fn set_mapping_settings(settings: &mut Value, body: &JsonBody) {
    for name in SETTINGS {
        if let Some(value) = body.member_value(name) {
            settings[name] = value.clone();
        }
    }
}

pub(super) fn get_event_source_mapping(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let mapping = cx.region_state().lambda.mappings.get(&mapping_uuid(request)).ok_or_else(mapping_not_found)?;
    Ok(CloudAnswer::from_rest_json(200, &mapping_json(mapping, None)))
}

pub(super) fn list_event_source_mappings(
    cx: &CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let source = request.query_value("EventSourceArn");
    let function = request.query_value("FunctionName").map(|name| AddressedFunction::parse_name(name).function_arn(cx));
    let is_wanted = |mapping: &StoredMapping| {
        source.is_none_or(|source| mapping.source_arn == source)
            && function.as_ref().is_none_or(|function| mapping.function_arn == *function)
    };
    let mappings = &cx.region_state().lambda.mappings;
    let size = cx.page_size(request.query_value("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let page = ListPage::from_items_after(
        |after| mappings.iter_after(after).map(|(_, mapping)| mapping).filter(|mapping| is_wanted(mapping)),
        |mapping| mapping.uuid.clone(),
        request.query_value("Marker"),
        size,
        || invalid_parameter("Invalid marker"),
    )?;
    let shown: Vec<Value> = page.items.into_iter().map(|mapping| mapping_json(mapping, None)).collect();
    Ok(CloudAnswer::from_rest_json(200, &json!({ "EventSourceMappings": shown, "NextMarker": page.next })))
}

pub(super) fn update_event_source_mapping(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let body = JsonBody::parse_body(&request.body)?;
    let mut mapping =
        cx.region_state().lambda.mappings.get(&mapping_uuid(request)).cloned().ok_or_else(mapping_not_found)?;
    if let Some(name) = body.member_text("FunctionName") {
        mapping.function_arn = known_function(cx, name)?;
    }
    mapping.enabled = body.member_value("Enabled").and_then(Value::as_bool).unwrap_or(mapping.enabled);
    mapping.modified_s = cx.epoch_s();
    set_mapping_settings(&mut mapping.settings, &body);
    let shown = mapping_json(&mapping, None);
    cx.region_state_mut().lambda.mappings.insert(mapping.uuid.clone(), mapping);
    Ok(CloudAnswer::from_rest_json(202, &shown))
}

/// Deletes the mapping at once; AWS takes a while.
pub(super) fn delete_event_source_mapping(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let uuid = mapping_uuid(request);
    if !cx.region_state().lambda.mappings.contains_key(&uuid) {
        return Err(mapping_not_found());
    }
    let mapping = cx.region_state_mut().lambda.mappings.remove(&uuid).ok_or_else(mapping_not_found)?;
    Ok(CloudAnswer::from_rest_json(202, &mapping_json(&mapping, Some("Deleting"))))
}

fn mapping_uuid(request: &CloudRequest) -> String {
    request.path_segments().get(2).cloned().unwrap_or_default()
}

fn mapping_not_found() -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
}

fn mapping_json(mapping: &StoredMapping, state: Option<&str>) -> Value {
    let mut shown = mapping.settings.clone();
    shown["UUID"] = json!(mapping.uuid);
    shown["EventSourceArn"] = json!(mapping.source_arn);
    shown["FunctionArn"] = json!(mapping.function_arn);
    shown["LastModified"] = json!(mapping.modified_s);
    shown["State"] = json!(state.unwrap_or(if mapping.enabled { "Enabled" } else { "Disabled" }));
    shown["StateTransitionReason"] = json!("USER_INITIATED");
    shown
}
