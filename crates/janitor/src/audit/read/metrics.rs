//! Use, as CloudWatch counts it, over all the days that it keeps: a use before the window shows that something is used now
//! and then. CloudWatch has no data where there was no use, and none where nothing was ever counted.
//!
//! AWS charges $0.01 per 1,000 metrics that are read this way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{EdgeKind, HISTORY_DAYS, Node, NodeKind, NodeUsage};
use super::collector::{Collector, CountedUses, Gathered};
use super::{Window, format_day};
use deployer_aws::signed::{list_of, parse_time, text_of};
use deployer_aws::{CallError, SignedClient};

/// Metrics in one call, and data points in its answer
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>).
const METRICS_PER_CALL: usize = 500;
const DATA_POINTS: usize = 100_800;
/// Daily values are kept for 455 days, values of shorter periods for less.
const PERIOD_S: i64 = 86_400;

/// Receives that found no message: somebody polls.
const POLLS: &str = "empty receives";

/// One metric of one node.
#[derive(Clone)]
struct UseQuery {
    node: String,
    what: &'static str,
    namespace: &'static str,
    metric: &'static str,
    dimensions: Vec<(&'static str, String)>,
}

pub(super) async fn read_uses(aws: &SignedClient, collector: &Collector<'_>, window: &Window) {
    let queries = build_queries(&collector.gathered());
    let size = METRICS_PER_CALL.min(DATA_POINTS / (HISTORY_DAYS as usize + 2)).max(1);
    let batches = queries.chunks(size).map(<[UseQuery]>::to_vec).collect();
    collector
        .for_each(batches, &["cloudwatch:GetMetricData"], |batch| count_batch(aws, collector, window, batch))
        .await;
}

async fn count_batch(aws: &SignedClient, collector: &Collector<'_>, window: &Window, batch: Vec<UseQuery>) {
    match read_counts(aws, collector, window, &batch).await {
        Ok(found) => {
            for (index, query) in batch.iter().enumerate() {
                match found.get(&index) {
                    Some(UseCount::Unread) => mark_unread(collector, query),
                    Some(UseCount::Of(uses)) => note_uses(collector, query, uses.clone()),
                    None => note_uses(collector, query, CountedUses::default()),
                }
            }
        }
        Err(error) => {
            batch.iter().for_each(|query| mark_unread(collector, query));
            collector.note_failure(&error, None, "how much things were used");
        }
    }
}

fn note_uses(collector: &Collector<'_>, query: &UseQuery, uses: CountedUses) {
    if query.what == POLLS {
        if uses.count > 0 {
            let day = uses.last.unwrap_or_default();
            collector.update_node(&query.node, |node| drop(node.attributes.insert("polled".to_owned(), day)));
        }
        return;
    }
    collector.add_uses(&query.node, query.what, uses);
}

fn mark_unread(collector: &Collector<'_>, query: &UseQuery) {
    collector.update_node(&query.node, |node| node.usage = NodeUsage::Unread);
}

enum UseCount {
    Of(CountedUses),
    Unread,
}

async fn read_counts(
    aws: &SignedClient,
    collector: &Collector<'_>,
    window: &Window,
    batch: &[UseQuery],
) -> Result<BTreeMap<usize, UseCount>, CallError> {
    const CALL: &str = "cloudwatch:GetMetricData";
    let asked: Vec<Value> = batch.iter().enumerate().map(|(index, query)| query.build(index)).collect();
    // Whole days: a period that began before the window counts in full.
    let from = window.from.as_second() - window.from.as_second() % PERIOD_S;
    let history = window.to.as_second() - i64::from(HISTORY_DAYS) * PERIOD_S;
    let begin = from.min(history - history % PERIOD_S);
    let parameters = json!({ "MetricDataQueries": asked, "StartTime": format_second(begin), "EndTime": format_second(window.to.as_second()) });
    let mut pages = aws.list_pages(CALL, parameters);
    let mut found: BTreeMap<usize, UseCount> = BTreeMap::new();
    while let Some(page) = collector.next_page(&mut pages).await {
        for result in list_of(&page?, "MetricDataResults") {
            let id = text_of(result, "Id").and_then(|id| id.strip_prefix('m'));
            let Some(index) = id.and_then(|index| index.parse().ok()) else { continue };
            if matches!(text_of(result, "StatusCode"), Some("Forbidden" | "InternalError")) {
                found.insert(index, UseCount::Unread);
                continue;
            }
            let uses = sum_points(result, from).map_err(|why| CallError::unexpected(CALL, why))?;
            match found.entry(index).or_insert(UseCount::Of(CountedUses::default())) {
                UseCount::Of(all) => {
                    all.count = all.count.saturating_add(uses.count);
                    all.last = all.last.take().max(uses.last);
                    all.before = all.before.take().max(uses.before);
                }
                UseCount::Unread => {}
            }
        }
    }
    Ok(found)
}

/// Returns the sum of a result's values since the second `from`, the last day of those, and the last day before them.
fn sum_points(result: &Value, from: i64) -> Result<CountedUses, String> {
    let mut sum = 0.0;
    let mut uses = CountedUses::default();
    for (at, value) in list_of(result, "Timestamps").iter().zip(list_of(result, "Values")) {
        let number: Option<f64> = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        let number = number.ok_or_else(|| format!("a data point is not a number: {value}"))?;
        if number > 0.0 {
            let at = parse_time(at).map_err(|why| format!("the time of a data point {why}"))?;
            let day = at.map(format_day);
            // A point without a time may be in the window.
            if at.is_none_or(|at| at.as_second() >= from) {
                sum += number;
                uses.last = uses.last.max(day);
            } else {
                uses.before = uses.before.max(day);
            }
        }
    }
    uses.count = round_count(sum);
    Ok(uses)
}

/// Counts are whole numbers that CloudWatch writes as floats.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float beyond u64 becomes its maximum")]
fn round_count(sum: f64) -> u64 {
    sum.round() as u64
}

fn format_second(second: i64) -> String {
    Timestamp::from_second(second).expect("a second of the window, which is made of times").to_string()
}

impl UseQuery {
    fn build(&self, index: usize) -> Value {
        let dimensions = self.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value }));
        json!({
            "Id": format!("m{index}"),
            "MetricStat": {
                "Metric": {
                    "Namespace": self.namespace,
                    "MetricName": self.metric,
                    "Dimensions": dimensions.collect::<Vec<_>>(),
                },
                "Period": PERIOD_S,
                "Stat": "Sum",
            },
            "ReturnData": true,
        })
    }
}

