//! Where HubSpot's webhooks lead, and whether that is right.

use deployer_janitor::audit::{AuditVerdict, EdgeKind, Node, NodeKind};

use super::{AuditedAccount, node_id};

/// A workflow that posts to `/hubspot` of an HTTP API in front of `push`.
fn webhook_integration() -> AuditedAccount {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::HubspotWorkflow, "77", None);
    account.add_node(NodeKind::HttpApi, "abc123", Some(40));
    account.add_node(NodeKind::Function, "push", Some(40));
    let (workflow, api) = (node_id(NodeKind::HubspotWorkflow, "77"), node_id(NodeKind::HttpApi, "abc123"));
    account.add_edge(&workflow, EdgeKind::Webhook, &api).note = Some("POST /hubspot".to_owned());
    let route = account.add_edge(&api, EdgeKind::Integration, &node_id(NodeKind::Function, "push"));
    route.note = Some("POST /hubspot, live".to_owned());
    account
}

fn node_named<'a>(account: &'a mut AuditedAccount, name: &str) -> &'a mut Node {
    account.0.nodes.iter_mut().find(|node| node.name == name).expect("the node exists")
}

fn webhook_to_endpoint(reason: &str) -> AuditedAccount {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::HubspotWorkflow, "77", None);
    let name = "zzz.execute-api.us-east-1.amazonaws.com/prod";
    account.add_node(NodeKind::Endpoint, name, None).attributes.insert("reason".to_owned(), reason.to_owned());
    account.add_edge(&node_id(NodeKind::HubspotWorkflow, "77"), EdgeKind::Webhook, &node_id(NodeKind::Endpoint, name));
    account
}

fn workflow_verdict(account: &AuditedAccount) -> (AuditVerdict, String) {
    account.verdict_of(NodeKind::HubspotWorkflow, "77")
}

#[test]
fn a_webhook_that_leads_to_its_own_venue_is_active() {
    let mut account = webhook_integration();
    node_named(&mut account, "77").venue = Some("a".to_owned());
    node_named(&mut account, "push").attributes.insert("venues".to_owned(), "a".to_owned());
    let evidence = "it is enabled and leads to function push".to_owned();
    assert_eq!(workflow_verdict(&account), (AuditVerdict::Active, evidence));
}

#[test]
fn a_webhook_that_feeds_another_venue_is_suspect() {
    let mut account = webhook_integration();
    node_named(&mut account, "77").venue = Some("b".to_owned());
    node_named(&mut account, "push").attributes.insert("venues".to_owned(), "a".to_owned());
    let evidence = "it is about b but leads through HTTP API abc123 to function push, which serves a".to_owned();
    assert_eq!(workflow_verdict(&account), (AuditVerdict::Suspect, evidence));
    // If a function serves both, some contacts still reach the wrong venue.
    node_named(&mut account, "push").attributes.insert("venues".to_owned(), "a, b".to_owned());
    assert_eq!(workflow_verdict(&account).0, AuditVerdict::Suspect);
    // Without a known venue, there is no conclusion.
    node_named(&mut account, "77").venue = None;
    assert_eq!(workflow_verdict(&account).0, AuditVerdict::Active);
}

#[test]
fn finds_another_venue_behind_a_queue() {
    let mut account = webhook_integration();
    node_named(&mut account, "77").venue = Some("b".to_owned());
    account.add_node(NodeKind::Queue, "contacts.fifo", Some(40));
    account.add_node(NodeKind::Function, "worker", Some(40)).venue = Some("a".to_owned());
    account.add_edge(
        &node_id(NodeKind::Function, "push"),
        EdgeKind::Environment,
        &node_id(NodeKind::Queue, "contacts.fifo"),
    );
    account.add_edge(
        &node_id(NodeKind::Queue, "contacts.fifo"),
        EdgeKind::Mapping,
        &node_id(NodeKind::Function, "worker"),
    );
    let (verdict, evidence) = workflow_verdict(&account);
    assert_eq!(verdict, AuditVerdict::Suspect);
    assert!(evidence.contains("through HTTP API abc123 to function worker, which serves a"), "{evidence}");
}

#[test]
fn only_the_called_route_counts() {
    let mut account = webhook_integration();
    node_named(&mut account, "77").venue = Some("b".to_owned());
    account.add_node(NodeKind::Function, "other", Some(1)).venue = Some("a".to_owned());
    let route = account.add_edge(
        &node_id(NodeKind::HttpApi, "abc123"),
        EdgeKind::Integration,
        &node_id(NodeKind::Function, "other"),
    );
    route.note = Some("POST /other".to_owned());
    assert_eq!(workflow_verdict(&account).0, AuditVerdict::Active);
}

#[test]
fn a_missing_route_stage_or_function_is_suspect() {
    let mut account = webhook_integration();
    account.0.edges[0].note = Some("POST /elsewhere".to_owned());
    let (verdict, evidence) = workflow_verdict(&account);
    assert_eq!(verdict, AuditVerdict::Suspect);
    assert_eq!(evidence, "HTTP API abc123 has no route for POST /elsewhere, which it calls");
    account.add_unread("apigateway:GetRoutes", Some(&node_id(NodeKind::HttpApi, "abc123")));
    assert_eq!(workflow_verdict(&account).0, AuditVerdict::Unknown, "the route may exist");

    let mut account = webhook_integration();
    account.0.edges[0].enabled = false;
    assert_eq!(workflow_verdict(&account).0, AuditVerdict::Suspect);

    let mut account = webhook_integration();
    account.0.nodes.retain(|node| node.name != "push");
    let (verdict, evidence) = workflow_verdict(&account);
    assert_eq!(verdict, AuditVerdict::Suspect);
    assert_eq!(evidence, "it leads through HTTP API abc123 to function push, which doesn't exist");
}

#[test]
fn a_missing_endpoint_is_suspect_if_all_apis_were_listed() {
    let mut account = webhook_to_endpoint("no_such_api");
    let (verdict, evidence) = workflow_verdict(&account);
    assert_eq!(verdict, AuditVerdict::Suspect);
    assert!(evidence.ends_with("but account 123456789012, region us-east-1 has no such API"), "{evidence}");
    account.add_unread("apigateway:GetApis", None);
    assert_eq!(workflow_verdict(&account).0, AuditVerdict::Unknown);
    assert_eq!(workflow_verdict(&webhook_to_endpoint("elsewhere")).0, AuditVerdict::Suspect);
    assert_eq!(
        workflow_verdict(&webhook_to_endpoint("other_region")).0,
        AuditVerdict::Unknown,
        "other regions aren't read"
    );
}

#[test]
fn a_disabled_workflow_is_stale() {
    let mut account = webhook_to_endpoint("no_such_api");
    node_named(&mut account, "77").enabled = false;
    let (verdict, evidence) = workflow_verdict(&account);
    assert_eq!((verdict, evidence.starts_with("it is disabled; ")), (AuditVerdict::Stale, true), "{evidence}");
}
