//! What can be wrong at HubSpot.

use deployer_health::doctor::{CheckArea, DoctorVerdict};
use deployer_sandbox::hubspot::PropertyDefinition;
use deployer_sandbox::vendors::HUBSPOT_SCOPES;

use super::{DoctorWard, expect_check, find_check, list_troubles};

const READ: &str = "crm.objects.contacts.read";
const WRITE: &str = "crm.objects.contacts.write";

async fn examine_hubspot(ward: &DoctorWard) -> Vec<deployer_health::doctor::DoctorCheck> {
    ward.examine_areas(&[CheckArea::HubSpot]).await
}

#[tokio::test]
async fn reports_a_revoked_token_in_hubspots_words_and_stops_using_it() {
    let ward = DoctorWard::new().await;
    ward.hubspot.revoke_token("token-of-a");
    let checks = examine_hubspot(&ward).await;
    assert_eq!(list_troubles(&checks), ["a/HubSpot token Failed"]);
    expect_check(
        &checks,
        "a",
        "HubSpot token",
        DoctorVerdict::Failed,
        "401, the credential was rejected",
        "deployer secret set",
    );
    let evidence = &find_check(&checks, "a", "HubSpot token").evidence;
    assert!(evidence.starts_with("file:token-a: GET /account-info/"), "{evidence}");
    assert!(evidence.contains("was deactivated") && evidence.contains("correlation id 00000000-"), "{evidence}");
    let refused = ward.hubspot.recorded_requests().into_iter().filter(|request| request.status == Some(401));
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
        let ward = DoctorWard::new().await;
        ward.hubspot.add_token(token, &granted);
        let checks = examine_hubspot(&ward).await;
        expect_check(
            &checks,
            venue,
            &format!("HubSpot scope {missing}"),
            DoctorVerdict::Failed,
            "not granted",
            missing,
        );
        let failed: Vec<_> = list_troubles(&checks).into_iter().filter(|trouble| trouble.contains("scope")).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
    }
    let ward = DoctorWard::new().await;
    ward.hubspot.add_token(deployer, &HUBSPOT_SCOPES);
    let checks = examine_hubspot(&ward).await;
    expect_check(
        &checks,
        "",
        "HubSpot scope automation",
        DoctorVerdict::Skipped,
        "`deployer audit` needs it, to read workflows",
        "",
    );
}

#[tokio::test]
async fn tells_scopes_apart_if_hubspot_does_not_list_them() {
    let deployer = "token-of-the-deployer";
    let schemas = ["crm.schemas.contacts.read", "crm.schemas.contacts.write"];
    for status in [400, 403, 404] {
        let ward = DoctorWard::new().await;
        ward.hubspot.change_behavior(|behavior| behavior.unlisted_scopes = Some(status));
        let checks = examine_hubspot(&ward).await;
        assert_eq!(list_troubles(&checks), [""; 0], "{status}");
        for (venue, scope, evidence) in [
            ("a", READ, "reading a contact works"),
            ("a", WRITE, "updating no contacts works"),
            ("", schemas[0], "reading the properties works"),
            ("", schemas[1], "creating no properties works"),
            ("", "automation", "reading the workflows works"),
        ] {
            expect_check(&checks, venue, &format!("HubSpot scope {scope}"), DoctorVerdict::Ok, evidence, "");
        }
    }
    for (token, venue, granted, missing) in [
        ("token-of-a", "a", vec![WRITE], READ),
        ("token-of-a", "a", vec![READ], WRITE),
        (deployer, "", vec![READ, schemas[1]], schemas[0]),
        (deployer, "", vec![READ, schemas[0]], schemas[1]),
    ] {
        let ward = DoctorWard::new().await;
        ward.hubspot.add_token(token, &granted);
        ward.hubspot.change_behavior(|behavior| behavior.unlisted_scopes = Some(404));
        let checks = examine_hubspot(&ward).await;
        let evidence = format!("the token lacks the scope {missing}");
        let name = format!("HubSpot scope {missing}");
        expect_check(&checks, venue, &name, DoctorVerdict::Failed, &evidence, missing);
        let failed: Vec<_> = list_troubles(&checks).into_iter().filter(|trouble| trouble.contains("scope")).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
    }
}

#[tokio::test]
async fn names_the_data_center_of_a_portal_that_is_in_another_one() {
    let ward = DoctorWard::new().await;
    ward.hubspot.change_behavior(|behavior| behavior.data_center = Some("eu1".to_owned()));
    let checks = examine_hubspot(&ward).await;
    let evidence = "488, the portal is in another data center (eu1)";
    expect_check(&checks, "a", "HubSpot token", DoctorVerdict::Failed, evidence, "`base_uri` in [hubspot]");
}

#[tokio::test]
async fn says_until_when_hubspot_supports_the_api_version() {
    let ward = DoctorWard::new().await;
    let checks = examine_hubspot(&ward).await;
    let evidence = "2026-09, supported until 2028-03-09";
    expect_check(&checks, "", "HubSpot API version", DoctorVerdict::Ok, evidence, "");
}

