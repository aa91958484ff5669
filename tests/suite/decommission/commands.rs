//! The commands, run as processes.

use deployer_aws::{Aws, https_client};
use deployer_janitor::audit::{Audit, NodeKind};
use jiff::SignedDuration;

use super::LegacyCloud;
use crate::processes::Site;

/// A site whose cloud has the leftovers of an earlier integration, and an audit of it in `audit.json`.
fn legacy_site() -> (Site, LegacyCloud, Audit) {
    let site = Site::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    let aws = Aws::for_local("us-east-1", https_client(), Some(site.cloud_address()));
    let legacy = runtime.block_on(LegacyCloud::in_cloud(site.cloud.clone(), aws));
    let mut audit = legacy.stale_audit();
    // The process compares it with its own clock.
    audit.inventory.taken_at = jiff::Timestamp::now();
    site.write_file("audit.json", &serde_json::to_string(&audit).expect("it is valid JSON"));
    (site, legacy, audit)
}

const ALL: [&str; 6] = ["decommission", "audit.json", "--stale", "--with-logs", "--archive", "old"];

fn with_args<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

#[test]
fn dry_run_changes_nothing_and_yes_deletes_and_restores() {
    let (site, legacy, _) = legacy_site();
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--dry-run"]));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Plan: 10 to delete.") && text.contains("why   0 uses in 90 days"), "{text}");
    assert!(text.contains("- function legacy-push  # archive, verify, delete"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    assert!(!site.path().join("old").exists(), "no archive is created");
    let (code, text) = site.run_deployer(&ALL);
    assert_eq!(code, 2, "without a terminal it needs --yes: {text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Done: 10 deleted."), "{text}");
    assert!(!text.contains("s3cret-value"), "{text}");
    let (code, text) = site.run_deployer(&["restore", "old", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("attributes match the archive, 0 differ") && text.contains("update everything that uses"),
        "{text}"
    );
    assert!(!text.contains("s3cret-value"), "{text}");
    site.take_write_calls();
    let (code, text) = site.run_deployer(&["restore", "old", "--yes"]);
    assert_eq!((code, site.take_write_calls()), (0, Vec::new()), "{text}");
    assert!(text.contains(&format!("Plan: 0 to restore, {} already exist", legacy.nodes.len())), "{text}");
}

#[test]
fn stops_when_a_named_resource_is_refused() {
    let (site, legacy, mut audit) = legacy_site();
    let (code, text) =
        site.run_deployer(&["decommission", "audit.json", "legacy-webhook", "dead.fifo", "--archive", "old", "--yes"]);
    assert_eq!((code, site.take_write_calls()), (6, Vec::new()), "{text}");
    assert!(text.contains("queue contacts.fifo sends dead letters to it and would be left behind"), "{text}");
    let json = ["decommission", "audit.json", "nothing", "--archive", "old", "--yes", "--json"];
    let (code, text) = site.run_deployer(&json);
    assert_eq!(code, 6, "{text}");
    assert!(text.contains(r#"{"type":"refused","id":"nothing""#), "{text}");

    audit.inventory.taken_at -= SignedDuration::from_hours(25);
    site.write_file("audit.json", &serde_json::to_string(&audit).expect("it is valid JSON"));
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!((code, site.take_write_calls()), (5, Vec::new()), "{text}");
    assert!(text.contains("25 hours ago; nothing was changed"), "{text}");
    audit.inventory.taken_at += SignedDuration::from_hours(25);
    audit.inventory.account = "999999999999".to_owned();
    site.write_file("audit.json", &serde_json::to_string(&audit).expect("it is valid JSON"));
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!((code, site.take_write_calls()), (6, Vec::new()), "{text}");
    assert!(text.contains("the audit is of account 999999999999"), "{text}");
    drop(legacy);
}

#[test]
fn quarantine_waits_and_restore_ends_it() {
    let (site, legacy, _) = legacy_site();
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--quarantine", "14", "--yes", "--json"]));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(r#""done":{"disabled":["#), "{text}");
    site.take_write_calls();
    let (code, text) = site.run_deployer(&["decommission", "--resume", "--archive", "old", "--yes"]);
    assert_eq!((code, site.take_write_calls()), (0, Vec::new()), "{text}");
    assert!(text.contains("Plan: 10 waiting."), "{text}");
    let (code, text) = site.run_deployer(&["restore", "old", "legacy-nightly", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("released  rule legacy-nightly"), "{text}");
    assert!(site.take_write_calls().iter().all(|call| call.starts_with("events:")), "only the rule is touched");
    assert!(legacy.nodes.iter().any(|node| node.kind == NodeKind::Rule));
}

#[test]
fn refuses_an_archive_that_another_process_uses() {
    let (site, legacy, _) = legacy_site();
    let archive = deployer_janitor::decommission::archive::Archive::open_or_create(
        &site.path().join("old"),
        &legacy.scope,
        jiff::Timestamp::now(),
    );
    let archive = archive.expect("an archive");
    let (code, text) = site.run_deployer(&with_args(&ALL, &["--yes"]));
    assert_eq!((code, site.take_write_calls()), (6, Vec::new()), "{text}");
    assert!(text.contains("another process is using"), "{text}");
    drop(archive);
}
