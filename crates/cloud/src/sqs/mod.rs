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

use super::{Answer, ApiError, Context, Handled, Json, Request, dispatch};

/// The queues of a region, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub queues: BTreeMap<String, Queue>,
    /// When queues were deleted, in milliseconds since 1970. Their names can't be reused for a while.
    pub deleted_ms: BTreeMap<String, i64>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    pub name: String,
    pub arn: String,
    pub created_s: i64,
    pub modified_s: i64,
    /// The attributes that were set; all others have their defaults.
    pub attributes: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// In order of arrival.
    pub messages: Vec<Message>,
    /// The number of messages sent so far, which is the latest sequence number.
    pub sent: u64,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
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

impl Queue {
    fn is_fifo(&self) -> bool {
        self.name.ends_with(FIFO)
    }
}

/// The suffix of a FIFO queue's name.
const FIFO: &str = ".fifo";

/// One request to SQS.
struct Call<'a, 'b> {
    cx: &'a mut Context<'b>,
    body: &'a Json,
}

impl Call<'_, '_> {
    fn state(&self) -> &State {
        &self.cx.regional().sqs
    }

    fn state_mut(&mut self) -> &mut State {
        &mut self.cx.regional_mut().sqs
    }

    fn required(&self, member: &str) -> Result<&str, ApiError> {
        self.body.text(member).filter(|text| !text.is_empty()).ok_or_else(|| {
            ApiError::bad("MissingParameter", format!("The request must contain the parameter {member}."))
        })
    }

    /// The queue named by `QueueUrl`.
    fn queue(&self) -> Result<&Queue, ApiError> {
        let name = self.required("QueueUrl")?.rsplit('/').next().unwrap_or_default();
        self.state().queues.get(name).ok_or_else(no_queue)
    }

    /// The same, for changes.
    fn queue_mut(&mut self) -> Result<&mut Queue, ApiError> {
        let name = self.queue()?.name.clone();
        self.state_mut().queues.get_mut(&name).ok_or_else(no_queue)
    }

    /// A queue's URL.
    fn url(&self, name: &str) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{name}", self.cx.region(), self.cx.account())
    }
}

fn no_queue() -> ApiError {
    ApiError::bad("QueueDoesNotExist", "The specified queue does not exist.")
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterValue", message)
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

pub(super) fn handle(cx: &mut Context<'_>, operation: &str, request: &Request) -> Result<Handled, ApiError> {
    let body = &Json::parse(&request.body)?;
    let mut call = Call { cx, body };
    let call = &mut call;
    let answer = match operation {
        "CreateQueue" => queues::create(call),
        "ListQueues" => queues::list(call),
        "GetQueueUrl" => queues::get_url(call),
        "DeleteQueue" => queues::delete(call),
        "ListDeadLetterSourceQueues" => queues::list_sources(call),
        "ListQueueTags" => queues::list_tags(call),
        "TagQueue" => queues::tag(call),
        "UntagQueue" => queues::untag(call),
        "GetQueueAttributes" => attributes::get(call),
        "SetQueueAttributes" => attributes::set(call),
        "SendMessage" => messages::send(call),
        "ReceiveMessage" => messages::receive(call),
        "DeleteMessage" => messages::delete(call),
        "PurgeQueue" => messages::purge(call),
        _ => Err(dispatch::not_implemented("sqs", operation)),
    };
    answer.map(|body| Answer::json(&body).into())
}
