//! Contacts that are ticked again, and people who are leads already.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sync_config::config::{OnExisting, OnRetick};

use super::CREATE;
use super::portal::{SyncTestPortal, status_fault};

const FLAG: &str = "tripleseat_sync__venue_a";
const STATUS: &str = "tripleseat_sync_status__venue_a";
const SYNCED_AT: &str = "tripleseat_synced_at__venue_a";

/// A portal with one contact that has just become a lead.
async fn portal_with_lead(on_retick: OnRetick) -> (SyncTestPortal, u64) {
    let mut portal = SyncTestPortal::new(false).await;
    portal.config.on_retick = on_retick;
    let id = portal.add_contact(1, &[]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    (portal, id)
}

fn tick(portal: &SyncTestPortal, id: u64) {
    portal.hubspot.set_property(id, FLAG, "true").expect("the contact exists");
    portal.advance_past_lag();
}

/// Lets the contact have become a lead this long ago.
fn backdate(portal: &SyncTestPortal, id: u64, hours: i64) {
    let at = Timestamp::now() - SignedDuration::from_hours(hours);
    portal.hubspot.set_property(id, SYNCED_AT, &at.to_string()).expect("the contact exists");
}

#[tokio::test]
async fn a_workflow_that_sets_the_flag_three_times_makes_one_lead() {
    for on_retick in [OnRetick::NewLead, OnRetick::Ignore, OnRetick::Review] {
        let (portal, id) = portal_with_lead(on_retick).await;
        let lead_id = portal.ledger_values(id).2;
        for _ in 0..2 {
            tick(&portal, id);
            portal.expect_counts(1, 0, 0, 0, 0).await;
            let (flag, status, lead, note) = portal.ledger_values(id);
            assert_eq!((flag, status.as_str(), &lead), (false, "synced", &lead_id), "{on_retick:?}");
            assert!(note.contains(&format!("lead {lead_id}")) && note.contains("ticked again soon after"), "{note}");
        }
        assert_eq!(portal.venue_leads().len(), 1, "{on_retick:?}");
        let lines = portal.logged.lock().expect("no panic").clone();
        let ignored = lines.iter().filter(|line| line["outcome"] == "ignored" && line["level"] == "info");
        assert_eq!(ignored.count(), 2);
    }
}

#[tokio::test]
async fn a_tick_after_the_window_is_what_the_manifest_says() {
    let (portal, id) = portal_with_lead(OnRetick::NewLead).await;
    backdate(&portal, id, 25);
    tick(&portal, id);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!((portal.venue_leads().len(), portal.ledger_values(id).3.as_str()), (2, ""));

    let (portal, id) = portal_with_lead(OnRetick::Ignore).await;
    backdate(&portal, id, 25);
    tick(&portal, id);
    portal.expect_counts(1, 0, 0, 0, 0).await;
    let (flag, status, _, note) = portal.ledger_values(id);
    assert_eq!((flag, status.as_str(), portal.venue_leads().len()), (false, "synced", 1));
    assert!(note.contains("on_retick"), "{note}");

    let (portal, id) = portal_with_lead(OnRetick::Review).await;
    let lead_id = portal.ledger_values(id).2;
    backdate(&portal, id, 25);
    tick(&portal, id);
    portal.expect_counts(1, 0, 0, 1, 0).await;
    let (flag, status, lead, note) = portal.ledger_values(id);
    assert_eq!((flag, status.as_str(), lead), (false, "needs_review", lead_id), "staff can still find the lead");
    assert!(note.contains("tick the flag again"), "{note}");
    tick(&portal, id);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.venue_leads().len(), 2, "the text asks for that tick");
}

#[tokio::test]
async fn a_window_of_zero_ignores_nothing() {
    let (mut portal, id) = portal_with_lead(OnRetick::NewLead).await;
    portal.config.retick_window_s = Some(0);
    tick(&portal, id);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.venue_leads().len(), 2);
}

