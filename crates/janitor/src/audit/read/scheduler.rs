//! EventBridge Scheduler's schedules. The list has the target; role and dead-letter queue are only in the details.

use http::Method;
use serde_json::Value;

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use deployer_aws::signed::{RestRequest, text_of, time_of};
use deployer_aws::{Found, SignedClient};

pub(super) async fn read_schedules(aws: &SignedClient, collector: &Collector<'_>) {
    let pages = aws.send_pages(RestRequest::new("scheduler:ListSchedules", Method::GET, &["schedules"]));
    let mut found = Vec::new();
    let what = "schedules of EventBridge Scheduler";
    let add = |summary: &Value| {
        found.extend(add_schedule(collector, summary)?);
        Ok(())
    };
    collector.list_items(pages, "Schedules", what, add).await;
    collector.for_each(found, &["scheduler:GetSchedule"], |schedule| read_details(aws, collector, schedule)).await;
}

/// A schedule as calls name it.
struct ScheduleKey {
    arn: String,
    group: Option<String>,
    name: String,
}

fn add_schedule(collector: &Collector<'_>, summary: &Value) -> Result<Option<ScheduleKey>, String> {
    let (Some(arn), Some(name)) = (text_of(summary, "Arn"), text_of(summary, "Name")) else { return Ok(None) };
    let group = text_of(summary, "GroupName");
    let mut node = Node::new(NodeKind::Schedule, arn, name).with_attribute("group", group);
    node.enabled = text_of(summary, "State") != Some("DISABLED");
    node.changed_at = time_of(summary, "LastModificationDate")?.or(time_of(summary, "CreationDate")?);
    let enabled = node.enabled;
    collector.add_node(node);
    if let Some(target) = text_of(&summary["Target"], "Arn") {
        collector.add_edge(arn, target, EdgeKind::Target, enabled, None);
    }
    Ok(Some(ScheduleKey { arn: arn.to_owned(), group: group.map(ToOwned::to_owned), name: name.to_owned() }))
}

async fn read_details(aws: &SignedClient, collector: &Collector<'_>, schedule: ScheduleKey) {
    const CALL: &str = "scheduler:GetSchedule";
    let ScheduleKey { arn, group, name } = schedule;
    let mut request = RestRequest::new(CALL, Method::GET, &["schedules", &name]);
    if let Some(group) = group {
        request = request.with_query("groupName", group);
    }
    let answer = match collector.make_call(CALL, aws.send(request)).await.found() {
        Ok(Some(answer)) => answer,
        // It was deleted since it was listed.
        Ok(None) => return,
        Err(error) => return collector.note_failure(&error, Some(&arn), format!("the details of schedule {name}")),
    };
    let enabled = text_of(&answer, "State") != Some("DISABLED");
    collector.update_node(&arn, |node| {
        if let Some(expression) = text_of(&answer, "ScheduleExpression") {
            node.attributes.insert("schedule".to_owned(), expression.to_owned());
        }
    });
    let target = &answer["Target"];
    if let Some(role) = text_of(target, "RoleArn") {
        collector.add_edge(&arn, role, EdgeKind::Role, enabled, None);
    }
    if let Some(queue) = text_of(&target["DeadLetterConfig"], "Arn") {
        collector.add_edge(&arn, queue, EdgeKind::DeadLetter, enabled, None);
    }
    // A universal target (`arn:aws:scheduler:::aws-sdk:lambda:invoke`) names the resource that it calls in its input.
    let universal = text_of(target, "Arn").is_some_and(|target| target.contains(":aws-sdk:"));
    if universal && enabled {
        let input = text_of(target, "Input").unwrap_or_default();
        collector.add_mention(&arn, input, EdgeKind::Target, None, true);
    }
}
