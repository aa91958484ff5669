//! Failures of `http` destinations: idempotency keys, lookups, and no duplicate sends.

use std::time::Duration;

use sync_config::config::{Destination, HttpDestination};

use super::platform;
use super::portal::Portal;
use super::proxy::{Break, Line, Proxy};

/// A portal whose leads go to a platform behind a proxy. The proxy breaks the `nth` request.
async fn portal_with_broken_platform(can_look_up: bool, nth: usize, what: Break) -> (Portal, std::sync::Arc<Line>) {
    let mut portal = Portal::new(false).await;
    let line = Line::new(sync_lambda::http::client().expect("TLS"));
    let proxy = Proxy::start(&line, &portal.platform_server.uri, Duration::ZERO).await;
    let settings = HttpDestination {
        lookup_url: can_look_up.then(|| "-".to_owned()),
        lookup_id_pointer: Some("/found/id".to_owned()),
        ..platform()
    };
    let http = portal.platform.add_account("venue-a", &settings, "sesame", &proxy.uri);
    portal.config.destination = Destination::Http(http);
    portal.config.fields = [("email".to_owned(), "email".to_owned())].into();
    portal.variables.insert("DESTINATION_CREDENTIAL", "sesame".to_owned());
    line.break_at(nth, what);
    (portal, line)
}

const SILENT: [Break; 5] = [Break::DropBefore, Break::DropAfter, Break::CutBody, Break::HalfBody, Break::Html];

#[tokio::test]
async fn sends_the_attempt_as_idempotency_key() {
    let (portal, _) = broken(true, usize::MAX, Break::Html).await;
    let id = portal.contact(1, &[]);
    portal.expect(1, 1, 0, 0, 0).await;
    let key = portal.platform.records("venue-a")[0].key.clone().expect("a key");
    assert!(key.starts_with(&format!("HS-{id}-")), "{key}");
    assert_eq!(portal.ledger(id).2, "1", "the ledger has the record's id");
}

#[tokio::test]
async fn lookups_settle_requests_without_a_response() {
    for what in SILENT {
        let (portal, line) = broken(true, 1, what).await;
        let id = portal.contact(1, &[]);
        portal.run().await.expect("the run succeeds");
        let reference = portal.ledger(id).2;
        line.mend().await;
        portal.index_follows();
        portal.run().await.expect("the run succeeds");
        let records = portal.platform.records("venue-a");
        assert_eq!((records.len(), portal.ledger(id).1.as_str()), (1, "synced"), "{what:?}");
        if what == Break::DropBefore {
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
        let (portal, line) = broken(false, 1, what).await;
        let id = portal.contact(1, &[]);
        portal.expect(1, 0, 0, 1, 0).await;
        line.mend().await;
        portal.index_follows();
        portal.expect(0, 0, 0, 0, 0).await;
        assert_eq!(portal.ledger(id).1, "needs_review");
        assert_eq!(portal.platform.records("venue-a").len(), usize::from(what.is_taken()), "{what:?}");
    }
}

#[tokio::test]
async fn failed_lookups_leave_the_contact_for_the_next_run() {
    let (portal, line) = broken(true, 1, Break::DropAfter).await;
    let id = portal.contact(1, &[]);
    portal.run().await.expect("the run succeeds");
    // The first contact is found at once. The next ones have lookups that fail too.
    assert_eq!(portal.ledger(id).1, "synced");
    let late = portal.contact(2, &[]);
    line.break_at(1, Break::DropAfter);
    portal.run().await.expect("the run succeeds");
    assert_eq!(portal.ledger(late).1, "synced");
    let last = portal.contact(3, &[]);
    line.break_at(1, Break::StatusAfter { status: 500 });
    portal.run().await.expect("the run succeeds");
    assert_eq!((portal.ledger(last).0, portal.ledger(last).1.as_str()), (true, "sending"));
    line.break_at(1, Break::Status { status: 502, retry_after: None });
    portal.run().await.expect("the run succeeds");
    assert_eq!(portal.ledger(last).1, "sending", "a failed lookup settles nothing");
    line.mend().await;
    portal.run().await.expect("the run succeeds");
    assert_eq!((portal.ledger(last).1.as_str(), portal.platform.records("venue-a").len()), ("synced", 3));
}

#[tokio::test]
async fn retries_when_the_platform_is_busy_or_down() {
    for what in [429, 500, 503].map(|status| Break::Status { status, retry_after: Some("0") }) {
        let (portal, line) = broken(false, 1, what).await;
        let id = portal.contact(1, &[]);
        portal.run().await.expect("the run succeeds");
        line.mend().await;
        portal.index_follows();
        portal.run().await.expect("the run succeeds");
        assert_eq!((portal.ledger(id).1.as_str(), portal.platform.records("venue-a").len()), ("synced", 1), "{what:?}");
    }
}
