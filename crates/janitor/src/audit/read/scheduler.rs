//! EventBridge Scheduler's schedules. The list has the target; who runs it and where failures go has only the schedule.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::{ScheduleState, ScheduleSummary};

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use super::time;
use deployer_aws::Found;

pub(super) async fn read(scheduler: &Client, collector: &Collector<'_>) {
    let mut pages = scheduler.list_schedules().into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = collector.page("scheduler:ListSchedules", pages.next()).await {
        match page {
            Ok(page) => found.extend(page.schedules().iter().filter_map(|summary| schedule(collector, summary))),
            Err(error) => {
                collector.unread(&error, None, "schedules of EventBridge Scheduler");
                break;
            }
        }
    }
    collector.each(found, |(arn, group, name)| details(scheduler, collector, arn, group, name)).await;
}

/// Gives ARN, group and name.
fn schedule(collector: &Collector<'_>, summary: &ScheduleSummary) -> Option<(String, Option<String>, String)> {
    let (arn, name) = (summary.arn()?.to_owned(), summary.name()?.to_owned());
    let group = summary.group_name().map(ToOwned::to_owned);
    let mut node = Node::new(NodeKind::Schedule, &arn, &name).with_attribute("group", group.as_deref());
    node.enabled = summary.state() != Some(&ScheduleState::Disabled);
    node.changed_at = time(summary.last_modification_date().or(summary.creation_date()));
    let enabled = node.enabled;
    collector.node(node);
    if let Some(target) = summary.target() {
        collector.edge(&arn, target.arn(), EdgeKind::Target, enabled, None);
    }
    Some((arn, group, name))
}

async fn details(scheduler: &Client, collector: &Collector<'_>, arn: String, group: Option<String>, name: String) {
    let request = scheduler.get_schedule().set_group_name(group).name(&name).send();
    let answer = match collector.call("scheduler:GetSchedule", request).await.found() {
        Ok(Some(answer)) => answer,
        Ok(None) => return,
        Err(error) => return collector.unread(&error, Some(&arn), format!("the details of schedule {name}")),
    };
    let enabled = answer.state() != Some(&ScheduleState::Disabled);
    collector.update(&arn, |node| {
        if let Some(expression) = answer.schedule_expression() {
            node.attributes.insert("schedule".to_owned(), expression.to_owned());
        }
    });
    let Some(target) = answer.target() else { return };
    collector.edge(&arn, target.role_arn(), EdgeKind::Role, enabled, None);
    if let Some(queue) = target.dead_letter_config().and_then(|config| config.arn()) {
        collector.edge(&arn, queue, EdgeKind::DeadLetter, enabled, None);
    }
    // A universal target (`arn:aws:scheduler:::aws-sdk:lambda:invoke`) says in its input whom it calls.
    if target.arn().contains(":aws-sdk:") && enabled {
        collector.mention(&arn, target.input().unwrap_or_default(), EdgeKind::Target, None, true);
    }
}
