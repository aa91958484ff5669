//! Verifying venues that are live and venues that aren't: which stage fails, and what the error says.

use deployer_health::verify::{LeadEvidence, VerifyStage};
use deployer_sandbox::SandboxFault;
use serde_json::json;

use super::{VerifyFixture, do_nothing};
use crate::sync::portal::SITE_ID;

#[tokio::test]
async fn a_test_contact_becomes_a_lead_and_is_removed() {
    let place = VerifyFixture::new().await;
    let outcome = place.expect_outcome(do_nothing).await;
    assert_eq!(outcome.failure, None);
    let leads = place.portal.venue_leads();
    assert_eq!(leads.len(), 1);
    let found = outcome.lead.expect("a lead");
    assert_eq!((found.lead_id, found.evidence), (Some(leads[0].id.to_string()), LeadEvidence::Destination));
    assert!(found.seconds_after_flag >= 9.0, "the index lags by 10 s, and the contact is read every 3 s");
    let field = |name: &str| leads[0].fields[name].as_str().expect("it is text").to_owned();
    assert_eq!((field("first_name"), field("last_name")), ("Deployer".to_owned(), "Test venue-a".to_owned()));
    assert!(field("email_address").starts_with("deployer-verify+venue-a-"), "{}", field("email_address"));
    assert!(field("additional_information").starts_with("Test by deployer verify, please ignore"));
    assert_eq!(place.contact_ids(), Vec::<u64>::new());
    assert_eq!(place.open_journal().read_leftover().expect("it was read"), None);
    assert!(outcome.remains[0].contains(&leads[0].id.to_string()), "{:?}", outcome.remains);
    let all = [
        VerifyStage::Deployed,
        VerifyStage::HubSpot,
        VerifyStage::Contact,
        VerifyStage::Flag,
        VerifyStage::Run,
        VerifyStage::Lead,
        VerifyStage::Reset,
        VerifyStage::Others,
        VerifyStage::Cleanup,
    ];
    assert_eq!(place.seen_stages(), all);
    let said = place.event_texts();
    assert!(said.contains("invoked: found 0:") && said.contains("invoked: found 1: 1 synced"), "{said}");
    assert!(said.contains("checked 1 ledger and 1 account"), "{said}");
    assert!(!said.contains("deployer-verify+"), "the address must not be shown: {said}");
}

#[tokio::test]
async fn waits_for_the_schedule_and_trusts_the_ledger_without_a_lookup() {
    let mut place = VerifyFixture::new().await;
    place.options.now = false;
    place.oauth = false;
    // The rule fires after 30 s.
    let fired = |number| if number == 10 { place.fire_rule() } else { do_nothing(number) };
    let outcome = place.expect_outcome(fired).await;
    assert_eq!(outcome.failure, None);
    let found = outcome.lead.expect("a lead");
    assert_eq!((found.evidence, found.seconds_after_flag), (LeadEvidence::Ledger, 30.0));
    assert_eq!(found.lead_id, Some(place.portal.venue_leads()[0].id.to_string()));
    // Two firings of rate(5 minutes), four minutes for the run, and one more.
    assert!(place.event_texts().contains("waiting for rate(5 minutes), up to 15 min"), "{}", place.event_texts());
    assert!(place.event_texts().contains("no other venue has it: checked 1 ledger\n"), "{}", place.event_texts());
}

#[tokio::test]
async fn times_out_if_the_rule_does_not_fire() {
    let mut place = VerifyFixture::new().await;
    place.options.now = false;
    place.options.timeout = Some(std::time::Duration::from_secs(60));
    let outcome = place.expect_outcome(do_nothing).await;
    let failure = outcome.failure.expect("it fails");
    assert_eq!(failure.stage, VerifyStage::Run);
    assert!(failure.seen.contains("no run picked up the contact within 1 min"), "{}", failure.seen);
    assert!(failure.seen.contains("the function didn't run"), "{}", failure.seen);
    assert_eq!(place.contact_ids(), Vec::<u64>::new());
}

