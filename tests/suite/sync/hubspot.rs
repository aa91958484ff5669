//! HubSpot's own answers, one by one: what a run retries, what ends it, and what it says.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deployer_sandbox::hubspot::{PortalOutage, ValidationRule};
use deployer_sandbox::{RequestInfo, SandboxFault};
use jiff::SignedDuration;
use serde_json::json;

use super::portal::{SyncTestPortal, TOKEN, status_fault};
use super::{SEARCH, UPDATE};
use crate::assertions::assert_contains;

const STATUS: &str = "tripleseat_sync_status__venue_a";

/// The first request of each kind that a run makes, and the settling write.
const CALLS: [(&str, usize); 5] = [(SEARCH, 1), ("account-info", 1), ("batch/read", 1), (UPDATE, 1), (UPDATE, 2)];

#[tokio::test]
async fn retries_every_status_that_passes_at_every_call() {
    let story = async |path: &'static str, nth: usize, status: u16| {
        let portal = SyncTestPortal::with_fast_clock(false).await;
        let ids = portal.add_contacts(1..3);
        portal.break_hubspot(path, nth, status_fault(status, None));
        portal.expect_counts(2, 2, 0, 0, 0).await;
        assert_eq!(portal.contacts_of_records("venue-a"), ids, "{path} {nth} {status}");
    };
    let statuses = [408, 423, 429, 477, 500, 502, 503, 504, 521, 522, 523, 524];
    let stories = CALLS.into_iter().flat_map(|(path, nth)| statuses.map(|status| (path, nth, status)));
    futures_util::future::join_all(stories.map(|(path, nth, status)| story(path, nth, status))).await;
}

#[tokio::test]
async fn waits_for_a_locked_contact() {
    let portal = SyncTestPortal::with_fast_clock(false).await;
    let ids = portal.add_contacts(1..3);
    let until = portal.clock.now() + SignedDuration::from_secs(2);
    portal.hubspot.change_behavior(|behavior| {
        behavior.locked_contacts.insert(ids[0], until);
    });
    portal.expect_counts(2, 2, 0, 0, 0).await;
    let locked = portal.hubspot.recorded_requests().into_iter().filter(|request| request.status == Some(423));
    assert_eq!(locked.count(), 1, "the retry comes when the lock is over");
}

#[tokio::test]
async fn a_portal_that_is_being_moved_ends_the_run_if_that_takes_longer() {
    let portal = SyncTestPortal::with_fast_clock(false).await;
    let id = portal.add_contact(1, &[]);
    let outage = |retry_after| PortalOutage {
        status: 477,
        until: portal.clock.now() + SignedDuration::from_hours(12),
        retry_after: Some(retry_after),
        path: "",
    };
    portal.hubspot.change_behavior(|behavior| behavior.outage = Some(outage(43_200)));
    let error = portal.run_once().await.expect_err("it takes hours").to_string();
    assert_contains(&error, "477");
    assert_contains(&error, "migrated");
    assert_eq!(portal.hubspot.recorded_requests().len(), 1, "HubSpot isn't asked again before the time it named");
    assert!(portal.ledger_values(id).0, "the flag stays");
    // A move that is over in a moment is waited for.
    let over = portal.clock.now() + SignedDuration::from_secs(3);
    portal.hubspot.change_behavior(|behavior| {
        behavior.outage = Some(PortalOutage { until: over, ..outage(4) });
    });
    portal.expect_counts(1, 1, 0, 0, 0).await;
}

#[tokio::test]
async fn another_data_center_is_named_with_what_to_do() {
    let portal = SyncTestPortal::with_fast_clock(false).await;
    let id = portal.add_contact(1, &[]);
    portal.hubspot.change_behavior(|behavior| behavior.data_center = Some("eu1".to_owned()));
    let error = portal.run_once().await.expect_err("another data center").to_string();
    for part in ["488", "another data center (eu1)", "`base_uri` in [hubspot]", "https://api-eu1.hubapi.com"] {
        assert_contains(&error, part);
    }
    assert_eq!(portal.hubspot.recorded_requests().len(), 1);
    assert!(portal.ledger_values(id).0, "the flag stays");
}

#[tokio::test]
async fn missing_scopes_are_named_as_hubspot_names_them() {
    let portal = SyncTestPortal::with_fast_clock(false).await;
    portal.add_contact(1, &[]);
    portal.hubspot.add_token(TOKEN, &["crm.objects.contacts.read"]);
    let error = portal.run_once().await.expect_err("writing isn't allowed").to_string();
    assert_contains(&error, "the token lacks the scope crm.objects.contacts.write");
    assert_eq!(portal.contacts_of_records("venue-a"), Vec::<u64>::new());
}

#[tokio::test]
async fn contacts_merged_or_deleted_at_any_write_end_no_run() {
    let story = async |nth: usize, merged: bool| {
        let portal = SyncTestPortal::with_fast_clock(false).await;
        let ids = portal.add_contacts(1..4);
        let other = portal.add_contact(9, &[("tripleseat_sync__venue_a", "false")]);
        let (gone, case) = (ids[1], format!("write {nth}, merged {merged}"));
        portal.when_hubspot_gets(UPDATE, nth, move |hubspot| {
            // The answer comes under the surviving id.
            let done = if merged { hubspot.merge_contacts(gone, other) } else { hubspot.delete_contact(gone) };
            done.expect("the contact exists");
        });
        portal.run_once().await.unwrap_or_else(|error| panic!("{case}: {error}"));
        for id in [ids[0], ids[2]] {
            assert_eq!(portal.ledger_values(id).1, "synced", "{case}");
        }
        portal.clear_faults();
        for _ in 0..2 {
            portal.advance_past_lag();
            let answer = portal.run_once().await.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!((&answer["synced"], &answer["needs_review"]), (&json!(0), &json!(0)), "{case}");
        }
        let mut leads = portal.contacts_of_records("venue-a");
        let count = leads.len();
        leads.dedup();
        assert_eq!(leads.len(), count, "no contact was sent twice: {case}");
    };
    for nth in [1, 2] {
        for merged in [true, false] {
            story(nth, merged).await;
        }
    }
}

