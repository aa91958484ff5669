//! CloudWatch alarms: what they watch, and what they notify.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use deployer_aws::SignedClient;
use deployer_aws::signed::{flag_of, list_of, text_of, time_of};

/// The members of an alarm that list what it does.
const ACTIONS: [&str; 3] = ["AlarmActions", "OKActions", "InsufficientDataActions"];

pub(super) async fn read_alarms(aws: &SignedClient, collector: &Collector<'_>) {
    const CALL: &str = "cloudwatch:DescribeAlarms";
    let parameters = json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 100 });
    let mut pages = aws.list_pages(CALL, parameters);
    let (mut names, mut composites) = (BTreeMap::new(), Vec::new());
    while let Some(page) = collector.next_page(&mut pages).await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return collector.note_failure(&error, None, "alarms"),
        };
        for alarm in list_of(&page, "MetricAlarms").iter().chain(list_of(&page, "CompositeAlarms")) {
            if let (Some(arn), Some(name)) = (text_of(alarm, "AlarmArn"), text_of(alarm, "AlarmName")) {
                names.insert(name.to_owned(), arn.to_owned());
            }
        }
        for alarm in list_of(&page, "MetricAlarms") {
            if let Err(why) = add_alarm(collector, alarm) {
                collector.note_unread(CALL, None, "alarms".to_owned(), why);
            }
        }
        composites.extend(list_of(&page, "CompositeAlarms").iter().cloned());
    }
    for alarm in &composites {
        if let Err(why) = add_composite(collector, alarm, &names) {
            collector.note_unread(CALL, None, "alarms".to_owned(), why);
        }
    }
}

/// The node of an alarm, with what it does.
fn alarm_node(collector: &Collector<'_>, alarm: &Value) -> Result<Option<(Node, String)>, String> {
    let (Some(arn), Some(name)) = (text_of(alarm, "AlarmArn"), text_of(alarm, "AlarmName")) else { return Ok(None) };
    let mut node = Node::new(NodeKind::Alarm, arn, name)
        .with_attribute("metric", text_of(alarm, "MetricName"))
        .with_attribute("state", text_of(alarm, "StateValue"));
    let missing = text_of(alarm, "TreatMissingData").filter(|treat| *treat == "breaching");
    node = node.with_attribute("missing_data", missing);
    node.enabled = flag_of(alarm, "ActionsEnabled")?.unwrap_or(true);
    node.changed_at = time_of(alarm, "AlarmConfigurationUpdatedTimestamp")?;
    for action in ACTIONS.iter().flat_map(|member| list_of(alarm, member)).filter_map(Value::as_str) {
        let note = Some("action".to_owned());
        // Actions can be switched on again at any time, and the topic is needed for that.
        collector.add_edge(arn, action, EdgeKind::Configuration, true, note);
    }
    Ok(Some((node, arn.to_owned())))
}

fn add_alarm(collector: &Collector<'_>, alarm: &Value) -> Result<(), String> {
    let Some((mut node, arn)) = alarm_node(collector, alarm)? else { return Ok(()) };
    // An alarm has one metric of its own, or expressions over several; a metric of another account is none of ours.
    let queries = list_of(alarm, "Metrics");
    let own = text_of(alarm, "MetricName").is_some().then_some((alarm, None));
    let of_queries = queries.iter().filter(|query| query["MetricStat"].is_object());
    let of_queries = of_queries.map(|query| (&query["MetricStat"]["Metric"], text_of(query, "AccountId")));
    let metrics: Vec<_> = own.into_iter().chain(of_queries).collect();
    let mut unseen = metrics.is_empty();
    for (metric, account) in metrics {
        let foreign = account.is_some_and(|account| account != collector.scope.account);
        match watched_node(collector, metric).filter(|_| !foreign) {
            Some(watched) => collector.add_edge(&arn, &watched, EdgeKind::Watch, true, None),
            None => unseen = true,
        }
    }
    if unseen {
        node.attributes.insert("watches".to_owned(), "a metric of something else".to_owned());
    }
    collector.add_node(node);
    Ok(())
}

/// A composite alarm watches other alarms. Its rule names them: `ALARM("a") AND NOT ALARM(b)`
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>).
fn add_composite(collector: &Collector<'_>, alarm: &Value, names: &BTreeMap<String, String>) -> Result<(), String> {
    let Some((mut node, arn)) = alarm_node(collector, alarm)? else { return Ok(()) };
    let rule = text_of(alarm, "AlarmRule").unwrap_or_default();
    let parts = rule.split(['(', ')', '"', '\'']).map(str::trim).filter(|part| !part.is_empty());
    let mut children: Vec<&String> = parts.filter_map(|part| names.get(part)).collect();
    children.extend(names.values().filter(|arn| rule.contains(arn.as_str())));
    if children.is_empty() {
        node.attributes.insert("watches".to_owned(), "alarms that were not found".to_owned());
    }
    for child in children {
        // Without its children it can't be evaluated, and AWS refuses to delete them.
        collector.add_edge(&arn, child, EdgeKind::Configuration, true, Some("in its rule".to_owned()));
        collector.add_edge(&arn, child, EdgeKind::Watch, true, None);
    }
    collector.add_node(node);
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
