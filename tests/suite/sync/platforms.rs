//! Failures of `http` destinations: idempotency keys, lookups, and no duplicate sends.

use std::time::Duration;

use sync_config::config::{DestinationConfig, HttpDestination};

use super::platform_destination;
use super::portal::SyncTestPortal;
use super::proxy::{ProxyFault, ProxyLine, VendorProxy};

/// A portal whose leads go to a platform behind a proxy. The proxy breaks the `nth` request.
async fn portal_with_broken_platform(
    can_look_up: bool,
    nth: usize,
    what: ProxyFault,
) -> (SyncTestPortal, std::sync::Arc<ProxyLine>) {
    let mut portal = SyncTestPortal::new(false).await;
    let line = ProxyLine::new(sync_lambda::http::build_client().expect("the TLS client is built"));
    let proxy = VendorProxy::start_proxy(&line, &portal.platform_server.uri, Duration::ZERO).await;
    let settings = HttpDestination {
        lookup_url: can_look_up.then(|| "-".to_owned()),
        lookup_id_pointer: Some("/found/id".to_owned()),
        ..platform_destination()
    };
    let http = portal.platform.add_account("venue-a", &settings, "sesame", &proxy.uri);
    portal.config.destination = DestinationConfig::Http(http);
    portal.config.fields = [("email".to_owned(), "email".to_owned())].into();
    portal.variables.insert("DESTINATION_CREDENTIAL", "sesame".to_owned());
    line.break_at(nth, what);
    (portal, line)
}

const SILENT: [ProxyFault; 5] =
    [ProxyFault::DropBefore, ProxyFault::DropAfter, ProxyFault::CutBody, ProxyFault::HalfBody, ProxyFault::Html];

