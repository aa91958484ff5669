//! Saved plans, tested as processes: applied exactly as saved, or refused with what has changed.

use deployer_aws::Aws;

use crate::processes::Site;
use crate::sdk::GeneratedClients as _;

const SAVE: [&str; 5] = ["plan", "--artifact", "bootstrap", "--out", "plan.json"];
const APPLY_SAVED: [&str; 4] = ["apply", "plan.json", "--artifact", "bootstrap"];

/// A site with a saved plan that creates everything.
fn saved() -> Site {
    let site = Site::new();
    let (code, text) = site.run(&SAVE);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("deployer apply plan.json"), "{text}");
    assert_eq!(site.writes(), Vec::<String>::new());
    site
}

/// Asserts that the saved plan is refused as stale with these words, and nothing is written.
fn refused(site: &Site, words: &[&str]) {
    site.writes();
    let (code, text) = site.run(&APPLY_SAVED);
    assert_eq!(code, 5, "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(site.writes(), Vec::<String>::new(), "{text}");
}

fn change(site: &Site, work: impl AsyncFnOnce(Aws)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let aws = Aws::for_local("us-east-1", site.cloud.http_client(), None);
    runtime.block_on(work(aws));
}

#[test]
fn applies_a_saved_plan_only_once() {
    let site = saved();
    let (code, text) = site.run(&APPLY_SAVED);
    assert_eq!(code, 0, "{text}");
    let (code, text) = site.run(&["plan", "--artifact", "bootstrap"]);
    assert!(code == 0 && text.contains("No changes"), "{text}");
    refused(&site, &["a/function exists now, but didn't before", "b/rule exists now, but didn't before"]);
}

#[test]
fn edited_manifest_makes_it_stale() {
    let site = saved();
    let text = std::fs::read_to_string(site.path().join("venues.toml")).expect("the file exists");
    site.write("venues.toml", &text.replace("Venue a", "Venue A"));
    refused(&site, &["the manifest was edited"]);
}

#[test]
fn different_artifact_makes_it_stale() {
    let site = saved();
    site.write("bootstrap", "#!/bin/sh\nexit 2\n");
    refused(&site, &["the artifact has changed"]);
}

#[test]
fn changed_resource_makes_it_stale() {
    let site = Site::new();
    assert_eq!(site.apply().0, 0);
    let text = std::fs::read_to_string(site.path().join("venues.toml")).expect("the file exists");
    site.write("venues.toml", &text.replace("status = \"paused\"", "status = \"active\""));
    assert_eq!(site.run(&SAVE).0, 0);
    change(&site, async |aws| {
        let request = aws.events.put_rule().name("sync-a-schedule").schedule_expression("rate(9 minutes)");
        request.send().await.expect("it is changed");
    });
    refused(&site, &["a/rule has changed"]);
}

#[test]
fn unrelated_changes_do_not_make_it_stale() {
    let site = Site::new();
    let (code, text) = site.run(&[&SAVE[..], &["--target", "a"]].concat());
    assert_eq!(code, 0, "{text}");
    change(&site, async |aws| {
        aws.sdk().logs.create_log_group().log_group_name("/aws/lambda/another").send().await.expect("it is made");
    });
    let (code, text) = site.run(&APPLY_SAVED);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("a/function") && !text.contains("b/function"), "{text}");
}

#[test]
fn different_account_makes_it_stale() {
    let site = saved();
    let other = Site::in_account("210987654321");
    let plan = std::fs::read_to_string(site.path().join("plan.json")).expect("the file exists");
    other.write("plan.json", &plan);
    refused(&other, &["made for account 123456789012, but this is 210987654321"]);
}

#[test]
fn manual_edit_anywhere_makes_it_stale() {
    let site = saved();
    let plan = std::fs::read_to_string(site.path().join("plan.json")).expect("the file exists");
    for (old, new) in
        [("\"memory_mb\": 128", "\"memory_mb\": 129"), ("\"checksum\": \"", "\"checksum\": \"0"), ("}\n", "}\n\n")]
    {
        assert!(plan.contains(old), "{old}");
        site.write("plan.json", &plan.replace(old, new));
        refused(&site, &["was edited after it was saved"]);
    }
    site.write("plan.json", &plan.replace("\"format_version\": 1", "\"format_version\": 99"));
    refused(&site, &["another version"]);
    site.write("plan.json", "{}");
    let (code, text) = site.run(&APPLY_SAVED);
    assert!(code == 2 && text.contains("is not a saved plan"), "{text}");
}

#[test]
fn contains_no_secrets() {
    let site = saved();
    let plan = std::fs::read_to_string(site.path().join("plan.json")).expect("the file exists");
    assert!(plan.contains("env:TOKEN_a"), "it contains references");
    assert!(!plan.contains("token-of-") && !plan.contains("key-of-"), "{plan}");
}

#[test]
fn plan_without_changes_can_be_applied_repeatedly() {
    let site = Site::new();
    assert_eq!(site.apply().0, 0);
    assert_eq!(site.run(&SAVE).0, 0);
    site.writes();
    for _ in 0..2 {
        let (code, text) = site.run(&APPLY_SAVED);
        assert!(code == 0 && text.contains("No changes"), "{text}");
    }
    assert_eq!(site.writes(), Vec::<String>::new());
}
