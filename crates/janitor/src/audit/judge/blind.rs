//! Which conclusions are impossible because something couldn't be read.

use std::collections::BTreeMap;

use super::super::{EdgeKind, Inventory, Kind, Node, Unread};
use super::graph::Graph;

/// The kinds that another resource may call or feed.
const CALLED: [Kind; 4] = [Kind::Function, Kind::Queue, Kind::Topic, Kind::StateMachine];

/// The region of functions that run at CloudFront's edge locations
/// (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/edge-functions-restrictions.html>).
const EDGE_REGION: &str = "us-east-1";

/// What couldn't be read. Thousands of reads that failed alike are represented by one of them.
pub(super) struct Blind<'a> {
    of_node: BTreeMap<&'a str, BTreeMap<&'a str, &'a Unread>>,
    /// By call and whether it was about one node: the first failed read, and how many there are.
    of_call: BTreeMap<(&'a str, bool), (&'a Unread, usize)>,
}

impl<'a> Blind<'a> {
    pub(super) fn new(inventory: &'a Inventory) -> Self {
        let (mut of_node, mut of_call) = (BTreeMap::<_, BTreeMap<_, _>>::new(), BTreeMap::new());
        for unread in &inventory.unread {
            let call = unread.call.as_str();
            if let Some(node) = &unread.node {
                of_node.entry(node.as_str()).or_default().insert(call, unread);
            }
            // The first in sort order, so that it doesn't depend on the order of reading.
            let (first, count) = of_call.entry((call, unread.node.is_some())).or_insert((unread, 0));
            *first = (*first).min(unread);
            *count += 1;
        }
        Self { of_node, of_call }
    }

    /// Whether a call failed, for a list or for any node.
    pub(super) fn failed(&self, call: &str) -> bool {
        self.of_call.contains_key(&(call, true)) || self.of_call.contains_key(&(call, false))
    }

    /// Whether a call failed for this node.
    pub(super) fn failed_of(&self, node: &str, call: &str) -> bool {
        self.of_node.get(node).is_some_and(|calls| calls.contains_key(call))
    }

    /// What couldn't be read and could show that somebody needs `node`, in words.
    pub(super) fn hides(&self, graph: &Graph<'_>, node: &Node) -> Vec<String> {
        let own = self.of_node.get(node.id.as_str());
        let mut found: Vec<String> = own.into_iter().flatten().map(|(_, unread)| unread.what.clone()).collect();
        for ((call, about_one), (first, count)) in &self.of_call {
            let known = own.is_some_and(|calls| calls.contains_key(call));
            if !known && hides(graph, call, *about_one, node) {
                let more = if *count > 1 { format!(", and {} more like it", count - 1) } else { String::new() };
                found.push(format!("{}{more}", first.what));
            }
        }
        found
    }
}

/// Whether a failed call, made for something else, could have returned something about `node`. A call that isn't listed
/// here hides everything: a new reader that is forgotten here costs conclusions, but never makes a wrong one.
fn hides(graph: &Graph<'_>, call: &str, about_one: bool, node: &Node) -> bool {
    let kind = node.kind;
    let called = CALLED.contains(&kind);
    // Triggers may lead to what could not be listed.
    let trigger = matches!(kind, Kind::Rule | Kind::Schedule | Kind::RestApi | Kind::HttpApi);
    match call {
        // A call about one function only concerns that function.
        "lambda:GetFunction"
        | "lambda:ListTags"
        | "lambda:ListFunctionUrlConfigs"
        | "lambda:ListAliases"
        | "lambda:GetPolicy" => !about_one && kind == Kind::Function,
        "lambda:ListEventSourceMappings" => matches!(kind, Kind::Function | Kind::Queue | Kind::Topic),
        "lambda:ListFunctionEventInvokeConfigs" => called,
        "events:ListEventBuses" | "events:ListRules" => called || trigger || matches!(kind, Kind::Role | Kind::Alarm),
        "events:ListTargetsByRule" => called || matches!(kind, Kind::RestApi | Kind::HttpApi | Kind::Role),
        "scheduler:ListSchedules" | "scheduler:GetSchedule" => {
            called || matches!(kind, Kind::Schedule | Kind::Secret | Kind::Role)
        }
        // A queue that wasn't seen may feed a function, or send its failed messages to another queue.
        "sqs:ListQueues" | "sqs:GetQueueAttributes" => {
            matches!(kind, Kind::Queue | Kind::Function | Kind::Alarm) || trigger
        }
        "sns:ListTopics" | "sns:ListSubscriptions" => called || trigger || kind == Kind::Alarm,
        "sns:GetSubscriptionAttributes" => kind == Kind::Queue,
        "apigateway:GetRestApis" | "apigateway:GetApis" => {
            called || trigger || matches!(kind, Kind::Role | Kind::Alarm)
        }
        "apigateway:GetResources"
        | "apigateway:GetStages"
        | "apigateway:GetRoutes"
        | "apigateway:GetIntegrations"
        | "apigateway:GetHttpStages" => called || kind == Kind::Role,
        // These only show where a webhook leads.
        "apigateway:GetDomainNames"
        | "apigateway:GetBasePathMappings"
        | "apigateway:GetHttpDomainNames"
        | "apigateway:GetApiMappings" => matches!(kind, Kind::HubspotWorkflow | Kind::HubspotWebhook),
        "states:ListStateMachines" | "states:DescribeStateMachine" => {
            called || trigger || matches!(kind, Kind::Secret | Kind::Role | Kind::Alarm)
        }
        "secretsmanager:ListSecrets" => matches!(kind, Kind::Secret | Kind::Function),
        // Roles show which functions run at CloudFront's edge locations. All of those are in this region.
        "iam:GetAccountAuthorizationDetails" => {
            matches!(kind, Kind::Role | Kind::Secret) || kind == Kind::Function && graph.inventory.region == EDGE_REGION
        }
        "logs:DescribeLogGroups" => kind == Kind::LogGroup,
        "cloudwatch:DescribeAlarms" => kind == Kind::Alarm,
        // Nodes whose count couldn't be read are marked themselves. The use of these kinds doesn't come from
        // CloudWatch.
        "cloudwatch:GetMetricData" => !matches!(kind, Kind::Secret | Kind::Role | Kind::Schedule | Kind::Alarm),
        // The owner of these kinds is only known from their tags.
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
