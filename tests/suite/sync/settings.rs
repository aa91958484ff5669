//! The destination's settings, compared before the first lead with what the public key may read.

use std::time::{Duration, SystemTime};

use deployer_sandbox::{SandboxFault, TripleseatAccount, TripleseatLocation};
use serde_json::{Value, json};
use sync_config::config::{DestinationConfig, TripleseatDestination};

use super::portal::{HandlerResult, KEY, SITE_ID, SyncTestPortal, status_fault};
use crate::assertions::assert_contains;

const MINUTE: Duration = Duration::from_secs(60);

/// A portal whose account has two locations, a lead form and sources.
async fn portal_with(oauth: bool, place: TripleseatDestination) -> SyncTestPortal {
    let mut portal = SyncTestPortal::new(oauth).await;
    portal.tripleseat.add_account(TripleseatAccount {
        site_id: SITE_ID,
        name: "The Old Mill".to_owned(),
        public_key: KEY.to_owned(),
        oauth: oauth.then(|| (format!("client-of-{SITE_ID}"), format!("secret-of-{SITE_ID}"))),
        locations: [11, 12].map(|id| TripleseatLocation { id, name: format!("Hall {id}") }).to_vec(),
        lead_form_ids: vec![3],
        phone_required: true,
    });
    portal.tripleseat.change_switches(SITE_ID, |switches| {
        switches.lead_sources = [(5, "Website".to_owned())].into();
        switches.referral_sources = [(6, "Friend".to_owned())].into();
    });
    portal.config.destination = DestinationConfig::Tripleseat(place);
    portal
}

fn right_place() -> TripleseatDestination {
    TripleseatDestination {
        location_id: Some(11),
        lead_form_id: Some(3),
        site_id: Some(SITE_ID),
        lead_source_id: Some(5),
        referral_source_id: Some(6),
        ..TripleseatDestination::default()
    }
}

fn requests_to(portal: &SyncTestPortal, path: &str) -> usize {
    portal.tripleseat.recorded_requests().iter().filter(|request| request.path.contains(path)).count()
}

async fn run_dry(portal: &SyncTestPortal) -> HandlerResult {
    portal.run_with(&json!({ "dry_run": true }), MINUTE).await
}

#[tokio::test]
async fn a_wrong_setting_ends_the_run_before_the_first_lead() {
    let wrong = [
        (TripleseatDestination { location_id: Some(99), ..right_place() }, "no location 99, only 11 (Hall 11), 12"),
        (TripleseatDestination { location_id: None, lead_form_id: None, ..right_place() }, "Add `location_id`"),
        (TripleseatDestination { site_id: Some(9), ..right_place() }, "no site 9, only 7001 (The Old Mill)"),
        (TripleseatDestination { lead_form_id: Some(4), ..right_place() }, "no lead form 4, only 3"),
        (TripleseatDestination { lead_source_id: Some(50), ..right_place() }, "no lead source 50, only 5 (Website)"),
        (TripleseatDestination { referral_source_id: Some(60), ..right_place() }, "no referral source 60"),
    ];
    for (place, words) in wrong {
        let portal = portal_with(false, place).await;
        let ids = portal.add_contacts(1..4);
        for answer in [run_dry(&portal).await, portal.run_once().await] {
            let error = answer.expect_err(words);
            assert_contains(error.to_string(), words);
            assert_contains(error.to_string(), "all flags stay");
            assert_eq!(error.kind_name(), "Settings");
        }
        assert_eq!(requests_to(&portal, "create"), 0, "nothing was sent");
        for id in ids {
            assert_eq!(portal.ledger_values(id), (true, String::new(), String::new(), String::new()));
        }
        let run = portal.logged.lock().expect("no panic").last().cloned().expect("a run line");
        assert_eq!((&run["event"], &run["Backlog"]), (&json!("run"), &json!(3)));
    }
}

