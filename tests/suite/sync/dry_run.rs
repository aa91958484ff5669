//! A dry run does everything that a run does except the writes, and reports what it would do.

use std::time::Duration;

use serde_json::{Value, json};

use super::portal::{HandlerResult, PORTAL_ID, SyncTestPortal};
use crate::assertions::assert_contains;

const STATUS: &str = "tripleseat_sync_status__venue_a";
const LEAD_ID: &str = "tripleseat_lead_id__venue_a";

async fn run_dry(portal: &SyncTestPortal) -> HandlerResult {
    portal.run_with(&json!({ "dry_run": true }), Duration::from_secs(60)).await
}

#[tokio::test]
async fn reports_planned_actions_and_changes_nothing() {
    for (oauth, of_left) in [(true, "look_up"), (false, "review")] {
        let portal = SyncTestPortal::new(oauth).await;
        let flagged = portal.add_contact(1, &[]);
        let left = portal.add_contact(2, &[(STATUS, "sending"), (LEAD_ID, "HS-1002-19a0-00000000"), ("lastname", "")]);
        let changed = portal.add_contact(3, &[(STATUS, "sending"), (LEAD_ID, "somebody's text")]);
        let unticked = portal.add_contact(4, &[]);
        portal.hubspot.set_property(unticked, "tripleseat_sync__venue_a", "false").expect("the contact exists");
        let before = portal.hubspot.all_contacts();

        let answer = run_dry(&portal).await.expect("the dry run succeeds");
        let fields = ["email_address", "email_opt_in", "first_name", "last_name", "phone_number"];
        let without_last: Vec<&str> = fields.into_iter().filter(|field| *field != "last_name").collect();
        let would = json!([
            { "contact_id": flagged.to_string(), "action": "send", "fields": fields },
            { "contact_id": left.to_string(), "action": of_left, "fields": without_last },
            { "contact_id": changed.to_string(), "action": "review", "fields": fields },
        ]);
        assert_eq!((&answer["would"], &answer["dry_run"], &answer["searched"]), (&would, &json!(true), &json!(4)));
        assert_eq!(portal.hubspot.all_contacts(), before);
        assert_eq!(portal.venue_leads(), []);
        assert!(portal.hubspot.recorded_requests().iter().all(|request| !request.path.contains("update")));
        let lines = portal.logged.lock().expect("no panic").clone();
        assert_eq!(
            (lines.len(), &lines[0]["dry_run"], &lines[0]["_aws"]),
            (1, &json!(true), &Value::Null),
            "a dry run has no metrics"
        );

        let real = portal.run_once().await.expect("the run succeeds");
        assert_eq!(real["searched"], 4, "the dry run left every contact unchanged");
    }
}

#[tokio::test]
async fn dry_runs_fail_where_a_run_would() {
    let mut portal = SyncTestPortal::new(false).await;
    portal.add_contact(1, &[]);
    portal.config.portal_id = Some(PORTAL_ID + 1);
    assert_contains(run_dry(&portal).await.expect_err("another portal").to_string(), "4243");
    portal.config.portal_id = Some(PORTAL_ID);
    portal.variables.insert("TRIPLESEAT_PUBLIC_KEY", "mistyped-public-key".to_owned());
    assert_contains(run_dry(&portal).await.expect_err("a wrong key").to_string(), "TRIPLESEAT_PUBLIC_KEY");
    assert_eq!(portal.venue_leads(), []);
}

#[tokio::test]
async fn shows_what_would_be_sent_only_if_asked() {
    let mut portal = SyncTestPortal::new(false).await;
    portal.config.fields = [("event_description".to_owned(), "event_type:label".to_owned())].into();
    let id = portal.add_contact(1, &[("event_type", "corp"), ("phone", "\u{202a}+1 555\u{a0}0100\u{202c}")]);
    let silent = run_dry(&portal).await.expect("the dry run succeeds");
    assert!(silent["would"][0].get("body").is_none(), "{silent}");
    let event = json!({ "dry_run": true, "show_contacts": true });
    let answer = portal.run_with(&event, Duration::from_secs(60)).await.expect("the dry run succeeds");
    let lead = &answer["would"][0]["body"]["lead"];
    assert_eq!(
        (&lead["first_name"], &lead["event_description"], &lead["phone_number"], &lead["email_opt_in"]),
        (&json!("Firstname1"), &json!("Corporate event"), &json!("+1 555 0100"), &json!(false))
    );
    assert_contains(lead["additional_information"].to_string(), format!("[HubSpot contact {id}, "));
    assert_eq!(portal.venue_leads(), []);
    let logged: String = portal.logged.lock().expect("no panic").iter().map(Value::to_string).collect();
    for personal in ["Firstname1", "guest1", "555", "Corporate"] {
        assert!(!logged.contains(personal), "{personal} in {logged}");
    }
    // A real run doesn't show anything, whatever the event says.
    let answer =
        portal.run_with(&json!({ "show_contacts": true }), Duration::from_secs(60)).await.expect("it succeeds");
    assert!(!answer.to_string().contains("Firstname1"), "{answer}");
}

#[tokio::test]
async fn shows_as_many_leads_as_lambdas_response_has_room_for() {
    let portal = SyncTestPortal::new(false).await;
    portal.add_contacts(100..160);
    let event = json!({ "dry_run": true, "show_contacts": true });
    let answer = portal.run_with(&event, Duration::from_secs(60)).await.expect("the dry run succeeds");
    let would = answer["would"].as_array().expect("a list");
    let shown = would.iter().filter(|would| would.get("body").is_some()).count();
    assert_eq!((would.len(), shown), (60, 50));
}
