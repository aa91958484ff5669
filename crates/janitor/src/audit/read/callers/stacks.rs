//! CloudFormation's stacks: what they own, whom they notify, and what their templates name.
//!
//! A resource of a stack is managed by whoever deploys the stack, whether it is used or not: deleting it breaks the stack.

use serde_json::{Value, json};

use super::super::super::{EdgeKind, NodeKind};
use super::super::collector::{Collector, OwnedName};
use super::{add_caller, collect_pages};
use deployer_aws::signed::text_of;
use deployer_aws::{Found, SignedClient};

/// The types whose physical id is a name or a URL, and not an ARN
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html>, `Ref`).
fn kind_of_type(resource_type: &str) -> Option<NodeKind> {
    match resource_type {
        "AWS::Lambda::Function" | "AWS::Serverless::Function" => Some(NodeKind::Function),
        "AWS::Events::Rule" => Some(NodeKind::Rule),
        "AWS::Scheduler::Schedule" => Some(NodeKind::Schedule),
        "AWS::SQS::Queue" => Some(NodeKind::Queue),
        "AWS::SNS::Topic" => Some(NodeKind::Topic),
        "AWS::ApiGateway::RestApi" => Some(NodeKind::RestApi),
        "AWS::ApiGatewayV2::Api" => Some(NodeKind::HttpApi),
        "AWS::StepFunctions::StateMachine" => Some(NodeKind::StateMachine),
        "AWS::SecretsManager::Secret" => Some(NodeKind::Secret),
        "AWS::IAM::Role" => Some(NodeKind::Role),
        "AWS::Logs::LogGroup" => Some(NodeKind::LogGroup),
        "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => Some(NodeKind::Alarm),
        _ => None,
    }
}

pub(super) async fn read_stacks(aws: &SignedClient, collector: &Collector<'_>) {
    let pages = aws.list_pages("cloudformation:DescribeStacks", json!({}));
    let stacks = collect_pages(collector, pages, "Stacks", "CloudFormation stacks").await.unwrap_or_default();
    let live: Vec<Value> =
        stacks.into_iter().filter(|stack| text_of(stack, "StackStatus") != Some("DELETE_COMPLETE")).collect();
    collector
        .for_each(live, &["cloudformation:ListStackResources", "cloudformation:GetTemplate"], |stack| {
            read_stack(aws, collector, stack)
        })
        .await;
}

async fn read_stack(aws: &SignedClient, collector: &Collector<'_>, stack: Value) {
    let (Some(id), Some(name)) = (text_of(&stack, "StackId"), text_of(&stack, "StackName")) else { return };
    add_caller(collector, id, "CloudFormation stack", name);
    collector.add_mention(id, &stack.to_string(), EdgeKind::Configuration, None, false);
    let what = format!("the resources of stack {name}");
    let pages = aws.list_pages("cloudformation:ListStackResources", json!({ "StackName": name }));
    for resource in collect_pages(collector, pages, "StackResourceSummaries", &what).await.unwrap_or_default() {
        let Some(physical) = text_of(&resource, "PhysicalResourceId") else { continue };
        match text_of(&resource, "ResourceType").and_then(kind_of_type) {
            Some(kind) => {
                let owned = OwnedName { owner: id.to_owned(), kind, physical: physical.to_owned() };
                collector.gathered().owned.push(owned);
            }
            None => collector.add_mention(id, physical, EdgeKind::Configuration, None, false),
        }
    }
    const TEMPLATE: &str = "cloudformation:GetTemplate";
    let request = aws.call(TEMPLATE, json!({ "StackName": name }));
    match collector.make_call(TEMPLATE, request).await.found() {
        Ok(Some(answer)) => collector.add_mention(id, &answer.to_string(), EdgeKind::Configuration, None, false),
        Ok(None) => {}
        Err(error) => collector.note_failure(&error, None, format!("the template of stack {name}")),
    }
}
