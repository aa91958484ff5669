//! Topics and their subscriptions.

use aws_sdk_sns::types::Tag;
use deployer_aws::{Call, CallError, FailureKind};

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same};

use crate::sdk::GeneratedClients as _;

async fn create_topic(place: &ProbePlace, name: &str) -> Result<String, CallError> {
    let tags =
        TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build().expect("all required members are set"));
    let request = place.aws.sdk().sns.create_topic().name(name).attributes("DisplayName", "a probe");
    let answer = request.set_tags(Some(tags.to_vec())).send().await.call("sns:CreateTopic")?;
    Ok(answer.topic_arn.unwrap_or_default())
}

async fn delete_topic(place: &ProbePlace, arn: &str) {
    let _ = place.aws.sdk().sns.delete_topic().topic_arn(arn).send().await;
}

pub async fn keeps_topic_attributes_and_tags(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("topic");
    let arn = create_topic(&place, &name).await.map_err(error_text)?;
    let sns = &place.aws.sdk().sns;
    let again = create_topic(&place, &name).await;
    let attributes = sns.get_topic_attributes().topic_arn(&arn).send().await.call("sns:GetTopicAttributes");
    let tags = sns.list_tags_for_resource().resource_arn(&arn).send().await.call("sns:ListTagsForResource");
    let topics = sns.list_topics().send().await.call("sns:ListTopics");
    delete_topic(&place, &arn).await;
    expect_same(arn.as_str(), &format!("arn:aws:sns:us-east-1:{}:{name}", place.account), "ARN")?;
    expect_same(again.map_err(error_text)?, arn.clone(), "ARN of the existing topic")?;
    let attributes = attributes.map_err(error_text)?.attributes.unwrap_or_default();
    expect_same(attributes.get("DisplayName").map(String::as_str), Some("a probe"), "the attribute that was set")?;
    expect_same(
        attributes.get("SubscriptionsConfirmed").map(String::as_str),
        Some("0"),
        "number of confirmed subscriptions",
    )?;
    expect_same(tags.map_err(error_text)?.tags().len(), TAGS.len(), "tags")?;
    let listed = topics.map_err(error_text)?.topics().iter().any(|topic| topic.topic_arn() == Some(&arn));
    expect_same(listed, true, "whether it is listed")
}

pub async fn subscribes_queue_only_once(place: ProbePlace) -> ProbeResult {
    let arn = create_topic(&place, &place.resource_name("topic")).await.map_err(error_text)?;
    let queue = place.resource_name("queue");
    let made = place
        .aws
        .sdk()
        .sqs
        .create_queue()
        .queue_name(&queue)
        .send()
        .await
        .call("sqs:CreateQueue")
        .map_err(error_text)?;
    let endpoint = format!("arn:aws:sqs:us-east-1:{}:{queue}", place.account);
    let sns = &place.aws.sdk().sns;
    let request = sns.subscribe().topic_arn(&arn).protocol("sqs").endpoint(&endpoint);
    let first =
        request.clone().send().await.call("sns:Subscribe").map_err(error_text)?.subscription_arn.unwrap_or_default();
    let second = request.send().await.call("sns:Subscribe").map_err(error_text)?.subscription_arn.unwrap_or_default();
    let listed = sns.list_subscriptions_by_topic().topic_arn(&arn).send().await;
    let listed = listed.call("sns:ListSubscriptionsByTopic");
    let attributes = sns.get_subscription_attributes().subscription_arn(&first).send().await;
    let attributes = attributes.call("sns:GetSubscriptionAttributes");
    sns.unsubscribe().subscription_arn(&first).send().await.call("sns:Unsubscribe").map_err(error_text)?;
    let left = sns.list_subscriptions_by_topic().topic_arn(&arn).send().await;
    let left = left.call("sns:ListSubscriptionsByTopic");
    delete_topic(&place, &arn).await;
    let _ = place.aws.sdk().sqs.delete_queue().set_queue_url(made.queue_url).send().await;
    expect_same(second, first.clone(), "ARN of the existing subscription")?;
    let listed = listed.map_err(error_text)?;
    let found: Vec<_> = listed.subscriptions().iter().map(|one| (one.protocol(), one.endpoint())).collect();
    expect_same(found, vec![(Some("sqs"), Some(endpoint.as_str()))], "subscriptions of the topic")?;
    let attributes = attributes.map_err(error_text)?.attributes.unwrap_or_default();
    expect_same(attributes.get("TopicArn"), Some(&arn), "topic")?;
    expect_same(left.map_err(error_text)?.subscriptions().len(), 0, "subscriptions after unsubscribing")
}

pub async fn email_subscription_waits_for_confirmation(place: ProbePlace) -> ProbeResult {
    let arn = create_topic(&place, &place.resource_name("topic")).await.map_err(error_text)?;
    // Nobody reads this address, so the subscription stays unconfirmed.
    let request = place.aws.sdk().sns.subscribe().topic_arn(&arn).protocol("email").endpoint("probe@example.com");
    let answer = request.send().await.call("sns:Subscribe");
    delete_topic(&place, &arn).await;
    expect_same(
        answer.map_err(error_text)?.subscription_arn(),
        Some("pending confirmation"),
        "the value instead of an ARN",
    )
}

pub async fn reports_missing_topics_as_not_found(place: ProbePlace) -> ProbeResult {
    let arn = format!("arn:aws:sns:us-east-1:{}:{}", place.account, place.resource_name("topic"));
    let sns = &place.aws.sdk().sns;
    let answer = sns.get_topic_attributes().topic_arn(&arn).send().await.call("sns:GetTopicAttributes");
    expect_refused(answer, FailureKind::NotFound)?;
    let answer = sns.list_tags_for_resource().resource_arn(&arn).send().await.call("sns:ListTagsForResource");
    expect_refused(answer, FailureKind::NotFound)?;
    sns.delete_topic().topic_arn(&arn).send().await.call("sns:DeleteTopic").map(drop).map_err(error_text)
}
