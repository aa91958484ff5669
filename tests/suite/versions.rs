//! Versions, tested as processes: the canary that tries new code, rollbacks, and how many versions are kept.

use std::sync::{Arc, Mutex};

use deployer_cloud::{ApiError, Invocation, InvocationResult, Invoker};
use futures_util::future::BoxFuture;

use crate::processes::Site;
use crate::world::{two_venue_manifest, venue_tables};

/// A fake for the functions: records every invocation and returns what the test wants.
#[derive(Debug, Default)]
pub struct FakeFunctions {
    invoked: Mutex<Vec<String>>,
    error: Mutex<Option<&'static str>>,
}

impl Invoker for FakeFunctions {
    fn run_invocation(&self, invocation: Invocation) -> BoxFuture<'static, Result<InvocationResult, ApiError>> {
        let event = String::from_utf8_lossy(&invocation.payload).into_owned();
        let line = format!("{}:{} {event}", invocation.function_name, invocation.version);
        self.invoked.lock().expect("no panic").push(line);
        let error = *self.error.lock().expect("no panic");
        let payload = error.map_or_else(
            || "{}".to_owned(),
            |error| format!(r#"{{"errorMessage":"{error}","errorType":"Credential"}}"#),
        );
        let function_error = error.map(|_| "Unhandled".to_owned());
        Box::pin(async move { Ok(InvocationResult { payload: payload.into(), function_error, log: String::new() }) })
    }
}

/// Three deployed venues whose functions are a fake.
pub fn deployed_site() -> (Site, Arc<FakeFunctions>) {
    let site = Site::new();
    site.write_file("venues.toml", &three_venues());
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    let stand_in = Arc::new(FakeFunctions::default());
    site.cloud.set_invoker(stand_in.clone());
    site.take_write_calls();
    (site, stand_in)
}

fn three_venues() -> String {
    format!("{}{}", two_venue_manifest("sync"), venue_tables("c", ""))
}

/// The version that a venue's rule invokes.
fn live_version(site: &Site, venue: &str) -> String {
    let live = site.cloud.with_context(|cx| {
        cx.region_state().lambda.functions[&format!("sync-{venue}")].aliases["live"].version.clone()
    });
    live.expect("the cloud's state is readable")
}

fn published_versions(site: &Site, venue: &str) -> Vec<u64> {
    let versions = site.cloud.with_context(|cx| {
        cx.region_state().lambda.functions[&format!("sync-{venue}")].versions.keys().copied().collect()
    });
    versions.expect("the cloud's state is readable")
}

pub fn set_memory(site: &Site, memory_mb: u32) {
    site.write_file(
        "venues.toml",
        &three_venues().replace("\"Venue a\"\n", &format!("\"Venue a\"\nmemory_mb = {memory_mb}\n")),
    );
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
}

