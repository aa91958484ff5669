//! Answers that don't say whether a lead was taken: it is looked up or reviewed, never sent again, and no other contact
//! is risked until the destination is known to be up.

use std::sync::Arc;

use deployer_sandbox::{RequestInfo, SandboxFault};
use serde_json::json;
use sync_config::config::OnAmbiguous;

use super::portal::{ContactTally, SITE_ID, SyncTestPortal};
use super::{CREATE, status_fault};

/// Every status that decides nothing, after the lead was taken.
const UNCLEAR: [u16; 14] = [302, 303, 304, 307, 399, 404, 405, 408, 410, 500, 502, 503, 504, 524];

#[tokio::test]
async fn unclear_statuses_are_reviewed_or_looked_up_and_never_sent_again() {
    let story = async |oauth: bool, status: u16| {
        let portal = SyncTestPortal::new(oauth).await;
        let ids = portal.add_contacts(1..4);
        portal.break_tripleseat(CREATE, 1, SandboxFault::StatusAfter { status });
        let first = portal.run_once().await;
        portal.clear_faults();
        for _ in 0..2 {
            portal.advance_past_lag();
            portal.run_once().await.expect("the run succeeds");
        }
        let needs_review = usize::from(!oauth);
        let expected = ContactTally { contacts: 3, leads: 3, needs_review, ..ContactTally::default() };
        assert_eq!(portal.tally_contacts(&ids), expected, "OAuth {oauth}, {status}: {first:?}");
    };
    let stories = [false, true].into_iter().flat_map(|oauth| UNCLEAR.map(|status| (oauth, status)));
    futures_util::future::join_all(stories.map(|(oauth, status)| story(oauth, status))).await;
}

/// What one run makes of 20 contacts, and what is there after the fault has gone and the next run is over.
async fn run_through(
    portal: &SyncTestPortal,
    fault: impl FnOnce(&SyncTestPortal),
    mend: impl FnOnce(&SyncTestPortal),
) -> (ContactTally, ContactTally) {
    let ids = portal.add_contacts(1..21);
    fault(portal);
    let answer = portal.run_once().await.expect("an outage isn't an error");
    let during = portal.tally_contacts(&ids);
    assert_eq!(answer["problems"][0]["kind"] == "unclear_answers", during.flags_left > 0, "{answer}");
    mend(portal);
    portal.clear_faults();
    portal.advance_past_lag();
    portal.run_once().await.expect("the run succeeds");
    (during, portal.tally_contacts(&ids))
}

#[tokio::test]
async fn five_hundred_after_taking_without_oauth() {
    let portal = SyncTestPortal::new(false).await;
    let switch = |portal: &SyncTestPortal, status| {
        portal.tripleseat.change_switches(SITE_ID, |switches| switches.fails_after_taking = status);
    };
    let (during, after) = run_through(&portal, |portal| switch(portal, Some(500)), |portal| switch(portal, None)).await;
    let two = ContactTally { contacts: 20, leads: 2, needs_review: 2, flags_left: 18, ..ContactTally::default() };
    assert_eq!(during, two, "reads are answered, so a second contact is risked, and no third");
    assert_eq!(after, ContactTally { contacts: 20, leads: 20, needs_review: 2, ..ContactTally::default() });
}

#[tokio::test]
async fn an_outage_costs_one_contact() {
    let portal = SyncTestPortal::new(false).await;
    let down = |portal: &SyncTestPortal| portal.break_tripleseat("/", 0, status_fault(503, Some("0")));
    let (during, after) = run_through(&portal, down, |_| {}).await;
    assert_eq!(during, ContactTally { contacts: 20, needs_review: 1, flags_left: 19, ..ContactTally::default() });
    let requests = portal.tripleseat.recorded_requests();
    let paths: Vec<&str> = requests.iter().take(3).map(|request| request.path.as_str()).collect();
    let expected = ["/v1/locations.json", "/v1/leads/create.js", "/v1/locations.json"];
    assert_eq!(paths, expected, "the settings' check, one lead, one read, and nothing more");
    assert_eq!(after, ContactTally { contacts: 20, leads: 19, needs_review: 1, ..ContactTally::default() });
}

#[tokio::test]
async fn an_outage_in_the_middle_of_a_run_costs_those_in_flight() {
    let portal = SyncTestPortal::new(false).await;
    let down = |portal: &SyncTestPortal| {
        portal.tripleseat.set_fault_hook(Some(Arc::new(|request: &RequestInfo| {
            (request.number > 6).then(|| status_fault(502, None))
        })));
    };
    let (during, after) = run_through(&portal, down, |_| {}).await;
    assert_eq!((during.leads, during.twice, during.lost, during.sending), (5, 0, 0, 0), "{during:?}");
    assert!((1..=3).contains(&during.needs_review), "{during:?}");
    assert_eq!((after.leads, after.flags_left), (20 - during.needs_review, 0), "{after:?}");
}

#[tokio::test]
async fn one_contact_that_cannot_be_sent_does_not_stop_the_others() {
    let portal = SyncTestPortal::new(false).await;
    let fault = |portal: &SyncTestPortal| portal.break_tripleseat(CREATE, 3, SandboxFault::StatusAfter { status: 500 });
    let (during, _) = run_through(&portal, fault, |_| {}).await;
    assert_eq!(during, ContactTally { contacts: 20, leads: 20, needs_review: 1, ..ContactTally::default() });
}

#[tokio::test]
async fn resend_chooses_to_send_again() {
    let mut portal = SyncTestPortal::new(false).await;
    portal.config.on_ambiguous = OnAmbiguous::Resend;
    let id = portal.add_contact(1, &[]);
    portal.break_tripleseat(CREATE, 1, status_fault(500, None));
    portal.expect_counts(1, 0, 0, 0, 1).await;
    portal.clear_faults();
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), [id]);
}

#[tokio::test]
async fn a_wrong_address_costs_no_contact() {
    for status in [301, 308, 404] {
        let portal = SyncTestPortal::new(false).await;
        let ids = portal.add_contacts(1..6);
        portal.break_tripleseat("/", 0, status_fault(status, None));
        let error = portal.run_once().await.expect_err("nothing is there").to_string();
        assert!(error.contains(&status.to_string()) && error.contains("`base_uri`"), "{error}");
        let tally = portal.tally_contacts(&ids);
        assert_eq!(tally, ContactTally { contacts: 5, flags_left: 5, ..ContactTally::default() }, "{status}");
    }
}

#[tokio::test]
async fn a_lead_that_was_taken_is_taken_whatever_the_status() {
    let portal = SyncTestPortal::new(false).await;
    let id = portal.add_contact(1, &[]);
    let body = json!({ "success_message": "Thank you!", "lead_id": 77 });
    portal.break_tripleseat(CREATE, 1, SandboxFault::Status { status: 500, body, headers: Vec::new() });
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.ledger_values(id).2, "77");
}
