//! Log groups of functions. Others are dropped later, because nothing shows who writes to them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::{Collector, SUBSCRIPTION_CALLS};
use deployer_aws::SignedClient;
use deployer_aws::signed::{integer_of, text_of};

pub(super) async fn read_log_groups(aws: &SignedClient, collector: &Collector<'_>) {
    let pages = aws.list_pages("logs:DescribeLogGroups", json!({ "limit": 50 }));
    collector.list_items(pages, "logGroups", "log groups", |group| add_log_group(collector, group)).await;
}

/// Reads to which functions and streams log groups send their events. Asked about all log groups: those of other things
/// than functions may feed a function too.
pub(super) async fn read_subscriptions(aws: &SignedClient, collector: &Collector<'_>) {
    let names = std::mem::take(&mut collector.gathered().log_groups);
    collector
        .for_each(names, &SUBSCRIPTION_CALLS, async |name| {
            const CALL: &str = "logs:DescribeSubscriptionFilters";
            let id = collector.scope.regional_arn("logs", &format!("log-group:{name}"));
            let what = format!("the subscriptions of log group {name}");
            let pages = aws.list_pages(CALL, json!({ "logGroupName": name }));
            let add = |filter: &Value| {
                let node = Node::new(NodeKind::Caller, &id, format!("log group {name}"));
                collector.gathered().callers.insert(id.clone(), node);
                collector.add_mention(&id, &filter.to_string(), EdgeKind::Configuration, Some("subscription"), false);
                Ok(())
            };
            collector.list_items_of(None, pages, "subscriptionFilters", &what, add).await;
        })
        .await;
}

fn add_log_group(collector: &Collector<'_>, group: &Value) -> Result<(), String> {
    let Some(name) = text_of(group, "logGroupName") else { return Ok(()) };
    let arn = collector.scope.regional_arn("logs", &format!("log-group:{name}"));
    let mut node = Node::new(NodeKind::LogGroup, arn, name)
        .with_attribute("stored_bytes", integer_of(group, "storedBytes")?)
        .with_attribute("retention_days", integer_of(group, "retentionInDays")?);
    let created = integer_of(group, "creationTime")?.map(Timestamp::from_millisecond).transpose();
    node.changed_at = created.map_err(|error| format!("creationTime: {error}"))?;
    collector.add_node(node);
    collector.gathered().log_groups.push(name.to_owned());
    Ok(())
}
