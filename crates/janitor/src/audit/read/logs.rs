//! Log groups of functions. Others are left out: who writes there isn't known.

use aws_sdk_cloudwatchlogs::Client;
use jiff::Timestamp;

use super::super::{Node, NodeKind};
use super::collector::Collector;

pub(super) async fn read(logs: &Client, collector: &Collector<'_>) {
    let mut pages = logs.describe_log_groups().limit(50).into_paginator().send();
    while let Some(page) = collector.page("logs:DescribeLogGroups", pages.next()).await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return collector.unread(&error, None, "log groups"),
        };
        for group in page.log_groups() {
            let Some(name) = group.log_group_name() else { continue };
            let arn = collector.scope.regional_arn("logs", &format!("log-group:{name}"));
            let mut node = Node::new(NodeKind::LogGroup, arn, name)
                .with_attribute("stored_bytes", group.stored_bytes())
                .with_attribute("retention_days", group.retention_in_days());
            node.changed_at = group.creation_time().and_then(|at| Timestamp::from_millisecond(at).ok());
            collector.node(node);
        }
    }
}
