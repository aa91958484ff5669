//! The requests that a run makes, checked against the shapes that HubSpot documents, and not by the sandbox alone.

use std::sync::{Arc, Mutex};

use deployer_sandbox::RequestInfo;
use serde_json::Value;
use sync_config::hubspot_api::HUBSPOT_API_VERSION;

use super::portal::SyncTestPortal;

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn check_texts(value: &Value) {
    assert!(value.as_array().expect("a list").iter().all(Value::is_string), "{value}");
}

fn check_request(request: &RequestInfo) {
    let path = request.path.replace(HUBSPOT_API_VERSION, "VERSION");
    let body = &request.body;
    match (request.method.as_str(), path.as_str()) {
        ("GET", "/account-info/VERSION/details" | "/crm/properties/VERSION/contacts/tripleseat_sync__venue_a") => {}
        ("POST", "/crm/objects/VERSION/contacts/search") => {
            assert_eq!(names(body), ["after", "filterGroups", "limit", "properties", "sorts"]);
            assert!(body["after"].is_string() && body["limit"].as_u64().is_some_and(|limit| limit <= 200), "{body}");
            check_texts(&body["properties"]);
            for group in body["filterGroups"].as_array().expect("a list") {
                for filter in group["filters"].as_array().expect("a list") {
                    assert_eq!(names(filter), ["operator", "propertyName", "value"]);
                }
            }
        }
        ("POST", "/crm/objects/VERSION/contacts/batch/read") => {
            assert_eq!(names(body), ["inputs", "properties", "propertiesWithHistory"]);
            check_texts(&body["properties"]);
            check_texts(&body["propertiesWithHistory"]);
            let history = body["propertiesWithHistory"].as_array().is_some_and(|names| !names.is_empty());
            let inputs = body["inputs"].as_array().expect("a list");
            assert!((1..=if history { 50 } else { 100 }).contains(&inputs.len()), "{} inputs", inputs.len());
            assert!(inputs.iter().all(|input| names(input) == ["id"] && input["id"].is_string()), "{body}");
        }
        ("POST", "/crm/objects/VERSION/contacts/batch/update") => {
            assert_eq!(names(body), ["inputs"]);
            let inputs = body["inputs"].as_array().expect("a list");
            assert!((1..=100).contains(&inputs.len()), "{} inputs", inputs.len());
            let mut ids: Vec<&str> = inputs.iter().filter_map(|input| input["id"].as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), inputs.len(), "an id appears once");
            for input in inputs {
                assert_eq!(names(input), ["id", "objectWriteTraceId", "properties"]);
                assert!(input["objectWriteTraceId"].is_string(), "{input}");
                let properties = input["properties"].as_object().expect("an object");
                assert!(properties.values().all(Value::is_string), "{input}");
                assert!(properties.keys().all(|name| name.ends_with("__venue_a")), "only the venue's own: {input}");
            }
        }
        other => panic!("an undocumented request: {other:?}"),
    }
}

#[tokio::test]
async fn requests_have_the_documented_shapes() {
    let mut portal = SyncTestPortal::with_fast_clock(false).await;
    portal.variables.insert("AWS_LAMBDA_FUNCTION_NAME", "prod-venue-a".to_owned());
    let ids = portal.add_contacts(1..251);
    let seen: Arc<Mutex<Vec<RequestInfo>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let poison = ids[5];
    portal.hubspot.change_behavior(|behavior| {
        behavior.rejects_whole_batches = true;
        behavior.rejected_contacts.insert(poison);
    });
    portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
        kept.lock().expect("no panic").push(request.clone());
        None
    })));
    portal.expect_counts(250, 249, 0, 0, 1).await;
    let seen = seen.lock().expect("no panic");
    assert!(seen.len() > 30, "{}", seen.len());
    seen.iter().for_each(check_request);
}
