//! Requests that the vendors' published schemas don't allow are refused, each with the right status and message.
//!
//! HubSpot's schemas are from <https://github.com/HubSpot/HubSpot-public-api-spec-collection>, generation 2026-03.

use serde_json::{Value, json};

use super::tripleseat::{CREATE_JS, TripleseatVendor, lead_body};
use super::*;

/// A valid body, and changes that each make it invalid: a member's path, its new value (`null` removes it), and part of
/// the message of the refusal.
struct SchemaRoute {
    method: &'static str,
    path: String,
    good: Value,
    wrong: Vec<(&'static str, Value, &'static str)>,
}

fn one_filter(changes: Value) -> Value {
    let mut filter = json!({ "propertyName": "email", "operator": "EQ", "value": "a" });
    for (name, value) in changes.as_object().expect("it is a JSON object") {
        filter[name] = value.clone();
    }
    filter.as_object_mut().expect("it is a JSON object").retain(|_, value| !value.is_null());
    json!([{ "filters": [filter] }])
}

/// `groups` groups of `each` filters.
fn many_filters(groups: usize, each: usize) -> Value {
    let filter = json!({ "propertyName": "email", "operator": "HAS_PROPERTY" });
    json!(vec![json!({ "filters": vec![filter; each] }); groups])
}

fn search_route() -> SchemaRoute {
    let missing = |name| (name, Value::Null, "Some required fields were not set");
    SchemaRoute {
        method: "POST",
        path: format!("{CONTACTS}/search"),
        good: json!({
            "filterGroups": one_filter(json!({})),
            "sorts": ["-lastmodifieddate"],
            "properties": ["email"],
            "limit": 200,
            "after": "0",
        }),
        wrong: vec![
            missing("/filterGroups"),
            missing("/sorts"),
            missing("/properties"),
            missing("/limit"),
            missing("/after"),
            ("/limit", json!("100"), "`integer` from string"),
            ("/limit", json!(1.5), "`integer` from number"),
            ("/limit", json!(201), "limit must be between 1 and 200"),
            ("/limit", json!(0), "limit must be between 1 and 200"),
            ("/after", json!(100), "`string` from number"),
            ("/after", json!("the second page"), "paging.next.after"),
            ("/after", json!("10000"), "Paging past 10000 results"),
            ("/query", json!(7), "`string` from number"),
            ("/properties", json!("email"), "`array` from string"),
            ("/properties", json!([{ "name": "email" }]), "`string` from object"),
            ("/sorts", json!("email"), "`array` from string"),
            ("/sorts", json!(["email", "phone"]), "Only one sort"),
            ("/sorts", json!(["no_such_property"]), "no property no_such_property"),
            ("/sorts", json!([{ "propertyName": "email", "direction": "UP" }]), "Invalid sort direction UP"),
            ("/filterGroups", json!({ "filters": [] }), "`array` from object"),
            ("/filterGroups", json!([[]]), "`object` from array"),
            ("/filterGroups", json!([{}]), "not set: [filters]"),
            ("/filterGroups", one_filter(json!({ "propertyName": null })), "not set: [propertyName]"),
            (
                "/filterGroups",
                one_filter(json!({ "propertyName": "no_such_property" })),
                "no property no_such_property",
            ),
            ("/filterGroups", one_filter(json!({ "operator": null })), "not set: [operator]"),
            ("/filterGroups", one_filter(json!({ "operator": "IS" })), "Invalid operator IS"),
            ("/filterGroups", one_filter(json!({ "value": null })), "not set: [value]"),
            ("/filterGroups", one_filter(json!({ "value": true })), "`string` from boolean"),
            ("/filterGroups", one_filter(json!({ "highValue": 2 })), "`string` from number"),
            ("/filterGroups", one_filter(json!({ "values": "a" })), "`array` from string"),
            ("/filterGroups", one_filter(json!({ "operator": "IN", "values": [1] })), "`string` from number"),
            ("/filterGroups", one_filter(json!({ "operator": "IN", "values": [] })), "at least one value"),
            ("/filterGroups", one_filter(json!({ "operator": "IN" })), "not set: [values]"),
            ("/filterGroups", one_filter(json!({ "operator": "BETWEEN" })), "not set: [highValue]"),
            ("/filterGroups", many_filters(6, 1), "at most 5 filterGroups"),
            ("/filterGroups", many_filters(1, 7), "6 filters in a group"),
            ("/filterGroups", many_filters(4, 5), "18 in all"),
        ],
    }
}

