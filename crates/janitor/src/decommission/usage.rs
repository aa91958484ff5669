//! How much a resource was used since a given time, according to CloudWatch.
//!
//! Metrics arrive minutes late (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html>), so uses in the
//! last few minutes may be missing. The quarantine covers those.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_smithy_types::DateTime;
use jiff::{SignedDuration, Timestamp};

use super::{Cx, Target};
use crate::audit::Kind;
use deployer_aws::{Call, CallError};

/// The most queries that one `GetMetricData` accepts.
const BATCH: usize = 500;

/// The number of uses since `since`, by id, of each target that CloudWatch counts.
///
/// # Errors
/// The counts can't be read.
pub async fn since(cx: &Cx<'_>, targets: &[&Target], since: Timestamp) -> Result<BTreeMap<String, u64>, CallError> {
    let counted: Vec<(&Target, Counter)> =
        targets.iter().flat_map(|target| counters(target).into_iter().map(|counter| (*target, counter))).collect();
    let mut used = BTreeMap::new();
    for batch in counted.chunks(BATCH) {
        let values = batch_since(cx, batch, since).await?;
        for ((target, _), value) in batch.iter().zip(values) {
            *used.entry(target.id.clone()).or_default() += value;
        }
    }
    Ok(used)
}

/// The CloudWatch metric that counts the uses of a resource.
struct Counter {
    namespace: &'static str,
    metric: &'static str,
    dimension: &'static str,
    value: String,
}

fn counters(target: &Target) -> Vec<Counter> {
    let (namespace, dimension, metrics): (_, _, &[&str]) = match target.kind {
        // A call of a disabled function counts as a throttle.
        Kind::Function => ("AWS/Lambda", "FunctionName", &["Invocations", "Throttles"]),
        Kind::Queue => ("AWS/SQS", "QueueName", &["NumberOfMessagesSent", "NumberOfMessagesReceived"]),
        Kind::Topic => ("AWS/SNS", "TopicName", &["NumberOfMessagesPublished"]),
        // The count includes requests that got 429.
        Kind::RestApi => ("AWS/ApiGateway", "ApiName", &["Count"]),
        Kind::HttpApi => ("AWS/ApiGateway", "ApiId", &["Count"]),
        Kind::Rule => ("AWS/Events", "RuleName", &["TriggeredRules"]),
        Kind::LogGroup => ("AWS/Logs", "LogGroupName", &["IncomingLogEvents"]),
        _ => return Vec::new(),
    };
    let value = match target.kind {
        Kind::RestApi => target.name.clone(),
        Kind::Topic => target.key().rsplit(':').next().unwrap_or_default().to_owned(),
        Kind::Rule => target.grouped().1.to_owned(),
        _ => target.key().to_owned(),
    };
    metrics.iter().map(|metric| Counter { namespace, metric, dimension, value: value.clone() }).collect()
}

async fn batch_since(cx: &Cx<'_>, batch: &[(&Target, Counter)], since: Timestamp) -> Result<Vec<u64>, CallError> {
    let now = Timestamp::now();
    // CloudWatch keeps values by the minute for 15 days, and one day of them is one page.
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
        // The end is exclusive, and the current minute must be counted.
        let request = request.end_time(DateTime::from_secs(now.as_second() + i64::from(period)));
        let answer = request.send().await.call("cloudwatch:GetMetricData")?;
        for result in answer.metric_data_results() {
            let at = result.id().and_then(|id| id.strip_prefix('m')).and_then(|at| at.parse::<usize>().ok());
            if let Some(sum) = at.and_then(|at| sums.get_mut(at)) {
                // A fraction of a call is rounded up, and the sum saturates.
                *sum = sum.saturating_add(result.values().iter().sum::<f64>().ceil() as u64);
            }
        }
        token = answer.next_token().map(ToOwned::to_owned);
        if token.is_none() {
            return Ok(sums);
        }
    }
}
