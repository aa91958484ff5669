//! Deployments that were copied or renamed, or whose region was edited: refused, with the name of the other one.

use deployer_cloud::EmbeddedCloud;

use crate::processes::{APPLY, Site};
use crate::world::two_venue_manifest;

const PLAN: [&str; 3] = ["plan", "--artifact", "bootstrap"];

/// A site where `sync` is deployed in us-east-1.
fn applied_site() -> Site {
    let site = Site::new();
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    site
}

/// Plan and apply are refused with these words, and nothing is written.
fn assert_refused(site: &Site, manifest: &str, words: &[&str]) {
    site.write_file("venues.toml", manifest);
    site.take_write_calls();
    for args in [&PLAN[..], &APPLY] {
        let (code, text) = site.run_deployer(args);
        assert_eq!(code, 6, "{text}");
        for word in words.iter().chain(&["nothing was changed"]) {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
}

fn function_names(cloud: &EmbeddedCloud, region: &str) -> Vec<String> {
    let names = cloud.with_context(|cx| {
        cx.switch_region(region);
        cx.region_state().lambda.functions.keys().cloned().collect()
    });
    names.expect("the cloud's state is readable")
}

fn with_setting(manifest: &str, setting: &str) -> String {
    manifest.replacen("\nregion =", &format!("\n{setting}\nregion ="), 1)
}

#[test]
fn a_renamed_deployment_is_refused_while_the_former_one_fires() {
    let site = applied_site();
    let renamed = two_venue_manifest("bookings");
    let words = [
        "deployment sync in us-east-1 already does the work of a",
        "takes the same flag, tripleseat_sync__a (function sync-a)",
        "set `name = \"sync\"` again",
        "`may_share_with = \"sync@us-east-1\"`",
    ];
    assert_refused(&site, &renamed, &words);
    let (_, text) = site.run_deployer(&PLAN);
    assert!(!text.contains("work of a, b"), "b is paused there, so it takes nothing: {text}");
    // The way through that the refusal names.
    site.write_file("venues.toml", &with_setting(&renamed, "may_share_with = \"sync@us-east-1\""));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    assert_eq!(function_names(&site.cloud, "us-east-1").len(), 4);
}

#[test]
fn a_renamed_deployment_is_applied_once_the_former_one_is_destroyed() {
    let site = applied_site();
    assert_refused(&site, &two_venue_manifest("bookings"), &["deployer destroy"]);
    site.write_file("venues.toml", &two_venue_manifest("sync"));
    let (code, text) = site.run_deployer(&["destroy", "--yes"]);
    assert_eq!(code, 0, "{text}");
    site.write_file("venues.toml", &two_venue_manifest("bookings"));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
}

#[test]
fn an_edited_region_is_refused_with_the_way_to_move() {
    let site = applied_site();
    let edited = two_venue_manifest("sync").replace("us-east-1", "eu-west-1");
    let words = [
        "deployment sync in us-east-1 already does the work of a",
        "set `region = \"us-east-1\"` again and run `deployer move --to-region eu-west-1",
    ];
    assert_refused(&site, &edited, &words);
    assert_eq!(function_names(&site.cloud, "eu-west-1"), Vec::<String>::new());
}

#[test]
fn a_destination_that_another_deployment_sends_to_is_refused() {
    let site = Site::new();
    let at_location = |deployment: &str, venue: &str| {
        let text = two_venue_manifest(deployment);
        let text = text.replacen("kind = \"tripleseat\"", "kind = \"tripleseat\"\nlocation_id = 7", 1);
        text.replace("venues.a", &format!("venues.{venue}"))
    };
    site.write_file("venues.toml", &at_location("sync", "a"));
    assert_eq!(site.run_apply().0, 0);
    let other = at_location("bookings", "c").replace("[venues.b", "[venues.d");
    assert_refused(&site, &other, &["sends to the same destination, location_id 7 of https://api.tripleseat.com"]);
    let another = other.replace("location_id = 7", "location_id = 8");
    site.write_file("venues.toml", &another);
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
}

#[test]
fn other_portals_are_told_apart() {
    let site = Site::new();
    let in_portal = |deployment: &str, portal: u32| {
        two_venue_manifest(deployment).replacen(
            "[venues.a]",
            &format!("[hubspot]\nportal_id = {portal}\n\n[venues.a]"),
            1,
        )
    };
    site.write_file("venues.toml", &in_portal("prod", 1));
    assert_eq!(site.run_apply().0, 0);
    assert_refused(&site, &in_portal("test", 1), &["deployment prod in us-east-1"]);
    site.write_file("venues.toml", &in_portal("test", 2));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_fast_plan_sees_it_too_and_makes_one_more_call_for_another_region() {
    let site = applied_site();
    let edited = two_venue_manifest("sync").replace("us-east-1", "eu-west-1");
    site.write_file("venues.toml", &edited);
    site.cloud.forget_calls();
    let (code, text) = site.run_deployer(&[&PLAN[..], &["--refresh", "fast"]].concat());
    assert_eq!(code, 6, "{text}");
    let lists = |site: &Site| {
        let calls = site.cloud.recorded_calls();
        calls.iter().filter(|call| call.operation == "ListFunctions").count()
    };
    assert_eq!(lists(&site), 2, "one for each region");
    site.write_file("venues.toml", &two_venue_manifest("sync"));
    site.cloud.forget_calls();
    let (code, text) = site.run_deployer(&PLAN);
    assert_eq!((code, lists(&site)), (0, 1), "{text}");
}