#[tokio::test]
async fn fails_for_a_token_of_another_portal() {
    let mut ward = DoctorWard::new().await;
    ward.change_manifest("portal_id = 77", "portal_id = 78");
    let checks = examine_hubspot(&ward).await;
    for venue in ["", "a", "b"] {
        let evidence = "is for portal 77, but the manifest is for 78";
        expect_check(&checks, venue, "HubSpot portal", DoctorVerdict::Failed, evidence, "correct `portal_id`");
    }
    ward.change_manifest("portal_id = 78\n", "");
    let checks = examine_hubspot(&ward).await;
    expect_check(&checks, "a", "HubSpot portal", DoctorVerdict::Ok, "set `portal_id` in the manifest", "");
}

#[tokio::test]
async fn checks_properties_by_name_and_type() {
    let mut ward = DoctorWard::new().await;
    let text = |name: &str| PropertyDefinition::new(name, "Text", "string", "text");
    ward.hubspot.define_property(text("tripleseat_sync_status__a")).expect("valid");
    ward.change_manifest("[venues.b.destination]", "[venues.b.fields]\ncompany = \"empresa\"\n[venues.b.destination]");
    ward.change_manifest("[venues.a]\n", "[venues.a]\nflag_property = \"tripleseat_sync__mill\"\n");
    let checks = examine_hubspot(&ward).await;
    let name = "HubSpot properties of the sync";
    expect_check(
        &checks,
        "a",
        name,
        DoctorVerdict::Failed,
        "tripleseat_sync__mill doesn't exist",
        "`deployer apply` creates",
    );
    let evidence = "tripleseat_sync_status__a is of type string (text), not a dropdown select with sending, synced";
    expect_check(&checks, "a", name, DoctorVerdict::Failed, evidence, "archive the wrong ones");
    expect_check(&checks, "b", name, DoctorVerdict::Ok, "all five exist", "");
    let name = "HubSpot properties of the leads";
    expect_check(&checks, "b", name, DoctorVerdict::Failed, "HubSpot doesn't have empresa", "[venues.b.fields]");
    expect_check(&checks, "a", name, DoctorVerdict::Ok, "email, firstname, lastname", "");
}

#[tokio::test]
async fn suggests_mappings_and_finds_those_that_misread_a_property() {
    let mut ward = DoctorWard::new().await;
    let name = "HubSpot properties of the leads";
    let suggested = "leads could also have event_date = \"event_date\", guest_count = \"guest_count\", \
                     event_description = \"event_type:label\" in [venues.a.fields]";
    expect_check(&examine_hubspot(&ward).await, "a", name, DoctorVerdict::Ok, suggested, "");
    let starts = PropertyDefinition::new("starts", "Starts", "datetime", "date");
    ward.hubspot.define_property(starts).expect("a valid property");
    let fields = "[venues.a.fields]\nevent_date = \"starts:date\"\nguest_count = \"guest_count:label\"\n\
                  event_description = \"event_type:label\"\n\n[venues.b]\n";
    ward.change_manifest("[venues.b]\n", fields);
    let checks = examine_hubspot(&ward).await;
    let evidence = "guest_count wants labels of guest_count, which has no options";
    expect_check(&checks, "a", name, DoctorVerdict::Warning, evidence, "--show-contacts");
    expect_check(&checks, "a", name, DoctorVerdict::Warning, "event_date has starts in UTC", "[venues.a.fields]");
    let scope = "HubSpot scope crm.schemas.contacts.read";
    expect_check(&checks, "a", scope, DoctorVerdict::Failed, "not granted", "crm.schemas.contacts.read");
    assert!(
        !checks.iter().any(|check| check.venue.as_deref() == Some("b") && check.name == scope),
        "b needs no labels"
    );
}

#[tokio::test]
async fn reads_properties_with_the_venues_own_token_if_the_deployer_has_none() {
    let mut ward = DoctorWard::new().await;
    ward.change_manifest("token = \"file:admin\"\n", "");
    let checks = examine_hubspot(&ward).await;
    expect_check(&checks, "", "HubSpot token", DoctorVerdict::Skipped, "no `token` in [hubspot]", "");
    let name = "HubSpot properties of the sync";
    expect_check(&checks, "a", name, DoctorVerdict::Unknown, "403", "crm.schemas.contacts.read");
    ward.hubspot.add_token("token-of-a", &HUBSPOT_SCOPES);
    expect_check(&examine_hubspot(&ward).await, "a", name, DoctorVerdict::Ok, "all five exist", "");
}

#[tokio::test]
async fn reports_unknown_for_an_unresolved_reference() {
    let mut ward = DoctorWard::new().await;
    ward.change_manifest("file:token-a", "env:NOT_SET_ANYWHERE");
    let checks = examine_hubspot(&ward).await;
    let evidence = "the environment variable NOT_SET_ANYWHERE isn't set";
    expect_check(&checks, "a", "HubSpot token", DoctorVerdict::Unknown, evidence, "deployer secret status --compare");
    assert_eq!(list_troubles(&checks), ["a/HubSpot token Unknown"]);
}
