//! Tokens and scopes of a portal, its single contacts and its properties.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_token_allows_only_what_its_scopes_grant() {
    let portal = SandboxPortal::start().await;
    portal.hubspot.add_token("reader", &["crm.objects.contacts.read"]);
    for request in
        [portal.http.build_request("GET", CONTACTS), portal.http.build_request("GET", CONTACTS).bearer_auth("wrong")]
    {
        let (status, body) = portal.http.send_request(request).await;
        assert_eq!(
            (status, &body["status"], &body["category"]),
            (401, &json!("error"), &json!("INVALID_AUTHENTICATION"))
        );
        assert!(!body["correlationId"].as_str().expect("support asks for it").is_empty());
    }
    assert_eq!(portal.http.call_api("reader", "GET", CONTACTS, Value::Null).await.0, 200);
    for (method, path, scope) in [
        ("POST", CONTACTS, "crm.objects.contacts.write"),
        ("PATCH", &*format!("{CONTACTS}/1"), "crm.objects.contacts.write"),
        ("POST", &format!("{CONTACTS}/batch/update"), "crm.objects.contacts.write"),
        ("GET", PROPERTIES, "crm.schemas.contacts.read"),
        ("POST", PROPERTIES, "crm.schemas.contacts.write"),
        ("DELETE", &format!("{PROPERTIES}/x"), "crm.schemas.contacts.write"),
    ] {
        let (status, body) = portal.http.call_api("reader", method, path, json!({})).await;
        assert_eq!((status, &body["category"]), (403, &json!("MISSING_SCOPES")), "{method} {path}");
        assert_eq!(body["errors"][0]["context"]["requiredGranularScopes"], json!([scope]));
    }
    portal.hubspot.revoke_token("reader");
    assert_eq!(portal.http.call_api("reader", "GET", CONTACTS, Value::Null).await.0, 401);
}

#[tokio::test]
async fn returns_the_portal_and_scopes_of_a_token() {
    let portal = SandboxPortal::start().await;
    portal.hubspot.add_token("reader", &["crm.objects.contacts.read"]);
    for path in ["/account-info/2026-09/details", "/account-info/2026-03/details", "/account-info/v3/details"] {
        let (status, body) = portal.http.call_api("reader", "GET", path, Value::Null).await;
        assert_eq!((status, &body["portalId"]), (200, &json!(77)));
    }
    let info = |token: &str| {
        let request = portal.http.build_request("POST", "/oauth/v2/private-apps/get/access-token-info");
        portal.http.send_request(request.json(&json!({ "tokenKey": token })))
    };
    let (status, body) = info("reader").await;
    assert_eq!((status, &body["hubId"], &body["scopes"]), (200, &json!(77), &json!(["crm.objects.contacts.read"])));
    assert_eq!(info("wrong").await.0, 401);
}

#[tokio::test]
async fn limits_a_private_app_to_190_requests_in_ten_seconds() {
    let portal = SandboxPortal::with_limits(true).await;
    portal.hubspot.add_token("another app", &vendors::HUBSPOT_SCOPES);
    let details = || portal.http.build_request("GET", "/account-info/2026-03/details");
    for left in (0..190).rev() {
        let response = details().bearer_auth(TOKEN).send().await.expect("the call succeeds");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-hubspot-ratelimit-remaining"], left.to_string());
    }
    let response = details().bearer_auth(TOKEN).send().await.expect("the call succeeds");
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["x-hubspot-ratelimit-max"], "190");
    assert_eq!(response.headers()["x-hubspot-ratelimit-interval-milliseconds"], "10000");
    let body: Value = response.json().await.expect("it is valid JSON");
    assert_eq!(body["policyName"], "TEN_SECONDLY_ROLLING");
    assert_eq!(
        portal.http.send_request(details().bearer_auth("another app")).await.0,
        200,
        "each app has its own limit"
    );
    portal.clock.advance(seconds(10));
    assert_eq!(portal.http.send_request(details().bearer_auth(TOKEN)).await.0, 200);
}

#[tokio::test]
async fn both_generations_of_paths_lead_to_one_api() {
    let portal = SandboxPortal::start().await;
    let id = portal.add_contact("Ana");
    let older = format!("/crm/v3/objects/contacts/{id}");
    assert_eq!(
        portal.call_api("GET", &older, Value::Null).await,
        portal.call_api("GET", &format!("{CONTACTS}/{id}"), Value::Null).await
    );
    assert_eq!(portal.call_api("GET", "/crm/v3/properties/contacts/email", Value::Null).await.0, 200);
    for unknown in ["/crm/v4/objects/contacts", "/crm/objects/v3/contacts", "/crm/objects/2026-09/deals", "/"] {
        let (status, body) = portal.call_api("GET", unknown, Value::Null).await;
        assert_eq!((status, &body["message"]), (404, &json!("resource not found")), "{unknown}");
    }
    assert_eq!(portal.call_api("PUT", CONTACTS, Value::Null).await.0, 405);
}

