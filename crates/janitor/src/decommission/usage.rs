//! How much a resource was used since a given time, according to CloudWatch.
//!
//! Metrics arrive minutes late (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html>), so uses in the
//! last few minutes may be missing. The quarantine covers those.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::archivable::UsageMetrics;
use super::{DecommissionContext, DecommissionTarget};
use deployer_aws::CallError;
use deployer_aws::signed::{list_of, text_of};

const CALL: &str = "cloudwatch:GetMetricData";
/// The most queries that one `GetMetricData` accepts.
const BATCH: usize = 500;

/// The number of uses since `since`, by id, of each target that CloudWatch counts.
///
/// # Errors
/// The counts can't be read.
pub async fn count_uses_since(
    cx: &DecommissionContext<'_>,
    targets: &[&DecommissionTarget],
    since: Timestamp,
) -> Result<BTreeMap<String, u64>, CallError> {
    let counted: Vec<(&DecommissionTarget, UsageCounter<'_>)> =
        targets.iter().flat_map(|target| usage_counters(target).map(|counter| (*target, counter))).collect();
    let mut used = BTreeMap::new();
    for batch in counted.chunks(BATCH) {
        let values = count_batch_since(cx, batch, since).await?;
        for ((target, _), value) in batch.iter().zip(values) {
            *used.entry(target.id.clone()).or_default() += value;
        }
    }
    Ok(used)
}

/// One metric that counts the uses of a resource.
struct UsageCounter<'t> {
    metric: &'static str,
    metrics: UsageMetrics<'t>,
}

fn usage_counters(target: &DecommissionTarget) -> impl Iterator<Item = UsageCounter<'_>> {
    let metrics = target.kind.usage_metrics(target);
    metrics.into_iter().flat_map(|metrics| metrics.metrics.iter().map(move |metric| UsageCounter { metric, metrics }))
}

async fn count_batch_since(
    cx: &DecommissionContext<'_>,
    batch: &[(&DecommissionTarget, UsageCounter<'_>)],
    since: Timestamp,
) -> Result<Vec<u64>, CallError> {
    let now = Timestamp::now();
    // CloudWatch keeps values by the minute for 15 days, and one day of them is one page.
    let period: i64 = if now.duration_since(since) <= SignedDuration::from_hours(24) { 60 } else { 3600 };
    let query = |(at, (_, counter)): (usize, &(&DecommissionTarget, UsageCounter<'_>))| {
        let metric = json!({
            "Namespace": counter.metrics.namespace,
            "MetricName": counter.metric,
            "Dimensions": [{ "Name": counter.metrics.dimension, "Value": counter.metrics.value }],
        });
        json!({
            "Id": format!("m{at}"),
            "MetricStat": { "Metric": metric, "Period": period, "Stat": "Sum" },
            "ReturnData": true,
        })
    };
    let queries: Vec<Value> = batch.iter().enumerate().map(query).collect();
    // The end is exclusive, and the current minute must be counted.
    let end = now + SignedDuration::from_secs(period);
    let whole_second = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let parameters =
        json!({ "MetricDataQueries": queries, "StartTime": whole_second(since), "EndTime": whole_second(end) });
    let mut sums = vec![0_u64; batch.len()];
    let mut pages = cx.aws.signed.list_pages(CALL, parameters);
    while let Some(page) = pages.next_page().await {
        for result in list_of(&page?, "MetricDataResults") {
            let at = text_of(result, "Id").and_then(|id| id.strip_prefix('m')).and_then(|at| at.parse::<usize>().ok());
            if let Some(sum) = at.and_then(|at| sums.get_mut(at)) {
                // A fraction of a call is rounded up, and the sum saturates.
                *sum = sum.saturating_add(sum_values(result)?.ceil() as u64);
            }
        }
    }
    Ok(sums)
}

/// The sum of a result's values: without one of them it can't be said that something wasn't used.
fn sum_values(result: &Value) -> Result<f64, CallError> {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    let numbers: Option<Vec<f64>> = list_of(result, "Values").iter().map(number).collect();
    let numbers = numbers.ok_or_else(|| CallError::unexpected(CALL, "a value is not a number"))?;
    Ok(numbers.iter().sum())
}
