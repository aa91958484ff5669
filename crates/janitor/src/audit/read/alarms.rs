//! Alarms on metrics of what an audit reads.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, Dimension, MetricAlarm};

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use super::time;

pub(super) async fn read(cloudwatch: &Client, collector: &Collector<'_>) {
    let request = cloudwatch.describe_alarms().alarm_types(AlarmType::MetricAlarm).max_records(100);
    let mut pages = request.into_paginator().send();
    while let Some(page) = collector.page("cloudwatch:DescribeAlarms", pages.next()).await {
        match page {
            Ok(page) => page.metric_alarms().iter().for_each(|found| alarm(collector, found)),
            Err(error) => return collector.unread(&error, None, "alarms"),
        }
    }
}

fn alarm(collector: &Collector<'_>, found: &MetricAlarm) {
    let (Some(arn), Some(name)) = (found.alarm_arn(), found.alarm_name()) else { return };
    let of_math = found.metrics().iter().filter_map(|query| query.metric_stat()?.metric());
    let metrics = of_math.map(|metric| (metric.namespace(), metric.dimensions()));
    let metrics = std::iter::once((found.namespace(), found.dimensions())).chain(metrics);
    let watched: Vec<String> = metrics.filter_map(|(namespace, of)| watched(collector, namespace?, of)).collect();
    if watched.is_empty() {
        return;
    }
    let mut node = Node::new(NodeKind::Alarm, arn, name)
        .with_attribute("metric", found.metric_name())
        .with_attribute("state", found.state_value().map(|state| state.as_str().to_owned()));
    node.enabled = found.actions_enabled().unwrap_or(true);
    node.changed_at = time(found.alarm_configuration_updated_timestamp());
    collector.node(node);
    watched.iter().for_each(|watched| collector.edge(arn, watched, EdgeKind::Watch, true, None));
}

/// The id of what a metric is about, or of what it would have.
fn watched(collector: &Collector<'_>, namespace: &str, dimensions: &[Dimension]) -> Option<String> {
    let dimension = |name: &str| {
        let mut found = dimensions.iter().filter(|dimension| dimension.name() == Some(name));
        found.next().and_then(|dimension| dimension.value())
    };
    let scope = collector.scope;
    match namespace {
        "AWS/Lambda" => Some(scope.regional_arn("lambda", &format!("function:{}", dimension("FunctionName")?))),
        "AWS/SQS" => Some(scope.regional_arn("sqs", dimension("QueueName")?)),
        "AWS/SNS" => Some(scope.regional_arn("sns", dimension("TopicName")?)),
        "AWS/States" => dimension("StateMachineArn").map(ToOwned::to_owned),
        "AWS/Events" => Some(match dimension("EventBusName").filter(|bus| *bus != "default") {
            Some(bus) => scope.regional_arn("events", &format!("rule/{bus}/{}", dimension("RuleName")?)),
            None => scope.regional_arn("events", &format!("rule/{}", dimension("RuleName")?)),
        }),
        // Found when all APIs are read.
        "AWS/ApiGateway" => match dimension("ApiId") {
            Some(id) => Some(format!("execute-api:{id}")),
            None => dimension("ApiName").map(|name| format!("api-name:{name}")),
        },
        _ => None,
    }
}
