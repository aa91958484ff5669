//! State machines; whom they call stands in their definitions.

use aws_sdk_sfn::Client;

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use super::time;
use deployer_aws::{FailureKind, Found};

pub(super) async fn read(sfn: &Client, collector: &Collector<'_>) {
    let mut pages = sfn.list_state_machines().into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = collector.page("states:ListStateMachines", pages.next()).await {
        match page {
            Ok(page) => {
                for machine in page.state_machines() {
                    let mut node = Node::new(NodeKind::StateMachine, machine.state_machine_arn(), machine.name());
                    node.changed_at = time(Some(machine.creation_date()));
                    collector.node(node);
                    found.push((machine.state_machine_arn().to_owned(), machine.name().to_owned()));
                }
            }
            Err(error) => {
                collector.unread(&error, None, "state machines");
                break;
            }
        }
    }
    collector.each(found, |(arn, name)| definition(sfn, collector, arn, name)).await;
}

async fn definition(sfn: &Client, collector: &Collector<'_>, arn: String, name: String) {
    let request = sfn.describe_state_machine().state_machine_arn(&arn).send();
    match collector.call("states:DescribeStateMachine", request).await.found() {
        Ok(Some(answer)) => {
            collector.edge(&arn, answer.role_arn(), EdgeKind::Role, true, None);
            collector.mention(&arn, answer.definition(), EdgeKind::Task, None, true);
        }
        Ok(None) => {}
        Err(error) if error.kind == FailureKind::Invalid && error.code == "StateMachineDoesNotExist" => {}
        Err(error) => collector.unread(&error, Some(&arn), format!("the definition of state machine {name}")),
    }
}
