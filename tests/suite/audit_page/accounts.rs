//! Accounts to draw: one like the account that this tool was first written for, and generated ones of any size.

use std::collections::BTreeMap;

use deployer_janitor::audit::{
    AUDIT_VERSION, Audit, AuditFinding, AuditInventory, AuditVerdict, Edge, EdgeKind, Node, NodeKind, NodeUsage,
    UnreadCall,
};

/// An audit under construction.
pub(super) struct AuditBuilder(pub(super) Audit);

pub(super) fn sample_arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:us-east-1:123456789012:{rest}")
}

fn counted_usage(what: &str, count: u64) -> NodeUsage {
    NodeUsage::Counted {
        what: what.to_owned(),
        count,
        last: (count > 0).then(|| "2026-11-25".to_owned()),
        before: None,
    }
}

impl AuditBuilder {
    pub(super) fn new() -> Self {
        let calls =
            [("lambda:ListFunctions", 2), ("lambda:GetPolicy", 41), ("sqs:ListQueues", 1), ("events:ListRules", 1)];
        let inventory = AuditInventory {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            taken_at: "2026-11-26T14:03:00Z".parse().expect("it is a valid time"),
            days: 90,
            nodes: Vec::new(),
            edges: Vec::new(),
            grants: Vec::new(),
            unread: Vec::new(),
            calls: calls.into_iter().map(|(call, times)| (call.to_owned(), times)).collect(),
        };
        Self(Audit { version: AUDIT_VERSION, inventory, findings: Vec::new() })
    }

    /// Adds a node with its verdict, and returns its id.
    pub(super) fn add_node(
        &mut self,
        id: String,
        kind: NodeKind,
        name: &str,
        verdict: AuditVerdict,
        evidence: &[&str],
    ) -> String {
        let what = match kind {
            NodeKind::Function => Some("invocations"),
            NodeKind::Queue => Some("messages sent or received"),
            NodeKind::RestApi | NodeKind::HttpApi => Some("requests"),
            _ => None,
        };
        let count = if matches!(verdict, AuditVerdict::Active | AuditVerdict::Managed) { 25_920 } else { 0 };
        self.0.inventory.nodes.push(Node {
            id: id.clone(),
            kind,
            name: name.to_owned(),
            deployment: (verdict == AuditVerdict::Managed).then(|| "venue-sync".to_owned()),
            venue: None,
            enabled: true,
            changed_at: Some("2024-03-05T09:00:00Z".parse().expect("it is a valid time")),
            usage: what.map_or(NodeUsage::NotCounted, |what| counted_usage(what, count)),
            attributes: BTreeMap::new(),
            tags: BTreeMap::new(),
        });
        let evidence = evidence.iter().map(|&sentence| sentence.to_owned()).collect();
        self.0.findings.push(AuditFinding { id: id.clone(), verdict, evidence });
        id
    }

    pub(super) fn add_edge(&mut self, from: &str, to: &str, kind: EdgeKind) -> &mut Edge {
        let edge = Edge { from: from.to_owned(), to: to.to_owned(), kind, enabled: true, note: None };
        self.0.inventory.edges.push(edge);
        self.0.inventory.edges.last_mut().expect("it was just added")
    }

    /// A function with its role and its log group.
    pub(super) fn add_function(&mut self, name: &str, verdict: AuditVerdict, evidence: &[&str]) -> String {
        let id = self.add_node(
            sample_arn("lambda", &format!("function:{name}")),
            NodeKind::Function,
            name,
            verdict,
            evidence,
        );
        let needed = &[&*format!("Function {name} runs as it or logs to it, and nothing else does.")];
        let role = format!("arn:aws:iam::123456789012:role/{name}-role");
        let role = self.add_node(role, NodeKind::Role, &format!("{name}-role"), verdict, needed);
        let log = format!("/aws/lambda/{name}");
        let log =
            self.add_node(sample_arn("logs", &format!("log-group:{log}")), NodeKind::LogGroup, &log, verdict, needed);
        self.add_edge(&id, &role, EdgeKind::Role);
        self.add_edge(&id, &log, EdgeKind::Log);
        let node = self.0.inventory.nodes.iter_mut().find(|node| node.id == id).expect("it was just added");
        node.attributes.insert("runtime".to_owned(), "nodejs16.x".to_owned());
        node.attributes.insert("memory".to_owned(), "256 MB".to_owned());
        node.tags.insert("team".to_owned(), "web & <events>".to_owned());
        id
    }
}

