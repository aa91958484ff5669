//! Which conclusions are impossible because something couldn't be read.

use std::collections::BTreeMap;

use super::super::{AuditInventory, EdgeKind, Node, NodeKind, UnreadCall, sources};
use super::graph::InventoryGraph;

/// The kinds that another resource may call or feed.
const CALLED: [NodeKind; 4] = [NodeKind::Function, NodeKind::Queue, NodeKind::Topic, NodeKind::StateMachine];

/// What couldn't be read. Thousands of reads that failed alike are represented by one of them.
pub(super) struct BlindSpots<'a> {
    of_node: BTreeMap<&'a str, BTreeMap<&'a str, &'a UnreadCall>>,
    /// By call and whether it was about one node: the first failed read, and how many there are.
    of_call: BTreeMap<(&'a str, bool), (&'a UnreadCall, usize)>,
}

impl<'a> BlindSpots<'a> {
    pub(super) fn new(inventory: &'a AuditInventory) -> Self {
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
    pub(super) fn has_failed(&self, call: &str) -> bool {
        self.of_call.contains_key(&(call, true)) || self.of_call.contains_key(&(call, false))
    }

    /// Whether a call failed for this node.
    pub(super) fn has_failed_for(&self, node: &str, call: &str) -> bool {
        self.of_node.get(node).is_some_and(|calls| calls.contains_key(call))
    }

    /// What couldn't be read and could show that somebody needs `node`, in words.
    pub(super) fn reasons_for_doubt(&self, graph: &InventoryGraph<'_>, node: &Node) -> Vec<String> {
        let own = self.of_node.get(node.id.as_str());
        let mut found: Vec<String> = own.into_iter().flatten().map(|(_, unread)| unread.what.clone()).collect();
        for ((call, about_one), (first, count)) in &self.of_call {
            let known = own.is_some_and(|calls| calls.contains_key(call));
            if !known && call_hides(graph, call, *about_one, node) {
                let more = if *count > 1 { format!(", and {} more like it", count - 1) } else { String::new() };
                found.push(format!("{}{more}", first.what));
            }
        }
        found
    }
}

impl BlindSpots<'_> {
    /// Whether a failed call is a reason for doubt about `node`.
    pub(super) fn hides(&self, graph: &InventoryGraph<'_>, call: &str, node: &Node) -> bool {
        let of_one = self.has_failed_for(&node.id, call);
        of_one
            || [true, false].into_iter().any(|about_one| {
                self.of_call.contains_key(&(call, about_one)) && call_hides(graph, call, about_one, node)
            })
    }
}

fn is_of_source(call: &str) -> bool {
    sources::SOURCES.iter().any(|source| source.lists.contains(&call) || source.details.contains(&call))
}

