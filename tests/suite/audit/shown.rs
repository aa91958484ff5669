//! The printed form of an audit.

use deployer::render::{AuditView, audit_summary, audit_text};
use deployer_janitor::audit::{AUDIT_VERSION, Audit, EdgeKind, NodeKind, UnreadCall, judge_inventory};

use super::{AuditedAccount, node_id};

/// An account with the leftovers of an earlier integration, next to one venue of a deployment.
fn leftover_audit() -> Audit {
    let mut account = AuditedAccount::new();
    let node = account.add_node(NodeKind::Function, "venues-a", Some(8640));
    (node.deployment, node.venue) = (Some("venues".to_owned()), Some("a".to_owned()));
    account.add_node(NodeKind::Function, "push-to-tripleseat", Some(0));
    account
        .add_node(NodeKind::Queue, "contacts.fifo", Some(0))
        .attributes
        .insert("messages".to_owned(), "0".to_owned());
    let function = node_id(NodeKind::Function, "push-to-tripleseat");
    let mapping = account.add_edge(&node_id(NodeKind::Queue, "contacts.fifo"), EdgeKind::Mapping, &function);
    (mapping.enabled, mapping.note) = (false, Some("disabled, changed 2024-02-01".to_owned()));
    account.add_node(NodeKind::RestApi, "hooks", Some(31));
    account.add_node(NodeKind::Function, "receive", Some(31)).venue = Some("a".to_owned());
    let route = account.add_edge(
        &node_id(NodeKind::RestApi, "hooks"),
        EdgeKind::Integration,
        &node_id(NodeKind::Function, "receive"),
    );
    route.note = Some("POST /hubspot".to_owned());
    account.add_node(NodeKind::HubspotWorkflow, "leads-b", None).venue = Some("b".to_owned());
    let webhook = account.add_edge("hubspot:workflow:leads-b", EdgeKind::Webhook, &node_id(NodeKind::RestApi, "hooks"));
    webhook.note = Some("POST /hubspot".to_owned());
    account.add_node(NodeKind::Alarm, "backlog", None);
    account.add_edge(&node_id(NodeKind::Alarm, "backlog"), EdgeKind::Watch, &node_id(NodeKind::Queue, "gone.fifo"));
    account.add_node(NodeKind::LogGroup, "/aws/lambda/gone", Some(0));
    account.0.unread.push(UnreadCall {
        call: "logs:DescribeLogGroups".to_owned(),
        node: None,
        what: "log groups".to_owned(),
        why: "access denied (AccessDenied)".to_owned(),
    });
    Audit { version: AUDIT_VERSION, findings: judge_inventory(&account.0), inventory: account.0 }
}

fn plain_text(audit: &Audit, view: &AuditView) -> String {
    let text = format!("{}\n{}\n", audit_text(audit, view), audit_summary(audit, 4));
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn lists_suspects_first_and_counts_what_is_in_use() {
    insta::assert_snapshot!("audit", plain_text(&leftover_audit(), &AuditView::default()));
}

#[test]
fn shows_everything_or_one_kind_on_request() {
    let all = plain_text(&leftover_audit(), &AuditView { all: true, kinds: Vec::new() });
    assert!(
        all.contains("venues-a") && all.contains("8640 uses in 90 days") || all.contains("deployment venues owns it"),
        "{all}"
    );
    let queues = plain_text(&leftover_audit(), &AuditView { all: true, kinds: vec![NodeKind::Queue] });
    assert!(queues.contains("contacts.fifo") && !queues.contains("venues-a"), "{queues}");
}
