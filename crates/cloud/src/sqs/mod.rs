//! Amazon Simple Queue Service: standard and FIFO queues, their attributes, tags and messages.
//!
//! Nobody waits here: a receive answers at once, whatever `WaitTimeSeconds` says.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/>

mod attributes;
mod messages;
mod queues;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, ApiError, Context, Handled, Json, Request, dispatch};

/// The queues of one region, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub queues: BTreeMap<String, Queue>,
    /// When queues were deleted, in milliseconds since 1970: their names aren't free for a while.
    pub deleted_ms: BTreeMap<String, i64>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    pub name: String,
    pub arn: String,
    pub created_s: i64,
    pub modified_s: i64,
    /// What was set; everything else has its default.
    pub attributes: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// In the order in which they came.
    pub messages: Vec<Message>,
    /// Messages that ever came: the next one's sequence number.
    pub sent: u64,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub id: String,
    pub body: String,
    /// `MessageAttributes` as they were sent.
    pub attributes: Option<Value>,
    pub group: Option<String>,
    pub deduplication: Option<String>,
    pub sequence: u64,
    pub sent_ms: i64,
    pub visible_from_ms: i64,
    pub receives: u64,
    /// Of the last receive.
    pub receipt: Option<String>,
}

impl Queue {
    fn is_fifo(&self) -> bool {
        self.name.ends_with(FIFO)
    }
}

/// What the name of a FIFO queue ends in.
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

    /// The queue that `QueueUrl` leads to.
    fn queue(&self) -> Result<&Queue, ApiError> {
        let name = self.required("QueueUrl")?.rsplit('/').next().unwrap_or_default();
        self.state().queues.get(name).ok_or_else(no_queue)
    }

    /// The same, to be changed.
    fn queue_mut(&mut self) -> Result<&mut Queue, ApiError> {
        let name = self.queue()?.name.clone();
        self.state_mut().queues.get_mut(&name).ok_or_else(no_queue)
    }

    /// Where a queue is called upon.
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

/// The code that clients know from the time of SQS's earlier protocol, which `x-amzn-query-error` carries.
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
