//! Metrics and alarms.

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy, StandardUnit, Statistic,
    Tag,
};
use deployer_aws::{Call, FailureKind};
use jiff::{SignedDuration, Timestamp};

use super::{Place, Probed, TAGS, refused, same, text};

use crate::sdk::GeneratedClients as _;

const NAMESPACE: &str = "Deployer/Probe";
const HOUR_S: i64 = 3600;

fn time(at: Timestamp) -> DateTime {
    DateTime::from_secs(at.as_second())
}

/// The start of the hour a day ago.
fn hour() -> Timestamp {
    let day_ago = Timestamp::now() - SignedDuration::from_hours(24);
    Timestamp::from_second(day_ago.as_second().div_euclid(HOUR_S) * HOUR_S).expect("a time")
}

fn dimension(name: &str) -> Dimension {
    Dimension::builder().name("FunctionName").value(name).build()
}

async fn put(place: &Place, name: &str, values: &[(Timestamp, f64)]) -> Probed {
    let data = values.iter().map(|(at, value)| {
        let datum = MetricDatum::builder().metric_name("Invocations").dimensions(dimension(name));
        datum.timestamp(time(*at)).value(*value).unit(StandardUnit::Count).build()
    });
    let request =
        place.aws.sdk().cloudwatch.put_metric_data().namespace(NAMESPACE).set_metric_data(Some(data.collect()));
    request.send().await.call("cloudwatch:PutMetricData").map(drop).map_err(text)
}

async fn sums(place: &Place, names: &[&str], from: Timestamp, hours: i64) -> Result<GetMetricDataOutput, String> {
    let queries = names.iter().enumerate().map(|(at, name)| {
        let metric = Metric::builder().namespace(NAMESPACE).metric_name("Invocations").dimensions(dimension(name));
        let stat = MetricStat::builder().metric(metric.build()).period(3600).stat("Sum").build();
        MetricDataQuery::builder().id(format!("q{at}")).metric_stat(stat).build()
    });
    let request = place.aws.sdk().cloudwatch.get_metric_data().set_metric_data_queries(Some(queries.collect()));
    let request = request.start_time(time(from)).end_time(time(from + SignedDuration::from_hours(hours)));
    let answer = request.scan_by(ScanBy::TimestampAscending).send().await;
    answer.call("cloudwatch:GetMetricData").map_err(text)
}

pub async fn sums_values_by_period(place: Place) -> Probed {
    let (name, start) = (place.name("metric"), hour());
    let later = |minutes| start + SignedDuration::from_mins(minutes);
    put(&place, &name, &[(later(0), 1.0), (later(59), 2.0), (later(60), 4.0), (later(120), 8.0)]).await?;
    let answer = sums(&place, &[&name], start, 2).await?;
    let result = answer.metric_data_results().first().ok_or("no result")?;
    same(result.values(), &[3.0, 4.0][..], "sums, without the value at the end of the time range")?;
    same(result.timestamps(), &[time(start), time(later(60))][..], "start of each period")
}

pub async fn returns_empty_result_for_metric_without_data(place: Place) -> Probed {
    let (name, none, start) = (place.name("metric"), place.name("none"), hour());
    put(&place, &name, &[(start, 1.0)]).await?;
    let answer = sums(&place, &[&none, &name], start, 1).await?;
    let mut results: Vec<_> =
        answer.metric_data_results().iter().map(|result| (result.id().unwrap_or_default(), result.values())).collect();
    results.sort_by_key(|(id, _)| *id);
    same(results, vec![("q0", &[][..]), ("q1", &[1.0][..])], "results")
}

pub async fn keeps_alarm_settings(place: Place) -> Probed {
    let (name, watched) = (place.name("alarm"), place.name("metric"));
    let tags = TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let request =
        place.aws.sdk().cloudwatch.put_metric_alarm().alarm_name(&name).namespace("AWS/Lambda").metric_name("Errors");
    let request = request.dimensions(dimension(&watched)).statistic(Statistic::Sum).period(300).evaluation_periods(1);
    let request = request.threshold(1.0).comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold);
    let request = request.set_tags(Some(tags.to_vec())).alarm_actions("arn:aws:sns:us-east-1:123456789012:alarms");
    request.send().await.call("cloudwatch:PutMetricAlarm").map_err(text)?;
    let answer = place.aws.sdk().cloudwatch.describe_alarms().alarm_names(&name).send().await;
    let answer = answer.call("cloudwatch:DescribeAlarms").map_err(text)?;
    let alarm = answer.metric_alarms().first().ok_or("not listed")?;
    let arn = format!("arn:aws:cloudwatch:us-east-1:{}:alarm:{name}", place.account);
    let tags = place.aws.sdk().cloudwatch.list_tags_for_resource().resource_arn(&arn).send().await;
    let tags = tags.call("cloudwatch:ListTagsForResource");
    let deleted = place.aws.sdk().cloudwatch.delete_alarms().alarm_names(&name).send().await;
    deleted.call("cloudwatch:DeleteAlarms").map_err(text)?;
    same(alarm.alarm_arn(), Some(arn.as_str()), "ARN")?;
    same(alarm.dimensions(), &[dimension(&watched)][..], "dimensions")?;
    same(alarm.actions_enabled(), Some(true), "whether its actions are enabled")?;
    same(alarm.alarm_actions().len(), 1, "actions")?;
    same(tags.map_err(text)?.tags().len(), TAGS.len(), "tags")
}

pub async fn reports_missing_alarms_as_not_found(place: Place) -> Probed {
    let answer = place.aws.sdk().cloudwatch.describe_alarms().alarm_names(place.name("alarm")).send().await;
    same(answer.call("cloudwatch:DescribeAlarms").map_err(text)?.metric_alarms().len(), 0, "number of alarms")?;
    let answer = place.aws.sdk().cloudwatch.delete_alarms().alarm_names(place.name("alarm")).send().await;
    refused(answer.call("cloudwatch:DeleteAlarms"), FailureKind::NotFound)
}