/// Inputs with these ids, for either kind of batch.
fn batch_inputs(ids: std::ops::Range<u64>) -> Value {
    json!(ids.map(|id| json!({ "id": id.to_string(), "properties": {} })).collect::<Vec<_>>())
}

fn batch_routes() -> [SchemaRoute; 2] {
    let read = SchemaRoute {
        method: "POST",
        path: format!("{CONTACTS}/batch/read"),
        good: json!({ "inputs": [{ "id": "1001" }], "properties": ["email"], "propertiesWithHistory": [] }),
        wrong: vec![
            ("/inputs", Value::Null, "not set: [inputs]"),
            ("/properties", Value::Null, "not set: [properties]"),
            ("/propertiesWithHistory", Value::Null, "not set: [propertiesWithHistory]"),
            ("/inputs", json!({ "id": "1001" }), "`array` from object"),
            ("/inputs", json!(["1001"]), "`object` from string"),
            ("/inputs", json!([{}]), "not set: [id]"),
            ("/inputs", json!([{ "id": 1_001 }]), "`string` from number"),
            ("/inputs", batch_inputs(0..101), "at most 100 are allowed"),
            ("/properties", json!([1]), "`string` from number"),
            ("/idProperty", json!(["email"]), "`string` from array"),
            ("/idProperty", json!("firstname"), "non-unique property firstname"),
        ],
    };
    let input = |more: Value| json!([more]);
    let update = SchemaRoute {
        method: "POST",
        path: format!("{CONTACTS}/batch/update"),
        good: json!({ "inputs": [{ "id": "1001", "properties": { "lastname": "Silva" } }] }),
        wrong: vec![
            ("/inputs", Value::Null, "not set: [inputs]"),
            ("/inputs", json!("1001"), "`array` from string"),
            ("/inputs", input(json!({ "properties": {} })), "not set: [id]"),
            ("/inputs", input(json!({ "id": "1001" })), "not set: [properties]"),
            ("/inputs", input(json!({ "id": 1_001, "properties": {} })), "`string` from number"),
            ("/inputs", input(json!({ "id": "1001", "properties": [] })), "`object` from array"),
            ("/inputs", input(json!({ "id": "1001", "properties": { "lastname": 1 } })), "`string` from number"),
            ("/inputs", input(json!({ "id": "1001", "properties": { "lastname": null } })), "`string` from null"),
            (
                "/inputs",
                input(json!({ "id": "1001", "properties": {}, "objectWriteTraceId": 1 })),
                "`string` from number",
            ),
            ("/inputs", input(json!({ "id": "1001", "properties": { "fax": "1" } })), "PROPERTY_DOESNT_EXIST"),
            ("/inputs", batch_inputs(0..101), "at most 100 are allowed"),
            (
                "/inputs",
                json!([{ "id": "1001", "properties": {} }, { "id": "1001", "properties": {} }]),
                "Duplicate IDs",
            ),
        ],
    };
    [read, update]
}

