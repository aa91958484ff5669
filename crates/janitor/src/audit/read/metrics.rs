//! Use, as CloudWatch counts it. Where nothing is counted there is no data, and that is 0.
//!
//! AWS asks $0.01 for 1,000 metrics that are read so.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, StatusCode};
use aws_smithy_types::DateTime;

use super::super::{EdgeKind, Node, NodeKind, NodeUsage};
use super::collector::{Collector, Gathered};
use super::{Window, day, time};
use deployer_aws::CallError;

/// Metrics in one call, and data points that one call gives
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>).
const METRICS: usize = 500;
const DATA_POINTS: usize = 100_800;
/// Values of a day are kept for 455 days, those of shorter periods less.
const PERIOD_S: i32 = 86_400;

/// One metric of one node.
#[derive(Clone)]
struct Query {
    node: String,
    what: &'static str,
    namespace: &'static str,
    metric: &'static str,
    dimensions: Vec<(&'static str, String)>,
}

pub(super) async fn read(cloudwatch: &Client, collector: &Collector<'_>, window: &Window) {
    let queries = queries(&collector.gathered());
    let days = usize::try_from((window.to.as_second() - window.from.as_second()) / 86_400).unwrap_or_default();
    let size = METRICS.min(DATA_POINTS / (days + 2)).max(1);
    let batches = queries.chunks(size).map(<[Query]>::to_vec).collect();
    collector.each(batches, |batch| counts(cloudwatch, collector, window, batch)).await;
}

async fn counts(cloudwatch: &Client, collector: &Collector<'_>, window: &Window, batch: Vec<Query>) {
    match values(cloudwatch, collector, window, &batch).await {
        Ok(found) => {
            for (index, query) in batch.iter().enumerate() {
                match found.get(&index) {
                    Some(Count::Unread) => unread(collector, query),
                    Some(Count::Of(count, last)) => collector.used(&query.node, query.what, *count, last.clone()),
                    None => collector.used(&query.node, query.what, 0, None),
                }
            }
        }
        Err(error) => {
            batch.iter().for_each(|query| unread(collector, query));
            collector.unread(&error, None, "how much things were used");
        }
    }
}

fn unread(collector: &Collector<'_>, query: &Query) {
    collector.update(&query.node, |node| node.usage = NodeUsage::Unread);
}

/// What a metric says.
enum Count {
    Of(u64, Option<String>),
    Unread,
}

async fn values(
    cloudwatch: &Client,
    collector: &Collector<'_>,
    window: &Window,
    batch: &[Query],
) -> Result<BTreeMap<usize, Count>, CallError> {
    let asked: Vec<MetricDataQuery> = batch.iter().enumerate().map(|(index, query)| query.build(index)).collect();
    // Whole days: a period that has begun before the window counts as a whole.
    let from = window.from.as_second() - window.from.as_second() % i64::from(PERIOD_S);
    let request = cloudwatch.get_metric_data().set_metric_data_queries(Some(asked));
    let request = request.start_time(DateTime::from_secs(from)).end_time(DateTime::from_secs(window.to.as_second()));
    let mut pages = request.into_paginator().send();
    let mut found: BTreeMap<usize, Count> = BTreeMap::new();
    while let Some(page) = collector.page("cloudwatch:GetMetricData", pages.next()).await {
        for result in page?.metric_data_results() {
            let Some(index) = result.id().and_then(|id| id.strip_prefix('m')?.parse().ok()) else { continue };
            if matches!(result.status_code(), Some(StatusCode::Forbidden | StatusCode::InternalError)) {
                found.insert(index, Count::Unread);
                continue;
            }
            let points = result.timestamps().iter().zip(result.values()).filter(|(_, value)| **value > 0.0);
            let (mut sum, mut last) = (0.0, None);
            for (at, value) in points {
                sum += value;
                last = last.max(time(Some(at)).map(day));
            }
            match found.entry(index).or_insert(Count::Of(0, None)) {
                Count::Of(count, before) => {
                    *count = count.saturating_add(whole(sum));
                    *before = before.take().max(last);
                }
                Count::Unread => {}
            }
        }
    }
    Ok(found)
}

/// Counts are whole numbers that CloudWatch gives as floats.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float beyond u64 becomes its maximum")]
fn whole(sum: f64) -> u64 {
    sum.round() as u64
}

impl Query {
    fn build(&self, index: usize) -> MetricDataQuery {
        let dimensions =
            self.dimensions.iter().map(|(name, value)| Dimension::builder().name(*name).value(value).build());
        let metric = Metric::builder().namespace(self.namespace).metric_name(self.metric);
        let metric = metric.set_dimensions(Some(dimensions.collect())).build();
        let statistic = MetricStat::builder().metric(metric).period(PERIOD_S).stat("Sum").build();
        MetricDataQuery::builder().id(format!("m{index}")).metric_stat(statistic).return_data(true).build()
    }
}

fn queries(gathered: &Gathered) -> Vec<Query> {
    let of_functions: BTreeSet<&str> =
        gathered.edges.iter().filter(|edge| edge.kind == EdgeKind::Log).map(|edge| edge.to.as_str()).collect();
    // A log group's function counts for it.
    let asked = gathered.nodes.values().filter(|node| !of_functions.contains(node.id.as_str()));
    asked.flat_map(of_node).collect()
}

/// Metrics and dimensions as the services document them, for instance
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>.
fn of_node(node: &Node) -> Vec<Query> {
    let query = |what, namespace, metric, dimensions: &[(&'static str, &str)]| Query {
        node: node.id.clone(),
        what,
        namespace,
        metric,
        dimensions: dimensions.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    };
    let name = node.name.as_str();
    match node.kind {
        NodeKind::Function => vec![query("invocations", "AWS/Lambda", "Invocations", &[("FunctionName", name)])],
        // Empty receives have a metric of their own. What a redrive policy moves to a queue isn't counted as sent.
        NodeKind::Queue => ["NumberOfMessagesSent", "NumberOfMessagesReceived"]
            .map(|metric| query("messages sent or received", "AWS/SQS", metric, &[("QueueName", name)]))
            .into(),
        NodeKind::Topic => {
            vec![query("messages published", "AWS/SNS", "NumberOfMessagesPublished", &[("TopicName", name)])]
        }
        NodeKind::StateMachine => {
            vec![query("executions", "AWS/States", "ExecutionsStarted", &[("StateMachineArn", &node.id)])]
        }
        NodeKind::Rule => {
            let what = "events that triggered it";
            let mut found = vec![query(what, "AWS/Events", "TriggeredRules", &[("RuleName", name)])];
            if let Some(bus) = node.attributes.get("bus") {
                let dimensions = [("EventBusName", bus.as_str()), ("RuleName", name)];
                found.push(query(what, "AWS/Events", "TriggeredRules", &dimensions));
            }
            found
        }
        // By name: two REST APIs of one name count for each other.
        NodeKind::RestApi => vec![query("requests", "AWS/ApiGateway", "Count", &[("ApiName", name)])],
        NodeKind::HttpApi => {
            let id = node.attributes.get("api_id").map(String::as_str).unwrap_or_default();
            let metrics: &[&str] = match node.attributes.get("protocol").map(String::as_str) {
                Some("WEBSOCKET") => &["ConnectCount", "MessageCount"],
                _ => &["Count"],
            };
            metrics.iter().map(|metric| query("requests", "AWS/ApiGateway", metric, &[("ApiId", id)])).collect()
        }
        NodeKind::LogGroup => vec![query("log events", "AWS/Logs", "IncomingLogEvents", &[("LogGroupName", name)])],
        _ => Vec::new(),
    }
}