/// What was found in the account that this tool was first written for.
pub fn story_audit() -> Audit {
    let mut account = AuditBuilder::new();
    let stale = |what: &str| format!("{what} No invocation in 90 days.");
    let feed = account.add_function("hubspot-lead-feed", AuditVerdict::Stale, &[&stale("Queue leads.fifo feeds it.")]);
    let push = account.add_function("tripleseat-push", AuditVerdict::Stale, &[&stale("Queue pushes.fifo feeds it.")]);
    let webhook = account.add_function("hubspot-webhook", AuditVerdict::Stale, &[&stale("API contacts-api calls it.")]);
    let test = account.add_function(
        "tripleseat-push-test",
        AuditVerdict::Orphaned,
        &["Nothing calls it: no rule, schedule, mapping, subscription, integration or function URL.", &stale("")],
    );
    let leads = sample_arn("sqs", "leads.fifo");
    let leads =
        account.add_node(leads, NodeKind::Queue, "leads.fifo", AuditVerdict::Stale, &["No message in 90 days."]);
    let pushes = sample_arn("sqs", "pushes.fifo");
    let pushes =
        account.add_node(pushes, NodeKind::Queue, "pushes.fifo", AuditVerdict::Stale, &["No message in 90 days."]);
    account.add_edge(&leads, &feed, EdgeKind::Mapping).note = Some("batches of 10".to_owned());
    account.add_edge(&pushes, &push, EdgeKind::Mapping).enabled = false;
    account.add_edge(&feed, &pushes, EdgeKind::Environment).note = Some("QUEUE_URL".to_owned());
    account.add_edge(&leads, &pushes, EdgeKind::DeadLetter);
    let api = "arn:aws:apigateway:us-east-1::/restapis/a1b2c3d4e5".to_owned();
    let api =
        account.add_node(api, NodeKind::RestApi, "contacts-api", AuditVerdict::Stale, &["No request in 90 days."]);
    account.add_edge(&api, &webhook, EdgeKind::Integration).note = Some("POST /contacts".to_owned());
    account.add_edge(&api, &webhook, EdgeKind::Permission);
    account.add_edge(&api, &test, EdgeKind::Permission);
    account.add_edge(&webhook, &leads, EdgeKind::Environment);

    let workflow = account.add_node(
        "hubspot:workflow:48213377".to_owned(),
        NodeKind::HubspotWorkflow,
        "Events inquiry \u{2192} Venue A",
        AuditVerdict::Suspect,
        &[
            "Its webhook leads to https://z9y8x7w6v5.execute-api.us-east-1.amazonaws.com/prod/leads, an API that isn't there.",
            "It is on, and enrols contacts of Venue A.",
        ],
    );
    let dead = "https://z9y8x7w6v5.execute-api.us-east-1.amazonaws.com/prod/leads";
    let dead = account.add_node(
        dead.to_owned(),
        NodeKind::Endpoint,
        dead,
        AuditVerdict::Suspect,
        &[
            "No API of this account and region has this address.",
            "What is sent there fed Venue B's Tripleseat account (location 4711).",
        ],
    );
    account.add_edge(&workflow, &dead, EdgeKind::Webhook).enabled = false;
    account.add_edge(&dead, &sample_arn("lambda", "function:venue-b-leads"), EdgeKind::Integration).enabled = false;

    let live = account.add_function("venue-sync-venue-a", AuditVerdict::Managed, &["Deployment venue-sync owns it."]);
    let owned = &["Deployment venue-sync owns it."];
    let rule = sample_arn("events", "rule/venue-sync-venue-a");
    let rule = account.add_node(rule, NodeKind::Rule, "venue-sync-venue-a", AuditVerdict::Managed, owned);
    let secret = sample_arn("secretsmanager", "secret:venue-sync/venue-a-AbCdEf");
    let secret = account.add_node(secret, NodeKind::Secret, "venue-sync/venue-a", AuditVerdict::Managed, owned);
    account.add_edge(&rule, &live, EdgeKind::Target).note = Some("rate(5 minutes), alias live".to_owned());
    account.add_edge(&rule, &live, EdgeKind::Permission);
    account.add_edge(&live, &secret, EdgeKind::Environment);
    let alarm = sample_arn("cloudwatch", "alarm:venue-a-errors");
    let alarm = account.add_node(
        alarm,
        NodeKind::Alarm,
        "venue-a-errors",
        AuditVerdict::Active,
        &["It watches what is in use."],
    );
    account.add_edge(&alarm, &live, EdgeKind::Watch);
    let unknown = &["Its policy couldn't be read, so that what may call it isn't known."];
    account.add_function("newsletter-export", AuditVerdict::Unknown, unknown);
    account.0.inventory.unread.push(UnreadCall {
        call: "lambda:GetPolicy".to_owned(),
        node: Some(sample_arn("lambda", "function:newsletter-export")),
        what: "the policy of newsletter-export".to_owned(),
        why: "denied (AccessDeniedException)".to_owned(),
    });
    account.0.inventory.unread.push(UnreadCall {
        call: "states:ListStateMachines".to_owned(),
        node: None,
        what: "state machines and what they call".to_owned(),
        why: "denied (AccessDeniedException)".to_owned(),
    });
    account.0
}

