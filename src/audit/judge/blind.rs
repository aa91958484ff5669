//! What can't be concluded because of what couldn't be read.

use std::collections::BTreeSet;

use super::super::{EdgeKind, Kind, Node, Unread};
use super::graph::Graph;

/// What another resource may call or feed.
const CALLED: [Kind; 4] = [Kind::Function, Kind::Queue, Kind::Topic, Kind::StateMachine];

/// Why it can't be said of `node` that nobody needs it: what wasn't read, and could say otherwise.
pub(super) fn blinding<'a>(graph: &Graph<'a>, node: &Node) -> Vec<&'a Unread> {
    // In an order of their own, whatever the one in which they weren't read.
    let unread: BTreeSet<&Unread> = graph.inventory.unread.iter().collect();
    unread.into_iter().filter(|unread| blinds(graph, unread, node)).collect()
}

/// A call that isn't named here hides everything: to add a reader without a word here costs conclusions, and makes no
/// wrong ones.
fn blinds(graph: &Graph<'_>, unread: &Unread, node: &Node) -> bool {
    if unread.node.as_deref() == Some(node.id.as_str()) {
        return true;
    }
    let kind = node.kind;
    let called = CALLED.contains(&kind);
    // They lead to what was to be listed.
    let trigger = matches!(kind, Kind::Rule | Kind::Schedule | Kind::RestApi | Kind::HttpApi);
    match unread.call.as_str() {
        // About one function, and about the node only.
        "lambda:GetFunction"
        | "lambda:ListTags"
        | "lambda:ListFunctionUrlConfigs"
        | "lambda:ListAliases"
        | "lambda:GetPolicy" => unread.node.is_none() && kind == Kind::Function,
        "lambda:ListEventSourceMappings" => matches!(kind, Kind::Function | Kind::Queue | Kind::Topic),
        "lambda:ListFunctionEventInvokeConfigs" => called,
        "events:ListEventBuses" | "events:ListRules" => called || trigger || matches!(kind, Kind::Role | Kind::Alarm),
        "events:ListTargetsByRule" => called || matches!(kind, Kind::RestApi | Kind::HttpApi | Kind::Role),
        "scheduler:ListSchedules" | "scheduler:GetSchedule" => {
            called || matches!(kind, Kind::Schedule | Kind::Secret | Kind::Role)
        }
        // What a queue that isn't seen feeds, and whose failed messages a queue takes.
        "sqs:ListQueues" | "sqs:GetQueueAttributes" => {
            matches!(kind, Kind::Queue | Kind::Function | Kind::Alarm) || trigger
        }
        "sns:ListTopics" | "sns:ListSubscriptions" => called || trigger || kind == Kind::Alarm,
        "apigateway:GetRestApis" | "apigateway:GetApis" => {
            called || trigger || matches!(kind, Kind::Role | Kind::Alarm)
        }
        "apigateway:GetResources"
        | "apigateway:GetStages"
        | "apigateway:GetRoutes"
        | "apigateway:GetIntegrations"
        | "apigateway:GetHttpStages" => called || kind == Kind::Role,
        // They only tell where a webhook leads.
        "apigateway:GetDomainNames"
        | "apigateway:GetBasePathMappings"
        | "apigateway:GetHttpDomainNames"
        | "apigateway:GetApiMappings" => matches!(kind, Kind::HubspotWorkflow | Kind::HubspotWebhook),
        "states:ListStateMachines" | "states:DescribeStateMachine" => {
            called || trigger || matches!(kind, Kind::Secret | Kind::Role | Kind::Alarm)
        }
        "secretsmanager:ListSecrets" => matches!(kind, Kind::Secret | Kind::Function),
        "iam:GetAccountAuthorizationDetails" => matches!(kind, Kind::Role | Kind::Secret),
        "logs:DescribeLogGroups" => kind == Kind::LogGroup,
        "cloudwatch:DescribeAlarms" => kind == Kind::Alarm,
        "cloudwatch:GetMetricData" => !matches!(kind, Kind::Secret | Kind::Role | Kind::Schedule | Kind::Alarm),
        // Whose it is, their tags say.
        "tag:GetResources" => matches!(
            kind,
            Kind::Rule | Kind::Schedule | Kind::Queue | Kind::Topic | Kind::StateMachine | Kind::LogGroup | Kind::Alarm
        ),
        // A webhook calls APIs and function URLs.
        call if call.starts_with("hubspot:") => {
            let has_url = || graph.to(&node.id).iter().any(|edge| edge.kind == EdgeKind::FunctionUrl);
            matches!(kind, Kind::RestApi | Kind::HttpApi | Kind::HubspotWorkflow | Kind::HubspotWebhook)
                || kind == Kind::Function && has_url()
        }
        _ => true,
    }
}
