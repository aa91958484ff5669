//! Searches on an index that lags.

use serde_json::{Value, json};

use super::*;

fn search_body(filters: Value) -> Value {
    json!({
        "filterGroups": [{ "filters": filters }],
        "sorts": [{ "propertyName": "lastmodifieddate", "direction": "ASCENDING" }],
        "properties": ["firstname"],
        "limit": 100,
        "after": "",
    })
}

impl SandboxPortal {
    async fn search_contacts(&self, body: Value) -> (u16, Value) {
        self.call_api("POST", &format!("{CONTACTS}/search"), body).await
    }

    async fn found_ids(&self, filters: Value) -> Vec<String> {
        let (status, body) = self.search_contacts(search_body(filters)).await;
        assert_eq!(status, 200, "{body}");
        result_ids(&body).into_iter().map(ToOwned::to_owned).collect()
    }

    fn flagged_filter(&self) -> Value {
        json!([{ "propertyName": self.ledger.flag, "operator": "EQ", "value": "true" }])
    }
}

#[tokio::test]
async fn writes_show_up_in_reads_at_once_and_in_searches_after_the_lag() {
    let portal = SandboxPortal::start().await;
    let (first, second) = (portal.add_contact("Ana").to_string(), portal.add_contact("Bo").to_string());
    portal.hubspot.set_property(1_001, &portal.ledger.flag, "true").expect("set");
    portal.clock.advance(seconds(LAG - 1));
    assert_eq!(portal.found_ids(portal.flagged_filter()).await, [""; 0], "the index doesn't have it yet");
    let read = json!({ "inputs": [{ "id": first }], "properties": [portal.ledger.flag], "propertiesWithHistory": [] });
    let (_, read) = portal.call_api("POST", &format!("{CONTACTS}/batch/read"), read).await;
    assert_eq!(read["results"][0]["properties"][&portal.ledger.flag], "true");
    portal.clock.advance(seconds(1));
    assert_eq!(portal.found_ids(portal.flagged_filter()).await, [first.as_str()]);

    let reset = json!({ "properties": { &portal.ledger.flag: "false" } });
    let (status, _) = portal.call_api("PATCH", &format!("{CONTACTS}/{first}"), reset).await;
    assert_eq!(status, 200);
    portal.clock.advance(seconds(LAG - 1));
    assert_eq!(portal.found_ids(portal.flagged_filter()).await, [first.as_str()], "reset, but the index still has it");
    portal.clock.advance(seconds(1));
    assert_eq!(portal.found_ids(portal.flagged_filter()).await, [""; 0]);
    assert_eq!(portal.found_ids(json!([])).await, [second, first], "the last one changed comes last");
}

#[tokio::test]
async fn searches_return_what_the_index_has() {
    let portal = SandboxPortal::start().await;
    let id = portal.add_contact("Ana");
    portal.hubspot.set_property(id, "firstname", "Anna").expect("set");
    let (_, body) = portal.search_contacts(search_body(json!([]))).await;
    assert_eq!(body["results"][0]["properties"]["firstname"], "Ana");
    portal.clock.advance(seconds(LAG));
    let (_, body) = portal.search_contacts(search_body(json!([]))).await;
    assert_eq!(body["results"][0]["properties"]["firstname"], "Anna");
    assert_eq!(body["results"][0]["updatedAt"], "2026-03-01T12:00:00.000Z");
}

#[tokio::test]
async fn new_and_deleted_contacts_lag_too() {
    let portal = SandboxPortal::start().await;
    let new = json!({ "associations": [], "properties": { "email": "a@example.com" } });
    let (_, made) = portal.call_api("POST", CONTACTS, new).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    assert_eq!(portal.found_ids(json!([])).await, [""; 0]);
    portal.clock.advance(seconds(LAG));
    assert_eq!(portal.found_ids(json!([])).await, [id.as_str()]);
    portal.hubspot.delete_contact(id.parse().expect("it is a number")).expect("it is deleted");
    assert_eq!(portal.call_api("GET", &format!("{CONTACTS}/{id}"), Value::Null).await.0, 404);
    assert_eq!(portal.found_ids(json!([])).await, [id.as_str()], "still in the index");
    portal.clock.advance(seconds(LAG));
    assert_eq!(portal.found_ids(json!([])).await, [""; 0]);
}

