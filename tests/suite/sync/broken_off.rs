//! A run dies at any request: the following runs lose no contact and send none twice.

use std::sync::{Arc, Mutex};

use deployer_sandbox::{RequestInfo, SandboxFault, SandboxFaultHook};
use tokio::sync::Notify;

use super::portal::SyncTestPortal;

/// Contacts in each scenario.
const CONTACTS: u64 = 3;

/// How many requests a run of this scenario makes, measured with an uninterrupted run.
async fn count_requests(oauth: bool) -> usize {
    let portal = SyncTestPortal::new(oauth).await;
    portal.add_contacts(1..CONTACTS + 1);
    portal.run_once().await.expect("the run succeeds");
    portal.hubspot.recorded_requests().len() + portal.tripleseat.recorded_requests().len()
}

/// Ends the process at the `nth` request to both vendors together, before or after the request is processed.
fn die_at(nth: usize, taken: bool, died: &Arc<Notify>) -> SandboxFaultHook {
    let (died, seen) = (Arc::clone(died), Mutex::new(0));
    Arc::new(move |_: &RequestInfo| {
        let mut seen = seen.lock().expect("no panic");
        *seen += 1;
        if *seen < nth {
            return None;
        }
        died.notify_one();
        let last = *seen == nth && taken;
        Some(if last { SandboxFault::DropAfter } else { SandboxFault::DropBefore })
    })
}

async fn run_scenario(oauth: bool, nth: usize, taken: bool) {
    let portal = SyncTestPortal::new(oauth).await;
    let ids = portal.add_contacts(1..CONTACTS + 1);
    let died = Arc::new(Notify::new());
    let hook = die_at(nth, taken, &died);
    portal.hubspot.set_fault_hook(Some(Arc::clone(&hook)));
    portal.tripleseat.set_fault_hook(Some(hook));
    tokio::select! {
        biased;
        () = died.notified() => {}
        ran = portal.run_once() => drop(ran),
    }
    portal.clear_faults();
    for _ in 0..3 {
        portal.advance_past_lag();
        portal.run_once().await.expect("the run succeeds once nothing is broken");
    }
    let case = format!("died at request {nth}, {}, OAuth {oauth}", if taken { "processed" } else { "not processed" });
    let leads = portal.contacts_of_leads();
    let mut once = leads.clone();
    once.dedup();
    assert_eq!(leads, once, "each contact is a lead at most once: {case}");
    for id in &ids {
        let (flag, status, ..) = portal.ledger_values(*id);
        assert!(!flag, "contact {id} is settled: {case}");
        match status.as_str() {
            "synced" => assert!(leads.contains(id), "contact {id} is a lead: {case}"),
            "needs_review" => assert!(!oauth, "contact {id} could have been looked up: {case}"),
            other => panic!("contact {id} has status {other:?}: {case}"),
        }
    }
}

async fn die_at_every_request(oauth: bool) {
    let requests = count_requests(oauth).await;
    assert!(requests > 6, "a run searches, checks, reads, marks, sends and settles: {requests}");
    let stories = (1..=requests).flat_map(|nth| [false, true].map(|taken| run_scenario(oauth, nth, taken)));
    futures_util::future::join_all(stories).await;
}

#[tokio::test]
async fn survives_dying_at_any_request_with_lookups() {
    die_at_every_request(true).await;
}

#[tokio::test]
async fn survives_dying_at_any_request_without_lookups() {
    die_at_every_request(false).await;
}