#[tokio::test]
async fn corrected_and_reviewed_contacts_are_sent_at_once() {
    for status in ["failed", "needs_review", ""] {
        let mut portal = SyncTestPortal::new(false).await;
        portal.config.on_retick = OnRetick::Ignore;
        let recently = Timestamp::now().to_string();
        portal.add_contact(1, &[(STATUS, status), (SYNCED_AT, &recently)]);
        portal.expect_counts(1, 1, 0, 0, 0).await;
        assert_eq!(portal.venue_leads().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_contact_merged_into_one_that_is_a_lead_is_no_second_lead() {
    let (portal, id) = portal_with_lead(OnRetick::NewLead).await;
    let other = portal.add_contact(2, &[]);
    // The merged contact keeps the flag of one and the record of the other.
    portal.hubspot.set_property(id, FLAG, "true").expect("the contact exists");
    portal.hubspot.merge_contacts(other, id).expect("merging works");
    portal.advance_past_lag();
    let answer = portal.run_once().await.expect("the run succeeds");
    assert_eq!((&answer["synced"], portal.venue_leads().len()), (&json!(0), 1));
    assert!(!portal.ledger_values(id).0, "the flag is reset");
}

#[tokio::test]
async fn dry_runs_say_what_a_second_tick_would_do() {
    let (portal, id) = portal_with_lead(OnRetick::Review).await;
    let action = async |portal: &SyncTestPortal| -> Value {
        let event = json!({ "dry_run": true });
        let answer = portal.run_with(&event, std::time::Duration::from_secs(60)).await.expect("it succeeds");
        answer["would"][0]["action"].clone()
    };
    tick(&portal, id);
    assert_eq!(action(&portal).await, "ignore");
    backdate(&portal, id, 25);
    assert_eq!(action(&portal).await, "review");
}

#[tokio::test]
async fn links_the_lead_that_exists_for_the_address() {
    let mut portal = SyncTestPortal::new(true).await;
    let first = portal.add_contact(1, &[]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    let lead_id = portal.ledger_values(first).2;
    portal.hubspot.delete_contact(first).expect("deleting works");
    portal.config.on_existing = OnExisting::Link;
    let same = portal.add_contact(1, &[("email", "Guest1@Example.com")]);
    let similar = portal.add_contact(2, &[("email", "guest1@example.com.au")]);
    portal.advance_past_lag();
    portal.expect_counts(2, 2, 0, 0, 0).await;
    assert_eq!(portal.venue_leads().len(), 2, "one is linked, the other one is new");
    let (flag, status, linked, note) = portal.ledger_values(same);
    assert_eq!((flag, status.as_str(), &linked), (false, "synced", &lead_id));
    assert!(note.contains("existed already"), "{note}");
    assert_ne!(portal.ledger_values(similar).2, lead_id);
    let lines = portal.logged.lock().expect("no panic").clone();
    assert!(lines.iter().any(|line| line["outcome"] == "linked" && line["lead_id"] == lead_id.as_str()));
    assert!(!lines.iter().any(|line| line.to_string().to_lowercase().contains("guest1@")), "{lines:?}");
}

#[tokio::test]
async fn a_failed_search_for_existing_leads_keeps_none_from_being_sent() {
    for status in [500, 403] {
        let mut portal = SyncTestPortal::new(true).await;
        portal.config.on_existing = OnExisting::Link;
        let ids = portal.add_contacts(1..3);
        portal.break_tripleseat("leads/search", 0, status_fault(status, None));
        let answer = portal.run_once().await.expect("the run succeeds");
        assert_eq!((answer["synced"].as_u64(), portal.contacts_of_leads()), (Some(2), ids), "{status}");
        let refused = answer["problems"][0]["kind"] == "look_up_refused";
        assert_eq!(refused, status == 403, "{answer}");
        let lines = portal.logged.lock().expect("no panic").clone();
        let links = lines.iter().filter(|line| line["event"] == "link").count();
        assert!(links == 2 || (refused && links == 1), "a refused search isn't repeated: {links}");
        let creates = portal.tripleseat.recorded_requests().iter().filter(|sent| sent.path.contains(CREATE)).count();
        assert_eq!(creates, 2);
    }
}
