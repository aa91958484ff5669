//! The printed form of an audit.

use deployer::render::{AuditView, audit_summary, audit_text};
use deployer_janitor::audit::{AUDIT_VERSION, Audit, EdgeKind, Kind, Unread, judge};

use super::{Account, id};

/// An account with the leftovers of an earlier integration, next to one venue of a deployment.
fn left_behind() -> Audit {
    let mut account = Account::new();
    let node = account.has(Kind::Function, "venues-a", Some(8640));
    (node.deployment, node.venue) = (Some("venues".to_owned()), Some("a".to_owned()));
    account.has(Kind::Function, "push-to-tripleseat", Some(0));
    account.has(Kind::Queue, "contacts.fifo", Some(0)).attributes.insert("messages".to_owned(), "0".to_owned());
    let function = id(Kind::Function, "push-to-tripleseat");
    let mapping = account.edge(&id(Kind::Queue, "contacts.fifo"), EdgeKind::Mapping, &function);
    (mapping.enabled, mapping.note) = (false, Some("disabled, changed 2024-02-01".to_owned()));
    account.has(Kind::RestApi, "hooks", Some(31));
    account.has(Kind::Function, "receive", Some(31)).venue = Some("a".to_owned());
    let route = account.edge(&id(Kind::RestApi, "hooks"), EdgeKind::Integration, &id(Kind::Function, "receive"));
    route.note = Some("POST /hubspot".to_owned());
    account.has(Kind::HubspotWorkflow, "leads-b", None).venue = Some("b".to_owned());
    let webhook = account.edge("hubspot:workflow:leads-b", EdgeKind::Webhook, &id(Kind::RestApi, "hooks"));
    webhook.note = Some("POST /hubspot".to_owned());
    account.has(Kind::Alarm, "backlog", None);
    account.edge(&id(Kind::Alarm, "backlog"), EdgeKind::Watch, &id(Kind::Queue, "gone.fifo"));
    account.has(Kind::LogGroup, "/aws/lambda/gone", Some(0));
    account.0.unread.push(Unread {
        call: "logs:DescribeLogGroups".to_owned(),
        node: None,
        what: "log groups".to_owned(),
        why: "access denied (AccessDenied)".to_owned(),
    });
    account.0.calls = [("lambda:ListFunctions".to_owned(), 2), ("sqs:ListQueues".to_owned(), 1)].into();
    Audit { version: AUDIT_VERSION, findings: judge(&account.0), inventory: account.0 }
}

fn plain(audit: &Audit, view: &AuditView) -> String {
    let text = format!("{}\n{}\n", audit_text(audit, view), audit_summary(audit, 4));
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn lists_suspects_first_and_counts_what_is_in_use() {
    insta::assert_snapshot!("audit", plain(&left_behind(), &AuditView::default()));
}

#[test]
fn shows_everything_or_one_kind_on_request() {
    let all = plain(&left_behind(), &AuditView { all: true, kinds: Vec::new() });
    assert!(
        all.contains("venues-a") && all.contains("8640 uses in 90 days") || all.contains("deployment venues owns it")
    );
    let queues = plain(&left_behind(), &AuditView { all: true, kinds: vec![Kind::Queue] });
    assert!(queues.contains("contacts.fifo") && !queues.contains("venues-a"), "{queues}");
}
