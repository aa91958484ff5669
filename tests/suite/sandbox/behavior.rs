//! The switches of a portal, one by one.

use deployer_sandbox::hubspot::{PortalOutage, ValidationRule};
use serde_json::{Value, json};

use super::*;

const UPDATE: &str = "/crm/objects/2026-09/contacts/batch/update";

fn update_of(ids: &[u64]) -> Value {
    let input = |id: &u64| json!({ "id": id.to_string(), "properties": { "city": "Boston" }, "objectWriteTraceId": id.to_string() });
    json!({ "inputs": ids.iter().map(input).collect::<Vec<_>>() })
}

fn add_contacts(portal: &SandboxPortal) -> Vec<u64> {
    let contact = |number: u64| [("email".to_owned(), format!("guest{number}@example.com"))].into();
    portal.hubspot.add_contacts((1..4).map(contact).collect()).expect("valid contacts")
}

#[tokio::test]
async fn outages_end_by_themselves() {
    let portal = SandboxPortal::start().await;
    let until = portal.clock.now() + seconds(8);
    portal.hubspot.change_behavior(|behavior| {
        behavior.outage = Some(PortalOutage { status: 477, until, retry_after: Some(8), path: "account-info" });
    });
    let details = || portal.http.build_request("GET", "/account-info/2026-09/details").bearer_auth(TOKEN);
    let response = details().send().await.expect("a response");
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (477, &"8".parse().expect("valid")));
    assert_eq!(portal.call_api("GET", CONTACTS, Value::Null).await.0, 200, "only that path");
    portal.clock.advance(seconds(8));
    assert_eq!(details().send().await.expect("a response").status(), 200);
}

#[tokio::test]
async fn portals_elsewhere_answer_488_with_their_data_center() {
    let portal = SandboxPortal::start().await;
    portal.hubspot.change_behavior(|behavior| behavior.data_center = Some("eu1".to_owned()));
    let (status, body) = portal.call_api("GET", CONTACTS, Value::Null).await;
    assert_eq!((status, &body["correctHublet"], &body["context"]), (488, &json!("eu1"), &Value::Null));
}

#[tokio::test]
async fn daily_limits_count_every_call() {
    let portal = SandboxPortal::start().await;
    portal.hubspot.change_behavior(|behavior| behavior.daily_requests_left = Some(1));
    assert_eq!(portal.call_api("GET", CONTACTS, Value::Null).await.0, 200);
    let (status, body) = portal.call_api("GET", CONTACTS, Value::Null).await;
    assert_eq!((status, &body["policyName"]), (429, &json!("DAILY")));
}

#[tokio::test]
async fn one_input_can_fail_a_whole_batch() {
    let portal = SandboxPortal::start().await;
    let ids = add_contacts(&portal);
    portal.hubspot.change_behavior(|behavior| {
        behavior.rejected_contacts.insert(ids[1]);
    });
    let (status, body) = portal.call_api("POST", UPDATE, update_of(&ids)).await;
    assert_eq!((status, &body["numErrors"]), (207, &json!(1)), "with trace ids, the others are written");
    portal.hubspot.change_behavior(|behavior| behavior.rejects_whole_batches = true);
    let (status, body) = portal.call_api("POST", UPDATE, update_of(&ids)).await;
    assert_eq!((status, &body["errors"][0]["code"]), (400, &json!("REQUIRED_PROPERTY_MISSING")));
    assert_eq!(portal.call_api("POST", UPDATE, update_of(&[ids[0], ids[2]])).await.0, 200);
}

#[tokio::test]
async fn locked_contacts_answer_423_until_the_lock_is_over() {
    let portal = SandboxPortal::start().await;
    let ids = add_contacts(&portal);
    let until = portal.clock.now() + seconds(2);
    portal.hubspot.change_behavior(|behavior| {
        behavior.locked_contacts.insert(ids[0], until);
    });
    assert_eq!(portal.call_api("POST", UPDATE, update_of(&ids)).await.0, 423);
    assert_eq!(portal.call_api("POST", UPDATE, update_of(&ids[1..])).await.0, 200);
    portal.clock.advance(seconds(2));
    assert_eq!(portal.call_api("POST", UPDATE, update_of(&ids)).await.0, 200);
}

#[tokio::test]
async fn only_the_current_version_enforces_validation_rules() {
    let portal = SandboxPortal::start().await;
    let ids = add_contacts(&portal);
    portal.hubspot.change_behavior(|behavior| {
        behavior.validation_rules = vec![ValidationRule { property: "city", most_characters: 3 }];
    });
    assert_eq!(portal.call_api("POST", UPDATE, update_of(&ids[..1])).await.0, 207);
    let older = UPDATE.replace("2026-09", "2026-03");
    assert_eq!(portal.call_api("POST", &older, update_of(&ids[..1])).await.0, 200);
}

#[tokio::test]
async fn updates_of_merged_contacts_are_answered_under_the_surviving_id() {
    let portal = SandboxPortal::start().await;
    let ids = add_contacts(&portal);
    portal.hubspot.merge_contacts(ids[0], ids[1]).expect("both exist");
    let (status, body) = portal.call_api("POST", UPDATE, update_of(&ids[..1])).await;
    assert_eq!((status, &body["results"][0]["id"]), (200, &json!(ids[1].to_string())));
}

#[tokio::test]
async fn searches_of_all_tokens_share_one_limit() {
    let portal = SandboxPortal::with_limits(true).await;
    let body = json!({ "filterGroups": [], "sorts": [], "properties": [], "limit": 1, "after": "0" });
    let mut statuses = Vec::new();
    for number in 0..6 {
        let token = format!("token-{number}");
        portal.hubspot.add_token(&token, &vendors::HUBSPOT_SCOPES);
        let path = "/crm/objects/2026-09/contacts/search";
        statuses.push(portal.http.call_api(&token, "POST", path, body.clone()).await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
}
