//! Batch reads and batch updates of contacts.

use serde_json::{Value, json};

use super::*;

impl SandboxPortal {
    async fn update_batch(&self, inputs: Value) -> (u16, Value) {
        self.call_api("POST", &format!("{CONTACTS}/batch/update"), json!({ "inputs": inputs })).await
    }

    async fn read_batch(&self, inputs: Value, properties: Value) -> (u16, Value) {
        let body = json!({ "inputs": inputs, "properties": properties, "propertiesWithHistory": [] });
        self.call_api("POST", &format!("{CONTACTS}/batch/read"), body).await
    }
}

#[tokio::test]
async fn batch_reads_report_missing_contacts() {
    let portal = SandboxPortal::start().await;
    let id = portal.add_contact("Ana").to_string();
    let asked = json!(["firstname", "lastname", "no_such_property"]);
    let (status, body) = portal.read_batch(json!([{ "id": id }]), asked.clone()).await;
    assert_eq!((status, &body["status"], &body["errors"]), (200, &json!("COMPLETE"), &Value::Null));
    let properties = &body["results"][0]["properties"];
    assert_eq!((&properties["firstname"], &properties["lastname"]), (&json!("Ana"), &Value::Null));
    assert!(
        properties.as_object().expect("it is a JSON object").contains_key("lastname"),
        "a property without a value is null"
    );
    assert!(
        !properties.as_object().expect("it is a JSON object").contains_key("no_such_property"),
        "an unknown property is left out"
    );

    let (status, body) = portal.read_batch(json!([{ "id": "99" }, { "id": id }, { "id": "x" }]), asked).await;
    assert_eq!((status, result_ids(&body)), (207, vec![id.as_str()]));
    assert_eq!((&body["numErrors"], &body["errors"][0]["category"]), (&json!(1), &json!("OBJECT_NOT_FOUND")));
    assert_eq!(body["errors"][0]["context"]["ids"], json!(["99", "x"]));
}

#[tokio::test]
async fn batch_updates_write_valid_inputs_and_report_the_rest() {
    let portal = SandboxPortal::start().await;
    let (first, second) = (portal.add_contact("Ana"), portal.add_contact("Bo"));
    portal.clock.advance(seconds(60));
    let status_property = portal.ledger.status.clone();
    let input = |id: &str, trace: &str, value: &str| {
        let properties = json!({ &status_property: value });
        json!({ "id": id, "objectWriteTraceId": trace, "properties": properties })
    };
    let inputs = json!([
        input(&first.to_string(), "one", "synced"),
        input(&second.to_string(), "two", "done"),
        input("99", "three", "synced"),
        { "id": "98", "objectWriteTraceId": "four", "properties": {} },
    ]);
    let (status, body) = portal.update_batch(inputs).await;
    assert_eq!((status, result_ids(&body), &body["numErrors"]), (207, vec![first.to_string().as_str()], &json!(3)));
    let errors = body["errors"].as_array().expect("errors");
    let error = |trace: &str| {
        let traced = |error: &&Value| error["context"]["objectWriteTraceId"] == json!([trace]);
        errors.iter().find(traced).expect("an error of this input")
    };
    assert_eq!(error("two")["category"], "VALIDATION_ERROR");
    assert!(error("two")["message"].as_str().expect("a message").contains("INVALID_OPTION"), "{body}");
    assert_eq!(
        (&error("three")["category"], &error("three")["context"]["ids"]),
        (&json!("OBJECT_NOT_FOUND"), &json!(["99"]))
    );
    assert_eq!(error("four")["category"], "OBJECT_NOT_FOUND");

    assert_eq!(portal.property_value(first, &portal.ledger.status).as_deref(), Some("synced"));
    assert_eq!(portal.property_value(second, &portal.ledger.status), None);
    let contact = portal.hubspot.find_contact(first).expect("the contact");
    assert_eq!(contact.updated_at.to_string(), "2026-03-01T12:01:00Z");
    assert_eq!(contact.properties["lastmodifieddate"], "2026-03-01T12:01:00.000Z");
    assert_eq!(body["results"][0]["updatedAt"], "2026-03-01T12:01:00.000Z");
}

#[tokio::test]
async fn without_trace_ids_one_bad_value_fails_the_whole_batch() {
    let portal = SandboxPortal::start().await;
    let (first, second) = (portal.add_contact("Ana").to_string(), portal.add_contact("Bo").to_string());
    let inputs = json!([
        { "id": first, "properties": { "lastname": "Silva" } },
        { "id": second, "properties": { "no_such_property": "x" } },
    ]);
    let (status, body) = portal.update_batch(inputs).await;
    assert_eq!(status, 400);
    assert!(body["message"].as_str().expect("a message").contains("PROPERTY_DOESNT_EXIST"), "{body}");
    assert_eq!(portal.property_value(1_001, "lastname"), None, "nothing was written");
    // An unknown id is reported with 207 even so.
    let inputs = json!([{ "id": first, "properties": { "lastname": "Silva" } }, { "id": "99", "properties": {} }]);
    assert_eq!(portal.update_batch(inputs).await.0, 207);
    assert_eq!(portal.property_value(1_001, "lastname").as_deref(), Some("Silva"));
}

