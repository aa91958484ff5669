//! The switches of the sandbox Tripleseat: what accounts, lead forms and what is in front of them can do.

use deployer_sandbox::{LeadFormRules, TripleseatSwitches};
use serde_json::{Value, json};

use super::tripleseat::{CREATE_JS, TripleseatVendor, lead_body};

/// The response to a lead at the lead form 100 of site 1, with these switches.
async fn answer_lead(change: impl FnOnce(&mut TripleseatSwitches), lead: Value) -> (u16, Value, usize) {
    let vendor = TripleseatVendor::start().await;
    vendor.tripleseat.change_switches(1, change);
    let path = format!("{CREATE_JS}&simple_error_messages=true&lead_form_id=100");
    let (status, body) = vendor.create_lead(&path, lead).await;
    (status, body, vendor.tripleseat.site_leads(1).len())
}

fn form_rules(rules: LeadFormRules) -> impl FnOnce(&mut TripleseatSwitches) {
    move |switches| drop(switches.forms.insert(Some(100), rules))
}

#[tokio::test]
async fn lead_forms_have_their_own_rules() {
    let refused = |text: &str| (200, json!({ "errors": [text] }), 0);
    let full = || lead_body(json!({}));
    let captcha = LeadFormRules { has_captcha: true, ..LeadFormRules::default() };
    let expected = refused("Captcha verification failed, please try again");
    assert_eq!(answer_lead(form_rules(captcha), full()).await, expected);
    let deleted = LeadFormRules { is_deleted: true, ..LeadFormRules::default() };
    assert_eq!(answer_lead(form_rules(deleted), full()).await, refused("Lead form is invalid"));
    let consent = || LeadFormRules { requires_consent: true, ..LeadFormRules::default() };
    let expected = refused("Gdpr consent granted must be accepted");
    for given in [json!({}), json!({ "gdpr_consent_granted": false }), json!({ "gdpr_consent_granted": "0" })] {
        assert_eq!(answer_lead(form_rules(consent()), lead_body(given)).await, expected);
    }
    for given in [json!(true), json!("true"), json!("1"), json!(1)] {
        let lead = lead_body(json!({ "gdpr_consent_granted": given }));
        assert_eq!(answer_lead(form_rules(consent()), lead).await.2, 1, "{given}");
    }
    let custom = || LeadFormRules { required_fields: vec!["field_293".to_owned()], ..LeadFormRules::default() };
    assert_eq!(answer_lead(form_rules(custom()), full()).await, refused("Field 293 can't be blank"));
    assert_eq!(answer_lead(form_rules(custom()), lead_body(json!({ "field_293": "any day" }))).await.2, 1);
    let empty = json!({ "lead": { "location_id": 11 } });
    let nothing = answer_lead(|switches| switches.nothing_required = true, empty).await;
    assert_eq!(nothing.2, 1, "an empty lead is a lead there");
}

#[tokio::test]
async fn accounts_have_permissions_and_a_firewall() {
    let full = || lead_body(json!({}));
    let (status, body, leads) = answer_lead(|switches| switches.lacks_permission = true, full()).await;
    assert_eq!((status, leads), (403, 0));
    assert!(body["error"].as_str().is_some_and(|text| text.contains("You don't have permission")), "{body}");

    let vendor = TripleseatVendor::start().await;
    vendor.tripleseat.change_switches(1, |switches| switches.firewall = vec!["<script>".to_owned()]);
    let request = |lead: &Value| vendor.http.build_request("POST", CREATE_JS).json(lead);
    let attack = lead_body(json!({ "additional_information": "<script>" }));
    let blocked = request(&attack).send().await.expect("a response");
    assert_eq!(
        (blocked.status().as_u16(), blocked.headers()["content-type"].as_bytes()),
        (403, "text/html".as_bytes())
    );
    assert_eq!(request(&full()).send().await.expect("a response").status(), 200);
    assert_eq!(vendor.tripleseat.site_leads(1).len(), 1);
}

#[tokio::test]
async fn a_lead_can_be_taken_and_answered_with_an_error() {
    let vendor = TripleseatVendor::start().await;
    vendor.tripleseat.change_switches(1, |switches| switches.fails_after_taking = Some(500));
    let request = vendor.http.build_request("POST", CREATE_JS).json(&lead_body(json!({})));
    let answer = request.send().await.expect("a response");
    assert_eq!((answer.status().as_u16(), vendor.tripleseat.site_leads(1).len()), (500, 1));
}

#[tokio::test]
async fn validation_alone_saves_nothing() {
    let vendor = TripleseatVendor::start().await;
    let path = format!("{CREATE_JS}&validate_only=true");
    let (status, body) = vendor.create_lead(&path, lead_body(json!({}))).await;
    assert!(status == 200 && body["success_message"].is_string() && body["lead_id"].is_null(), "{body}");
    let (_, body) = vendor.create_lead(&path, lead_body(json!({ "phone_number": null }))).await;
    assert_eq!(body, json!({ "errors": { "phone_number": ["can't be blank"] } }));
    assert_eq!(vendor.tripleseat.site_leads(1), []);
}

#[tokio::test]
async fn leads_are_opted_in_unless_they_say_otherwise() {
    let vendor = TripleseatVendor::start().await;
    for opt_in in [json!(null), json!(false), json!("false")] {
        vendor.create_lead(CREATE_JS, lead_body(json!({ "email_opt_in": opt_in }))).await;
    }
    let leads = vendor.tripleseat.site_leads(1);
    let stored: Vec<&Value> = leads.iter().map(|lead| &lead.fields["email_opt_in"]).collect();
    assert_eq!(stored, [&json!(true), &json!(false), &json!("false")]);
}

#[tokio::test]
async fn tokens_can_be_issued_and_refused() {
    let vendor = TripleseatVendor::start().await;
    let token = vendor.access_token(1).await;
    vendor.tripleseat.change_switches(1, |switches| switches.refuses_tokens = true);
    for path in ["/v1/leads.json", "/v1/leads/search.json", "/v1/sites.json"] {
        let refused = vendor.http.call_api(&token, "GET", path, Value::Null).await;
        assert_eq!(refused, (401, json!({ "error": "Token resource owner not found" })));
    }
}