#[tokio::test]
async fn creates_reads_and_changes_a_contact() {
    let portal = SandboxPortal::start().await;
    let (status, made) = portal
        .call_api(
            "POST",
            CONTACTS,
            json!({ "associations": [], "properties": { "email": "Ana@Example.com", "firstname": "Ana" } }),
        )
        .await;
    assert_eq!((status, &made["properties"]["email"]), (201, &json!("ana@example.com")));
    let id = made["id"].as_str().expect("an id");
    let path = format!("{CONTACTS}/{id}");
    let again = portal
        .call_api("POST", CONTACTS, json!({ "associations": [], "properties": { "email": "ANA@example.com" } }))
        .await;
    assert_eq!((again.0, &again.1["category"]), (409, &json!("CONFLICT")));
    assert_eq!(again.1["message"], format!("Contact already exists. Existing ID: {id}"));

    portal.clock.advance(seconds(5));
    let change = json!({ "properties": { "firstname": "", "lastname": "Silva" } });
    let (status, changed) = portal.call_api("PATCH", &path, change).await;
    assert_eq!((status, &changed["updatedAt"]), (200, &json!("2026-03-01T12:00:05.000Z")));
    assert_eq!(changed["createdAt"], "2026-03-01T12:00:00.000Z");
    let (_, read) =
        portal.call_api("GET", &format!("{path}?properties=firstname,lastname&properties=phone"), Value::Null).await;
    let wanted = json!({
        "createdate": "2026-03-01T12:00:00.000Z",
        "firstname": null,
        "hs_object_id": id,
        "lastmodifieddate": "2026-03-01T12:00:05.000Z",
        "lastname": "Silva",
        "phone": null,
    });
    assert_eq!(read["properties"], wanted);
    let by_email = format!("{CONTACTS}/ana%40example.com?idProperty=email");
    assert_eq!(portal.call_api("GET", &by_email, Value::Null).await.1["id"], id);
    assert_eq!(portal.call_api("GET", &format!("{CONTACTS}/Ana?idProperty=firstname"), Value::Null).await.0, 400);
}

#[tokio::test]
async fn rejects_invalid_values_each_with_its_reason() {
    let portal = SandboxPortal::start().await;
    let path = format!("{CONTACTS}/{}", portal.add_contact("Ana"));
    for (property, value, code) in [
        ("no_such_property", "x", "PROPERTY_DOESNT_EXIST"),
        (portal.ledger.flag.as_str(), "yes", "INVALID_OPTION"),
        (portal.ledger.status.as_str(), "Synced", "INVALID_OPTION"),
        ("guest_count", "a dozen", "INVALID_LONG"),
        ("event_date", "tomorrow", "INVALID_DATE"),
        ("email", "ana", "INVALID_EMAIL"),
        ("createdate", "2026-01-01", "READ_ONLY_VALUE"),
        ("hs_object_id", "5", "READ_ONLY_VALUE"),
    ] {
        let (status, body) =
            portal.call_api("PATCH", &path, json!({ "properties": { "lastname": "Silva", property: value } })).await;
        assert_eq!((status, &body["category"]), (400, &json!("VALIDATION_ERROR")), "{property}");
        let message = body["message"].as_str().expect("a message");
        let list = message.strip_prefix("Property values were not valid: ").expect("HubSpot's words");
        let list: Value = serde_json::from_str(list).expect("a list in the message");
        assert_eq!((&list[0]["name"], &list[0]["error"]), (&json!(property), &json!(code)));
        let refused = portal.hubspot.set_property(1_001, property, value).expect_err("staff get the same refusal");
        assert_eq!(refused.message, message);
    }
    assert_eq!(portal.property_value(1_001, "lastname"), None, "nothing was written");
}

#[tokio::test]
async fn lists_contacts_page_by_page() {
    let portal = SandboxPortal::start().await;
    for name in ["Ana", "Bo", "Cy"] {
        portal.add_contact(name);
    }
    let (_, first) = portal.call_api("GET", &format!("{CONTACTS}?limit=2"), Value::Null).await;
    let after = first["paging"]["next"]["after"].as_str().expect("more");
    let (_, second) = portal.call_api("GET", &format!("{CONTACTS}?limit=2&after={after}"), Value::Null).await;
    assert_eq!(
        (result_ids(&first), result_ids(&second), &second["paging"]),
        (vec!["1001", "1002"], vec!["1003"], &Value::Null)
    );
    assert_eq!(portal.call_api("GET", &format!("{CONTACTS}?limit=101"), Value::Null).await.0, 400);
}

