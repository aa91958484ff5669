//! State machines. Their definitions name what they call.

use serde_json::{Value, json};

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use deployer_aws::signed::{text_of, time_of};
use deployer_aws::{Found, SignedClient};

pub(super) async fn read_state_machines(aws: &SignedClient, collector: &Collector<'_>) {
    let pages = aws.list_pages("states:ListStateMachines", json!({}));
    let mut found = Vec::new();
    let add = |machine: &Value| {
        found.extend(add_state_machine(collector, machine)?);
        Ok(())
    };
    collector.list_items(pages, "stateMachines", "state machines", add).await;
    collector
        .for_each(found, &["states:DescribeStateMachine"], |(arn, name)| read_definition(aws, collector, arn, name))
        .await;
}

/// Returns ARN and name.
fn add_state_machine(collector: &Collector<'_>, machine: &Value) -> Result<Option<(String, String)>, String> {
    let (Some(arn), Some(name)) = (text_of(machine, "stateMachineArn"), text_of(machine, "name")) else {
        return Ok(None);
    };
    let mut node = Node::new(NodeKind::StateMachine, arn, name);
    node.changed_at = time_of(machine, "creationDate")?;
    collector.add_node(node);
    Ok(Some((arn.to_owned(), name.to_owned())))
}

async fn read_definition(aws: &SignedClient, collector: &Collector<'_>, arn: String, name: String) {
    const CALL: &str = "states:DescribeStateMachine";
    let what = format!("the definition of state machine {name}");
    let request = aws.call(CALL, json!({ "stateMachineArn": arn }));
    let answer = match collector.make_call(CALL, request).await.found() {
        Ok(Some(answer)) => answer,
        // It was deleted since it was listed.
        Ok(None) => return,
        Err(error) => return collector.note_failure(&error, Some(&arn), what),
    };
    if let Some(role) = text_of(&answer, "roleArn") {
        collector.add_edge(&arn, role, EdgeKind::Role, true, None);
    }
    match text_of(&answer, "definition") {
        Some(definition) => collector.add_mention(&arn, definition, EdgeKind::Task, None, true),
        None => collector.note_unread(CALL, Some(&arn), what, "the answer has no definition".to_owned()),
    }
}
