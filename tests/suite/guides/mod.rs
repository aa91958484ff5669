//! The walk-throughs of the documentation, followed word by word on the embedded cloud, with functions that really run.

mod page;
mod world;

use aws_sdk_eventbridge::types::RuleState;
use deployer_aws::Aws;
use world::GuideWorld;

/// What happens outside while somebody follows a page.
async fn let_happen(world: &GuideWorld, event: &str) {
    match event {
        "revoke the token of mill" | "revoke the former token of mill" => world.hubspot.revoke_token("token-mill"),
        "disable the rule of mill by hand" => {
            let events = Aws::for_local("us-east-1", world.cloud.http_client(), None).events;
            let rule = events.describe_rule().name("venue-sync-mill-schedule").send().await.expect("it is deployed");
            assert_eq!(rule.state(), Some(&RuleState::Enabled));
            events.disable_rule().name("venue-sync-mill-schedule").send().await.expect("it can be disabled");
        }
        _ => panic!("nobody knows the event {event:?}"),
    }
}

/// The state in which a page that goes on from another one begins.
async fn follow_first_venue() -> GuideWorld {
    let world = GuideWorld::new().await;
    world.follow_page("first-venue.md", let_happen).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn first_venue_onboarding_and_leaving() {
    let world = follow_first_venue().await;
    world.follow_page("onboarding.md", let_happen).await;
    world.follow_page("leaving.md", let_happen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_does_not_sync() {
    follow_first_venue().await.follow_page("not-syncing.md", let_happen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotating_credentials() {
    follow_first_venue().await.follow_page("rotating-credentials.md", let_happen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_and_a_move() {
    follow_first_venue().await.follow_page("stages.md", let_happen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_deployments_at_once() {
    GuideWorld::new().await.follow_page("several-manifests.md", let_happen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_up() {
    GuideWorld::new().await.follow_page("clearing-up.md", let_happen).await;
}
