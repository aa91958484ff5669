//! A venue that is live, and those that aren't: the stage that fails, and what was seen.

use deployer_health::verify::{Evidence, Stage};
use deployer_sandbox::Fault;
use serde_json::json;

use super::{Place, nothing};
use crate::sync::portal::SITE_ID;

#[tokio::test]
async fn a_test_contact_becomes_a_lead_and_is_removed() {
    let place = Place::new().await;
    let outcome = place.outcome(nothing).await;
    assert_eq!(outcome.failure, None);
    let leads = place.portal.leads();
    assert_eq!(leads.len(), 1);
    let found = outcome.lead.expect("a lead");
    assert_eq!((found.lead_id, found.evidence), (Some(leads[0].id.to_string()), Evidence::Destination));
    assert!(found.seconds_after_flag >= 9.0, "the index is 10 s behind, and it is looked at every 3 s");
    let field = |name: &str| leads[0].fields[name].as_str().expect("text").to_owned();
    assert_eq!((field("first_name"), field("last_name")), ("Deployer".to_owned(), "Test venue-a".to_owned()));
    assert!(field("email_address").starts_with("deployer-verify+venue-a-"), "{}", field("email_address"));
    assert!(field("additional_information").starts_with("Test by deployer verify, please ignore"));
    assert_eq!(place.contacts(), Vec::<u64>::new());
    assert_eq!(place.journal().left().expect("read"), None);
    assert!(outcome.remains[0].contains(&leads[0].id.to_string()), "{:?}", outcome.remains);
    let all = [
        Stage::Deployed,
        Stage::HubSpot,
        Stage::Contact,
        Stage::Flag,
        Stage::Run,
        Stage::Lead,
        Stage::Reset,
        Stage::Others,
        Stage::Cleanup,
    ];
    assert_eq!(place.stages(), all);
    let said = place.said();
    assert!(said.contains("invoked: 0 found") && said.contains("invoked: 1 found, 1 synced"), "{said}");
    assert!(said.contains("looked at 1 ledger and 1 account"), "{said}");
    assert!(!said.contains("deployer-verify+"), "the address is nobody's business: {said}");
}

#[tokio::test]
async fn by_its_schedule_a_venue_is_waited_for_and_without_a_look_up_the_ledger_tells() {
    let mut place = Place::new().await;
    place.options.now = false;
    place.oauth = false;
    // The rule fires after 30 s.
    let fired = |number| if number == 10 { place.fire() } else { nothing(number) };
    let outcome = place.outcome(fired).await;
    assert_eq!(outcome.failure, None);
    let found = outcome.lead.expect("a lead");
    assert_eq!((found.evidence, found.seconds_after_flag), (Evidence::Ledger, 30.0));
    assert_eq!(found.lead_id, Some(place.portal.leads()[0].id.to_string()));
    // Two firings of rate(5 minutes), the four minutes of a run, and a minute.
    assert!(place.said().contains("waiting for rate(5 minutes), 15 min at most"), "{}", place.said());
    assert!(place.said().contains("no other venue has it: looked at 1 ledger\n"), "{}", place.said());
}

#[tokio::test]
async fn a_rule_that_does_not_fire_is_told_after_the_time() {
    let mut place = Place::new().await;
    place.options.now = false;
    place.options.timeout = Some(std::time::Duration::from_secs(60));
    let outcome = place.outcome(nothing).await;
    let failure = outcome.failure.expect("it fails");
    assert_eq!(failure.stage, Stage::Run);
    assert!(failure.seen.contains("after 1 min no run has taken the contact"), "{}", failure.seen);
    assert!(failure.seen.contains("the function didn't run"), "{}", failure.seen);
    assert_eq!(place.contacts(), Vec::<u64>::new());
}