fn contact_routes() -> [SchemaRoute; 2] {
    let properties = [
        ("/properties", Value::Null, "not set: [properties]"),
        ("/properties", json!("lastname"), "`object` from string"),
        ("/properties", json!({ "lastname": true }), "`string` from boolean"),
        ("/properties", json!({ "fax": "1" }), "Property \\\"fax\\\" does not exist"),
    ];
    let update = SchemaRoute {
        method: "PATCH",
        path: format!("{CONTACTS}/1001"),
        good: json!({ "properties": { "lastname": "Silva" } }),
        wrong: properties.to_vec(),
    };
    let mut wrong = properties.to_vec();
    wrong.push(("/associations", Value::Null, "not set: [associations]"));
    wrong.push(("/associations", json!({}), "`array` from object"));
    let create = SchemaRoute {
        method: "POST",
        path: CONTACTS.to_owned(),
        good: json!({ "associations": [], "properties": { "lastname": "Silva" } }),
        wrong,
    };
    [create, update]
}

fn property_routes() -> [SchemaRoute; 2] {
    let option = json!({ "label": "A", "value": "a", "displayOrder": 0, "hidden": false });
    let without = |name: &str| {
        let mut option = option.clone();
        option.as_object_mut().expect("it is a JSON object").remove(name);
        json!([option])
    };
    let with = |name: &str, value: Value| {
        let mut option = option.clone();
        option[name] = value;
        json!([option])
    };
    let property = SchemaRoute {
        method: "POST",
        path: PROPERTIES.to_owned(),
        good: json!({
            "name": "choice", "label": "Choice", "type": "enumeration", "fieldType": "select",
            "groupName": "contactinformation", "options": [option],
        }),
        wrong: vec![
            ("/name", Value::Null, "not set: [name]"),
            ("/label", Value::Null, "not set: [label]"),
            ("/type", Value::Null, "not set: [type]"),
            ("/fieldType", Value::Null, "not set: [fieldType]"),
            ("/groupName", Value::Null, "not set: [groupName]"),
            ("/name", json!(1), "`string` from number"),
            ("/name", json!("Choice"), "Property name"),
            ("/name", json!("c".repeat(101)), "at most 100 are allowed"),
            ("/type", json!("boolean"), "Invalid property type"),
            ("/fieldType", json!("dropdown"), "fieldType"),
            ("/displayOrder", json!("1"), "`integer` from string"),
            ("/hidden", json!("no"), "`boolean` from string"),
            ("/hasUniqueValue", json!(0), "`boolean` from number"),
            ("/options", json!({}), "`array` from object"),
            ("/options", json!(["a"]), "`object` from string"),
            ("/options", without("label"), "not set: [label]"),
            ("/options", without("value"), "not set: [value]"),
            ("/options", without("displayOrder"), "not set: [displayOrder]"),
            ("/options", without("hidden"), "not set: [hidden]"),
            ("/options", with("displayOrder", json!("0")), "`integer` from string"),
            ("/options", with("value", json!(1)), "`string` from number"),
        ],
    };
    let group = SchemaRoute {
        method: "POST",
        path: format!("{PROPERTIES}/groups"),
        good: json!({ "name": "tripleseat", "label": "Tripleseat" }),
        wrong: vec![
            ("/name", Value::Null, "not set: [name]"),
            ("/label", Value::Null, "not set: [label]"),
            ("/displayOrder", json!("1"), "`integer` from string"),
        ],
    };
    [property, group]
}

fn with_change(good: &Value, pointer: &str, value: &Value) -> Value {
    let mut body = good.clone();
    let member = &pointer[1..];
    match value {
        Value::Null => drop(body.as_object_mut().expect("it is a JSON object").remove(member)),
        value => body[member] = value.clone(),
    }
    body
}

#[tokio::test]
async fn rejects_what_hubspots_schemas_do_not_allow() {
    let routes = [search_route()].into_iter().chain(batch_routes()).chain(contact_routes()).chain(property_routes());
    for SchemaRoute { method, path, good, wrong } in routes {
        let portal = SandboxPortal::start().await;
        portal.add_contact("Ana");
        for (pointer, value, words) in wrong {
            let (status, error) = portal.call_api(method, &path, with_change(&good, pointer, &value)).await;
            let message = error["message"].as_str().unwrap_or_default();
            assert_eq!(
                (status, &error["status"], &error["category"]),
                (400, &json!("error"), &json!("VALIDATION_ERROR")),
                "{method} {path} {pointer} {value}: {error}"
            );
            assert!(message.contains(words), "{method} {path} {pointer} {value}: {message}");
            assert!(error["correlationId"].as_str().is_some_and(|id| id.len() == 36), "{error}");
        }
        let (status, body) = portal.call_api(method, &path, good).await;
        assert!((200..300).contains(&status), "{method} {path}: {body}");
    }
}

