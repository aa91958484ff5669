//! How much something was used since a time, by CloudWatch's own counts.
//!
//! Metrics come minutes late (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html>), so a use in the last
//! minutes may not be seen: that is what a quarantine is for.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_smithy_types::DateTime;
use jiff::{SignedDuration, Timestamp};

use super::{DecommissionContext, DecommissionTarget};
use crate::audit::NodeKind;
use deployer_aws::{Call, CallError};

/// Queries of one `GetMetricData`: its own limit.
const BATCH: usize = 500;

/// Uses of each target since `since`, by id, of those that CloudWatch counts.
///
/// # Errors
/// The counts can't be read.
pub async fn count_uses_since(
    cx: &DecommissionContext<'_>,
    targets: &[&DecommissionTarget],
    since: Timestamp,
) -> Result<BTreeMap<String, u64>, CallError> {
    let counted: Vec<(&DecommissionTarget, UsageCounter)> = targets
        .iter()
        .flat_map(|target| usage_counters(target).into_iter().map(|counter| (*target, counter)))
        .collect();
    let mut used = BTreeMap::new();
    for batch in counted.chunks(BATCH) {
        let values = count_batch_since(cx, batch, since).await?;
        for ((target, _), value) in batch.iter().zip(values) {
            *used.entry(target.id.clone()).or_default() += value;
        }
    }
    Ok(used)
}

/// What CloudWatch calls the uses of something.
struct UsageCounter {
    namespace: &'static str,
    metric: &'static str,
    dimension: &'static str,
    value: String,
}

fn usage_counters(target: &DecommissionTarget) -> Vec<UsageCounter> {
    let (namespace, dimension, metrics): (_, _, &[&str]) = match target.kind {
        // A throttle is a call that found the function disabled.
        NodeKind::Function => ("AWS/Lambda", "FunctionName", &["Invocations", "Throttles"]),
        NodeKind::Queue => ("AWS/SQS", "QueueName", &["NumberOfMessagesSent", "NumberOfMessagesReceived"]),
        NodeKind::Topic => ("AWS/SNS", "TopicName", &["NumberOfMessagesPublished"]),
        // Answers of 429 are among them.
        NodeKind::RestApi => ("AWS/ApiGateway", "ApiName", &["Count"]),
        NodeKind::HttpApi => ("AWS/ApiGateway", "ApiId", &["Count"]),
        NodeKind::Rule => ("AWS/Events", "RuleName", &["TriggeredRules"]),
        NodeKind::LogGroup => ("AWS/Logs", "LogGroupName", &["IncomingLogEvents"]),
        _ => return Vec::new(),
    };
    let value = match target.kind {
        NodeKind::RestApi => target.name.clone(),
        NodeKind::Topic => target.aws_identifier().rsplit(':').next().unwrap_or_default().to_owned(),
        NodeKind::Rule => target.group_and_name().1.to_owned(),
        _ => target.aws_identifier().to_owned(),
    };
    metrics.iter().map(|metric| UsageCounter { namespace, metric, dimension, value: value.clone() }).collect()
}

async fn count_batch_since(
    cx: &DecommissionContext<'_>,
    batch: &[(&DecommissionTarget, UsageCounter)],
    since: Timestamp,
) -> Result<Vec<u64>, CallError> {
    let now = Timestamp::now();
    // Minutes are kept for 15 days, and a day of them is a page.
    let period = if now.duration_since(since) <= SignedDuration::from_hours(24) { 60 } else { 3600 };
    let queries: Vec<MetricDataQuery> = batch
        .iter()
        .enumerate()
        .map(|(at, (_, counter))| {
            let dimension = Dimension::builder().name(counter.dimension).value(&counter.value).build();
            let metric = Metric::builder()
                .namespace(counter.namespace)
                .metric_name(counter.metric)
                .dimensions(dimension)
                .build();
            let stat = MetricStat::builder().metric(metric).period(period).stat("Sum").build();
            MetricDataQuery::builder().id(format!("m{at}")).metric_stat(stat).return_data(true).build()
        })
        .collect();
    let mut sums = vec![0_u64; batch.len()];
    let mut token = None;
    loop {
        let request = cx.aws.cloudwatch.get_metric_data().set_metric_data_queries(Some(queries.clone()));
        let request = request.start_time(DateTime::from_secs(since.as_second())).set_next_token(token);
        // The end is not included, and what is counted this minute is.
        let request = request.end_time(DateTime::from_secs(now.as_second() + i64::from(period)));
        let answer = request.send().await.call("cloudwatch:GetMetricData")?;
        for result in answer.metric_data_results() {
            let at = result.id().and_then(|id| id.strip_prefix('m')).and_then(|at| at.parse::<usize>().ok());
            if let Some(sum) = at.and_then(|at| sums.get_mut(at)) {
                // Half a call is one; so is more than can be counted.
                *sum = sum.saturating_add(result.values().iter().sum::<f64>().ceil() as u64);
            }
        }
        token = answer.next_token().map(ToOwned::to_owned);
        if token.is_none() {
            return Ok(sums);
        }
    }
}
