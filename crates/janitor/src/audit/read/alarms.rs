//! CloudWatch alarms on metrics of the resources that an audit reads.

use serde_json::{Value, json};

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use deployer_aws::SignedClient;
use deployer_aws::signed::{flag_of, list_of, text_of, time_of};

pub(super) async fn read_alarms(aws: &SignedClient, collector: &Collector<'_>) {
    let parameters = json!({ "AlarmTypes": ["MetricAlarm"], "MaxRecords": 100 });
    let pages = aws.list_pages("cloudwatch:DescribeAlarms", parameters);
    collector.list_items(pages, "MetricAlarms", "alarms", |alarm| add_alarm(collector, alarm)).await;
}

fn add_alarm(collector: &Collector<'_>, alarm: &Value) -> Result<(), String> {
    let (Some(arn), Some(name)) = (text_of(alarm, "AlarmArn"), text_of(alarm, "AlarmName")) else { return Ok(()) };
    // An alarm has one metric of its own, or an expression over several.
    let metrics = list_of(alarm, "Metrics").iter().map(|query| &query["MetricStat"]["Metric"]);
    let metrics = std::iter::once(alarm).chain(metrics);
    let watched: Vec<String> = metrics.filter_map(|metric| watched_node(collector, metric)).collect();
    if watched.is_empty() {
        return Ok(());
    }
    let mut node = Node::new(NodeKind::Alarm, arn, name)
        .with_attribute("metric", text_of(alarm, "MetricName"))
        .with_attribute("state", text_of(alarm, "StateValue"));
    node.enabled = flag_of(alarm, "ActionsEnabled")?.unwrap_or(true);
    node.changed_at = time_of(alarm, "AlarmConfigurationUpdatedTimestamp")?;
    collector.add_node(node);
    watched.iter().for_each(|watched| collector.add_edge(arn, watched, EdgeKind::Watch, true, None));
    Ok(())
}

/// The id of the resource that a metric is about, whether the resource exists or not.
fn watched_node(collector: &Collector<'_>, metric: &Value) -> Option<String> {
    let dimension = |name: &str| {
        let mut dimensions = list_of(metric, "Dimensions").iter();
        dimensions.find(|dimension| text_of(dimension, "Name") == Some(name)).and_then(|found| text_of(found, "Value"))
    };
    let scope = collector.scope;
    match text_of(metric, "Namespace")? {
        "AWS/Lambda" => Some(scope.regional_arn("lambda", &format!("function:{}", dimension("FunctionName")?))),
        "AWS/SQS" => Some(scope.regional_arn("sqs", dimension("QueueName")?)),
        "AWS/SNS" => Some(scope.regional_arn("sns", dimension("TopicName")?)),
        "AWS/States" => dimension("StateMachineArn").map(ToOwned::to_owned),
        "AWS/Events" => Some(match dimension("EventBusName").filter(|bus| *bus != "default") {
            Some(bus) => scope.regional_arn("events", &format!("rule/{bus}/{}", dimension("RuleName")?)),
            None => scope.regional_arn("events", &format!("rule/{}", dimension("RuleName")?)),
        }),
        // Only known to be a REST or an HTTP API after both are read.
        "AWS/ApiGateway" => match dimension("ApiId") {
            Some(id) => Some(format!("execute-api:{id}")),
            None => dimension("ApiName").map(|name| format!("api-name:{name}")),
        },
        _ => None,
    }
}