#[tokio::test]
async fn rejects_bodies_without_the_json_content_type() {
    let portal = SandboxPortal::start().await;
    let body = search_route().good.to_string();
    for media_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let mut request = portal.http.build_request("POST", &format!("{CONTACTS}/search")).bearer_auth(TOKEN);
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        let (status, error) = portal.http.send_request(request.body(body.clone())).await;
        assert_eq!((status, &error["status"]), (415, &json!("error")), "{media_type:?}: {error}");
    }
}

#[tokio::test]
async fn batch_errors_have_the_members_that_the_schema_requires() {
    let portal = SandboxPortal::start().await;
    let body = json!({ "inputs": [{ "id": "99", "objectWriteTraceId": "one", "properties": {} }] });
    let (status, body) = portal.call_api("POST", &format!("{CONTACTS}/batch/update"), body).await;
    let error = body["errors"][0].as_object().expect("an error");
    assert_eq!(status, 207);
    for required in ["category", "context", "errors", "links", "message", "status"] {
        assert!(error.contains_key(required), "{required}: {body}");
    }
}

#[tokio::test]
async fn tripleseat_rejects_wrong_types_and_ids_of_other_accounts() {
    let vendor = TripleseatVendor::start().await;
    for (field, value, wanted) in [
        ("first_name", json!({ "en": "Ana" }), json!(["First name is invalid", "First name can't be blank"])),
        ("last_name", json!(12), json!(["Last name is invalid"])),
        ("company", json!(["Silva"]), json!(["Company is invalid"])),
        ("additional_information", json!(true), json!(["Additional information is invalid"])),
        ("guest_count", json!([30]), json!(["Guest count is invalid"])),
        ("guest_count", json!(30.5), json!(["Guest count is not a number"])),
        ("referral_source_id", json!("web"), json!(["Referral source id is not a number"])),
        ("email_opt_in", json!("maybe"), json!(["Email opt in is invalid"])),
        ("location_id", json!({}), json!(["Location is invalid"])),
        ("location_id", json!(21), json!(["Location is invalid"])),
        ("site_id", json!(2), json!(["Site is invalid"])),
        ("site_id", json!("one"), json!(["Site is invalid"])),
        ("lead_form_id", json!(200), json!(["Lead form is invalid"])),
    ] {
        let path = format!("{CREATE_JS}&simple_error_messages=true");
        let (status, body) = vendor.create_lead(&path, lead_body(json!({ field: value }))).await;
        assert_eq!((status, body), (200, json!({ "errors": wanted })), "{field}: {value}");
    }
    for body in [json!({ "lead": "Ana" }), json!({ "lead": [] }), json!({ "lead": null }), json!({})] {
        let (status, answer) = vendor.create_lead(CREATE_JS, body.clone()).await;
        let wanted = json!({ "errors": ["param is missing or the value is empty: lead"] });
        assert_eq!((status, answer), (400, wanted), "{body}");
    }
    let unnamed = vendor.http.build_request("POST", CREATE_JS).body(lead_body(json!({})).to_string());
    assert_eq!(vendor.http.send_request(unnamed).await.0, 400, "a body without a content type is ignored");
    assert_eq!(vendor.tripleseat.site_leads(1), []);
    let good = lead_body(json!({ "guest_count": "30", "email_opt_in": true, "phone_number": 5550100, "site_id": 1 }));
    assert_eq!(vendor.create_lead(CREATE_JS, good).await.0, 200);
    assert_eq!(vendor.tripleseat.site_leads(1).len(), 1);
}
