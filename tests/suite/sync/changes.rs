//! Contacts that change during a run: between the pages of the search, and between any two steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deployer_sandbox::{RequestInfo, SandboxFault};
use serde_json::{Value, json};

use super::portal::{LAG, SyncTestPortal};
use super::{SEARCH, UPDATE};

const FLAG: &str = "tripleseat_sync__venue_a";
const READ: &str = "contacts/batch/read";

/// A portal whose leads go to a platform with such a high rate limit that it never delays a test.
async fn portal_without_rate_limit() -> SyncTestPortal {
    let mut portal = SyncTestPortal::new(false).await;
    portal.send_to_platform();
    portal
}

#[tokio::test]
async fn pages_that_shift_while_read_lose_and_duplicate_no_contact() {
    let portal = portal_without_rate_limit().await;
    let ids = portal.add_contacts(100..350);
    // Before the second page is read, five contacts of the first are unticked, and five are changed and so move last.
    let (unticked, changed) = (ids[..5].to_vec(), ids[5..10].to_vec());
    let clock = portal.clock.clone();
    portal.when_hubspot_gets(SEARCH, 2, {
        let unticked = unticked.clone();
        move |hubspot| {
            clock.advance(jiff::SignedDuration::from_secs(1));
            for id in &unticked {
                hubspot.set_property(*id, FLAG, "false").expect("unticking works");
            }
            for id in &changed {
                hubspot.set_property(*id, "city", "Boston").expect("changing works");
            }
            clock.advance(LAG);
        }
    });
    let answer = portal.run_once().await.expect("the run succeeds");
    assert_eq!((&answer["searched"], &answer["synced"]), (&json!(240), &json!(235)), "ten were missed");
    portal.clear_faults();
    portal.advance_past_lag();
    portal.expect_counts(10, 10, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_records("venue-a"), ids[5..]);
    assert!(unticked.iter().all(|id| portal.ledger_values(*id).1.is_empty()), "unticked contacts are left alone");
}

#[tokio::test]
async fn stops_searching_at_ten_thousand_results() {
    let portal = portal_without_rate_limit().await;
    let ids = portal.add_contacts(1..3);
    let searches = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&searches);
    // Two pages of a search with more results than it serves; the contacts are on both pages.
    portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
        if !request.path.contains(SEARCH) {
            return None;
        }
        asked.fetch_add(1, Ordering::Relaxed);
        let page = |after: &str| {
            json!({
                "total": 10_250,
                "results": ids.iter().map(|id| json!({ "id": id.to_string() })).collect::<Vec<Value>>(),
                "paging": { "next": { "after": after } },
            })
        };
        let body = page(if request.body["after"] == "9900" { "10000" } else { "9900" });
        Some(SandboxFault::Status { status: 200, body, headers: Vec::new() })
    })));
    portal.expect_counts(2, 2, 0, 0, 0).await;
    assert_eq!(searches.load(Ordering::Relaxed), 2);
    let run = portal.logged.lock().expect("no panic").last().cloned().expect("a run line");
    assert_eq!(run["Backlog"], 10_248, "contacts beyond the search limit are left for the next runs");
}

#[tokio::test]
async fn does_not_send_contacts_unticked_after_the_search() {
    let portal = SyncTestPortal::new(false).await;
    let ids = portal.add_contacts(1..3);
    let unticked = ids[0];
    portal.when_hubspot_gets(READ, 1, move |hubspot| {
        hubspot.set_property(unticked, FLAG, "false").expect("the contact exists")
    });
    portal.expect_counts(2, 1, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), ids[1..]);
    assert_eq!(portal.ledger_values(unticked), (false, String::new(), String::new(), String::new()));
}

#[tokio::test]
async fn does_not_send_contacts_deleted_before_marking() {
    let portal = SyncTestPortal::new(false).await;
    let ids = portal.add_contacts(1..4);
    let deleted = ids[1];
    portal.when_hubspot_gets(UPDATE, 1, move |hubspot| hubspot.delete_contact(deleted).expect("the contact exists"));
    // The response to the batch is 207: the other contacts are marked and synced.
    portal.expect_counts(3, 2, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), [ids[0], ids[2]]);
}

#[tokio::test]
async fn settles_other_contacts_when_one_is_deleted_after_sending() {
    let portal = SyncTestPortal::new(false).await;
    let ids = portal.add_contacts(1..4);
    let deleted = ids[1];
    portal.when_hubspot_gets(UPDATE, 2, move |hubspot| hubspot.delete_contact(deleted).expect("the contact exists"));
    portal.expect_counts(3, 3, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), ids);
    for id in [ids[0], ids[2]] {
        assert_eq!((portal.ledger_values(id).0, portal.ledger_values(id).1.as_str()), (false, "synced"));
    }
    portal.advance_past_lag();
    portal.expect_counts(0, 0, 0, 0, 0).await;
}

#[tokio::test]
async fn next_run_settles_a_contact_whose_write_was_rejected() {
    let portal = SyncTestPortal::new(true).await;
    let ids = portal.add_contacts(1..4);
    // One of the three contacts is rejected twice: 207 with an error for it.
    let refused = ids[1].to_string();
    let seen = AtomicUsize::new(0);
    let hubspot = portal.hubspot.clone();
    let known = portal.hubspot.all_contacts();
    portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
        if !request.path.contains(UPDATE) || seen.fetch_add(1, Ordering::Relaxed) == 0 {
            return None;
        }
        let inputs = request.body["inputs"].as_array().expect("inputs");
        let written: Vec<&Value> = inputs.iter().filter(|input| input["id"] != json!(refused)).collect();
        for input in &written {
            let id = input["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
            assert!(known.iter().any(|contact| contact.id == id));
            for (name, value) in input["properties"].as_object().expect("properties") {
                hubspot.set_property(id, name, value.as_str().expect("it is text")).expect("valid");
            }
        }
        let body = json!({
            "status": "COMPLETE",
            "results": written,
            "numErrors": 1,
            "errors": [{
                "status": "error", "category": "VALIDATION_ERROR", "message": "Property values were not valid",
                "context": { "objectWriteTraceId": [refused] },
            }],
        });
        Some(SandboxFault::Status { status: 207, body, headers: Vec::new() })
    })));
    let error = portal.run_once().await.expect_err("one contact can't be settled").to_string();
    assert!(error.contains(&ids[1].to_string()) && error.contains("VALIDATION_ERROR"), "{error}");
    let statuses: Vec<String> = ids.iter().map(|id| portal.ledger_values(*id).1).collect();
    assert_eq!(statuses, ["synced", "sending", "synced"]);
    portal.clear_faults();
    portal.advance_past_lag();
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), ids);
}

#[tokio::test]
async fn merged_contacts_become_one_lead() {
    for oauth in [false, true] {
        let portal = SyncTestPortal::new(oauth).await;
        // More contacts than are taken at once, so that both ids of the merged contact are read at different times.
        let ids = portal.add_contacts(1..26);
        let (merged, into) = (ids[24], ids[0]);
        portal.when_hubspot_gets(READ, 1, move |hubspot| {
            hubspot.merge_contacts(merged, into).expect("both contacts exist")
        });
        let answer = portal.run_once().await.expect("the run succeeds");
        assert_eq!((&answer["synced"], &answer["needs_review"]), (&json!(24), &json!(0)), "{answer}");
        assert_eq!(portal.contacts_of_leads(), ids[..24]);
        portal.advance_past_lag();
        portal.expect_counts(0, 0, 0, 0, 0).await;
    }
}
