//! Amazon Simple Queue Service: standard and FIFO queues, their attributes, tags and messages.
//!
//! `ReceiveMessage` returns at once, whatever `WaitTimeSeconds` says.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/>

mod attributes;
mod messages;
mod queues;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, JsonBody, dispatch};

stored_parts! {
    /// The queues of a region, by name.
    pub struct SqsState {
        pub queues: StoredTable<StoredQueue>,
        /// When queues were deleted, in milliseconds since 1970. Their names can't be reused for a while.
        pub deleted_ms: StoredTable<i64>,
    }
}

impl SqsState {
    pub(super) fn find_queue_by_arn(&self, arn: &str) -> Option<&StoredQueue> {
        let name = arn.rsplit(':').next().unwrap_or_default();
        self.queues.get(name).filter(|queue| queue.arn == arn)
    }
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredQueue {
    pub name: String,
    pub arn: String,
    pub created_s: i64,
    pub modified_s: i64,
    /// The attributes that were set; all others have their defaults.
    pub attributes: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// In order of arrival.
    pub messages: Vec<StoredMessage>,
    /// The number of messages sent so far, which is the latest sequence number.
    pub sent: u64,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredMessage {
    pub id: String,
    pub body: String,
    /// `MessageAttributes`, as sent.
    pub attributes: Option<Value>,
    pub group: Option<String>,
    pub deduplication: Option<String>,
    pub sequence: u64,
    pub sent_ms: i64,
    pub visible_from_ms: i64,
    pub receives: u64,
    /// The receipt handle of the last receive.
    pub receipt: Option<String>,
}

impl StoredQueue {
    fn is_fifo(&self) -> bool {
        self.name.ends_with(FIFO)
    }
}

/// The suffix of a FIFO queue's name.
const FIFO: &str = ".fifo";

/// One request to SQS.
struct SqsCall<'a, 'b> {
    cx: &'a mut CloudContext<'b>,
    body: &'a JsonBody,
}

impl SqsCall<'_, '_> {
    fn sqs_state(&self) -> &SqsState {
        &self.cx.region_state().sqs
    }

    fn sqs_state_mut(&mut self) -> &mut SqsState {
        &mut self.cx.region_state_mut().sqs
    }

    fn required_text(&self, member: &str) -> Result<&str, ApiError> {
        self.body.member_text(member).filter(|text| !text.is_empty()).ok_or_else(|| {
            ApiError::bad_request("MissingParameter", format!("The request must contain the parameter {member}."))
        })
    }

    /// The queue named by `QueueUrl`.
    fn find_queue(&self) -> Result<&StoredQueue, ApiError> {
        let name = self.required_text("QueueUrl")?.rsplit('/').next().unwrap_or_default();
        self.sqs_state().queues.get(name).ok_or_else(no_queue)
    }

    /// The same, for changes.
    fn find_queue_mut(&mut self) -> Result<&mut StoredQueue, ApiError> {
        let name = self.find_queue()?.name.clone();
        self.sqs_state_mut().queues.get_mut(&name).ok_or_else(no_queue)
    }

    /// A queue's URL.
    fn queue_url(&self, name: &str) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{name}", self.cx.request_region(), self.cx.account_id())
    }
}

fn no_queue() -> ApiError {
    ApiError::bad_request("QueueDoesNotExist", "The specified queue does not exist.")
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("InvalidParameterValue", message)
}

/// The code from SQS's earlier Query protocol, which clients expect in `x-amzn-query-error`.
pub(super) fn query_code(code: &str) -> &str {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "QueueDeletedRecently" => "AWS.SimpleQueueService.QueueDeletedRecently",
        other => other,
    }
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let body = &JsonBody::parse_body(&request.body)?;
    let mut call = SqsCall { cx, body };
    let call = &mut call;
    let answer = match operation {
        "CreateQueue" => queues::create_queue(call),
        "ListQueues" => queues::list_queues(call),
        "GetQueueUrl" => queues::get_queue_url(call),
        "DeleteQueue" => queues::delete_queue(call),
        "ListDeadLetterSourceQueues" => queues::list_dead_letter_source_queues(call),
        "ListQueueTags" => queues::list_queue_tags(call),
        "TagQueue" => queues::tag_queue(call),
        "UntagQueue" => queues::untag_queue(call),
        "GetQueueAttributes" => attributes::get_queue_attributes(call),
        "SetQueueAttributes" => attributes::set_queue_attributes(call),
        "SendMessage" => messages::send_message(call),
        "ReceiveMessage" => messages::receive_message(call),
        "DeleteMessage" => messages::delete_message(call),
        "PurgeQueue" => messages::purge_queue(call),
        _ => Err(dispatch::not_implemented("sqs", operation)),
    };
    answer.map(|body| CloudAnswer::from_json(&body).into())
}