#[tokio::test]
async fn reports_failed_runs_with_their_log() {
    let mut place = VerifyFixture::new().await;
    place.set_key("venue-a", "mistyped-public-key").await;
    let outcome = place.expect_outcome(do_nothing).await;
    let failure = outcome.failure.expect("it fails");
    assert_eq!(failure.stage, VerifyStage::Run);
    assert!(
        failure.seen.contains("the run failed: Credential: ") && !failure.seen.contains("mistyped"),
        "{}",
        failure.seen
    );

    place.options.now = false;
    place.options.timeout = Some(std::time::Duration::from_secs(60));
    // The cloud's log has its own clock.
    place.cloud.set_time(place.portal.clock.now());
    let fired = |number| {
        place.cloud.set_time(place.portal.clock.now());
        if number % 7 == 0 { place.fire_rule() } else { do_nothing(number) }
    };
    let failure = place.expect_outcome(fired).await.failure.expect("it fails");
    assert!(failure.seen.contains("the last lines of /aws/lambda/d-venue-a:"), "{}", failure.seen);
    assert!(failure.seen.contains("TRIPLESEAT_PUBLIC_KEY"), "{}", failure.seen);
    assert_eq!(place.contact_ids(), Vec::<u64>::new());
}

#[tokio::test]
async fn reports_a_refusal_in_the_vendors_words() {
    let place = VerifyFixture::new().await;
    let body = json!({ "errors": { "base": ["This account takes no leads on Sundays"] } });
    place.portal.break_tripleseat(
        "/v1/leads/create",
        0,
        SandboxFault::Status { status: 200, body, headers: Vec::new() },
    );
    let failure = place.expect_outcome(do_nothing).await.failure.expect("it fails");
    assert_eq!(failure.stage, VerifyStage::Run);
    assert!(failure.seen.contains("`failed`") && failure.seen.contains("no leads on Sundays"), "{}", failure.seen);
    assert_eq!(place.contact_ids(), Vec::<u64>::new());
}

/// The ledger looks fine; only the accounts show where the lead is.
#[tokio::test]
async fn finds_a_lead_in_another_venues_account() {
    let place = VerifyFixture::new().await;
    place.set_key("venue-a", "public-key-of-another-venue").await;
    // Without a site id the run can't notice the mistake.
    let text = super::manifest_text(&place.portal).replacen(&format!("site_id = {SITE_ID}\n"), "", 1);
    place.world.converge(&place.world.desired_from(&text)).await;
    let outcome = place.expect_outcome(do_nothing).await;
    let failure = outcome.failure.expect("it fails");
    assert_eq!(failure.stage, VerifyStage::Lead);
    let lead = place.portal.tripleseat.site_leads(SITE_ID + 1)[0].id;
    assert!(failure.seen.contains(&format!("the lead {lead} is in the account of venue-b")), "{}", failure.seen);
    assert_eq!(place.contact_ids(), Vec::<u64>::new());
}

#[tokio::test]
async fn names_another_venue_whose_ledger_has_the_contact() {
    let place = VerifyFixture::new().await;
    let hubspot = place.portal.hubspot.clone();
    let marks = move |number| {
        if number == 1 {
            let id = hubspot.all_contacts()[0].id;
            hubspot.set_property(id, "tripleseat_sync_status__venue_b", "synced").expect("the other function writes");
        }
        do_nothing(number)
    };
    let failure = place.expect_outcome(marks).await.failure.expect("it fails");
    assert_eq!(failure.stage, VerifyStage::Others);
    assert!(failure.seen.contains("venue-b has it too"), "{}", failure.seen);
}

#[tokio::test]
async fn fails_if_somebody_clears_the_flag_or_deletes_the_contact() {
    let place = VerifyFixture::new().await;
    let hubspot = place.portal.hubspot.clone();
    let unticks = move |number| {
        hubspot
            .set_property(hubspot.all_contacts()[0].id, "tripleseat_sync__venue_a", "false")
            .expect("staff untick it");
        do_nothing(number)
    };
    let failure = place.expect_outcome(unticks).await.failure.expect("it fails");
    assert!(failure.seen.contains("the flag was cleared"), "{}", failure.seen);
    let hubspot = place.portal.hubspot.clone();
    let deletes = move |number| {
        hubspot.delete_contact(hubspot.all_contacts()[0].id).expect("staff delete it");
        do_nothing(number)
    };
    let failure = place.expect_outcome(deletes).await.failure.expect("it fails");
    assert!(failure.seen.contains("somebody deleted the test contact"), "{}", failure.seen);
    assert_eq!(place.portal.venue_leads(), []);
}
