//! What a verify refuses before it creates anything.

use deployer_core::error::Error;
use deployer_core::exit_code::ExitCode;

use super::{VerifyFixture, do_nothing};

/// The error with which the verify is refused, after checking that HubSpot was only read.
async fn expect_refusal(place: &VerifyFixture) -> Error {
    let error = place.run_verify(do_nothing).await.expect_err("it is refused");
    let writes = place.portal.hubspot.recorded_requests().into_iter();
    let writes = writes.filter(|request| request.method != "GET" && !request.path.ends_with("/search"));
    assert_eq!(writes.collect::<Vec<_>>(), []);
    assert_eq!(place.contact_ids(), Vec::<u64>::new());
    error
}

#[tokio::test]
async fn refuses_another_portal() {
    let mut place = VerifyFixture::new().await;
    place.manifest.hubspot.portal_id = Some(99);
    let error = expect_refusal(&place).await;
    assert_eq!(error.exit_code, ExitCode::Refused);
    assert!(error.message.contains("portal 4242") && error.message.contains("portal 99"), "{error}");
}

#[tokio::test]
async fn refuses_a_rule_that_is_disabled_or_missing() {
    let place = VerifyFixture::new().await;
    let events = &place.world.aws.events;
    events.disable_rule().name("d-venue-a-schedule").send().await.expect("disabled");
    let error = expect_refusal(&place).await;
    assert_eq!(error.exit_code, ExitCode::Refused);
    assert!(error.message.contains("its rule d-venue-a-schedule is disabled"), "{error}");
    events.remove_targets().rule("d-venue-a-schedule").ids("sync").send().await.expect("it is removed");
    events.delete_rule().name("d-venue-a-schedule").send().await.expect("it is deleted");
    let error = expect_refusal(&place).await;
    assert!(error.message.contains("there is no rule"), "{error}");
}

#[tokio::test]
async fn refuses_a_venue_that_is_not_deployed() {
    let place = VerifyFixture::new().await;
    place.world.aws.lambda.delete_function().function_name("d-venue-a").send().await.expect("it is deleted");
    let error = expect_refusal(&place).await;
    assert_eq!(error.exit_code, ExitCode::Refused);
    assert!(error.message.contains("isn't deployed") && error.hints[0].contains("deployer apply"), "{error}");
}
