//! Lookups that the destination refuses: sending goes on, and the run says what is wrong.

use deployer_sandbox::SandboxFault;
use serde_json::{Value, json};
use sync_config::config::OnAmbiguous;

use super::portal::{ContactTally, SITE_ID, SyncTestPortal, at_site};
use super::{CREATE, status_fault};

/// A portal whose OAuth credentials Tripleseat refuses.
async fn portal_with_refused_oauth() -> SyncTestPortal {
    let mut portal = SyncTestPortal::new(true).await;
    portal.variables.insert("TRIPLESEAT_CLIENT_SECRET", "mistyped-secret".to_owned());
    portal
}

/// The kinds of a run's problems.
fn problem_kinds(answer: &Value) -> Vec<&str> {
    answer["problems"].as_array().into_iter().flatten().filter_map(|problem| problem["kind"].as_str()).collect()
}

#[tokio::test]
async fn one_lost_response_becomes_a_review_and_the_others_are_sent() {
    let portal = portal_with_refused_oauth().await;
    let ids = portal.add_contacts(1..21);
    portal.break_tripleseat(CREATE, 3, SandboxFault::DropAfter);
    let answer = portal.run_once().await.expect("the run succeeds");
    let tally = portal.tally_contacts(&ids);
    assert_eq!(tally, ContactTally { contacts: 20, leads: 20, needs_review: 1, ..ContactTally::default() });
    assert_eq!((problem_kinds(&answer), &answer["synced"]), (vec!["look_up_refused"], &json!(19)));
    let message = answer["problems"][0]["message"].as_str().expect("it is text");
    assert!(message.contains("TRIPLESEAT_CLIENT_SECRET") && message.contains("401"), "{message}");
    assert!(message.contains("deployer secret set") && !message.contains("mistyped"), "{message}");
    assert_eq!(portal.run_line()["problems"], answer["problems"], "the log has it, where `status` reads it");
}

#[tokio::test]
async fn the_site_is_unknown_and_the_leads_are_sent() {
    let mut portal = portal_with_refused_oauth().await;
    portal.config.destination = at_site(SITE_ID);
    let ids = portal.add_contacts(1..6);
    let answer = portal.run_once().await.expect("the run succeeds");
    let tally = portal.tally_contacts(&ids);
    assert_eq!(tally, ContactTally { contacts: 5, leads: 5, ..ContactTally::default() });
    assert_eq!(problem_kinds(&answer), ["account_unchecked"]);
    let message = answer["problems"][0]["message"].as_str().expect("it is text");
    assert!(message.contains(&SITE_ID.to_string()) && message.contains("TRIPLESEAT_CLIENT_SECRET"), "{message}");
}

#[tokio::test]
async fn a_contact_of_a_run_that_died_becomes_a_review() {
    for (resend, expected) in [
        (false, ContactTally { needs_review: 1, leads: 2, contacts: 3, ..ContactTally::default() }),
        (true, ContactTally { flags_left: 1, leads: 2, contacts: 3, ..ContactTally::default() }),
    ] {
        let mut portal = portal_with_refused_oauth().await;
        portal.config.on_ambiguous = if resend { OnAmbiguous::Resend } else { OnAmbiguous::NeedsReview };
        let left = [
            ("tripleseat_sync_status__venue_a", "sending"),
            ("tripleseat_lead_id__venue_a", "HS-1-19a0c0de000-00000000"),
        ];
        let mut ids = vec![portal.add_contact(1, &left)];
        ids.extend(portal.add_contacts(2..4));
        let answer = portal.run_once().await.expect("the run succeeds");
        assert_eq!(portal.tally_contacts(&ids), expected, "{answer}");
        assert_eq!(problem_kinds(&answer), ["look_up_refused"]);
    }
}

#[tokio::test]
async fn a_token_that_every_read_refuses_counts_as_refused() {
    for (status, words) in [(401, "Token resource owner not found"), (403, "insufficient_scope")] {
        let portal = SyncTestPortal::new(true).await;
        let ids = portal.add_contacts(1..4);
        let refused = SandboxFault::Status { status, body: json!({ "error": words }), headers: Vec::new() };
        portal.tripleseat.set_fault_hook(Some(std::sync::Arc::new(move |request| {
            let lost = request.path.contains(CREATE) && request.body["lead"]["first_name"] == "Firstname1";
            let read = request.path.contains("search").then(|| refused.clone());
            read.or_else(|| lost.then_some(SandboxFault::DropAfter))
        })));
        let answer = portal.run_once().await.expect("the run succeeds");
        let tally = portal.tally_contacts(&ids);
        assert_eq!(tally, ContactTally { contacts: 3, leads: 3, needs_review: 1, ..ContactTally::default() });
        assert!(answer["problems"][0]["message"].as_str().is_some_and(|text| text.contains(words)), "{answer}");
    }
}

#[tokio::test]
async fn lookups_that_fail_for_now_leave_the_contact_for_the_next_run() {
    let portal = SyncTestPortal::new(true).await;
    let ids = portal.add_contacts(1..3);
    portal.tripleseat.set_fault_hook(Some(std::sync::Arc::new(|request| {
        let lost = request.path.contains(CREATE) && request.body["lead"]["first_name"] == "Firstname1";
        let read = request.path.contains("search").then(|| status_fault(503, None));
        read.or_else(|| lost.then_some(SandboxFault::DropAfter))
    })));
    let answer = portal.run_once().await.expect("the run succeeds");
    assert_eq!((problem_kinds(&answer), &answer["retried"]), (Vec::new(), &json!(1)));
    portal.clear_faults();
    portal.advance_past_lag();
    portal.expect_counts(1, 1, 0, 0, 0).await;
    let tally = portal.tally_contacts(&ids);
    assert_eq!(tally, ContactTally { contacts: 2, leads: 2, ..ContactTally::default() });
}