#[tokio::test]
async fn filters_match_what_hubspot_says() {
    let portal = SandboxPortal::start().await;
    portal.add_contact_with(&[("firstname", "Ana"), ("guest_count", "9"), ("event_date", "2026-06-01")]);
    portal.add_contact_with(&[("firstname", "Bo"), ("guest_count", "10")]);
    portal.add_contact_with(&[("lastname", "Nobody")]);
    let filter = |property: &str, operator: &str, value: &str| {
        let filter = json!({ "propertyName": property, "operator": operator, "value": value });
        json!([filter])
    };
    let list = |operator: &str| json!([{ "propertyName": "firstname", "operator": operator, "values": ["ana", "cy"] }]);
    let between = json!([{ "propertyName": "guest_count", "operator": "BETWEEN", "value": "9", "highValue": "9.5" }]);
    for (filters, wanted) in [
        (filter("firstname", "EQ", "ana"), vec!["1001"]),
        (filter("firstname", "NEQ", "Ana"), vec!["1002"]),
        (filter("firstname", "HAS_PROPERTY", ""), vec!["1001", "1002"]),
        (filter("firstname", "NOT_HAS_PROPERTY", ""), vec!["1003"]),
        (list("IN"), vec!["1001"]),
        (list("NOT_IN"), vec!["1002"]),
        (filter("guest_count", "LT", "10"), vec!["1001"]),
        (filter("guest_count", "LTE", "10"), vec!["1001", "1002"]),
        (filter("guest_count", "GT", "9"), vec!["1002"]),
        (filter("guest_count", "GTE", "9"), vec!["1001", "1002"]),
        (between, vec!["1001"]),
        (filter("event_date", "EQ", "1780272000000"), vec!["1001"]),
        (filter("createdate", "GTE", "2026-03-01T12:00:00Z"), vec!["1001", "1002", "1003"]),
        (filter("hs_object_id", "GT", "1002"), vec!["1003"]),
    ] {
        assert_eq!(portal.found_ids(filters.clone()).await, wanted, "{filters}");
    }
    let mut either = search_body(filter("firstname", "EQ", "Ana"));
    let groups = either["filterGroups"].as_array_mut().expect("groups");
    groups.push(json!({ "filters": filter("lastname", "EQ", "Nobody") }));
    assert_eq!(result_ids(&portal.search_contacts(either).await.1), ["1001", "1003"], "groups are alternatives");
}

#[tokio::test]
async fn pages_follow_the_requested_order() {
    let portal = SandboxPortal::start().await;
    let rows = (0..5).map(|number| properties_of(&[("guest_count", &(9 + number).to_string())]));
    portal.hubspot.add_contacts(rows.collect()).expect("contacts");
    portal.add_contact("without a count");
    let mut body = search_body(json!([]));
    body["sorts"] = json!([{ "propertyName": "guest_count", "direction": "DESCENDING" }]);
    body["limit"] = json!(4);
    let (_, first) = portal.search_contacts(body.clone()).await;
    assert_eq!((result_ids(&first), &first["total"]), (vec!["1005", "1004", "1003", "1002"], &json!(6)));
    body["after"] = first["paging"]["next"]["after"].clone();
    let (_, second) = portal.search_contacts(body).await;
    assert_eq!(result_ids(&second), ["1001", "1006"], "contacts without a value come last");
    assert_eq!(second["paging"], Value::Null, "the last page");
}

#[tokio::test]
async fn paging_ends_at_ten_thousand() {
    let portal = SandboxPortal::start().await;
    portal.hubspot.add_contacts(vec![PropertyValues::new(); 10_001]).expect("contacts");
    let mut body = search_body(json!([]));
    body["limit"] = json!(200);
    body["after"] = json!("9800");
    let (status, page) = portal.search_contacts(body.clone()).await;
    assert_eq!((status, &page["total"], &page["paging"]["next"]["after"]), (200, &json!(10_001), &json!("10000")));
    body["after"] = json!("10000");
    assert_eq!(portal.search_contacts(body).await.0, 400);
}

#[tokio::test]
async fn rejects_searches_that_violate_the_schema() {
    let portal = SandboxPortal::start().await;
    for (member, wrong) in [
        ("limit", json!(201)),
        ("limit", json!(0)),
        ("limit", json!("100")),
        ("after", json!("second page")),
        ("properties", json!("firstname")),
        ("sorts", json!([{ "propertyName": "no_such" }])),
        ("sorts", json!([{ "propertyName": "email" }, { "propertyName": "phone" }])),
        ("filterGroups", json!([{ "filters": [{ "propertyName": "no_such", "operator": "EQ", "value": "" }] }])),
        ("filterGroups", json!([{ "filters": [{ "propertyName": "email", "operator": "EQ" }] }])),
        ("filterGroups", json!([{ "filters": [{ "propertyName": "email", "operator": "IS", "value": "" }] }])),
        ("filterGroups", json!(vec![json!({ "filters": [] }); 6])),
    ] {
        let mut body = search_body(json!([]));
        body[member] = wrong.clone();
        assert_eq!(portal.search_contacts(body).await.0, 400, "{member}: {wrong}");
    }
}

#[tokio::test]
async fn limits_all_tokens_together_to_five_searches_a_second() {
    let portal = SandboxPortal::with_limits(true).await;
    portal.hubspot.add_token("another app", &vendors::HUBSPOT_SCOPES);
    let search = format!("{CONTACTS}/search");
    for token in [TOKEN, "another app", TOKEN, "another app", TOKEN] {
        assert_eq!(portal.http.call_api(token, "POST", &search, search_body(json!([]))).await.0, 200);
    }
    let request = portal.http.build_request("POST", &search).bearer_auth("another app").json(&search_body(json!([])));
    let response = request.send().await.expect("the call succeeds");
    assert_eq!(response.status(), 429);
    assert!(!response.headers().contains_key("x-hubspot-ratelimit-max"), "search responses have no limit headers");
    let error: Value = response.json().await.expect("it is valid JSON");
    assert_eq!((&error["policyName"], &error["category"]), (&json!("SECONDLY"), &json!("RATE_LIMITS")));
    portal.clock.advance(seconds(1));
    assert_eq!(portal.search_contacts(search_body(json!([]))).await.0, 200);
}
