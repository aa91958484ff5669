//! Interactions between the embedded cloud's services, and behavior that is tested on no other server.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use deployer_aws::{Aws, Call, FailureKind};
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use jiff::{SignedDuration, Timestamp};

use crate::sdk::GeneratedClients as _;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn test_time() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().expect("it is a valid time")
}

/// A cloud whose clock is stopped at [`now`].
fn stopped_cloud(config: CloudConfig) -> (EmbeddedCloud, Aws) {
    let cloud = EmbeddedCloud::in_memory(config);
    cloud.set_time(test_time());
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    (cloud, aws)
}

/// The hourly sums of the past 100 hours and the coming one, newest first, and the number of pages.
async fn hourly_sums(aws: &Aws, namespace: &str, name: &str, queue: &str) -> (Vec<f64>, usize) {
    let dimension = Dimension::builder().name("QueueName").value(queue).build();
    let metric = Metric::builder().namespace(namespace).metric_name(name).dimensions(dimension).build();
    let stat = MetricStat::builder().metric(metric).period(3600).stat("Sum").build();
    let request = aws.sdk().cloudwatch.get_metric_data().scan_by(ScanBy::TimestampDescending);
    let request = request.metric_data_queries(MetricDataQuery::builder().id("q").metric_stat(stat).build());
    let time = |at: Timestamp| DateTime::from_secs(at.as_second());
    let request = request.start_time(time(test_time() - HOUR * 100)).end_time(time(test_time() + HOUR));
    let mut pages = request.into_paginator().send();
    let (mut values, mut count) = (Vec::new(), 0);
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        values.extend(page.metric_data_results().iter().flat_map(|result| result.values().to_vec()));
        count += 1;
    }
    (values, count)
}

#[tokio::test]
async fn counts_messages_in_cloudwatch() {
    let (cloud, aws) = stopped_cloud(CloudConfig::default());
    let url = aws.sdk().sqs.create_queue().queue_name("contacts").send().await.expect("a queue").queue_url;
    for at in 1..=3 {
        cloud.set_time(test_time() - HOUR * (3 - at));
        aws.sdk()
            .sqs
            .send_message()
            .set_queue_url(url.clone())
            .message_body("x")
            .send()
            .await
            .expect("sends the message");
    }
    aws.sdk()
        .sqs
        .receive_message()
        .set_queue_url(url)
        .max_number_of_messages(2)
        .send()
        .await
        .expect("receives the messages");
    assert_eq!(hourly_sums(&aws, "AWS/SQS", "NumberOfMessagesSent", "contacts").await, (vec![1.0, 1.0, 1.0], 1));
    assert_eq!(hourly_sums(&aws, "AWS/SQS", "NumberOfMessagesReceived", "contacts").await.0, [2.0]);
    assert_eq!(hourly_sums(&aws, "AWS/SQS", "NumberOfMessagesSent", "other").await.0, [0.0; 0]);
}

#[tokio::test]
async fn pages_datapoints_by_configured_size() {
    let (cloud, aws) = stopped_cloud(CloudConfig { page_size: Some(2), ..CloudConfig::default() });
    let count = |hours: i64, value| {
        let counted = cloud.with_context(|cx| {
            let at = cx.now - HOUR * i32::try_from(hours).expect("fits in i32");
            cx.count_metric_at(at, "AWS/SQS", "NumberOfMessagesSent", &[("QueueName", "contacts")], value);
        });
        counted.expect("records the datapoint");
    };
    for hours in 0..5 {
        count(hours, 1.0);
        count(hours, 10.0);
    }
    assert_eq!(hourly_sums(&aws, "AWS/SQS", "NumberOfMessagesSent", "contacts").await, (vec![11.0; 5], 3));
}