/// An account of about `size` items, most of them in use, with many connections.
pub(super) fn generated_audit(size: usize) -> Audit {
    let mut account = AuditBuilder::new();
    let shared = "arn:aws:iam::123456789012:role/shared-lambda-role".to_owned();
    let shared = account.add_node(
        shared,
        NodeKind::Role,
        "shared-lambda-role",
        AuditVerdict::Active,
        &["Functions in use need it."],
    );
    let mut last_queue = None;
    let mut group = 0;
    while account.0.inventory.nodes.len() < size {
        group += 1;
        let (verdict, why) = match group % 23 {
            3 => (AuditVerdict::Stale, "Not used in 90 days."),
            9 => (AuditVerdict::Orphaned, "Nothing reaches it, and it wasn't used in 90 days."),
            14 => (AuditVerdict::Unknown, "Its policy couldn't be read."),
            n if n % 4 == 0 => (AuditVerdict::Managed, "Deployment venue-sync owns it."),
            _ => (AuditVerdict::Active, "It was used yesterday."),
        };
        let name = format!("service-{group:04}-handler");
        let function = account.add_function(&name, verdict, &[why]);
        account.add_edge(&function, &shared, EdgeKind::Role);
        if verdict != AuditVerdict::Orphaned {
            let rule = sample_arn("events", &format!("rule/every-{group:04}"));
            let rule = account.add_node(rule, NodeKind::Rule, &format!("every-{group:04}"), verdict, &[why]);
            account.add_edge(&rule, &function, EdgeKind::Target);
            account.add_edge(&rule, &function, EdgeKind::Permission);
        }
        if group % 3 == 0 {
            let queue = sample_arn("sqs", &format!("work-{group:04}"));
            let queue = account.add_node(queue, NodeKind::Queue, &format!("work-{group:04}"), verdict, &[why]);
            account.add_edge(&queue, &function, EdgeKind::Mapping);
            if let Some(last) = last_queue.replace(function).filter(|_| group % 2 == 0) {
                account.add_edge(&last, &queue, EdgeKind::Environment);
            }
        }
        if group % 7 == 0 {
            let secret = sample_arn("secretsmanager", &format!("secret:alone-{group}"));
            account.add_node(secret, NodeKind::Secret, &format!("alone-{group}"), verdict, &[why]);
        }
    }
    account.0
}
