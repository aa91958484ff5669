//! Saved plans, tested as processes: applied exactly as saved, or refused with what has changed.

use deployer_aws::Aws;

use crate::processes::Site;
use crate::sdk::GeneratedClients as _;

const SAVE: [&str; 5] = ["plan", "--artifact", "bootstrap", "--out", "plan.json"];
const APPLY_SAVED: [&str; 4] = ["apply", "plan.json", "--artifact", "bootstrap"];

/// A site with a saved plan that creates everything.
fn site_with_saved_plan() -> Site {
    let site = Site::new();
    let (code, text) = site.run_deployer(&SAVE);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("`deployer apply plan.json --artifact bootstrap`"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    site
}

/// Asserts that the saved plan is refused as stale with these words, and nothing is written.
fn assert_stale(site: &Site, words: &[&str]) {
    site.take_write_calls();
    let (code, text) = site.run_deployer(&APPLY_SAVED);
    assert_eq!(code, 5, "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(site.take_write_calls(), Vec::<String>::new(), "{text}");
}

fn change_cloud(site: &Site, work: impl AsyncFnOnce(Aws)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let aws = Aws::for_local("us-east-1", site.cloud.http_client(), None);
    runtime.block_on(work(aws));
}

#[test]
fn applies_a_saved_plan_only_once() {
    let site = site_with_saved_plan();
    let (code, text) = site.run_deployer(&APPLY_SAVED);
    assert_eq!(code, 0, "{text}");
    let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap"]);
    assert!(code == 0 && text.contains("No changes"), "{text}");
    assert_stale(&site, &["a/function exists now, but didn't before", "b/rule exists now, but didn't before"]);
}

#[test]
fn edited_manifest_makes_it_stale() {
    let site = site_with_saved_plan();
    let text = std::fs::read_to_string(site.path().join("venues.toml")).expect("the file exists");
    site.write_file("venues.toml", &text.replace("Venue a", "Venue A"));
    assert_stale(&site, &["the manifest was edited"]);
}

#[test]
fn different_artifact_makes_it_stale() {
    let site = site_with_saved_plan();
    site.write_file("bootstrap", "#!/bin/sh\nexit 2\n");
    assert_stale(&site, &["the artifact has changed: it was made with bootstrap (SHA-256 "]);
}

#[test]
fn knows_its_artifact() {
    let site = Site::new();
    std::fs::create_dir(site.path().join("build of today")).expect("created");
    std::fs::rename(site.path().join("bootstrap"), site.path().join("build of today/bootstrap")).expect("moved");
    let save = ["plan", "--artifact", "build of today/bootstrap", "--out", "plan of today.json"];
    let (code, text) = site.run_deployer(&save);
    assert_eq!(code, 0, "{text}");
    let proposed = "`deployer apply 'plan of today.json' --artifact 'build of today/bootstrap'`";
    assert!(text.contains(proposed), "{text}");
    site.take_write_calls();
    std::fs::rename(site.path().join("build of today"), site.path().join("elsewhere")).expect("moved");
    let (code, text) = site.run_deployer(&["apply", "plan of today.json"]);
    assert!(code == 5 && text.contains("build of today/bootstrap, which isn't there"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    let (code, text) = site.run_deployer(&["apply", "plan of today.json", "--artifact", "elsewhere/bootstrap"]);
    assert_eq!(code, 0, "the same bytes are the same artifact: {text}");

    let (code, text) = site.run_deployer(&["plan", "--artifact", "elsewhere/bootstrap", "--out", "next.json"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = site.run_deployer(&["apply", "next.json"]);
    assert_eq!(code, 0, "without --artifact, it uses the plan's own: {text}");
}

#[test]
fn a_plan_for_the_other_kind_of_cloud_is_refused() {
    let site = site_with_saved_plan();
    let (code, text) = site.run_deployer(&["apply", "plan.json", "--artifact", "bootstrap", "--local"]);
    assert!(code == 6 && text.contains("made for AWS, and this run is for the local cloud"), "{text}");
    assert!(!site.path().join(".deployer/cloud.json").exists(), "the local cloud isn't even opened");
    let (code, text) = site.run_deployer(&["plan", "--local", "--artifact", "bootstrap", "--out", "local.json"]);
    assert!(code == 0 && text.contains("`deployer apply local.json --local --artifact bootstrap`"), "{text}");
    site.cloud.forget_calls();
    let (code, text) = site.run_deployer(&["apply", "local.json"]);
    assert!(code == 6 && text.contains("made for the local cloud, and this run is for AWS"), "{text}");
    assert!(site.cloud.recorded_calls().is_empty(), "AWS isn't even asked");
    let (code, text) = site.run_deployer(&["apply", "local.json", "--local"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_plan_says_which_references_have_no_value() {
    let site = Site::new();
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("readable");
    let manifest = manifest.replace("env:KEY_a", "file:secrets/a.key").replace("env:KEY_b", "cmd:touch was-run");
    site.write_file("venues.toml", &manifest);
    let mut plan = site.deployer_command(&["plan", "--artifact", "bootstrap", "--allow-cmd"]);
    let output = plan.env_remove("TOKEN_a").output().expect("it starts");
    let (code, text) = crate::processes::exit_and_output(&output);
    assert_eq!(code, 0, "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("a: hubspot_token has no value yet: the environment variable TOKEN_a isn't set"), "{words}");
    assert!(words.contains("a: tripleseat_public_key has no value yet: could not read ./secrets/a.key"), "{words}");
    assert!(!words.contains("b: "), "{words}");
    assert!(!site.path().join("was-run").exists(), "nothing is run for it");
}

#[test]
fn changed_resource_makes_it_stale() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    let text = std::fs::read_to_string(site.path().join("venues.toml")).expect("the file exists");
    site.write_file("venues.toml", &text.replace("status = \"paused\"", "status = \"active\""));
    assert_eq!(site.run_deployer(&SAVE).0, 0);
    change_cloud(&site, async |aws| {
        let request = aws.events.put_rule().name("sync-a-schedule").schedule_expression("rate(9 minutes)");
        request.send().await.expect("it is changed");
    });
    assert_stale(&site, &["a/rule has changed"]);
}

#[test]
fn unrelated_changes_do_not_make_it_stale() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&[&SAVE[..], &["--target", "a"]].concat());
    assert_eq!(code, 0, "{text}");
    change_cloud(&site, async |aws| {
        aws.sdk().logs.create_log_group().log_group_name("/aws/lambda/another").send().await.expect("it is made");
    });
    let (code, text) = site.run_deployer(&APPLY_SAVED);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("a/function") && !text.contains("b/function"), "{text}");
}

#[test]
fn different_account_makes_it_stale() {
    let site = site_with_saved_plan();
    let other = Site::in_account("210987654321");
    let plan = std::fs::read_to_string(site.path().join("plan.json")).expect("the file exists");
    other.write_file("plan.json", &plan);
    assert_stale(&other, &["made for account 123456789012, but this is 210987654321"]);
}

#[test]
fn manual_edit_anywhere_makes_it_stale() {
    let site = site_with_saved_plan();
    let plan = std::fs::read_to_string(site.path().join("plan.json")).expect("the file exists");
    for (old, new) in
        [("\"memory_mb\": 128", "\"memory_mb\": 129"), ("\"checksum\": \"", "\"checksum\": \"0"), ("}\n", "}\n\n")]
    {
        assert!(plan.contains(old), "{old}");
        site.write_file("plan.json", &plan.replace(old, new));
        assert_stale(&site, &["was edited after it was saved"]);
    }
    site.write_file("plan.json", &plan.replace("\"format_version\": 3", "\"format_version\": 99"));
    assert_stale(&site, &["another version"]);
    site.write_file("plan.json", "{}");
    let (code, text) = site.run_deployer(&APPLY_SAVED);
    assert!(code == 2 && text.contains("is not a saved plan"), "{text}");
}

#[test]
fn contains_no_secrets() {
    let site = site_with_saved_plan();
    let plan = std::fs::read_to_string(site.path().join("plan.json")).expect("the file exists");
    assert!(plan.contains("env:TOKEN_a"), "it contains references");
    assert!(!plan.contains("token-of-") && !plan.contains("key-of-"), "{plan}");
}

#[test]
fn plan_without_changes_can_be_applied_repeatedly() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    assert_eq!(site.run_deployer(&SAVE).0, 0);
    site.take_write_calls();
    for _ in 0..2 {
        let (code, text) = site.run_deployer(&APPLY_SAVED);
        assert!(code == 0 && text.contains("No changes"), "{text}");
    }
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
}