/// Whether a failed call, made for something else, could have returned something about `node`. A call that isn't listed
/// here hides everything: a new reader that is forgotten here costs conclusions, but never makes a wrong one.
fn call_hides(graph: &InventoryGraph<'_>, call: &str, about_one: bool, node: &Node) -> bool {
    let kind = node.kind;
    let called = CALLED.contains(&kind);
    // Triggers may lead to what could not be listed.
    let trigger = matches!(kind, NodeKind::Rule | NodeKind::Schedule | NodeKind::RestApi | NodeKind::HttpApi);
    match call {
        // A function that wasn't seen may run as a role, write to a log group, name anything in its environment.
        "lambda:ListFunctions" => true,
        // A call about one function only concerns that function.
        "lambda:GetFunction"
        | "lambda:ListTags"
        | "lambda:ListFunctionUrlConfigs"
        | "lambda:ListAliases"
        | "lambda:GetPolicy" => !about_one && kind == NodeKind::Function,
        "lambda:ListEventSourceMappings" => matches!(kind, NodeKind::Function | NodeKind::Queue | NodeKind::Topic),
        "lambda:ListFunctionEventInvokeConfigs" => called,
        "events:ListEventBuses" | "events:ListRules" => {
            called || trigger || matches!(kind, NodeKind::Role | NodeKind::Alarm)
        }
        "events:ListTargetsByRule" => called || matches!(kind, NodeKind::RestApi | NodeKind::HttpApi | NodeKind::Role),
        "scheduler:ListSchedules" | "scheduler:GetSchedule" => {
            called || matches!(kind, NodeKind::Schedule | NodeKind::Secret | NodeKind::Role)
        }
        // A queue that wasn't seen may feed a function, or send its failed messages to another queue.
        "sqs:ListQueues" | "sqs:GetQueueAttributes" => {
            matches!(kind, NodeKind::Queue | NodeKind::Function | NodeKind::Alarm) || trigger
        }
        "sns:ListTopics" | "sns:ListSubscriptions" => called || trigger || kind == NodeKind::Alarm,
        "sns:GetSubscriptionAttributes" => kind == NodeKind::Queue,
        "apigateway:GetRestApis" | "apigateway:GetApis" => {
            called || trigger || matches!(kind, NodeKind::Role | NodeKind::Alarm)
        }
        "apigateway:GetResources"
        | "apigateway:GetStages"
        | "apigateway:GetRoutes"
        | "apigateway:GetIntegrations"
        | "apigateway:GetHttpStages" => called || kind == NodeKind::Role,
        // These show where a webhook leads, and which APIs have an address of their own.
        "apigateway:GetDomainNames"
        | "apigateway:GetBasePathMappings"
        | "apigateway:GetHttpDomainNames"
        | "apigateway:GetApiMappings" => {
            matches!(kind, NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook | NodeKind::RestApi | NodeKind::HttpApi)
        }
        "states:ListStateMachines" | "states:DescribeStateMachine" => {
            called || trigger || matches!(kind, NodeKind::Secret | NodeKind::Role | NodeKind::Alarm)
        }
        "secretsmanager:ListSecrets" => matches!(kind, NodeKind::Secret | NodeKind::Function),
        // Who may use something, and which functions run at CloudFront's edge locations.
        sources::IAM_CALL => kind == NodeKind::Role || super::reach::is_called(kind),
        "logs:DescribeLogGroups" => kind == NodeKind::LogGroup,
        "cloudwatch:DescribeAlarms" => matches!(kind, NodeKind::Alarm | NodeKind::Topic | NodeKind::Function),
        "iam:GetRole" | "sns:GetTopicAttributes" | "secretsmanager:GetResourcePolicy" => false,
        "iam:GetPolicy" | "iam:GetPolicyVersion" => super::reach::is_called(kind),
        "cloudtrail:LookupEvents" => matches!(kind, NodeKind::Rule | NodeKind::Topic),
        sources::ELSEWHERE_CALL | "ec2:DescribeRegions" => kind == NodeKind::Role,
        "kinesis:ListStreams" | "dynamodb:ListTables" | "kafka:ListClustersV2" | "mq:ListBrokers" => false,
        // Nodes whose count couldn't be read are marked themselves. The use of these kinds doesn't come from
        // CloudWatch.
        "cloudwatch:GetMetricData" => {
            !matches!(kind, NodeKind::Secret | NodeKind::Role | NodeKind::Schedule | NodeKind::Alarm)
        }
        // The owner of these kinds is only known from their tags.
        "tag:GetResources" => matches!(
            kind,
            NodeKind::Rule
                | NodeKind::Schedule
                | NodeKind::Queue
                | NodeKind::Topic
                | NodeKind::StateMachine
                | NodeKind::LogGroup
                | NodeKind::Alarm
        ),
        // A webhook calls APIs and function URLs.
        call if call.starts_with("hubspot:") => {
            let has_url = || graph.edges_to(&node.id).iter().any(|edge| edge.kind == EdgeKind::FunctionUrl);
            matches!(kind, NodeKind::RestApi | NodeKind::HttpApi | NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook)
                || kind == NodeKind::Function && has_url()
        }
        // What these show is reached with a policy's or a role's help: `Reach` knows.
        call if is_of_source(call) => false,
        _ => true,
    }
}
