//! Topics and their subscriptions.

use aws_sdk_sns::types::Tag;
use deployer_aws::{Call, CallError, FailureKind};

use super::{Place, Probed, TAGS, refused, same, text};

use crate::sdk::GeneratedClients as _;

async fn create(place: &Place, name: &str) -> Result<String, CallError> {
    let tags =
        TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build().expect("all required members are set"));
    let request = place.aws.sdk().sns.create_topic().name(name).attributes("DisplayName", "a probe");
    let answer = request.set_tags(Some(tags.to_vec())).send().await.call("sns:CreateTopic")?;
    Ok(answer.topic_arn.unwrap_or_default())
}

async fn delete(place: &Place, arn: &str) {
    let _ = place.aws.sdk().sns.delete_topic().topic_arn(arn).send().await;
}

pub async fn keeps_topic_attributes_and_tags(place: Place) -> Probed {
    let name = place.name("topic");
    let arn = create(&place, &name).await.map_err(text)?;
    let sns = &place.aws.sdk().sns;
    let again = create(&place, &name).await;
    let attributes = sns.get_topic_attributes().topic_arn(&arn).send().await.call("sns:GetTopicAttributes");
    let tags = sns.list_tags_for_resource().resource_arn(&arn).send().await.call("sns:ListTagsForResource");
    let topics = sns.list_topics().send().await.call("sns:ListTopics");
    delete(&place, &arn).await;
    same(arn.as_str(), &format!("arn:aws:sns:us-east-1:{}:{name}", place.account), "ARN")?;
    same(again.map_err(text)?, arn.clone(), "ARN of the existing topic")?;
    let attributes = attributes.map_err(text)?.attributes.unwrap_or_default();
    same(attributes.get("DisplayName").map(String::as_str), Some("a probe"), "the attribute that was set")?;
    same(attributes.get("SubscriptionsConfirmed").map(String::as_str), Some("0"), "number of confirmed subscriptions")?;
    same(tags.map_err(text)?.tags().len(), TAGS.len(), "tags")?;
    let listed = topics.map_err(text)?.topics().iter().any(|topic| topic.topic_arn() == Some(&arn));
    same(listed, true, "whether it is listed")
}

pub async fn subscribes_queue_only_once(place: Place) -> Probed {
    let arn = create(&place, &place.name("topic")).await.map_err(text)?;
    let queue = place.name("queue");
    let made =
        place.aws.sdk().sqs.create_queue().queue_name(&queue).send().await.call("sqs:CreateQueue").map_err(text)?;
    let endpoint = format!("arn:aws:sqs:us-east-1:{}:{queue}", place.account);
    let sns = &place.aws.sdk().sns;
    let request = sns.subscribe().topic_arn(&arn).protocol("sqs").endpoint(&endpoint);
    let first = request.clone().send().await.call("sns:Subscribe").map_err(text)?.subscription_arn.unwrap_or_default();
    let second = request.send().await.call("sns:Subscribe").map_err(text)?.subscription_arn.unwrap_or_default();
    let listed = sns.list_subscriptions_by_topic().topic_arn(&arn).send().await;
    let listed = listed.call("sns:ListSubscriptionsByTopic");
    let attributes = sns.get_subscription_attributes().subscription_arn(&first).send().await;
    let attributes = attributes.call("sns:GetSubscriptionAttributes");
    sns.unsubscribe().subscription_arn(&first).send().await.call("sns:Unsubscribe").map_err(text)?;
    let left = sns.list_subscriptions_by_topic().topic_arn(&arn).send().await;
    let left = left.call("sns:ListSubscriptionsByTopic");
    delete(&place, &arn).await;
    let _ = place.aws.sdk().sqs.delete_queue().set_queue_url(made.queue_url).send().await;
    same(second, first.clone(), "ARN of the existing subscription")?;
    let listed = listed.map_err(text)?;
    let found: Vec<_> = listed.subscriptions().iter().map(|one| (one.protocol(), one.endpoint())).collect();
    same(found, vec![(Some("sqs"), Some(endpoint.as_str()))], "subscriptions of the topic")?;
    let attributes = attributes.map_err(text)?.attributes.unwrap_or_default();
    same(attributes.get("TopicArn"), Some(&arn), "topic")?;
    same(left.map_err(text)?.subscriptions().len(), 0, "subscriptions after unsubscribing")
}

pub async fn email_subscription_waits_for_confirmation(place: Place) -> Probed {
    let arn = create(&place, &place.name("topic")).await.map_err(text)?;
    // Nobody reads this address, so the subscription stays unconfirmed.
    let request = place.aws.sdk().sns.subscribe().topic_arn(&arn).protocol("email").endpoint("probe@example.com");
    let answer = request.send().await.call("sns:Subscribe");
    delete(&place, &arn).await;
    same(answer.map_err(text)?.subscription_arn(), Some("pending confirmation"), "the value instead of an ARN")
}

pub async fn reports_missing_topics_as_not_found(place: Place) -> Probed {
    let arn = format!("arn:aws:sns:us-east-1:{}:{}", place.account, place.name("topic"));
    let sns = &place.aws.sdk().sns;
    let answer = sns.get_topic_attributes().topic_arn(&arn).send().await.call("sns:GetTopicAttributes");
    refused(answer, FailureKind::NotFound)?;
    let answer = sns.list_tags_for_resource().resource_arn(&arn).send().await.call("sns:ListTagsForResource");
    refused(answer, FailureKind::NotFound)?;
    sns.delete_topic().topic_arn(&arn).send().await.call("sns:DeleteTopic").map(drop).map_err(text)
}
