//! A portal's workflows and webhooks.

use deployer_hubspot::WorkflowsPath;
use serde_json::{Value, json};

use super::*;

const FLOWS: &str = "/automation/v4/flows";

fn calling_workflow(name: &str, url: &str) -> Value {
    let action = json!({ "type": "WEBHOOK", "actionId": "1", "method": "POST", "webhookUrl": url });
    json!({ "name": name, "isEnabled": false, "actions": [action] })
}

#[tokio::test]
async fn lists_workflows_in_brief_and_reads_one_with_its_actions() {
    let portal = SandboxPortal::start().await;
    portal.hubspot.add_token("auditor", &[vendors::AUTOMATION]);
    let id = portal.hubspot.add_workflow(&calling_workflow("Enquiries", "https://example.com/hook"));
    let (status, list) = portal.http.call_api("auditor", "GET", FLOWS, Value::Null).await;
    assert_eq!((status, result_ids(&list)), (200, vec![id.to_string().as_str()]));
    assert_eq!((&list["results"][0]["isEnabled"], &list["results"][0]["actions"]), (&json!(false), &Value::Null));
    let (status, flow) = portal.http.call_api("auditor", "GET", &format!("{FLOWS}/{id}"), Value::Null).await;
    assert_eq!((status, &flow["name"]), (200, &json!("Enquiries")));
    assert_eq!(flow["actions"][0]["webhookUrl"], "https://example.com/hook");
    assert_eq!(flow["objectTypeId"], "0-1", "a missing member gets its default");
    assert_eq!(portal.http.call_api("auditor", "GET", &format!("{FLOWS}/1"), Value::Null).await.0, 404);
}

#[tokio::test]
async fn replaces_a_workflow_with_the_same_id() {
    let portal = SandboxPortal::start().await;
    portal.hubspot.add_token("auditor", &[vendors::AUTOMATION]);
    for name in ["before", "after"] {
        let mut flow = calling_workflow(name, "https://example.com/hook");
        flow["id"] = json!("585051946");
        assert_eq!(portal.hubspot.add_workflow(&flow), 585_051_946);
    }
    let (_, list) = portal.http.call_api("auditor", "GET", FLOWS, Value::Null).await;
    assert_eq!((result_ids(&list), &list["results"][0]["name"]), (vec!["585051946"], &json!("after")));
}

#[tokio::test]
async fn workflows_are_found_at_the_dated_path_if_the_portal_has_it() {
    let portal = SandboxPortal::start().await;
    portal.hubspot.add_token("auditor", &[vendors::AUTOMATION]);
    portal.hubspot.add_workflow(&calling_workflow("Enquiries", "https://example.com/hook"));
    let client = sync_lambda::http::build_client().expect("a client");
    let token = sync_lambda::credentials::CredentialValue::new("auditor");
    let hubspot = deployer_hubspot::HubSpotClient::new(client, &portal.http.uri, token);
    for (dated, path) in [(false, WorkflowsPath::undated()), (true, WorkflowsPath::dated())] {
        portal.hubspot.change_behavior(|behavior| behavior.dated_workflows = dated);
        let (found, page) = hubspot.find_workflows(10).await.expect("workflows are found");
        assert_eq!((&found, page["results"][0]["name"].as_str()), (&path, Some("Enquiries")));
        let id = page["results"][0]["id"].as_str().expect("an id").to_owned();
        let flow = hubspot.read_workflow(&found, &id).await.expect("it is read");
        assert_eq!(flow["actions"][0]["webhookUrl"], "https://example.com/hook", "{}", found.as_str());
    }
}

#[tokio::test]
async fn workflows_are_paged_and_need_a_scope() {
    let portal = SandboxPortal::start().await;
    portal.hubspot.add_token("auditor", &[vendors::AUTOMATION]);
    let made: Vec<String> = (0..3)
        .map(|at| portal.hubspot.add_workflow(&calling_workflow(&format!("{at}"), "https://example.com")).to_string())
        .collect();
    let (_, first) = portal.http.call_api("auditor", "GET", &format!("{FLOWS}?limit=2"), Value::Null).await;
    assert_eq!(result_ids(&first), made[..2]);
    let after = first["paging"]["next"]["after"].as_str().expect("more");
    let (_, second) =
        portal.http.call_api("auditor", "GET", &format!("{FLOWS}?limit=2&after={after}"), Value::Null).await;
    assert_eq!((result_ids(&second), &second["paging"]), (vec![made[2].as_str()], &Value::Null));
    let (status, body) = portal.call_api("GET", FLOWS, Value::Null).await;
    assert_eq!((status, &body["category"]), (403, &json!("MISSING_SCOPES")));
}

#[tokio::test]
async fn all_webhooks_of_an_app_have_one_target() {
    let portal = SandboxPortal::start().await;
    portal.hubspot.add_webhook(12, "https://example.com/events", &["contact.creation", "contact.propertyChange"]);
    let (status, settings) = portal.call_api("GET", "/webhooks/2026-09/12/settings", Value::Null).await;
    assert_eq!((status, &settings["targetUrl"]), (200, &json!("https://example.com/events")));
    let (_, subscriptions) = portal.call_api("GET", "/webhooks/2026-09/12/subscriptions", Value::Null).await;
    let events: Vec<_> =
        subscriptions["results"].as_array().expect("results").iter().map(|one| &one["eventType"]).collect();
    assert_eq!(events, ["contact.creation", "contact.propertyChange"]);
    assert_eq!(portal.call_api("GET", "/webhooks/2026-09/13/settings", Value::Null).await.0, 404);
}