fn checkbox_property(name: &str) -> Value {
    let option = |value: &str| json!({ "label": value, "value": value, "displayOrder": 0, "hidden": false });
    json!({
        "name": name,
        "label": "Tripleseat Sync - Venue Z",
        "type": "bool",
        "fieldType": "booleancheckbox",
        "groupName": "contactinformation",
        "options": [option("true"), option("false")],
    })
}

#[tokio::test]
async fn creates_changes_and_archives_a_property() {
    let portal = SandboxPortal::start().await;
    let (status, made) = portal.call_api("POST", PROPERTIES, checkbox_property("flag__z")).await;
    assert_eq!((status, &made["fieldType"], &made["hubspotDefined"]), (201, &json!("booleancheckbox"), &json!(false)));
    let again = portal.call_api("POST", PROPERTIES, checkbox_property("flag__z")).await;
    assert_eq!((again.0, &again.1["category"]), (409, &json!("OBJECT_ALREADY_EXISTS")));
    let path = format!("{PROPERTIES}/flag__z");
    let (status, changed) = portal.call_api("PATCH", &path, json!({ "label": "Another" })).await;
    assert_eq!((status, &changed["label"], &changed["type"]), (200, &json!("Another"), &json!("bool")));
    let id = portal.add_contact_with(&[("flag__z", "true")]);
    assert_eq!(portal.call_api("DELETE", &path, Value::Null).await, (204, json!("")));
    assert_eq!(portal.call_api("GET", &path, Value::Null).await.0, 404);
    assert!(portal.hubspot.set_property(id, "flag__z", "false").is_err(), "an archived property can't be set");
    assert_eq!(
        portal.call_api("POST", PROPERTIES, checkbox_property("flag__z")).await.0,
        201,
        "its name can be used again"
    );
    assert_eq!(portal.property_value(id, "flag__z").as_deref(), Some("true"), "and its values are back");
    let (_, list) = portal.call_api("GET", PROPERTIES, Value::Null).await;
    let names: Vec<_> =
        list["results"].as_array().expect("results").iter().filter_map(|property| property["name"].as_str()).collect();
    for name in ["email", "flag__z", &portal.ledger.flag, &portal.ledger.synced_at] {
        assert!(names.contains(&name), "{name}");
    }
    assert_eq!(
        portal.call_api("DELETE", &format!("{PROPERTIES}/email"), Value::Null).await.0,
        400,
        "HubSpot's own properties can't be archived"
    );
}

#[tokio::test]
async fn rejects_properties_that_hubspot_does_not_allow() {
    let portal = SandboxPortal::start().await;
    for (member, wrong) in [
        ("name", json!("Flag Z")),
        ("name", json!("flag-z")),
        ("name", json!("1flag")),
        ("name", json!("f".repeat(101))),
        ("label", json!("")),
        ("type", json!("boolean")),
        ("fieldType", json!("text")),
        ("groupName", json!("no_such_group")),
        ("options", json!([])),
        ("options", json!([{ "label": "Yes", "value": "yes", "displayOrder": 0, "hidden": false }])),
        ("options", json!([{ "label": "Yes", "value": "true" }])),
        ("name", Value::Null),
        ("label", Value::Null),
    ] {
        let mut body = checkbox_property("flag__z");
        body[member] = wrong.clone();
        let (status, error) = portal.call_api("POST", PROPERTIES, body).await;
        assert_eq!((status, &error["category"]), (400, &json!("VALIDATION_ERROR")), "{member}: {wrong}");
    }
    let mut older = checkbox_property("flag__z");
    older["type"] = json!("enumeration");
    assert_eq!(portal.call_api("POST", PROPERTIES, older).await.0, 201, "single checkboxes used to be enumerations");
    let groups = format!("{PROPERTIES}/groups");
    let (status, _) = portal.call_api("POST", &groups, json!({ "name": "tripleseat", "label": "Tripleseat" })).await;
    assert_eq!(status, 201);
    let mut body = checkbox_property("flag__y");
    body["groupName"] = json!("tripleseat");
    assert_eq!(portal.call_api("POST", PROPERTIES, body).await.0, 201);
    let (_, list) = portal.call_api("GET", &groups, Value::Null).await;
    assert_eq!(list["results"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn notifies_watchers_of_changes() {
    let portal = SandboxPortal::start().await;
    let mut changes = portal.hubspot.watch_changes();
    changes.mark_unchanged();
    portal.call_api("GET", CONTACTS, Value::Null).await;
    assert!(!changes.has_changed().expect("the portal still exists"), "a read changes nothing");
    portal.add_contact("Ana");
    assert!(changes.has_changed().expect("the portal still exists"));
    changes.mark_unchanged();
    portal.call_api("PATCH", &format!("{CONTACTS}/1001"), json!({ "properties": { "lastname": "Silva" } })).await;
    assert!(changes.has_changed().expect("the portal still exists"));
}