#[test]
fn tries_new_code_at_the_canary_before_the_others() {
    let (site, stand_in) = deployed_site();
    site.write_file("bootstrap", "#!/bin/sh\nexit 2\n");
    site.write_file("venues.toml", &three_venues().replace("\"Venue c\"\n", "\"Venue c\"\ncanary = true\n"));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    assert_eq!(*stand_in.invoked.lock().expect("no panic"), [r#"sync-c:2 {"dry_run":true}"#]);
    assert!(text.contains("c/alias: the dry run of version 2 succeeded"), "{text}");
    let order: Vec<String> = site.take_write_calls().into_iter().filter(|call| call.starts_with("lambda:")).collect();
    let c = ["UpdateFunctionCode", "PublishVersion", "Invoke", "UpdateAlias"].map(|call| format!("lambda:{call}"));
    assert_eq!(order[..4], c, "the canary comes first");
    assert_eq!(["a", "b", "c"].map(|venue| live_version(&site, venue)), ["2", "2", "2"]);
}

#[test]
fn first_active_venue_is_the_default_canary() {
    let (site, stand_in) = deployed_site();
    site.write_file("bootstrap", "#!/bin/sh\nexit 2\n");
    assert_eq!(site.run_apply().0, 0);
    assert_eq!(*stand_in.invoked.lock().expect("no panic"), [r#"sync-a:2 {"dry_run":true}"#]);
}

#[test]
fn failed_canary_stops_the_rollout_until_it_works() {
    let (site, stand_in) = deployed_site();
    site.write_file("bootstrap", "#!/bin/sh\nexit 2\n");
    *stand_in.error.lock().expect("no panic") = Some("HubSpot refused HUBSPOT_TOKEN");
    for _ in 0..2 {
        let (code, text) = site.run_apply();
        assert!(code == 4 || code == 1, "{code} {text}");
        assert!(text.contains("the dry run of version 2 failed: HubSpot refused HUBSPOT_TOKEN"), "{text}");
        assert!(text.contains("not started  b/function") && text.contains("not started  c/alias"), "{text}");
        assert_eq!(
            ["a", "b", "c"].map(|venue| live_version(&site, venue)),
            ["1", "1", "1"],
            "every alias is where it was"
        );
    }
    *stand_in.error.lock().expect("no panic") = None;
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    assert_eq!(["a", "b", "c"].map(|venue| live_version(&site, venue)), ["2", "2", "2"]);
}

#[test]
fn skips_the_canary_with_no_canary_and_for_settings() {
    let (site, stand_in) = deployed_site();
    set_memory(&site, 256);
    site.write_file("bootstrap", "#!/bin/sh\nexit 2\n");
    let (code, text) = site.run_deployer(&["apply", "--yes", "--artifact", "bootstrap", "--no-canary"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(*stand_in.invoked.lock().expect("no panic"), Vec::<String>::new());
}

#[test]
fn rollback_lasts_until_the_function_changes() {
    let (site, _) = deployed_site();
    set_memory(&site, 256);
    set_memory(&site, 512);
    assert_eq!(live_version(&site, "a"), "3");
    let (code, text) = site.run_deployer(&["rollback", "a", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("memory_mb") && text.contains("512 -> 256"), "{text}");
    assert_eq!(
        (live_version(&site, "a"), live_version(&site, "c")),
        ("2".to_owned(), "1".to_owned()),
        "only that venue is rolled back"
    );
    site.take_write_calls();
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("No changes") && text.contains("a was rolled back to version 2"), "{text}");
    assert!(text.contains("Cost: $") && text.contains("no change"), "the cost is unchanged: {text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    set_memory(&site, 1024);
    assert_eq!(live_version(&site, "a"), "4");
    let (_, text) = site.run_deployer(&["plan", "--artifact", "bootstrap"]);
    assert!(text.contains("No changes") && !text.contains("rollback"), "the pin is gone: {text}");
}

#[test]
fn rolls_back_to_any_existing_version_and_can_undo_it() {
    let (site, _) = deployed_site();
    set_memory(&site, 256);
    set_memory(&site, 512);
    let (code, text) = site.run_deployer(&["rollback", "a", "--to", "9", "--yes"]);
    assert!(code == 1 && text.contains("a has no version 9 (existing versions: 1, 2, 3)"), "{text}");
    let (code, text) = site.run_deployer(&["rollback", "c", "--yes"]);
    assert!(code == 1 && text.contains("there is no version before 1"), "{text}");
    let (code, text) = site.run_deployer(&["rollback", "nobody", "--yes"]);
    assert!(code == 1 && text.contains("venue list"), "{text}");
    let (code, text) = site.run_deployer(&["rollback", "a", "--to", "1", "--yes"]);
    assert_eq!((code, live_version(&site, "a").as_str()), (0, "1"), "{text}");
    site.take_write_calls();
    let (code, text) = site.run_deployer(&["rollback", "a", "--to", "1", "--yes"]);
    assert!(code == 0 && text.contains("a already runs version 1"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    let (code, text) = site.run_deployer(&["rollback", "a", "--unpin", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(live_version(&site, "a"), "1", "it moves with the next apply");
    let (code, text) = site.run_apply();
    assert_eq!((code, live_version(&site, "a").as_str()), (0, "3"), "{text}");
}

#[test]
fn keeps_five_versions_including_the_live_one() {
    let (site, _) = deployed_site();
    for memory_mb in [256, 384, 512, 640, 768, 896] {
        set_memory(&site, memory_mb);
    }
    assert_eq!(published_versions(&site, "a"), [3, 4, 5, 6, 7]);
    assert_eq!(published_versions(&site, "c"), [1]);
    assert_eq!(live_version(&site, "a"), "7");
}

#[test]
fn refuses_to_roll_back_a_foreign_function() {
    let (site, _) = deployed_site();
    set_memory(&site, 256);
    site.cloud
        .with_context(|cx| {
            let function = cx.region_state_mut().lambda.functions.get_mut("sync-a").expect("the function exists");
            function.tags.insert("deployer:deployment".to_owned(), "another".to_owned());
        })
        .expect("the cloud's state is writable");
    site.take_write_calls();
    let (code, text) = site.run_deployer(&["rollback", "a", "--yes"]);
    assert!(code == 1 && text.contains("isn't owned by deployment sync"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
}
