//! What can be wrong at HubSpot.

use deployer_health::doctor::{Area, Verdict};
use deployer_sandbox::hubspot::PropertyDefinition;
use deployer_sandbox::vendors::HUBSPOT_SCOPES;
use serde_json::json;

use super::{Ward, check, expect, troubles};

const READ: &str = "crm.objects.contacts.read";
const WRITE: &str = "crm.objects.contacts.write";

async fn examine_hubspot(ward: &Ward) -> Vec<deployer_health::doctor::Check> {
    ward.examine_areas(&[Area::HubSpot]).await
}

#[tokio::test]
async fn reports_a_revoked_token_in_hubspots_words_and_stops_using_it() {
    let ward = Ward::new().await;
    ward.hubspot.revoke_token("token-of-a");
    let checks = examined(&ward).await;
    assert_eq!(troubles(&checks), ["a/HubSpot token Failed"]);
    expect(&checks, "a", "HubSpot token", Verdict::Failed, "401, the credential was rejected", "deployer secret set");
    let evidence = &check(&checks, "a", "HubSpot token").evidence;
    assert!(evidence.starts_with("file:token-a: GET /account-info/"), "{evidence}");
    assert!(evidence.contains("was deactivated") && evidence.contains("correlation id 00000000-"), "{evidence}");
    let refused = ward.hubspot.requests().into_iter().filter(|request| request.status == Some(401));
    assert_eq!(refused.count(), 1);
}

#[tokio::test]
async fn names_each_missing_scope() {
    let deployer = "token-of-the-deployer";
    let all: Vec<&str> = HUBSPOT_SCOPES.to_vec();
    for (token, venue, granted, missing) in [
        ("token-of-a", "a", vec![WRITE], READ),
        ("token-of-a", "a", vec![READ], WRITE),
        (deployer, "", vec![all[0], all[1], all[3]], "crm.schemas.contacts.read"),
        (deployer, "", vec![all[0], all[1], all[2]], "crm.schemas.contacts.write"),
    ] {
        let ward = Ward::new().await;
        ward.hubspot.add_token(token, &granted);
        let checks = examined(&ward).await;
        expect(&checks, venue, &format!("HubSpot scope {missing}"), Verdict::Failed, "not granted", missing);
        let failed: Vec<_> = troubles(&checks).into_iter().filter(|trouble| trouble.contains("scope")).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
    }
    let ward = Ward::new().await;
    ward.hubspot.add_token(deployer, &HUBSPOT_SCOPES);
    let checks = examined(&ward).await;
    expect(
        &checks,
        "",
        "HubSpot scope automation",
        Verdict::Skipped,
        "`deployer audit` needs it, to read workflows",
        "",
    );
}

#[tokio::test]
async fn tries_reading_and_leaves_writing_unknown_if_scopes_are_unknown() {
    let ward = Ward::new().await;
    ward.answer("hubspot", "access-token-info", 404, json!({ "message": "gone", "correlationId": "c-1" }));
    let checks = examined(&ward).await;
    expect(&checks, "a", &format!("HubSpot scope {READ}"), Verdict::Ok, "reading a contact works", "");
    expect(&checks, "a", &format!("HubSpot scope {WRITE}"), Verdict::Unknown, "(correlation id c-1)", WRITE);
    expect(&checks, "", "HubSpot scope crm.schemas.contacts.read", Verdict::Ok, "reading the properties works", "");
    expect(&checks, "", "HubSpot scope automation", Verdict::Skipped, "unknown", "");
    ward.hubspot.add_token("token-of-a", &[WRITE]);
    let checks = examined(&ward).await;
    expect(&checks, "a", &format!("HubSpot scope {READ}"), Verdict::Failed, "403", READ);
}

#[tokio::test]
async fn fails_for_a_token_of_another_portal() {
    let mut ward = Ward::new().await;
    ward.change("portal_id = 77", "portal_id = 78");
    let checks = examined(&ward).await;
    for venue in ["", "a", "b"] {
        let evidence = "is for portal 77, but the manifest is for 78";
        expect(&checks, venue, "HubSpot portal", Verdict::Failed, evidence, "correct `portal_id`");
    }
    ward.change("portal_id = 78\n", "");
    let checks = examined(&ward).await;
    expect(&checks, "a", "HubSpot portal", Verdict::Ok, "set `portal_id` in the manifest", "");
}

#[tokio::test]
async fn checks_properties_by_name_and_type() {
    let mut ward = Ward::new().await;
    let text = |name: &str| PropertyDefinition::new(name, "Text", "string", "text");
    ward.hubspot.define_property(text("tripleseat_sync_status__a")).expect("valid");
    ward.change("[venues.b.destination]", "[venues.b.fields]\ncompany = \"empresa\"\n[venues.b.destination]");
    ward.change("[venues.a]\n", "[venues.a]\nflag_property = \"tripleseat_sync__mill\"\n");
    let checks = examined(&ward).await;
    let name = "HubSpot properties of the sync";
    expect(&checks, "a", name, Verdict::Failed, "tripleseat_sync__mill doesn't exist", "`deployer apply` creates");
    let evidence = "tripleseat_sync_status__a is of type string (text), not a dropdown select with sending, synced";
    expect(&checks, "a", name, Verdict::Failed, evidence, "archive the wrong ones");
    expect(&checks, "b", name, Verdict::Ok, "all five exist", "");
    let name = "HubSpot properties of the leads";
    expect(&checks, "b", name, Verdict::Failed, "HubSpot doesn't have empresa", "[venues.b.fields]");
    expect(&checks, "a", name, Verdict::Ok, "email, firstname, lastname", "");
}

#[tokio::test]
async fn reads_properties_with_the_venues_own_token_if_the_deployer_has_none() {
    let mut ward = Ward::new().await;
    ward.change("token = \"file:admin\"\n", "");
    let checks = examined(&ward).await;
    expect(&checks, "", "HubSpot token", Verdict::Skipped, "no `token` in [hubspot]", "");
    let name = "HubSpot properties of the sync";
    expect(&checks, "a", name, Verdict::Unknown, "403", "crm.schemas.contacts.read");
    ward.hubspot.add_token("token-of-a", &HUBSPOT_SCOPES);
    expect(&examined(&ward).await, "a", name, Verdict::Ok, "all five exist", "");
}

#[tokio::test]
async fn reports_unknown_for_an_unresolved_reference() {
    let mut ward = Ward::new().await;
    ward.change("file:token-a", "env:NOT_SET_ANYWHERE");
    let checks = examined(&ward).await;
    let evidence = "the environment variable NOT_SET_ANYWHERE isn't set";
    expect(&checks, "a", "HubSpot token", Verdict::Unknown, evidence, "deployer secret status --compare");
    assert_eq!(troubles(&checks), ["a/HubSpot token Unknown"]);
}
