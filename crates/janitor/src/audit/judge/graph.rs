//! The inventory as a graph: who points at whom.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::arn::arn_node_kind;
use super::super::{AuditInventory, Edge, EdgeKind, Node, NodeKind};
use super::blind::BlindSpots;
use deployer_core::arn::Arn;

/// The nodes and edges of an inventory, indexed.
pub(super) struct InventoryGraph<'a> {
    pub(super) inventory: &'a AuditInventory,
    nodes: BTreeMap<&'a str, &'a Node>,
    incoming: BTreeMap<&'a str, Vec<&'a Edge>>,
    outgoing: BTreeMap<&'a str, Vec<&'a Edge>>,
    /// The ends of edges that are calls.
    calls: BTreeSet<(&'a str, &'a str)>,
    /// How many edges were looked at.
    followed: Cell<u64>,
    pub(super) blind: BlindSpots<'a>,
}

impl EdgeKind {
    /// Whether `to` is needed as long as `from` is. A permission only allows a call, and a watch only observes.
    pub(super) fn is_need(self) -> bool {
        !matches!(self, Self::Permission | Self::Watch)
    }
}

impl<'a> InventoryGraph<'a> {
    pub(super) fn new(inventory: &'a AuditInventory) -> Self {
        // Sorted, so that nothing depends on the order in which things were read.
        let edges: BTreeSet<&Edge> = inventory.edges.iter().collect();
        let (mut incoming, mut outgoing) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        let mut calls = BTreeSet::new();
        for edge in edges {
            if edge.kind.is_call() {
                calls.insert((edge.from.as_str(), edge.to.as_str()));
            }
            incoming.entry(edge.to.as_str()).or_default().push(edge);
            outgoing.entry(edge.from.as_str()).or_default().push(edge);
        }
        let nodes = inventory.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let (blind, followed) = (BlindSpots::new(inventory), Cell::new(0));
        Self { inventory, nodes, incoming, outgoing, calls, followed, blind }
    }

    /// Whether an edge of a kind that is a call leads from one to the other.
    pub(super) fn has_call(&self, from: &str, to: &str) -> bool {
        self.calls.contains(&(from, to))
    }

    /// How many edges were looked at so far.
    pub(super) fn followed_edges(&self) -> u64 {
        self.followed.get()
    }

