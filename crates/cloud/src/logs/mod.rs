//! Amazon CloudWatch Logs: log groups with retention and tags, log streams, log events.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/>

mod events;
mod filter;
mod groups;
mod streams;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use events::append;

use super::{Answer, ApiError, Context, Handled, Json, Request, dispatch};

/// The maximum number of events that a group keeps, whatever its retention, since the state is one file and `dev` can
/// run for days.
const MAX_EVENTS: usize = 5000;

/// The log groups of a region, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub groups: BTreeMap<String, Group>,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    /// Without the `:*` that some responses add.
    pub arn: String,
    pub created_ms: i64,
    pub retention_days: Option<i64>,
    pub tags: BTreeMap<String, String>,
    /// By name.
    pub streams: BTreeMap<String, Stream>,
    /// In order of arrival.
    pub events: VecDeque<Event>,
    /// The number of events so far, which is the next event's id.
    pub ingested: u64,
}

/// A log stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    pub arn: String,
    pub created_ms: i64,
    pub first_event_ms: Option<i64>,
    pub last_event_ms: Option<i64>,
    pub last_ingestion_ms: Option<i64>,
}

/// A log event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub id: u64,
    pub stream: String,
    pub timestamp_ms: i64,
    pub ingested_ms: i64,
    pub message: String,
}

/// One request to CloudWatch Logs.
struct Call<'a, 'b> {
    cx: &'a mut Context<'b>,
    body: &'a Json,
}

impl Call<'_, '_> {
    fn state(&self) -> &State {
        &self.cx.regional().logs
    }

    fn state_mut(&mut self) -> &mut State {
        &mut self.cx.regional_mut().logs
    }

    /// The group named by `logGroupName` or, if given, by `logGroupIdentifier`.
    fn group(&self) -> Result<&Group, ApiError> {
        let name = match self.body.text("logGroupIdentifier") {
            Some(id) => id.rsplit_once(":log-group:").map_or(id, |(_, name)| name.trim_end_matches(":*")),
            None => self.body.required("logGroupName")?,
        };
        self.state().groups.get(name).ok_or_else(no_group)
    }

    /// The same, for changes.
    fn group_mut(&mut self) -> Result<&mut Group, ApiError> {
        let name = self.group()?.name.clone();
        self.state_mut().groups.get_mut(&name).ok_or_else(no_group)
    }
}

fn no_group() -> ApiError {
    ApiError::bad("ResourceNotFoundException", "The specified log group does not exist.")
}

fn no_stream() -> ApiError {
    ApiError::bad("ResourceNotFoundException", "The specified log stream does not exist.")
}

fn exists(what: &str) -> ApiError {
    ApiError::bad("ResourceAlreadyExistsException", format!("The specified {what} already exists"))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterException", message)
}

fn invalid_token() -> ApiError {
    invalid("The specified nextToken is invalid.")
}

/// A page's entries under their name, with the token of the next page.
fn listed(name: &str, entries: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = json!({ name: entries });
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    answer
}

pub(super) fn handle(cx: &mut Context<'_>, operation: &str, request: &Request) -> Result<Handled, ApiError> {
    let body = &Json::parse(&request.body)?;
    let mut call = Call { cx, body };
    let call = &mut call;
    let answer = match operation {
        "CreateLogGroup" => groups::create(call),
        "DescribeLogGroups" => groups::describe(call),
        "PutRetentionPolicy" => groups::put_retention(call),
        "DeleteRetentionPolicy" => groups::delete_retention(call),
        "DeleteLogGroup" => groups::delete(call),
        "TagResource" => groups::tag(call),
        "UntagResource" => groups::untag(call),
        "ListTagsForResource" => groups::list_tags(call),
        "CreateLogStream" => streams::create(call),
        "DescribeLogStreams" => streams::describe(call),
        "DescribeMetricFilters" => groups::no_filters(call, "metricFilters"),
        "DescribeSubscriptionFilters" => groups::no_filters(call, "subscriptionFilters"),
        "PutLogEvents" => events::put(call),
        "GetLogEvents" => events::get(call),
        "FilterLogEvents" => events::filter(call),
        _ => Err(dispatch::not_implemented("logs", operation)),
    };
    answer.map(|body| Answer::json(&body).into())
}