#[tokio::test]
async fn sends_the_attempt_as_idempotency_key() {
    let (portal, _) = portal_with_broken_platform(true, usize::MAX, ProxyFault::Html).await;
    let id = portal.add_contact(1, &[]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    let key = portal.platform.venue_records("venue-a")[0].key.clone().expect("a key");
    assert!(key.starts_with(&format!("HS-{id}-")), "{key}");
    assert_eq!(portal.ledger_values(id).2, "1", "the ledger has the record's id");
}

#[tokio::test]
async fn lookups_settle_requests_without_a_response() {
    for what in SILENT {
        let (portal, line) = portal_with_broken_platform(true, 1, what).await;
        let id = portal.add_contact(1, &[]);
        portal.run_once().await.expect("the run succeeds");
        let reference = portal.ledger_values(id).2;
        line.stop_breaking().await;
        portal.advance_past_lag();
        portal.run_once().await.expect("the run succeeds");
        let records = portal.platform.venue_records("venue-a");
        assert_eq!((records.len(), portal.ledger_values(id).1.as_str()), (1, "synced"), "{what:?}");
        if what == ProxyFault::DropBefore {
            assert_eq!(
                records[0].key.as_deref(),
                Some(reference.as_str()),
                "the retry has the same key as the first attempt"
            );
        }
    }
}

#[tokio::test]
async fn lost_responses_need_review_without_lookups() {
    for what in SILENT {
        let (portal, line) = portal_with_broken_platform(false, 1, what).await;
        let id = portal.add_contact(1, &[]);
        portal.expect_counts(1, 0, 0, 1, 0).await;
        line.stop_breaking().await;
        portal.advance_past_lag();
        portal.expect_counts(0, 0, 0, 0, 0).await;
        assert_eq!(portal.ledger_values(id).1, "needs_review");
        assert_eq!(portal.platform.venue_records("venue-a").len(), usize::from(what.is_taken()), "{what:?}");
    }
}

#[tokio::test]
async fn failed_lookups_leave_the_contact_for_the_next_run() {
    let (portal, line) = portal_with_broken_platform(true, 1, ProxyFault::DropAfter).await;
    let id = portal.add_contact(1, &[]);
    portal.run_once().await.expect("the run succeeds");
    // The first contact is found at once. The next ones have lookups that fail too.
    assert_eq!(portal.ledger_values(id).1, "synced");
    let late = portal.add_contact(2, &[]);
    line.break_at(1, ProxyFault::DropAfter);
    portal.run_once().await.expect("the run succeeds");
    assert_eq!(portal.ledger_values(late).1, "synced");
    let last = portal.add_contact(3, &[]);
    line.break_at(1, ProxyFault::Status { status: 500, retry_after: None });
    portal.run_once().await.expect("the run succeeds");
    assert_eq!((portal.ledger_values(last).0, portal.ledger_values(last).1.as_str()), (true, "sending"));
    line.break_at(1, ProxyFault::Status { status: 502, retry_after: None });
    portal.run_once().await.expect("the run succeeds");
    assert_eq!(portal.ledger_values(last).1, "sending", "a failed lookup settles nothing");
    line.stop_breaking().await;
    portal.run_once().await.expect("the run succeeds");
    assert_eq!((portal.ledger_values(last).1.as_str(), portal.platform.venue_records("venue-a").len()), ("synced", 3));
}

#[tokio::test]
async fn retries_when_the_platform_is_busy() {
    for what in [None, Some("0")].map(|retry_after| ProxyFault::Status { status: 429, retry_after }) {
        let (portal, line) = portal_with_broken_platform(false, 1, what).await;
        let id = portal.add_contact(1, &[]);
        portal.run_once().await.expect("the run succeeds");
        line.stop_breaking().await;
        portal.advance_past_lag();
        portal.run_once().await.expect("the run succeeds");
        assert_eq!(
            (portal.ledger_values(id).1.as_str(), portal.platform.venue_records("venue-a").len()),
            ("synced", 1),
            "{what:?}"
        );
    }
}

#[tokio::test]
async fn unclear_statuses_are_never_sent_again() {
    for status in [302, 404, 405, 410, 500, 502, 503, 504] {
        for what in [ProxyFault::Status { status, retry_after: Some("0") }, ProxyFault::StatusAfter { status }] {
            let (portal, line) = portal_with_broken_platform(false, 1, what).await;
            let ids = portal.add_contacts(1..3);
            let first = portal.run_once().await;
            line.stop_breaking().await;
            portal.advance_past_lag();
            portal.run_once().await.expect("the run succeeds");
            let statuses: Vec<String> = ids.iter().map(|id| portal.ledger_values(*id).1).collect();
            assert_eq!(statuses, ["needs_review", "synced"], "{what:?}: {first:?}");
            let records = portal.platform.venue_records("venue-a").len();
            assert_eq!(records, 1 + usize::from(what.is_taken()), "{what:?}");
        }
    }
}

#[tokio::test]
async fn the_same_refusal_of_everybody_is_a_settings_fault() {
    let (portal, line) = portal_with_broken_platform(false, usize::MAX, ProxyFault::Html).await;
    let ids = portal.add_contacts(1..11);
    let refusal = serde_json::json!({ "error": "unknown location", "request_id": "a81f" });
    portal.platform.refuse_records("venue-a", Some((422, refusal)));
    let error = portal.run_once().await.expect_err("the settings are wrong").to_string();
    assert!(error.contains("unknown location") && error.contains("[venues.venue-a.destination]"), "{error}");
    assert!(ids.iter().all(|id| portal.ledger_values(*id).0 && portal.ledger_values(*id).1.is_empty()), "flags stay");
    assert_eq!(line.request_count(), 3, "no more than three are tried");

    // What names a value that the contact lacks is its own fault, however often it happens.
    portal.advance_past_lag();
    let refusal = serde_json::json!({ "error": "email is required" });
    portal.platform.refuse_records("venue-a", Some((422, refusal)));
    for id in &ids {
        portal.hubspot.set_property(*id, "email", "").expect("changing works");
    }
    portal.run_once().await.expect("the run succeeds");
    assert!(ids.iter().all(|id| portal.ledger_values(*id).1 == "failed"));
}
