//! Properties that hold for every account.

use deployer_janitor::audit::{
    AuditInventory, AuditVerdict, Edge, EdgeKind, NodeKind, NodeUsage, UnreadCall, judge_inventory,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{AuditedAccount, midnight_of, node_id};

const EDGES: [EdgeKind; 14] = [
    EdgeKind::Target,
    EdgeKind::Mapping,
    EdgeKind::Subscription,
    EdgeKind::Integration,
    EdgeKind::Task,
    EdgeKind::FunctionUrl,
    EdgeKind::Webhook,
    EdgeKind::Permission,
    EdgeKind::DeadLetter,
    EdgeKind::Environment,
    EdgeKind::Role,
    EdgeKind::Log,
    EdgeKind::Watch,
    EdgeKind::Configuration,
];

/// The calls that may fail in the readers, and one that the judge doesn't know.
const CALLS: [&str; 29] = [
    "lambda:ListFunctions",
    "lambda:GetFunction",
    "lambda:ListFunctionUrlConfigs",
    "lambda:ListFunctionEventInvokeConfigs",
    "lambda:ListAliases",
    "lambda:GetPolicy",
    "lambda:ListEventSourceMappings",
    "events:ListEventBuses",
    "events:ListRules",
    "events:ListTargetsByRule",
    "scheduler:ListSchedules",
    "scheduler:GetSchedule",
    "sqs:ListQueues",
    "sqs:GetQueueAttributes",
    "sns:ListTopics",
    "sns:ListSubscriptions",
    "sns:GetSubscriptionAttributes",
    "apigateway:GetRestApis",
    "apigateway:GetResources",
    "apigateway:GetApis",
    "apigateway:GetRoutes",
    "states:ListStateMachines",
    "states:DescribeStateMachine",
    "secretsmanager:ListSecrets",
    "iam:GetAccountAuthorizationDetails",
    "cloudwatch:GetMetricData",
    "tag:GetResources",
    "hubspot:workflows",
    "new:ListThings",
];

pub(super) fn any_account() -> impl Strategy<Value = AuditInventory> {
    let node =
        (select(NodeKind::ALL.as_slice()), 0..3_u8, select(vec![None, Some(0), Some(0), Some(5)]), any::<[bool; 4]>());
    let end = prop_oneof![4 => any::<Index>().prop_map(Some), 1 => Just(None)];
    let edge = (end.clone(), end, select(EDGES.as_slice()), any::<bool>());
    let nodes = proptest::collection::vec(node, 1..14);
    let edges = proptest::collection::vec(edge, 0..24);
    (nodes, edges, proptest::collection::vec(any_unread(), 0..2)).prop_map(|(nodes, edges, unread)| {
        let mut account = AuditedAccount::new();
        for (kind, number, count, [enabled, managed, messages, recent]) in nodes {
            let name = format!("n{number}");
            if account.0.nodes.iter().any(|node| node.id == node_id(kind, &name)) {
                continue;
            }
            let node = account.add_node(kind, &name, count);
            node.enabled = enabled;
            // Keep this rare, so that not everything is in use.
            node.deployment = (managed && messages).then(|| "venues".to_owned());
            if kind == NodeKind::Queue && messages && recent {
                node.attributes.insert("messages".to_owned(), "3".to_owned());
            }
            if recent && managed {
                node.changed_at = Some(midnight_of("2026-11-01"));
            }
        }
        let ids: Vec<String> = account.0.nodes.iter().map(|node| node.id.clone()).collect();
        for (from, to, kind, enabled) in edges {
            let end =
                |end: Option<Index>, gone| end.map_or_else(|| node_id(gone, "gone"), |index| index.get(&ids).clone());
            account.add_edge(&end(from, NodeKind::Rule), kind, &end(to, NodeKind::Function)).enabled = enabled;
        }
        account.0.unread = unread;
        account.0
    })
}

fn any_unread() -> impl Strategy<Value = UnreadCall> {
    select(CALLS.as_slice()).prop_map(|call| UnreadCall {
        call: call.to_owned(),
        node: None,
        what: "something".to_owned(),
        why: "denied".to_owned(),
    })
}

pub(super) fn is_dead(verdict: AuditVerdict) -> bool {
    matches!(verdict, AuditVerdict::Stale | AuditVerdict::Orphaned)
}

fn is_need(edge: &Edge) -> bool {
    edge.enabled && !matches!(edge.kind, EdgeKind::Permission | EdgeKind::Watch)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn an_additional_unreadable_call_makes_nothing_stale_or_orphaned(account in any_account(), more in any_unread()) {
        let before = judge_inventory(&account);
        let mut less = account;
        less.unread.push(more);
        for (before, after) in before.iter().zip(judge_inventory(&less)) {
            let verdict = after.verdict;
            prop_assert!(!is_dead(verdict) || verdict == before.verdict, "{}: {before:?} {after:?}", before.id);
        }
    }

    #[test]
    fn an_unknown_call_hides_everything(account in any_account()) {
        let mut blind = account;
        blind.unread.push(UnreadCall {
            call: "new:ListThings".to_owned(),
            node: None,
            what: "things".to_owned(),
            why: "denied".to_owned(),
        });
        for (node, finding) in blind.nodes.iter().zip(judge_inventory(&blind)) {
            // A disabled workflow is stale, whatever couldn't be read.
            let own = matches!(node.kind, NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook);
            prop_assert!(own || !is_dead(finding.verdict), "{finding:?}");
        }
    }

    #[test]
    fn what_a_used_resource_points_at_is_neither_stale_nor_orphaned(account in any_account()) {
        let findings = judge_inventory(&account);
        let used = |id: &str| account.nodes.iter().any(|node| {
            node.id == id && matches!(node.usage, NodeUsage::Counted { count: 1.., .. })
        });
        for (node, finding) in account.nodes.iter().zip(&findings) {
            let needed = account.edges.iter().any(|edge| edge.to == node.id && is_need(edge) && used(&edge.from));
            // Rules that fire at nothing and disabled webhooks are judged by where they lead, and alarms by what they
            // watch.
            let own = [NodeKind::Rule, NodeKind::Schedule, NodeKind::HubspotWorkflow, NodeKind::HubspotWebhook, NodeKind::Alarm];
            let triggers = own.contains(&node.kind);
            prop_assert!(!needed || triggers || !is_dead(finding.verdict), "{finding:?}");
        }
    }

    #[test]
    fn exactly_the_resources_of_deployments_are_managed(account in any_account()) {
        for (node, finding) in account.nodes.iter().zip(judge_inventory(&account)) {
            prop_assert_eq!(node.deployment.is_some(), finding.verdict == AuditVerdict::Managed, "{:?}", finding);
        }
    }

    #[test]
    fn the_order_of_reading_makes_no_difference(account in any_account(), by in any::<Index>()) {
        let mut other = account.clone();
        other.nodes.rotate_left(by.index(account.nodes.len()));
        other.edges.reverse();
        other.unread.reverse();
        let (mut one, mut two) = (judge_inventory(&account), judge_inventory(&other));
        one.sort_by(|a, b| a.id.cmp(&b.id));
        two.sort_by(|a, b| a.id.cmp(&b.id));
        prop_assert_eq!(one, two);
    }

    #[test]
    fn every_verdict_has_evidence(account in any_account()) {
        for finding in judge_inventory(&account) {
            prop_assert!(!finding.evidence.is_empty(), "{finding:?}");
        }
    }
}
