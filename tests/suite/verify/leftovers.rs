//! What an interrupted verify leaves behind, and how the next one removes it.

use deployer_health::verify::VerifyStage;
use deployer_health::verify::journal::{JournalError, TestContactEntry, VerifyJournal};
use deployer_sandbox::SandboxFault;
use deployer_sandbox::hubspot::PropertyValues;
use jiff::SignedDuration;

use super::{VerifyFixture, do_nothing, open_journal_in};
use crate::assertions::assert_contains;

fn test_contact(place: &VerifyFixture, venue: &str, random: &str) -> u64 {
    let properties = PropertyValues::from([
        ("email".to_owned(), format!("deployer-verify+{venue}-{random}@example.com")),
        ("firstname".to_owned(), "Deployer".to_owned()),
        ("lastname".to_owned(), format!("Test {venue}")),
    ]);
    place.portal.hubspot.add_contacts(vec![properties]).expect("a contact")[0]
}

#[tokio::test]
async fn the_next_verify_removes_the_contact_in_the_journal() {
    let place = VerifyFixture::new().await;
    for known in [true, false] {
        let id = test_contact(&place, "venue-a", "00000000000a");
        let email = "deployer-verify+venue-a-00000000000a@example.com".to_owned();
        let entry = TestContactEntry { email, contact_id: known.then(|| id.to_string()) };
        place.open_journal().write_entry(&entry).expect("written");
        let outcome = place.expect_outcome(do_nothing).await;
        assert_eq!(outcome.failure, None);
        assert_contains(place.event_texts(), format!("removed test contact {id}, left behind by an earlier verify"));
        assert_eq!(place.contact_ids(), Vec::<u64>::new());
    }
}

#[tokio::test]
async fn never_deletes_a_contact_that_is_not_a_test_contact() {
    let place = VerifyFixture::new().await;
    let guest = place.portal.add_contact(1, &[("tripleseat_sync__venue_a", "")]);
    let entry = TestContactEntry { email: "guest1@example.com".to_owned(), contact_id: Some(guest.to_string()) };
    place.open_journal().write_entry(&entry).expect("written");
    assert_eq!(place.expect_outcome(do_nothing).await.failure, None);
    assert_eq!(place.contact_ids(), [guest]);
}

#[tokio::test]
async fn finds_old_test_contacts_without_a_journal() {
    let place = VerifyFixture::new().await;
    let old = test_contact(&place, "venue-a", "00000000000a");
    let others = test_contact(&place, "venue-a-b", "00000000000b");
    let guest = place
        .portal
        .add_contact(1, &[("firstname", "Deployer"), ("lastname", "Test venue-a"), ("tripleseat_sync__venue_a", "")]);
    place.portal.clock.advance(SignedDuration::from_mins(61));
    let young = test_contact(&place, "venue-a", "00000000000c");
    let outcome = place.expect_outcome(do_nothing).await;
    assert_eq!(outcome.failure, None);
    assert_eq!(place.contact_ids(), [others, guest, young], "{old} is gone");
}

#[tokio::test]
async fn a_lost_response_leaves_nothing_behind() {
    let place = VerifyFixture::new().await;
    // The first POST is the search for leftovers.
    place.portal.break_hubspot("/contacts", 2, SandboxFault::DropAfter);
    let outcome = place.expect_outcome(do_nothing).await;
    assert_eq!(outcome.failure.expect("it fails").stage, VerifyStage::Contact);
    assert_eq!(place.contact_ids(), Vec::<u64>::new());
    assert_eq!(place.open_journal().read_leftover().expect("read"), None);
}

#[tokio::test]
async fn reports_a_failed_cleanup_and_leaves_it_to_the_next_verify() {
    let place = VerifyFixture::new().await;
    let delete = |request: &deployer_sandbox::RequestInfo| {
        let refused = || crate::sync::portal::status_fault(403, None);
        (request.method == "DELETE").then(refused)
    };
    place.portal.hubspot.set_fault_hook(Some(std::sync::Arc::new(delete)));
    let outcome = place.expect_outcome(do_nothing).await;
    assert_eq!(outcome.failure.expect("it fails").stage, VerifyStage::Cleanup);
    assert!(outcome.remains.iter().any(|text| text.contains("the next verify removes it")), "{:?}", outcome.remains);
    assert_eq!(place.contact_ids().len(), 1);
    place.portal.clear_faults();
    assert_eq!(place.expect_outcome(do_nothing).await.failure, None);
    assert_eq!(place.contact_ids(), Vec::<u64>::new());
}

#[tokio::test]
async fn the_next_verify_removes_a_kept_contact() {
    let mut place = VerifyFixture::new().await;
    place.options.keep = true;
    assert_eq!(place.expect_outcome(do_nothing).await.failure, None);
    assert_eq!(place.contact_ids().len(), 1);
    place.options.keep = false;
    assert_eq!(place.expect_outcome(do_nothing).await.failure, None);
    assert_eq!(place.contact_ids(), Vec::<u64>::new());
}

#[tokio::test]
async fn a_canceled_verify_cleans_up() {
    let mut place = VerifyFixture::new().await;
    place.options.now = false;
    let cancel = place.cancel.clone();
    let outcome = place
        .expect_outcome(move |number| {
            if number == 3 {
                cancel.cancel();
            }
            do_nothing(number)
        })
        .await;
    assert!(outcome.cancelled && outcome.failure.is_none());
    assert_eq!(place.contact_ids(), Vec::<u64>::new());
    assert_eq!(place.open_journal().read_leftover().expect("read"), None);
}

#[test]
fn rejects_a_second_verify_of_the_same_venue() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = VerifyJournal::open_file(directory.path(), "a").expect("free");
    assert!(matches!(VerifyJournal::open_file(directory.path(), "a"), Err(JournalError::Busy)));
    VerifyJournal::open_file(directory.path(), "b").expect("another venue's is free");
    drop(first);
    let mut journal = open_journal_in(directory.path(), "a");
    let long = TestContactEntry { email: "a-long-address@example.com".to_owned(), contact_id: Some("1".to_owned()) };
    let short = TestContactEntry { email: "a@b.c".to_owned(), contact_id: None };
    for entry in [long, short] {
        journal.write_entry(&entry).expect("written");
        assert_eq!(journal.read_leftover().expect("read"), Some(entry));
    }
    journal.clear_entry().expect("cleared");
    assert_eq!(journal.read_leftover().expect("read"), None);
}

#[test]
fn an_unreadable_journal_does_not_count_as_empty() {
    let directory = tempfile::tempdir().expect("a directory");
    let read = |content: &str| {
        std::fs::write(directory.path().join("a.json"), content).expect("written");
        VerifyJournal::open_file(directory.path(), "a").expect("free").read_leftover()
    };
    assert_eq!(read(r#"{"email":"a@exa"#).expect("a partial entry counts as none"), None);
    for content in ["<html>", r#"{"email":"a@b.c","contact_id":null}ple.com"}"#, "[]"] {
        let error = read(content).expect_err(content).to_string();
        assert!(error.contains("a.json") && error.contains("delete it"), "{error}");
    }
}
