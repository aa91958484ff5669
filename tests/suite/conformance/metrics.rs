//! Metrics and alarms.

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy, StandardUnit, Statistic,
    Tag,
};
use deployer_aws::{Call, FailureKind};
use jiff::{SignedDuration, Timestamp};

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same};

use crate::sdk::GeneratedClients as _;

const NAMESPACE: &str = "Deployer/Probe";
const HOUR_S: i64 = 3600;

fn to_date_time(at: Timestamp) -> DateTime {
    DateTime::from_secs(at.as_second())
}

/// The start of the hour a day ago.
fn hour_a_day_ago() -> Timestamp {
    let day_ago = Timestamp::now() - SignedDuration::from_hours(24);
    Timestamp::from_second(day_ago.as_second().div_euclid(HOUR_S) * HOUR_S).expect("it is a valid time")
}

fn function_dimension(name: &str) -> Dimension {
    Dimension::builder().name("FunctionName").value(name).build()
}

async fn put_values(place: &ProbePlace, name: &str, values: &[(Timestamp, f64)]) -> ProbeResult {
    let data = values.iter().map(|(at, value)| {
        let datum = MetricDatum::builder().metric_name("Invocations").dimensions(function_dimension(name));
        datum.timestamp(to_date_time(*at)).value(*value).unit(StandardUnit::Count).build()
    });
    let request =
        place.aws.sdk().cloudwatch.put_metric_data().namespace(NAMESPACE).set_metric_data(Some(data.collect()));
    request.send().await.call("cloudwatch:PutMetricData").map(drop).map_err(error_text)
}

async fn hourly_sums(
    place: &ProbePlace,
    names: &[&str],
    from: Timestamp,
    hours: i64,
) -> Result<GetMetricDataOutput, String> {
    let queries = names.iter().enumerate().map(|(at, name)| {
        let metric =
            Metric::builder().namespace(NAMESPACE).metric_name("Invocations").dimensions(function_dimension(name));
        let stat = MetricStat::builder().metric(metric.build()).period(3600).stat("Sum").build();
        MetricDataQuery::builder().id(format!("q{at}")).metric_stat(stat).build()
    });
    let request = place.aws.sdk().cloudwatch.get_metric_data().set_metric_data_queries(Some(queries.collect()));
    let request =
        request.start_time(to_date_time(from)).end_time(to_date_time(from + SignedDuration::from_hours(hours)));
    let answer = request.scan_by(ScanBy::TimestampAscending).send().await;
    answer.call("cloudwatch:GetMetricData").map_err(error_text)
}

pub async fn sums_values_by_period(place: ProbePlace) -> ProbeResult {
    let (name, start) = (place.resource_name("metric"), hour_a_day_ago());
    let later = |minutes| start + SignedDuration::from_mins(minutes);
    put_values(&place, &name, &[(later(0), 1.0), (later(59), 2.0), (later(60), 4.0), (later(120), 8.0)]).await?;
    let answer = hourly_sums(&place, &[&name], start, 2).await?;
    let result = answer.metric_data_results().first().ok_or("no result")?;
    expect_same(result.values(), &[3.0, 4.0][..], "sums, without the value at the end of the time range")?;
    expect_same(result.timestamps(), &[to_date_time(start), to_date_time(later(60))][..], "start of each period")
}

pub async fn returns_empty_result_for_metric_without_data(place: ProbePlace) -> ProbeResult {
    let (name, none, start) = (place.resource_name("metric"), place.resource_name("none"), hour_a_day_ago());
    put_values(&place, &name, &[(start, 1.0)]).await?;
    let answer = hourly_sums(&place, &[&none, &name], start, 1).await?;
    let mut results: Vec<_> =
        answer.metric_data_results().iter().map(|result| (result.id().unwrap_or_default(), result.values())).collect();
    results.sort_by_key(|(id, _)| *id);
    expect_same(results, vec![("q0", &[][..]), ("q1", &[1.0][..])], "results")
}

pub async fn keeps_alarm_settings(place: ProbePlace) -> ProbeResult {
    let (name, watched) = (place.resource_name("alarm"), place.resource_name("metric"));
    let tags = TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let request =
        place.aws.sdk().cloudwatch.put_metric_alarm().alarm_name(&name).namespace("AWS/Lambda").metric_name("Errors");
    let request =
        request.dimensions(function_dimension(&watched)).statistic(Statistic::Sum).period(300).evaluation_periods(1);
    let request = request.threshold(1.0).comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold);
    let request = request.set_tags(Some(tags.to_vec())).alarm_actions("arn:aws:sns:us-east-1:123456789012:alarms");
    request.send().await.call("cloudwatch:PutMetricAlarm").map_err(error_text)?;
    let answer = place.aws.sdk().cloudwatch.describe_alarms().alarm_names(&name).send().await;
    let answer = answer.call("cloudwatch:DescribeAlarms").map_err(error_text)?;
    let alarm = answer.metric_alarms().first().ok_or("not listed")?;
    let arn = format!("arn:aws:cloudwatch:us-east-1:{}:alarm:{name}", place.account);
    let tags = place.aws.sdk().cloudwatch.list_tags_for_resource().resource_arn(&arn).send().await;
    let tags = tags.call("cloudwatch:ListTagsForResource");
    let deleted = place.aws.sdk().cloudwatch.delete_alarms().alarm_names(&name).send().await;
    deleted.call("cloudwatch:DeleteAlarms").map_err(error_text)?;
    expect_same(alarm.alarm_arn(), Some(arn.as_str()), "ARN")?;
    expect_same(alarm.dimensions(), &[function_dimension(&watched)][..], "dimensions")?;
    expect_same(alarm.actions_enabled(), Some(true), "whether its actions are enabled")?;
    expect_same(alarm.alarm_actions().len(), 1, "actions")?;
    expect_same(tags.map_err(error_text)?.tags().len(), TAGS.len(), "tags")
}

pub async fn reports_missing_alarms_as_not_found(place: ProbePlace) -> ProbeResult {
    let answer = place.aws.sdk().cloudwatch.describe_alarms().alarm_names(place.resource_name("alarm")).send().await;
    expect_same(
        answer.call("cloudwatch:DescribeAlarms").map_err(error_text)?.metric_alarms().len(),
        0,
        "number of alarms",
    )?;
    let answer = place.aws.sdk().cloudwatch.delete_alarms().alarm_names(place.resource_name("alarm")).send().await;
    expect_refused(answer.call("cloudwatch:DeleteAlarms"), FailureKind::NotFound)
}