    fn follow_edges<'s>(&'s self, edges: Option<&'s Vec<&'a Edge>>) -> &'s [&'a Edge] {
        let edges = edges.map(Vec::as_slice).unwrap_or_default();
        self.followed.set(self.followed.get() + edges.len() as u64);
        edges
    }

    pub(super) fn find_node(&self, id: &str) -> Option<&'a Node> {
        self.nodes.get(id).copied()
    }

    pub(super) fn all_nodes(&self) -> impl Iterator<Item = &'a Node> {
        self.nodes.values().copied()
    }

    pub(super) fn edges_to(&self, id: &str) -> &[&'a Edge] {
        self.follow_edges(self.incoming.get(id))
    }

    pub(super) fn edges_from(&self, id: &str) -> &[&'a Edge] {
        self.follow_edges(self.outgoing.get(id))
    }

    /// Everything that can be reached from `starts` over enabled edges that `follow` accepts, and the alarms that watch
    /// any of it, each with the last edge of a shortest path to it. The starts themselves aren't included.
    pub(super) fn reachable_from(
        &self,
        starts: impl IntoIterator<Item = &'a str>,
        follow: impl Fn(&Edge) -> bool,
    ) -> BTreeMap<&'a str, &'a Edge> {
        let mut queue: VecDeque<&str> = starts.into_iter().collect();
        let mut seen: BTreeSet<&str> = queue.iter().copied().collect();
        let mut reached = BTreeMap::new();
        while let Some(id) = queue.pop_front() {
            for edge in self.edges_from(id).iter().filter(|edge| edge.enabled && follow(edge)) {
                if seen.insert(&edge.to) {
                    reached.insert(edge.to.as_str(), *edge);
                    queue.push_back(&edge.to);
                }
            }
            // What is in use is watched for a reason: the alarm is needed, and what it notifies.
            for edge in self.edges_to(id).iter().filter(|edge| edge.kind == EdgeKind::Watch) {
                if seen.insert(&edge.from) {
                    reached.insert(edge.from.as_str(), *edge);
                    queue.push_back(&edge.from);
                }
            }
        }
        reached
    }

    /// Whether nothing with this id exists for certain: its kind was listed completely, in this account and region.
    pub(super) fn is_missing(&self, id: &str) -> bool {
        self.is_missing_stream(id)
            || self.kinds_of_absent(id).is_some_and(|kinds| kinds.iter().all(|kind| self.is_listed(*kind)))
    }

    /// Whether the other end of an event source mapping was deleted.
    fn is_missing_stream(&self, id: &str) -> bool {
        let Ok(arn) = Arn::parse_arn(id) else { return false };
        let call = match arn.service {
            "kinesis" => "kinesis:ListStreams",
            "dynamodb" => "dynamodb:ListTables",
            "kafka" => "kafka:ListClustersV2",
            "mq" => "mq:ListBrokers",
            _ => return false,
        };
        let here = arn.region == self.inventory.region && arn.account == self.inventory.account;
        here && !self.nodes.contains_key(id) && self.inventory.calls.contains_key(call) && !self.blind.has_failed(call)
    }

    /// Whether something with this id may exist, because its kind couldn't be listed.
    pub(super) fn is_unseen(&self, id: &str) -> bool {
        self.kinds_of_absent(id).is_some_and(|kinds| !kinds.iter().all(|kind| self.is_listed(*kind)))
    }

    /// The kinds that something with this id could have. `None` if it is a node, or if it wouldn't be a node even if it
    /// existed.
    fn kinds_of_absent(&self, id: &str) -> Option<Vec<NodeKind>> {
        if self.nodes.contains_key(id) {
            return None;
        }
        if id.starts_with("execute-api:") {
            return Some(vec![NodeKind::RestApi, NodeKind::HttpApi]);
        }
        if id.starts_with("api-name:") {
            return Some(vec![NodeKind::RestApi]);
        }
        let arn = Arn::parse_arn(id).ok()?;
        let here = arn.region == self.inventory.region
            && (arn.account == self.inventory.account || arn.service == "apigateway" && arn.account.is_empty());
        // Not all roles and log groups are nodes.
        let kind = arn_node_kind(&arn).filter(|kind| here && !matches!(kind, NodeKind::Role | NodeKind::LogGroup))?;
        Some(vec![kind])
    }

    /// Whether a kind was listed completely.
    pub(super) fn is_listed(&self, kind: NodeKind) -> bool {
        let calls: &[&str] = match kind {
            NodeKind::Function => &["lambda:ListFunctions"],
            NodeKind::Rule => &["events:ListEventBuses", "events:ListRules"],
            NodeKind::Schedule => &["scheduler:ListSchedules"],
            NodeKind::Queue => &["sqs:ListQueues"],
            NodeKind::Topic => &["sns:ListTopics"],
            NodeKind::RestApi => &["apigateway:GetRestApis"],
            NodeKind::HttpApi => &["apigateway:GetApis"],
            NodeKind::StateMachine => &["states:ListStateMachines"],
            NodeKind::Secret => &["secretsmanager:ListSecrets"],
            NodeKind::Role => &["iam:GetAccountAuthorizationDetails"],
            NodeKind::LogGroup => &["logs:DescribeLogGroups"],
            NodeKind::Alarm => &["cloudwatch:DescribeAlarms"],
            NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook | NodeKind::Endpoint | NodeKind::Caller => {
                return false;
            }
        };
        !calls.iter().any(|call| self.blind.has_failed(call))
    }
}
