//! What a run finds out about the portal's properties before its first lead: deleted ones, and labels.

use std::time::Duration;

use deployer_sandbox::hubspot::PropertyDefinition;
use serde_json::{Value, json};

use super::portal::{SyncTestPortal, TOKEN, status_fault};
use super::{CREATE, UPDATE};
use crate::assertions::assert_contains;

const LIST: &str = "/crm/properties/";

async fn portal_with_mapping(fields: &[(&str, &str)]) -> SyncTestPortal {
    let mut portal = SyncTestPortal::new(false).await;
    portal.config.fields = fields.iter().map(|(field, text)| ((*field).to_owned(), (*text).to_owned())).collect();
    portal
}

fn property_reads(portal: &SyncTestPortal) -> usize {
    portal.hubspot.recorded_requests().iter().filter(|request| request.path.starts_with(LIST)).count()
}

#[tokio::test]
async fn leads_have_labels_instead_of_internal_names() {
    let portal =
        portal_with_mapping(&[("event_description", "event_type:label"), ("company", "{lifecyclestage:label}")]).await;
    portal.add_contact(1, &[("event_type", "corp;wedding"), ("lifecyclestage", "marketingqualifiedlead")]);
    portal.add_contact(2, &[]);
    portal.expect_counts(2, 2, 0, 0, 0).await;
    let described = |lead: &Value| lead == "Corporate event, Wedding";
    let leads = portal.venue_leads();
    assert_eq!(leads.iter().filter(|lead| lead.fields.get("event_description").is_some_and(described)).count(), 1);
    assert!(leads.iter().any(|lead| lead.fields.get("company") == Some(&json!("Marketing Qualified Lead"))));
    assert_eq!(property_reads(&portal), 1);
}

#[tokio::test]
async fn a_process_reads_the_properties_once() {
    let portal = portal_with_mapping(&[("event_description", "event_type:label")]).await;
    let handler = portal.new_handler();
    for number in 1..4 {
        portal.add_contact(number, &[("event_type", "bday")]);
        let deadline = std::time::SystemTime::now() + Duration::from_secs(60);
        handler.handle_event(&json!({}), "request", deadline).await.expect("the run succeeds");
        portal.advance_past_lag();
    }
    assert_eq!((portal.venue_leads().len(), property_reads(&portal)), (3, 1));
    assert!(portal.venue_leads().iter().all(|lead| lead.fields["event_description"] == "Birthday"));
}

#[tokio::test]
async fn mappings_of_permanent_properties_read_no_definitions() {
    let portal = portal_with_mapping(&[("last_name", "{lastname|(none given)}"), ("company", "=Private")]).await;
    portal.add_contact(1, &[]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(property_reads(&portal), 0);
}

#[tokio::test]
async fn a_deleted_property_fails_the_run_before_its_first_lead() {
    let portal = portal_with_mapping(&[("event_date", "event_date"), ("guest_count", "guest_count")]).await;
    let id = portal.add_contact(1, &[("event_date", "2027-06-01"), ("guest_count", "40")]);
    portal.hubspot.archive_property("event_date").expect("the property exists");
    for event in [json!({}), json!({ "dry_run": true })] {
        let error = portal.run_with(&event, Duration::from_secs(60)).await.expect_err("a property is missing");
        assert_eq!(error.kind_name(), "Settings");
        assert_contains(error.to_string(), "event_date; nothing was sent");
        assert_contains(error.to_string(), "[venues.venue-a.fields]");
        assert!(!error.to_string().contains("guest_count"), "{error}");
    }
    assert_eq!((portal.ledger_values(id).0, portal.ledger_values(id).1.as_str()), (true, ""), "the flag stays");
    let written = portal.hubspot.recorded_requests().iter().filter(|sent| sent.path.contains(UPDATE)).count();
    let sent = portal.tripleseat.recorded_requests().iter().filter(|sent| sent.path.contains(CREATE)).count();
    assert_eq!((written, sent), (0, 0));
    // The next run sees that it was restored.
    portal.hubspot.define_property(PropertyDefinition::new("event_date", "Event Date", "date", "date")).expect("valid");
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.venue_leads()[0].fields["event_date"], "2027-06-01");
}

#[tokio::test]
async fn sensitive_properties_are_not_taken_for_deleted_ones() {
    let portal = portal_with_mapping(&[("additional_information", "allergies")]).await;
    let allergies = PropertyDefinition::new("allergies", "Allergies", "string", "text").as_sensitive();
    portal.hubspot.define_property(allergies).expect("a valid property");
    portal.add_contact(1, &[("allergies", "nuts")]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    let text = portal.venue_leads()[0].fields["additional_information"].to_string();
    assert!(text.contains("nuts"), "{text}");
}

#[tokio::test]
async fn a_token_without_the_scope_can_send_but_not_label() {
    const CONTACTS: [&str; 2] = ["crm.objects.contacts.read", "crm.objects.contacts.write"];
    let portal = portal_with_mapping(&[("guest_count", "guest_count")]).await;
    portal.hubspot.revoke_token(TOKEN);
    portal.hubspot.add_token(TOKEN, &CONTACTS);
    portal.add_contact(1, &[("guest_count", "40")]);
    portal.expect_counts(1, 1, 0, 0, 0).await;

    let portal = portal_with_mapping(&[("event_description", "event_type:label")]).await;
    portal.hubspot.revoke_token(TOKEN);
    portal.hubspot.add_token(TOKEN, &CONTACTS);
    let id = portal.add_contact(1, &[("event_type", "corp")]);
    let error = portal.run_once().await.expect_err("there are no labels").to_string();
    assert_contains(&error, "the labels of event_type");
    assert_contains(&error, "crm.schemas.contacts.read");
    assert!(portal.ledger_values(id).0 && portal.venue_leads().is_empty(), "the flag stays");
}

#[tokio::test]
async fn an_unreadable_list_stops_only_mappings_that_need_it() {
    let portal = portal_with_mapping(&[("guest_count", "guest_count")]).await;
    portal.add_contact(1, &[("guest_count", "40")]);
    portal.break_hubspot(LIST, 0, status_fault(418, None));
    portal.expect_counts(1, 1, 0, 0, 0).await;
    let lines = portal.logged.lock().expect("no panic").clone();
    assert!(lines.iter().any(|line| line["event"] == "properties" && line["level"] == "warn"));

    let portal = portal_with_mapping(&[("event_description", "event_type:label")]).await;
    portal.add_contact(1, &[("event_type", "corp")]);
    portal.break_hubspot(LIST, 0, status_fault(418, None));
    portal.run_once().await.expect_err("internal names would be sent");
    assert_eq!(portal.venue_leads(), []);
}