#[tokio::test]
async fn rejects_datapoints_outside_time_range_or_in_aws_namespaces() {
    let (_, aws) = stopped_cloud(CloudConfig::default());
    let put = async |namespace: &str, at: Timestamp| {
        let datum = MetricDatum::builder().metric_name("m").value(1.0).timestamp(DateTime::from_secs(at.as_second()));
        let request = aws.sdk().cloudwatch.put_metric_data().namespace(namespace).metric_data(datum.build());
        request.send().await.call("cloudwatch:PutMetricData").map(drop)
    };
    put("Mine", test_time() - HOUR * (14 * 24)).await.expect("accepts a datapoint from two weeks ago");
    for (namespace, at) in
        [("AWS/Lambda", test_time()), ("Mine", test_time() - HOUR * (14 * 24 + 1)), ("Mine", test_time() + HOUR * 3)]
    {
        let refusal = put(namespace, at).await.expect_err("the datapoint is rejected");
        assert_eq!(refusal.code, "InvalidParameterValue", "{namespace} {at}");
    }
}

#[tokio::test]
async fn deleted_queue_name_is_blocked_for_configured_time() {
    let (cloud, aws) = stopped_cloud(CloudConfig { queue_names_rest_s: 60, ..CloudConfig::default() });
    let create = || async { aws.sdk().sqs.create_queue().queue_name("contacts").send().await.call("sqs:CreateQueue") };
    let url = create().await.expect("a queue").queue_url;
    aws.sdk().sqs.delete_queue().set_queue_url(url).send().await.expect("deletes the queue");
    cloud.advance_time(SignedDuration::from_secs(59));
    let refusal = create().await.expect_err("the name is still blocked");
    assert_eq!(refusal.code, "AWS.SimpleQueueService.QueueDeletedRecently");
    cloud.advance_time(SignedDuration::from_secs(1));
    create().await.expect("creates the queue again");
}

#[tokio::test]
async fn get_resources_lists_tags_of_every_service() {
    let (_, aws) = stopped_cloud(CloudConfig::default());
    aws.sdk().sqs.create_queue().queue_name("q").tags("mine", "1").send().await.expect("a queue");
    let tag = aws_sdk_sns::types::Tag::builder().key("mine").value("1").build().expect("all required members are set");
    aws.sdk().sns.create_topic().name("t").tags(tag).send().await.expect("a topic");
    aws.sdk().apigateway.create_rest_api().name("a").tags("mine", "1").send().await.expect("an API");
    aws.sdk().sqs.create_queue().queue_name("other").send().await.expect("a queue");
    let listed = async |kinds: &[&str]| {
        let request = aws.sdk().tagging.get_resources().tag_filters(TagFilter::builder().key("mine").build());
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let answer = request.set_resource_type_filters(Some(kinds)).send().await.expect("lists resources");
        let arns = answer.resource_tag_mapping_list().iter().filter_map(|one| one.resource_arn());
        arns.filter_map(|arn| arn.split(':').nth(2).map(ToOwned::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]).await, ["apigateway", "sns", "sqs"]);
    assert_eq!(listed(&["sqs"]).await, ["sqs"]);
}

/// What leases of runs are made of.
#[tokio::test]
async fn creates_a_log_stream_once_until_it_is_deleted() {
    let (_, aws) = stopped_cloud(CloudConfig::default());
    let logs = &aws.sdk().logs;
    logs.create_log_group().log_group_name("group").send().await.expect("a group");
    let create = async || {
        let request = logs.create_log_stream().log_group_name("group").log_stream_name("lease/20260101T000000Z");
        request.send().await.call("logs:CreateLogStream").err().map(|error| error.kind)
    };
    let delete = async || {
        let request = logs.delete_log_stream().log_group_name("group").log_stream_name("lease/20260101T000000Z");
        request.send().await.call("logs:DeleteLogStream").err().map(|error| error.kind)
    };
    let (exists, missing) = (Some(FailureKind::AlreadyExists), Some(FailureKind::NotFound));
    assert_eq!((create().await, create().await, delete().await), (None, exists, None));
    assert_eq!((create().await, delete().await, delete().await), (None, None, missing));
}