fn build_queries(gathered: &Gathered) -> Vec<UseQuery> {
    let of_functions: BTreeSet<&str> =
        gathered.edges.iter().filter(|edge| edge.kind == EdgeKind::Log).map(|edge| edge.to.as_str()).collect();
    // The use of a function's log group is the function's use.
    let asked = gathered.nodes.values().filter(|node| !of_functions.contains(node.id.as_str()));
    asked.flat_map(queries_of).collect()
}

/// Metrics and dimensions as the services document them, for instance
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>.
fn queries_of(node: &Node) -> Vec<UseQuery> {
    let query = |what, namespace, metric, dimensions: &[(&'static str, &str)]| UseQuery {
        node: node.id.clone(),
        what,
        namespace,
        metric,
        dimensions: dimensions.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    };
    let name = node.name.as_str();
    match node.kind {
        NodeKind::Function => vec![query("invocations", "AWS/Lambda", "Invocations", &[("FunctionName", name)])],
        // Empty receives have their own metric. Messages that a redrive policy moves aren't counted as sent.
        NodeKind::Queue => [
            ("messages sent or received", "NumberOfMessagesSent"),
            ("messages sent or received", "NumberOfMessagesReceived"),
            (POLLS, "NumberOfEmptyReceives"),
        ]
        .map(|(what, metric)| query(what, "AWS/SQS", metric, &[("QueueName", name)]))
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
        // By name: two REST APIs with the same name share a count.
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
