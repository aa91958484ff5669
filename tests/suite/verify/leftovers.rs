//! What an interrupted verify leaves behind, and how the next one removes it.

use deployer_health::verify::Stage;
use deployer_health::verify::journal::{Entry, Journal, JournalError};
use deployer_sandbox::Fault;
use deployer_sandbox::hubspot::Properties;
use jiff::SignedDuration;

use super::{Place, nothing};

fn test_contact(place: &Place, venue: &str, random: &str) -> u64 {
    let properties = Properties::from([
        ("email".to_owned(), format!("deployer-verify+{venue}-{random}@example.com")),
        ("firstname".to_owned(), "Deployer".to_owned()),
        ("lastname".to_owned(), format!("Test {venue}")),
    ]);
    place.portal.hubspot.add_contacts(vec![properties]).expect("a contact")[0]
}

#[tokio::test]
async fn the_next_verify_removes_the_contact_in_the_journal() {
    let place = Place::new().await;
    for known in [true, false] {
        let id = test_contact(&place, "venue-a", "00000000000a");
        let email = "deployer-verify+venue-a-00000000000a@example.com".to_owned();
        let entry = Entry { email, contact_id: known.then(|| id.to_string()) };
        place.journal().write(&entry).expect("written");
        let outcome = place.outcome(nothing).await;
        assert_eq!(outcome.failure, None);
        assert!(place.said().contains(&format!("removed test contact {id}, left behind by an earlier verify")));
        assert_eq!(place.contacts(), Vec::<u64>::new());
    }
}

#[tokio::test]
async fn never_deletes_a_contact_that_is_not_a_test_contact() {
    let place = Place::new().await;
    let guest = place.portal.contact(1, &[("tripleseat_sync__venue_a", "")]);
    let entry = Entry { email: "guest1@example.com".to_owned(), contact_id: Some(guest.to_string()) };
    place.journal().write(&entry).expect("written");
    assert_eq!(place.outcome(nothing).await.failure, None);
    assert_eq!(place.contacts(), [guest]);
}

#[tokio::test]
async fn finds_old_test_contacts_without_a_journal() {
    let place = Place::new().await;
    let old = test_contact(&place, "venue-a", "00000000000a");
    let others = test_contact(&place, "venue-a-b", "00000000000b");
    let guest = place
        .portal
        .contact(1, &[("firstname", "Deployer"), ("lastname", "Test venue-a"), ("tripleseat_sync__venue_a", "")]);
    place.portal.clock.advance(SignedDuration::from_mins(61));
    let young = test_contact(&place, "venue-a", "00000000000c");
    let outcome = place.outcome(nothing).await;
    assert_eq!(outcome.failure, None);
    assert_eq!(place.contacts(), [others, guest, young], "{old} is gone");
}

#[tokio::test]
async fn a_lost_response_leaves_nothing_behind() {
    let place = Place::new().await;
    // The first POST is the search for leftovers.
    place.portal.break_hubspot("/contacts", 2, Fault::DropAfter);
    let outcome = place.outcome(nothing).await;
    assert_eq!(outcome.failure.expect("it fails").stage, Stage::Contact);
    assert_eq!(place.contacts(), Vec::<u64>::new());
    assert_eq!(place.journal().left().expect("read"), None);
}

#[tokio::test]
async fn reports_a_failed_cleanup_and_leaves_it_to_the_next_verify() {
    let place = Place::new().await;
    let delete = |request: &deployer_sandbox::RequestInfo| {
        let refused = || crate::sync::portal::status(403, None);
        (request.method == "DELETE").then(refused)
    };
    place.portal.hubspot.set_faults(Some(std::sync::Arc::new(delete)));
    let outcome = place.outcome(nothing).await;
    assert_eq!(outcome.failure.expect("it fails").stage, Stage::Cleanup);
    assert!(outcome.remains.iter().any(|text| text.contains("the next verify removes it")), "{:?}", outcome.remains);
    assert_eq!(place.contacts().len(), 1);
    place.portal.mend();
    assert_eq!(place.outcome(nothing).await.failure, None);
    assert_eq!(place.contacts(), Vec::<u64>::new());
}

#[tokio::test]
async fn the_next_verify_removes_a_kept_contact() {
    let mut place = Place::new().await;
    place.options.keep = true;
    assert_eq!(place.outcome(nothing).await.failure, None);
    assert_eq!(place.contacts().len(), 1);
    place.options.keep = false;
    assert_eq!(place.outcome(nothing).await.failure, None);
    assert_eq!(place.contacts(), Vec::<u64>::new());
}

#[tokio::test]
async fn a_canceled_verify_cleans_up() {
    let mut place = Place::new().await;
    place.options.now = false;
    let cancel = place.cancel.clone();
    let outcome = place
        .outcome(move |number| {
            if number == 3 {
                cancel.cancel();
            }
            nothing(number)
        })
        .await;
    assert!(outcome.cancelled && outcome.failure.is_none());
    assert_eq!(place.contacts(), Vec::<u64>::new());
    assert_eq!(place.journal().left().expect("read"), None);
}

#[test]
fn rejects_a_second_verify_of_the_same_venue() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = Journal::open(directory.path(), "a").expect("free");
    assert!(matches!(Journal::open(directory.path(), "a"), Err(JournalError::Busy)));
    Journal::open(directory.path(), "b").expect("another venue's is free");
    drop(first);
    let mut journal = Journal::open(directory.path(), "a").expect("free again");
    let long = Entry { email: "a-long-address@example.com".to_owned(), contact_id: Some("1".to_owned()) };
    let short = Entry { email: "a@b.c".to_owned(), contact_id: None };
    for entry in [long, short] {
        journal.write(&entry).expect("written");
        assert_eq!(journal.left().expect("read"), Some(entry));
    }
    journal.clear().expect("cleared");
    assert_eq!(journal.left().expect("read"), None);
}
