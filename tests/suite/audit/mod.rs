//! `deployer audit`: the judge on made-up accounts, the readers on moto, the command on the embedded cloud.

mod command;
mod hubspot;
mod judged;
pub mod labeled;
mod properties;
mod readers;
mod scale;
mod schedules;
mod shown;
mod story;
mod triggers;

use deployer_janitor::audit::{
    AuditFinding, AuditInventory, AuditVerdict, Edge, EdgeKind, Node, NodeKind, NodeUsage, UnreadCall, judge_inventory,
    sources::list_calls,
};
use jiff::Timestamp;

const ACCOUNT: &str = "123456789012";

/// An account as it might have been read on 2026-11-26, with the use of 90 days.
pub struct AuditedAccount(pub AuditInventory);

impl AuditedAccount {
    pub fn new() -> Self {
        Self(AuditInventory {
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
            taken_at: "2026-11-26T12:00:00Z".parse().expect("it is a valid time"),
            days: 90,
            nodes: Vec::new(),
            edges: Vec::new(),
            grants: Vec::new(),
            unread: Vec::new(),
            // Everything was read.
            calls: list_calls().map(|call| (call.to_owned(), 1)).collect(),
        })
    }

    /// Adds a node that was used `count` times, or whose use nobody counts.
    pub fn add_node(&mut self, kind: NodeKind, name: &str, count: Option<u64>) -> &mut Node {
        let mut node = Node::new(kind, node_id(kind, name), name);
        node.changed_at = Some(midnight_of("2024-03-02"));
        if let Some(count) = count {
            let last = (count > 0).then(|| "2026-11-20".to_owned());
            node.usage = NodeUsage::Counted { what: "uses".to_owned(), count, last, before: None };
        }
        self.0.nodes.push(node);
        self.0.nodes.last_mut().expect("it was just added")
    }

    pub fn add_edge(&mut self, from: &str, kind: EdgeKind, to: &str) -> &mut Edge {
        let edge = Edge { from: from.to_owned(), to: to.to_owned(), kind, enabled: true, note: None };
        self.0.edges.push(edge);
        self.0.edges.last_mut().expect("it was just added")
    }

    pub fn add_unread(&mut self, call: &str, node: Option<&str>) {
        self.0.unread.push(UnreadCall {
            call: call.to_owned(),
            node: node.map(ToOwned::to_owned),
            what: "something".to_owned(),
            why: "denied".to_owned(),
        });
    }

    /// The verdict about a node, with its evidence in one line.
    pub fn verdict_of(&self, kind: NodeKind, name: &str) -> (AuditVerdict, String) {
        let finding = self.finding_of(&node_id(kind, name));
        (finding.verdict, finding.evidence.join("; "))
    }

    fn finding_of(&self, id: &str) -> AuditFinding {
        let findings = judge_inventory(&self.0);
        assert_eq!(findings.len(), self.0.nodes.len(), "one finding for each node");
        findings.into_iter().find(|finding| finding.id == id).expect("it is judged")
    }
}

pub fn midnight_of(day: &str) -> Timestamp {
    format!("{day}T00:00:00Z").parse().expect("a day")
}

/// The id of a node of this kind and name.
pub fn node_id(kind: NodeKind, name: &str) -> String {
    let arn = |service: &str, resource: String| format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}");
    match kind {
        NodeKind::Function => arn("lambda", format!("function:{name}")),
        NodeKind::Rule => arn("events", format!("rule/{name}")),
        NodeKind::Schedule => arn("scheduler", format!("schedule/default/{name}")),
        NodeKind::Queue => arn("sqs", name.to_owned()),
        NodeKind::Topic => arn("sns", name.to_owned()),
        NodeKind::RestApi => format!("arn:aws:apigateway:us-east-1::/restapis/{name}"),
        NodeKind::HttpApi => format!("arn:aws:apigateway:us-east-1::/apis/{name}"),
        NodeKind::StateMachine => arn("states", format!("stateMachine:{name}")),
        NodeKind::Secret => arn("secretsmanager", format!("secret:{name}-a1b2c3")),
        NodeKind::Role => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
        NodeKind::LogGroup => arn("logs", format!("log-group:{name}")),
        NodeKind::Alarm => arn("cloudwatch", format!("alarm:{name}")),
        NodeKind::HubspotWorkflow => format!("hubspot:workflow:{name}"),
        NodeKind::HubspotWebhook => format!("hubspot:app:1:subscription:{name}"),
        NodeKind::Endpoint => format!("https://{name}"),
        NodeKind::Caller => format!("arn:aws:s3:::{name}"),
    }
}
