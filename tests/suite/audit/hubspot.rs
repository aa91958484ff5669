//! Where HubSpot's webhooks lead, and whether that is right.

use deployer_janitor::audit::{EdgeKind, Kind, Node, Verdict};

use super::{Account, id};

/// A workflow that posts to `/hubspot` of an HTTP API in front of `push`.
fn integration() -> Account {
    let mut account = Account::new();
    account.has(Kind::HubspotWorkflow, "77", None);
    account.has(Kind::HttpApi, "abc123", Some(40));
    account.has(Kind::Function, "push", Some(40));
    let (workflow, api) = (id(Kind::HubspotWorkflow, "77"), id(Kind::HttpApi, "abc123"));
    account.edge(&workflow, EdgeKind::Webhook, &api).note = Some("POST /hubspot".to_owned());
    let route = account.edge(&api, EdgeKind::Integration, &id(Kind::Function, "push"));
    route.note = Some("POST /hubspot, live".to_owned());
    account
}

fn node<'a>(account: &'a mut Account, name: &str) -> &'a mut Node {
    account.0.nodes.iter_mut().find(|node| node.name == name).expect("the node exists")
}

fn endpoint(reason: &str) -> Account {
    let mut account = Account::new();
    account.has(Kind::HubspotWorkflow, "77", None);
    let name = "zzz.execute-api.us-east-1.amazonaws.com/prod";
    account.has(Kind::Endpoint, name, None).attributes.insert("reason".to_owned(), reason.to_owned());
    account.edge(&id(Kind::HubspotWorkflow, "77"), EdgeKind::Webhook, &id(Kind::Endpoint, name));
    account
}

fn workflow(account: &Account) -> (Verdict, String) {
    account.verdict(Kind::HubspotWorkflow, "77")
}

#[test]
fn a_webhook_that_leads_to_its_own_venue_is_active() {
    let mut account = integration();
    node(&mut account, "77").venue = Some("a".to_owned());
    node(&mut account, "push").attributes.insert("venues".to_owned(), "a".to_owned());
    let evidence = "it is enabled and leads to function push".to_owned();
    assert_eq!(workflow(&account), (Verdict::Active, evidence));
}

#[test]
fn a_webhook_that_feeds_another_venue_is_suspect() {
    let mut account = integration();
    node(&mut account, "77").venue = Some("b".to_owned());
    node(&mut account, "push").attributes.insert("venues".to_owned(), "a".to_owned());
    let evidence = "it is about b but leads through HTTP API abc123 to function push, which serves a".to_owned();
    assert_eq!(workflow(&account), (Verdict::Suspect, evidence));
    // If a function serves both, some contacts still reach the wrong venue.
    node(&mut account, "push").attributes.insert("venues".to_owned(), "a, b".to_owned());
    assert_eq!(workflow(&account).0, Verdict::Suspect);
    // Without a known venue, there is no conclusion.
    node(&mut account, "77").venue = None;
    assert_eq!(workflow(&account).0, Verdict::Active);
}

#[test]
fn finds_another_venue_behind_a_queue() {
    let mut account = integration();
    node(&mut account, "77").venue = Some("b".to_owned());
    account.has(Kind::Queue, "contacts.fifo", Some(40));
    account.has(Kind::Function, "worker", Some(40)).venue = Some("a".to_owned());
    account.edge(&id(Kind::Function, "push"), EdgeKind::Environment, &id(Kind::Queue, "contacts.fifo"));
    account.edge(&id(Kind::Queue, "contacts.fifo"), EdgeKind::Mapping, &id(Kind::Function, "worker"));
    let (verdict, evidence) = workflow(&account);
    assert_eq!(verdict, Verdict::Suspect);
    assert!(evidence.contains("through HTTP API abc123 to function worker, which serves a"), "{evidence}");
}

#[test]
fn only_the_called_route_counts() {
    let mut account = integration();
    node(&mut account, "77").venue = Some("b".to_owned());
    account.has(Kind::Function, "other", Some(1)).venue = Some("a".to_owned());
    let route = account.edge(&id(Kind::HttpApi, "abc123"), EdgeKind::Integration, &id(Kind::Function, "other"));
    route.note = Some("POST /other".to_owned());
    assert_eq!(workflow(&account).0, Verdict::Active);
}

#[test]
fn a_missing_route_stage_or_function_is_suspect() {
    let mut account = integration();
    account.0.edges[0].note = Some("POST /elsewhere".to_owned());
    let (verdict, evidence) = workflow(&account);
    assert_eq!(verdict, Verdict::Suspect);
    assert_eq!(evidence, "HTTP API abc123 has no route for POST /elsewhere, which it calls");
    account.unread("apigateway:GetRoutes", Some(&id(Kind::HttpApi, "abc123")));
    assert_eq!(workflow(&account).0, Verdict::Unknown, "the route may exist");

    let mut account = integration();
    account.0.edges[0].enabled = false;
    assert_eq!(workflow(&account).0, Verdict::Suspect);

    let mut account = integration();
    account.0.nodes.retain(|node| node.name != "push");
    let (verdict, evidence) = workflow(&account);
    assert_eq!(verdict, Verdict::Suspect);
    assert_eq!(evidence, "it leads through HTTP API abc123 to function push, which doesn't exist");
}

#[test]
fn a_missing_endpoint_is_suspect_if_all_apis_were_listed() {
    let mut account = endpoint("no_such_api");
    let (verdict, evidence) = workflow(&account);
    assert_eq!(verdict, Verdict::Suspect);
    assert!(evidence.ends_with("but account 123456789012, region us-east-1 has no such API"), "{evidence}");
    account.unread("apigateway:GetApis", None);
    assert_eq!(workflow(&account).0, Verdict::Unknown);
    assert_eq!(workflow(&endpoint("elsewhere")).0, Verdict::Suspect);
    assert_eq!(workflow(&endpoint("other_region")).0, Verdict::Unknown, "other regions aren't read");
}

#[test]
fn a_disabled_workflow_is_stale() {
    let mut account = endpoint("no_such_api");
    node(&mut account, "77").enabled = false;
    let (verdict, evidence) = workflow(&account);
    assert_eq!((verdict, evidence.starts_with("it is disabled; ")), (Verdict::Stale, true), "{evidence}");
}
