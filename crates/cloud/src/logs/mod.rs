//! Amazon CloudWatch Logs: log groups with retention and tags, log streams, log events.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/>

mod events;
mod filter;
mod groups;
mod streams;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use events::append_lines;
pub(super) use events::event_key;

use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, JsonBody, dispatch};

/// The maximum number of events that a group keeps, whatever its retention, since `dev` can run for days.
const MAX_EVENTS: u64 = 5000;

stored_parts! {
    /// The log groups of a region, by name.
    pub struct LogsState {
        pub groups: StoredTable<StoredLogGroup>,
        /// By [`event_key`], which is in order of arrival.
        pub events: StoredTable<StoredLogEvent>,
    }
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredLogGroup {
    pub name: String,
    /// Without the `:*` that some responses add.
    pub arn: String,
    pub created_ms: i64,
    pub retention_days: Option<i64>,
    pub tags: BTreeMap<String, String>,
    /// By name.
    pub streams: BTreeMap<String, StoredLogStream>,
    /// The number of events so far, which is the next event's id.
    pub ingested: u64,
    /// Other members of the answer, which replace the defaults: `kmsKeyId`, `logGroupClass`, …
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub others: Map<String, Value>,
    /// Subscription filters by name, as given. Nothing is sent to them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filters: BTreeMap<String, Value>,
}

/// A log stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredLogStream {
    pub arn: String,
    pub created_ms: i64,
    pub first_event_ms: Option<i64>,
    pub last_event_ms: Option<i64>,
    pub last_ingestion_ms: Option<i64>,
}

/// A log event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLogEvent {
    pub id: u64,
    pub stream: String,
    pub timestamp_ms: i64,
    pub ingested_ms: i64,
    pub message: String,
}

/// One request to CloudWatch Logs.
struct LogsCall<'a, 'b> {
    cx: &'a mut CloudContext<'b>,
    body: &'a JsonBody,
}

impl LogsCall<'_, '_> {
    fn logs_state(&self) -> &LogsState {
        &self.cx.region_state().logs
    }

    fn logs_state_mut(&mut self) -> &mut LogsState {
        &mut self.cx.region_state_mut().logs
    }

    /// The group named by `logGroupName` or, if given, by `logGroupIdentifier`.
    fn find_group(&self) -> Result<&StoredLogGroup, ApiError> {
        let name = match self.body.member_text("logGroupIdentifier") {
            Some(id) => id.rsplit_once(":log-group:").map_or(id, |(_, name)| name.trim_end_matches(":*")),
            None => self.body.required_text("logGroupName")?,
        };
        self.logs_state().groups.get(name).ok_or_else(no_group)
    }

    /// The same, for changes.
    fn find_group_mut(&mut self) -> Result<&mut StoredLogGroup, ApiError> {
        let name = self.find_group()?.name.clone();
        self.logs_state_mut().groups.get_mut(&name).ok_or_else(no_group)
    }
}

fn no_group() -> ApiError {
    ApiError::bad_request("ResourceNotFoundException", "The specified log group does not exist.")
}

fn no_stream() -> ApiError {
    ApiError::bad_request("ResourceNotFoundException", "The specified log stream does not exist.")
}

fn already_exists(what: &str) -> ApiError {
    ApiError::bad_request("ResourceAlreadyExistsException", format!("The specified {what} already exists"))
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("InvalidParameterException", message)
}

fn invalid_token() -> ApiError {
    invalid_parameter("The specified nextToken is invalid.")
}

/// A page's entries under their name, with the token of the next page.
fn list_answer(name: &str, entries: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = json!({ name: entries });
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    answer
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let body = &JsonBody::parse_body(&request.body)?;
    let mut call = LogsCall { cx, body };
    let call = &mut call;
    let answer = match operation {
        "CreateLogGroup" => groups::create_log_group(call),
        "DescribeLogGroups" => groups::describe_log_groups(call),
        "PutRetentionPolicy" => groups::put_retention_policy(call),
        "DeleteRetentionPolicy" => groups::delete_retention_policy(call),
        "DeleteLogGroup" => groups::delete_log_group(call),
        "TagResource" => groups::tag_resource(call),
        "UntagResource" => groups::untag_resource(call),
        "ListTagsForResource" => groups::list_tags_for_resource(call),
        "CreateLogStream" => streams::create_log_stream(call),
        "DeleteLogStream" => streams::delete_log_stream(call),
        "DescribeLogStreams" => streams::describe_log_streams(call),
        "DescribeMetricFilters" => groups::describe_no_filters(call, "metricFilters"),
        "PutSubscriptionFilter" => groups::put_subscription_filter(call),
        "DeleteSubscriptionFilter" => groups::delete_subscription_filter(call),
        "DescribeSubscriptionFilters" => groups::describe_subscription_filters(call),
        "AssociateKmsKey" => groups::associate_kms_key(call),
        "DisassociateKmsKey" => groups::set_other(call, "kmsKeyId", None),
        "PutDataProtectionPolicy" => groups::set_other(call, "dataProtectionStatus", Some(json!("ACTIVATED"))),
        "DeleteDataProtectionPolicy" => groups::set_other(call, "dataProtectionStatus", None),
        "PutLogGroupDeletionProtection" => groups::put_deletion_protection(call),
        "PutLogEvents" => events::put_log_events(call),
        "GetLogEvents" => events::get_log_events(call),
        "FilterLogEvents" => events::filter_log_events(call),
        _ => Err(dispatch::not_implemented("logs", operation)),
    };
    answer.map(|body| CloudAnswer::from_json(&body).into())
}