#[tokio::test]
async fn a_constant_among_the_fields_is_compared_too() {
    let mut portal = portal_with(false, TripleseatDestination { lead_source_id: None, ..right_place() }).await;
    portal.config.fields = [("lead_source_id".to_owned(), "=50".to_owned())].into();
    portal.add_contact(1, &[]);
    assert_contains(portal.run_once().await.expect_err("no such source").to_string(), "no lead source 50");
    portal.config.fields = [("lead_source_id".to_owned(), "=5".to_owned())].into();
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.venue_leads()[0].fields["lead_source_id"], 5);
}

#[tokio::test]
async fn a_process_compares_once_and_sends_with_the_right_settings() {
    let portal = portal_with(false, right_place()).await;
    let handler = portal.new_handler();
    let run = async || handler.handle_event(&json!({}), "request-1", SystemTime::now() + MINUTE).await;
    for number in 1..4 {
        portal.add_contact(number, &[]);
        portal.advance_past_lag();
        assert_eq!(run().await.expect("the run succeeds")["synced"], 1);
    }
    for list in ["locations", "sites", "lead_forms"] {
        assert_eq!(requests_to(&portal, &format!("/v1/{list}.json")), 1, "{list}");
    }
    let fields = &portal.venue_leads()[0].fields;
    assert_eq!((&fields["lead_source_id"], &fields["referral_source_id"]), (&json!(5), &json!(6)));
    handler
        .handle_event(&json!({ "dry_run": true }), "request-2", SystemTime::now() + MINUTE)
        .await
        .expect("the dry run succeeds");
    assert_eq!(requests_to(&portal, "/v1/locations.json"), 2, "a dry run always compares");
}

#[tokio::test]
async fn only_what_the_venue_names_is_read() {
    let portal = SyncTestPortal::new(false).await;
    portal.add_contact(1, &[]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    let reads: Vec<String> = portal
        .tripleseat
        .recorded_requests()
        .into_iter()
        .filter(|request| request.method == "GET")
        .map(|request| request.path)
        .collect();
    assert_eq!(reads, ["/v1/locations.json"]);
}

/// The settings are unknown then, and only OAuth's guard of the site applies.
#[tokio::test]
async fn runs_go_on_where_the_key_may_read_nothing() {
    for oauth in [false, true] {
        let portal = portal_with(oauth, right_place()).await;
        portal.tripleseat.change_switches(SITE_ID, |switches| switches.key_reads_refused = true);
        portal.add_contact(1, &[]);
        run_dry(&portal).await.expect("the dry run succeeds");
        assert_eq!(requests_to(&portal, "create"), 1, "what no read tells is asked with a lead that is only validated");
        assert_eq!(portal.venue_leads(), [], "which creates nothing");
        portal.expect_counts(1, 1, 0, 0, 0).await;
    }
}

#[tokio::test]
async fn unanswered_reads_delay_no_lead_and_are_repeated_by_the_next_run() {
    for fault in [
        status_fault(503, None),
        status_fault(429, None),
        SandboxFault::DropBefore,
        SandboxFault::Garbage { status: 200, body: "<html>".to_owned() },
    ] {
        let portal = portal_with(false, right_place()).await;
        let handler = portal.new_handler();
        portal.break_tripleseat("locations.json", 1, fault);
        for number in 1..4 {
            portal.add_contact(number, &[]);
            portal.advance_past_lag();
            let answer = handler.handle_event(&json!({}), "request-1", SystemTime::now() + MINUTE).await;
            assert_eq!(answer.expect("the run succeeds")["synced"], 1);
        }
        assert_eq!(requests_to(&portal, "locations.json"), 2, "once more, and then no more");
    }
}

#[tokio::test]
async fn an_idle_venue_with_a_wrong_setting_says_so_before_anybody_flags_a_contact() {
    let portal = portal_with(false, TripleseatDestination { location_id: Some(99), ..right_place() }).await;
    let error: Value = json!(portal.run_once().await.expect_err("a wrong location").to_string());
    assert_contains(error.to_string(), "run `deployer apply`");
}
