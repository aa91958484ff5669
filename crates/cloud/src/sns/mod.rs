//! Amazon Simple Notification Service: topics, their subscriptions, and what was published.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/>

mod messages;
mod subscriptions;
mod topics;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::query::{self, QueryForm, XmlWriter};
use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, ListPage, dispatch};

pub use messages::StoredMessage;
pub use subscriptions::StoredSubscription;

pub(super) const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// The page size.
const PAGE: usize = 100;

stored_parts! {
    /// The topics and subscriptions of a region, by ARN.
    pub struct SnsState {
        pub topics: StoredTable<StoredTopic>,
        pub subscriptions: StoredTable<StoredSubscription>,
        /// The newest messages, by number.
        pub messages: StoredTable<StoredMessage>,
    }
}

impl SnsState {
    /// The subscriptions of a topic. Their ARNs are its ARN and an id.
    fn topic_subscriptions(&self, topic: &str) -> impl Iterator<Item = &StoredSubscription> {
        let prefix = format!("{topic}:");
        let from = self.subscriptions.iter_from(&prefix);
        from.take_while(move |(arn, _)| arn.starts_with(&prefix)).map(|(_, subscription)| subscription)
    }
}

/// A topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredTopic {
    /// The attributes that were set; all others have their defaults.
    pub attributes: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
}

/// One request to SNS.
struct SnsCall<'a, 'b> {
    cx: &'a mut CloudContext<'b>,
    operation: &'a str,
    form: &'a QueryForm,
    request_id: &'a str,
}

impl SnsCall<'_, '_> {
    fn sns_state(&self) -> &SnsState {
        &self.cx.region_state().sns
    }

    fn sns_state_mut(&mut self) -> &mut SnsState {
        &mut self.cx.region_state_mut().sns
    }

    fn xml_answer(&self, result: impl FnOnce(&mut XmlWriter)) -> CloudAnswer {
        query::xml_answer(NAMESPACE, self.operation, self.request_id, result)
    }

    /// The response of an operation without a result.
    fn empty_answer(&self) -> CloudAnswer {
        self.xml_answer(|_| ())
    }

    fn required_text(&self, member: &str) -> Result<&str, ApiError> {
        let value = self.form.member_text(member).filter(|text| !text.is_empty());
        value.ok_or_else(|| invalid_parameter(format!("Invalid parameter: {member}")))
    }

    /// The topic named by a member.
    fn find_topic(&self, member: &str) -> Result<&StoredTopic, ApiError> {
        self.sns_state().topics.get(self.required_text(member)?).ok_or_else(no_topic)
    }

    /// The same, for changes.
    fn find_topic_mut(&mut self, member: &str) -> Result<&mut StoredTopic, ApiError> {
        self.find_topic(member)?;
        let arn = self.required_text(member)?.to_owned();
        self.sns_state_mut().topics.get_mut(&arn).ok_or_else(no_topic)
    }

    fn list_page<T, I: IntoIterator<Item = T>>(
        &self,
        items_after: impl FnOnce(Option<&str>) -> I,
        key: impl Fn(&T) -> String,
    ) -> Result<ListPage<T>, ApiError> {
        let size = self.cx.page_size(None, PAGE);
        ListPage::from_items_after(items_after, key, self.form.member_text("NextToken"), size, || {
            invalid_parameter("Invalid parameter: NextToken")
        })
    }
}

fn no_topic() -> ApiError {
    ApiError::new(404, "NotFound", "Topic does not exist")
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("InvalidParameter", message)
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    form: &QueryForm,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let mut call = SnsCall { cx, operation, form, request_id: &request.id };
    let call = &mut call;
    let answer = match operation {
        "CreateTopic" => topics::create_topic(call),
        "ListTopics" => topics::list_topics(call),
        "GetTopicAttributes" => topics::get_topic_attributes(call),
        "SetTopicAttributes" => topics::set_topic_attributes(call),
        "DeleteTopic" => topics::delete_topic(call),
        "ListTagsForResource" => topics::list_tags_for_resource(call),
        "TagResource" => topics::tag_resource(call),
        "UntagResource" => topics::untag_resource(call),
        "Publish" => messages::publish_message(call, &request.id),
        "Subscribe" => subscriptions::subscribe_endpoint(call),
        "Unsubscribe" => subscriptions::unsubscribe_endpoint(call),
        "GetSubscriptionAttributes" => subscriptions::get_subscription_attributes(call),
        "ListSubscriptions" => subscriptions::list_subscriptions(call, None),
        "ListSubscriptionsByTopic" => {
            call.find_topic("TopicArn")?;
            let topic = call.required_text("TopicArn")?.to_owned();
            subscriptions::list_subscriptions(call, Some(&topic))
        }
        _ => Err(dispatch::not_implemented("sns", operation)),
    };
    answer.map(HandlerOutcome::from)
}