#[tokio::test]
async fn runs_that_fail_are_told_with_what_they_log() {
    let mut place = Place::new().await;
    place.set_key("venue-a", "mistyped-public-key").await;
    let outcome = place.outcome(nothing).await;
    let failure = outcome.failure.expect("it fails");
    assert_eq!(failure.stage, Stage::Run);
    assert!(
        failure.seen.contains("the run failed: Credential: ") && !failure.seen.contains("mistyped"),
        "{}",
        failure.seen
    );

    place.options.now = false;
    place.options.timeout = Some(std::time::Duration::from_secs(60));
    // The cloud's log goes by its own time.
    place.cloud.set_time(place.portal.clock.now());
    let fired = |number| {
        place.cloud.set_time(place.portal.clock.now());
        if number % 7 == 0 { place.fire() } else { nothing(number) }
    };
    let failure = place.outcome(fired).await.failure.expect("it fails");
    assert!(failure.seen.contains("the last of /aws/lambda/d-venue-a:"), "{}", failure.seen);
    assert!(failure.seen.contains("TRIPLESEAT_PUBLIC_KEY"), "{}", failure.seen);
    assert_eq!(place.contacts(), Vec::<u64>::new());
}

#[tokio::test]
async fn a_refusal_is_told_in_the_vendors_words() {
    let place = Place::new().await;
    let body = json!({ "errors": { "base": ["This account takes no leads on Sundays"] } });
    place.portal.break_tripleseat("/v1/leads/create", 0, Fault::Status { status: 200, body, headers: Vec::new() });
    let failure = place.outcome(nothing).await.failure.expect("it fails");
    assert_eq!(failure.stage, Stage::Run);
    assert!(failure.seen.contains("`failed`") && failure.seen.contains("no leads on Sundays"), "{}", failure.seen);
    assert_eq!(place.contacts(), Vec::<u64>::new());
}

/// The ledger is content; only the accounts show where the lead is.
#[tokio::test]
async fn a_lead_in_another_venues_account_is_found_there() {
    let place = Place::new().await;
    place.set_key("venue-a", "public-key-of-another-venue").await;
    // Without a site the run can't know better.
    let text = super::text(&place.portal).replacen(&format!("site_id = {SITE_ID}\n"), "", 1);
    place.world.converge(&place.world.desired(&text)).await;
    let outcome = place.outcome(nothing).await;
    let failure = outcome.failure.expect("it fails");
    assert_eq!(failure.stage, Stage::Lead);
    let lead = place.portal.tripleseat.leads(SITE_ID + 1)[0].id;
    assert!(failure.seen.contains(&format!("the lead {lead} is in the account of venue-b")), "{}", failure.seen);
    assert_eq!(place.contacts(), Vec::<u64>::new());
}

#[tokio::test]
async fn another_venue_whose_ledger_has_it_is_named() {
    let place = Place::new().await;
    let hubspot = place.portal.hubspot.clone();
    let marks = move |number| {
        if number == 1 {
            let id = hubspot.contacts()[0].id;
            hubspot.set(id, "tripleseat_sync_status__venue_b", "synced").expect("the other function writes");
        }
        nothing(number)
    };
    let failure = place.outcome(marks).await.failure.expect("it fails");
    assert_eq!(failure.stage, Stage::Others);
    assert!(failure.seen.contains("venue-b has it too"), "{}", failure.seen);
}

#[tokio::test]
async fn a_flag_or_a_contact_that_somebody_takes_away_ends_it() {
    let place = Place::new().await;
    let hubspot = place.portal.hubspot.clone();
    let unticks = move |number| {
        hubspot.set(hubspot.contacts()[0].id, "tripleseat_sync__venue_a", "false").expect("staff untick it");
        nothing(number)
    };
    let failure = place.outcome(unticks).await.failure.expect("it fails");
    assert!(failure.seen.contains("the flag was taken away"), "{}", failure.seen);
    let hubspot = place.portal.hubspot.clone();
    let deletes = move |number| {
        hubspot.delete(hubspot.contacts()[0].id).expect("staff delete it");
        nothing(number)
    };
    let failure = place.outcome(deletes).await.failure.expect("it fails");
    assert!(failure.seen.contains("somebody has deleted the test contact"), "{}", failure.seen);
    assert_eq!(place.portal.leads(), []);
}