#[tokio::test]
async fn duplicate_ids_fail_the_whole_batch() {
    let portal = SandboxPortal::start().await;
    let id = portal.add_contact("Ana").to_string();
    let input = |trace: &str| json!({ "id": id, "objectWriteTraceId": trace, "properties": { "lastname": trace } });
    let (status, body) = portal.update_batch(json!([input("one"), input("two")])).await;
    assert_eq!((status, &body["context"]["ids"]), (400, &json!([id])));
    assert_eq!(body["message"], format!("Duplicate IDs found in batch input: [{id}]. IDs must be unique"));
    assert_eq!(portal.property_value(1_001, "lastname"), None);
}

#[tokio::test]
async fn one_batch_cannot_give_an_email_to_two_contacts() {
    let portal = SandboxPortal::start().await;
    let (first, second) = (portal.add_contact("Ana").to_string(), portal.add_contact("Bo").to_string());
    let input = |id: &str| json!({ "id": id, "objectWriteTraceId": id, "properties": { "email": "one@example.com" } });
    let (status, body) = portal.update_batch(json!([input(&first), input(&second)])).await;
    assert_eq!(
        (status, result_ids(&body), &body["errors"][0]["category"]),
        (207, vec![first.as_str()], &json!("CONFLICT"))
    );
    assert_eq!(portal.property_value(1_002, "email"), None);
}

#[tokio::test]
async fn property_history_is_newest_first_for_at_most_fifty_contacts() {
    let portal = SandboxPortal::start().await;
    let id = portal.add_contact("Ana");
    for city in ["Boston", "", "Salem"] {
        portal.clock.advance(seconds(60));
        portal.hubspot.set_property(id, "city", city).expect("the contact exists");
    }
    let read = async |inputs: Value| {
        let body = json!({ "inputs": inputs, "properties": ["city"], "propertiesWithHistory": ["city", "fax"] });
        portal.call_api("POST", &format!("{CONTACTS}/batch/read"), body).await
    };
    let (status, body) = read(json!([{ "id": id.to_string() }])).await;
    let history = body["results"][0]["propertiesWithHistory"]["city"].as_array().expect("a history");
    let values: Vec<&str> = history.iter().filter_map(|past| past["value"].as_str()).collect();
    assert_eq!((status, values), (200, vec!["Salem", "", "Boston"]));
    assert!(history[0]["timestamp"].as_str() > history[1]["timestamp"].as_str());
    let many = |count: u64| json!((0..count).map(|id| json!({ "id": id.to_string() })).collect::<Vec<_>>());
    assert_eq!((read(many(50)).await.0, read(many(51)).await.0), (207, 400));
}

#[tokio::test]
async fn the_id_of_a_merged_contact_resolves_to_the_other() {
    let portal = SandboxPortal::start().await;
    let (merged, into) = (portal.add_contact("Ana"), portal.add_contact("Bo"));
    portal.hubspot.merge_contacts(merged, into).expect("both are there");
    let (status, body) = portal.read_batch(json!([{ "id": merged.to_string() }]), json!(["firstname"])).await;
    assert_eq!((status, result_ids(&body)), (200, vec![into.to_string().as_str()]));
    assert!(portal.hubspot.merge_contacts(merged, into).is_err() && portal.hubspot.merge_contacts(into, into).is_err());
}

#[tokio::test]
async fn limits_batches_to_a_hundred_inputs() {
    let portal = SandboxPortal::start().await;
    let inputs = |count: usize| {
        json!((0..count).map(|id| json!({ "id": id.to_string(), "properties": {} })).collect::<Vec<_>>())
    };
    assert_eq!(portal.update_batch(inputs(100)).await.0, 207);
    assert_eq!(portal.update_batch(inputs(101)).await.0, 400);
    assert_eq!(portal.read_batch(inputs(100), json!([])).await.0, 207);
    assert_eq!(portal.read_batch(inputs(101), json!([])).await.0, 400);
}

#[tokio::test]
async fn rejects_bodies_that_violate_the_schema() {
    let portal = SandboxPortal::start().await;
    let id = portal.add_contact("Ana").to_string();
    for inputs in [
        json!([{ "id": 1_001, "properties": {} }]),
        json!([{ "properties": {} }]),
        json!([{ "id": id }]),
        json!([{ "id": id, "properties": { "guest_count": 12 } }]),
        json!([{ "id": id, "properties": { "lastname": null } }]),
        json!({ "id": id }),
    ] {
        let (status, body) = portal.update_batch(inputs.clone()).await;
        assert_eq!((status, &body["category"]), (400, &json!("VALIDATION_ERROR")), "{inputs}");
    }
    let broken = portal.http.build_request("POST", &format!("{CONTACTS}/batch/read")).bearer_auth(TOKEN);
    let broken = broken.header("content-type", "application/json").body("{\n  \"inputs\": [");
    let (status, body) = portal.http.send_request(broken).await;
    assert_eq!(status, 400);
    assert!(body["message"].as_str().expect("a message").starts_with("Invalid input JSON on line 2"), "{body}");
}