#[tokio::test]
async fn a_mark_without_an_answer_is_taken_back_by_the_next_run() {
    for fault in [SandboxFault::DropAfter, SandboxFault::StatusAfter { status: 502 }] {
        let mut portal = SyncTestPortal::with_fast_clock(false).await;
        // Half a minute of retries passes in a moment.
        portal.variables.insert("SYNC_WAIT_DIVISOR", "1000".to_owned());
        let ids = portal.add_contacts(1..11);
        let handler = portal.new_handler();
        portal.break_hubspot(UPDATE, 0, fault);
        let deadline = SystemTime::now() + Duration::from_secs(2);
        handler.handle_event(&json!({}), "request-1", deadline).await.expect_err("HubSpot doesn't answer");
        assert_eq!(portal.contacts_of_records("venue-a"), Vec::<u64>::new(), "nothing was sent");
        portal.clear_faults();
        let answer = portal.run_in(&handler).await.expect("HubSpot answers again");
        assert_eq!((&answer["synced"], &answer["needs_review"]), (&json!(10), &json!(0)), "{answer}");
        assert_eq!(portal.contacts_of_records("venue-a"), ids);
    }
}

#[tokio::test]
async fn what_is_known_is_written_first_by_the_next_run() {
    let mut portal = SyncTestPortal::with_fast_clock(false).await;
    portal.variables.insert("SYNC_WAIT_DIVISOR", "1000".to_owned());
    let ids = portal.add_contacts(1..11);
    let handler = portal.new_handler();
    portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
        let inputs = request.body["inputs"].as_array().into_iter().flatten();
        let settles =
            request.path.contains(UPDATE) && inputs.into_iter().any(|input| input["properties"][STATUS] == "synced");
        settles.then(|| status_fault(503, None))
    })));
    let deadline = SystemTime::now() + Duration::from_secs(2);
    handler.handle_event(&json!({}), "request-1", deadline).await.expect_err("HubSpot can't be told");
    assert_eq!(portal.contacts_of_records("venue-a"), ids);
    assert!(ids.iter().all(|id| portal.ledger_values(*id).1 == "sending"), "the leads aren't settled");
    portal.clear_faults();
    portal.hubspot.forget_requests();
    portal.advance_past_lag();
    // Staff settled one of them by hand in the meantime.
    portal.hubspot.set_property(ids[3], STATUS, "needs_review").expect("valid");
    portal.hubspot.set_property(ids[3], "tripleseat_sync__venue_a", "false").expect("valid");
    let answer = portal.run_in(&handler).await.expect("HubSpot can be told");
    assert_eq!((&answer["synced"], &answer["needs_review"]), (&json!(9), &json!(0)), "{answer}");
    assert_eq!(portal.ledger_values(ids[3]).1, "needs_review", "what somebody else wrote stays");
    let paths: Vec<String> = portal.hubspot.recorded_requests().into_iter().map(|request| request.path).collect();
    let position = |path: &str| paths.iter().position(|found| found.contains(path)).expect("it was requested");
    assert!(position(UPDATE) < position(SEARCH), "{paths:?}");
    let mut leads = portal.contacts_of_records("venue-a");
    leads.dedup();
    assert_eq!(leads, ids, "nothing was sent twice");
}

#[tokio::test]
async fn enforced_validation_rules_on_an_outcome_leave_out_its_text() {
    let portal = SyncTestPortal::new(false).await;
    let id = portal.add_contact(1, &[("phone", "")]);
    let good = portal.add_contact(2, &[]);
    portal.hubspot.change_behavior(|behavior| {
        behavior.validation_rules =
            vec![ValidationRule { property: "tripleseat_sync_error__venue_a", most_characters: 5 }];
    });
    portal.expect_counts(2, 1, 1, 0, 0).await;
    let (flag, status, _, error) = portal.ledger_values(id);
    assert_eq!((flag, status.as_str(), error.as_str()), (false, "failed", ""));
    assert_eq!(portal.ledger_values(good).1, "synced");
}

#[tokio::test]
async fn a_rejected_mark_of_every_contact_is_a_wrong_setting_and_burns_no_flag() {
    for whole in [true, false] {
        let portal = SyncTestPortal::with_fast_clock(false).await;
        let ids = portal.add_contacts(1..41);
        portal.hubspot.change_behavior(|behavior| {
            behavior.rejects_whole_batches = whole;
            // The reference doesn't fit.
            behavior.validation_rules =
                vec![ValidationRule { property: "tripleseat_lead_id__venue_a", most_characters: 5 }];
        });
        let error = portal.run_once().await.expect_err("no contact can be marked").to_string();
        assert_contains(&error, "tripleseat_lead_id__venue_a");
        assert!(ids.iter().all(|id| portal.ledger_values(*id).0), "flags stay");
        assert_eq!(portal.contacts_of_records("venue-a"), Vec::<u64>::new());
    }
    // HubSpot doesn't say what it rejects.
    let portal = SyncTestPortal::with_fast_clock(false).await;
    let ids = portal.add_contacts(1..41);
    portal.break_hubspot(UPDATE, 0, status_fault(400, None));
    portal.run_once().await.expect_err("no contact can be marked");
    assert!(ids.iter().all(|id| portal.ledger_values(*id).0), "flags stay");
    assert!(portal.hubspot.recorded_requests().len() < 20, "the batch isn't halved down to every contact");
}
