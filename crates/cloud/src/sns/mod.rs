//! Amazon Simple Notification Service: topics and their subscriptions. Publishing is not supported.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/>

mod subscriptions;
mod topics;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::query::{self, Form, Xml};
use super::{Answer, ApiError, Context, Handled, Page, Request, dispatch};

pub use subscriptions::Subscription;

pub(super) const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// The page size.
const PAGE: usize = 100;

/// The topics and subscriptions of a region, by ARN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub topics: BTreeMap<String, Topic>,
    pub subscriptions: BTreeMap<String, Subscription>,
}

/// A topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// The attributes that were set; all others have their defaults.
    pub attributes: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
}

/// One request to SNS.
struct Call<'a, 'b> {
    cx: &'a mut Context<'b>,
    operation: &'a str,
    form: &'a Form,
    request_id: &'a str,
}

impl Call<'_, '_> {
    fn state(&self) -> &State {
        &self.cx.regional().sns
    }

    fn state_mut(&mut self) -> &mut State {
        &mut self.cx.regional_mut().sns
    }

    fn answer(&self, result: impl FnOnce(&mut Xml)) -> Answer {
        query::answer(NAMESPACE, self.operation, self.request_id, result)
    }

    /// The response of an operation without a result.
    fn done(&self) -> Answer {
        self.answer(|_| ())
    }

    fn required(&self, member: &str) -> Result<&str, ApiError> {
        let value = self.form.text(member).filter(|text| !text.is_empty());
        value.ok_or_else(|| invalid(format!("Invalid parameter: {member}")))
    }

    /// The topic named by a member.
    fn topic(&self, member: &str) -> Result<&Topic, ApiError> {
        self.state().topics.get(self.required(member)?).ok_or_else(no_topic)
    }

    /// The same, for changes.
    fn topic_mut(&mut self, member: &str) -> Result<&mut Topic, ApiError> {
        self.topic(member)?;
        let arn = self.required(member)?.to_owned();
        self.state_mut().topics.get_mut(&arn).ok_or_else(no_topic)
    }

    fn page<T>(&self, items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> String) -> Result<Page<T>, ApiError> {
        let size = self.cx.page_size(None, PAGE);
        Page::of(items, key, self.form.text("NextToken"), size, || invalid("Invalid parameter: NextToken"))
    }
}

fn no_topic() -> ApiError {
    ApiError::new(404, "NotFound", "Topic does not exist")
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameter", message)
}

pub(super) fn handle(
    cx: &mut Context<'_>,
    operation: &str,
    form: &Form,
    request: &Request,
) -> Result<Handled, ApiError> {
    let mut call = Call { cx, operation, form, request_id: &request.id };
    let call = &mut call;
    let answer = match operation {
        "CreateTopic" => topics::create(call),
        "ListTopics" => topics::list(call),
        "GetTopicAttributes" => topics::get_attributes(call),
        "SetTopicAttributes" => topics::set_attributes(call),
        "DeleteTopic" => topics::delete(call),
        "ListTagsForResource" => topics::list_tags(call),
        "TagResource" => topics::tag(call),
        "UntagResource" => topics::untag(call),
        "Subscribe" => subscriptions::subscribe(call),
        "Unsubscribe" => subscriptions::unsubscribe(call),
        "GetSubscriptionAttributes" => subscriptions::get_attributes(call),
        "ListSubscriptions" => subscriptions::list(call, None),
        "ListSubscriptionsByTopic" => {
            call.topic("TopicArn")?;
            let topic = call.required("TopicArn")?.to_owned();
            subscriptions::list(call, Some(&topic))
        }
        _ => Err(dispatch::not_implemented("sns", operation)),
    };
    answer.map(Handled::from)
}
