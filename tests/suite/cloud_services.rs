//! What the embedded cloud's services do with each other, and what no other server is asked for.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use deployer::aws::{Aws, Call};
use deployer::local::cloud::{Cloud, CloudConfig};
use jiff::{SignedDuration, Timestamp};

use crate::sdk::GeneratedClients as _;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn now() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().expect("a time")
}

/// A cloud whose clock stands still at [`now`].
fn cloud(config: CloudConfig) -> (Cloud, Aws) {
    let cloud = Cloud::in_memory(config);
    cloud.set_time(now());
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    (cloud, aws)
}

/// The sums of hours until an hour from now, newest first, and the pages that they came in.
async fn sums(aws: &Aws, namespace: &str, name: &str, queue: &str) -> (Vec<f64>, usize) {
    let dimension = Dimension::builder().name("QueueName").value(queue).build();
    let metric = Metric::builder().namespace(namespace).metric_name(name).dimensions(dimension).build();
    let stat = MetricStat::builder().metric(metric).period(3600).stat("Sum").build();
    let request = aws.sdk().cloudwatch.get_metric_data().scan_by(ScanBy::TimestampDescending);
    let request = request.metric_data_queries(MetricDataQuery::builder().id("q").metric_stat(stat).build());
    let time = |at: Timestamp| DateTime::from_secs(at.as_second());
    let request = request.start_time(time(now() - HOUR * 100)).end_time(time(now() + HOUR));
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
async fn messages_are_counted() {
    let (cloud, aws) = cloud(CloudConfig::default());
    let url = aws.sdk().sqs.create_queue().queue_name("contacts").send().await.expect("a queue").queue_url;
    for at in 1..=3 {
        cloud.set_time(now() - HOUR * (3 - at));
        aws.sdk().sqs.send_message().set_queue_url(url.clone()).message_body("x").send().await.expect("it is sent");
    }
    aws.sdk()
        .sqs
        .receive_message()
        .set_queue_url(url)
        .max_number_of_messages(2)
        .send()
        .await
        .expect("they are received");
    assert_eq!(sums(&aws, "AWS/SQS", "NumberOfMessagesSent", "contacts").await, (vec![1.0, 1.0, 1.0], 1));
    assert_eq!(sums(&aws, "AWS/SQS", "NumberOfMessagesReceived", "contacts").await.0, [2.0]);
    assert_eq!(sums(&aws, "AWS/SQS", "NumberOfMessagesSent", "other").await.0, [0.0; 0]);
}

#[tokio::test]
async fn datapoints_come_in_pages_of_the_size_that_is_asked_for() {
    let (cloud, aws) = cloud(CloudConfig { page_size: Some(2), ..CloudConfig::default() });
    let count = |hours: i64, value| {
        let counted = cloud.with(|cx| {
            let at = cx.now - HOUR * i32::try_from(hours).expect("few");
            cx.count_at(at, "AWS/SQS", "NumberOfMessagesSent", &[("QueueName", "contacts")], value);
        });
        counted.expect("it is counted");
    };
    for hours in 0..5 {
        count(hours, 1.0);
        count(hours, 10.0);
    }
    assert_eq!(sums(&aws, "AWS/SQS", "NumberOfMessagesSent", "contacts").await, (vec![11.0; 5], 3));
}

#[tokio::test]
async fn nobody_writes_the_past_or_what_aws_counts() {
    let (_, aws) = cloud(CloudConfig::default());
    let put = async |namespace: &str, at: Timestamp| {
        let datum = MetricDatum::builder().metric_name("m").value(1.0).timestamp(DateTime::from_secs(at.as_second()));
        let request = aws.sdk().cloudwatch.put_metric_data().namespace(namespace).metric_data(datum.build());
        request.send().await.call("cloudwatch:PutMetricData").map(drop)
    };
    put("Mine", now() - HOUR * (14 * 24)).await.expect("two weeks ago is taken");
    for (namespace, at) in [("AWS/Lambda", now()), ("Mine", now() - HOUR * (14 * 24 + 1)), ("Mine", now() + HOUR * 3)] {
        let refusal = put(namespace, at).await.expect_err("it is refused");
        assert_eq!(refusal.code, "InvalidParameterValue", "{namespace} {at}");
    }
}

#[tokio::test]
async fn the_name_of_a_deleted_queue_rests_where_it_is_to() {
    let (cloud, aws) = cloud(CloudConfig { queue_names_rest_s: 60, ..CloudConfig::default() });
    let create = || async { aws.sdk().sqs.create_queue().queue_name("contacts").send().await.call("sqs:CreateQueue") };
    let url = create().await.expect("a queue").queue_url;
    aws.sdk().sqs.delete_queue().set_queue_url(url).send().await.expect("it is deleted");
    cloud.advance(SignedDuration::from_secs(59));
    let refusal = create().await.expect_err("its name rests");
    assert_eq!(refusal.code, "AWS.SimpleQueueService.QueueDeletedRecently");
    cloud.advance(SignedDuration::from_secs(1));
    create().await.expect("it is made again");
}

#[tokio::test]
async fn one_list_has_the_tags_of_every_service() {
    let (_, aws) = cloud(CloudConfig::default());
    aws.sdk().sqs.create_queue().queue_name("q").tags("mine", "1").send().await.expect("a queue");
    let tag = aws_sdk_sns::types::Tag::builder().key("mine").value("1").build().expect("complete");
    aws.sdk().sns.create_topic().name("t").tags(tag).send().await.expect("a topic");
    aws.sdk().apigateway.create_rest_api().name("a").tags("mine", "1").send().await.expect("an API");
    aws.sdk().sqs.create_queue().queue_name("other").send().await.expect("a queue");
    let listed = async |kinds: &[&str]| {
        let request = aws.sdk().tagging.get_resources().tag_filters(TagFilter::builder().key("mine").build());
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let answer = request.set_resource_type_filters(Some(kinds)).send().await.expect("resources");
        let arns = answer.resource_tag_mapping_list().iter().filter_map(|one| one.resource_arn());
        arns.filter_map(|arn| arn.split(':').nth(2).map(ToOwned::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]).await, ["apigateway", "sns", "sqs"]);
    assert_eq!(listed(&["sqs"]).await, ["sqs"]);
}
